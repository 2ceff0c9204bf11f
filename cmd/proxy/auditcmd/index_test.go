package auditcmd

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/internal/cli"
	"tollgate/internal/testlog"
)

// readFrom is the member of a row that says what it was read from.
var readFrom = regexp.MustCompile(`,"read_from":"[a-z]+"`)

// What audit list prints does not depend on the index: with none, a whole one, one that is behind, and a broken one. Of the
// last a note says why the log is read instead.
func TestListWithAndWithoutIndex(t *testing.T) {
	dir := t.TempDir()
	l := testlog.New(dir, nil)
	l.Calls(200)
	l.Flush()
	expect := func(note, from string, flags ...string) {
		t.Helper()
		list := append([]string{"audit", "list", "--dir", dir, "--caller", "app-3", "--json"}, flags...)
		_, want, _ := run(t, append(list[:len(list):len(list)], "--index", noIndex)...) // the last --index counts
		code, got, stderr := run(t, list...)
		got, want = readFrom.ReplaceAllString(got, ""), readFrom.ReplaceAllString(want, "")
		if code != 0 || got != want || strings.Count(got, "\n") < 3 {
			t.Errorf("%v: exit %d, %d lines, want %d: %s", flags, code, strings.Count(got, "\n"), strings.Count(want, "\n"), stderr)
		}
		said, source, found := strings.Cut(stderr, "source: ")
		if note == "" && said != "" || !strings.Contains(said, note) || !found || !strings.HasPrefix(source, from) {
			t.Errorf("%v: stderr %q, want %q and the source %q", flags, stderr, note, from)
		}
	}
	expect("", "the log in "+dir+", to record 403\n")
	elsewhere := filepath.Join(t.TempDir(), "calls.sqlite")
	expect("no such file", "the log in "+dir, "--index", elsewhere)
	for _, flags := range [][]string{nil, {"--index", elsewhere}} {
		code, stdout, stderr := run(t, append([]string{"audit", "reindex", "--dir", dir}, flags...)...)
		if code != 0 || !strings.Contains(stdout, "indexed up to record 403\n") {
			t.Errorf("reindex: exit %d, %s%s", code, stdout, stderr)
		}
		expect("", "the index "+cmp.Or(strings.Join(flags[min(len(flags), 1):], ""), filepath.Join(dir, logfile.IndexName))+", to record 403, and the log "+dir+" behind it", flags...)
	}
	if code, _, stderr := run(t, "audit", "reindex", "--dir", dir, "--zone", "Mars"); code != cli.ExitUsage {
		t.Errorf("exit %d, %s", code, stderr)
	}
	must(t, "audit", "reindex", "--dir", dir, "--zone", "Asia/Shanghai")
	l.Calls(50)
	l.Flush()
	expect("", "the index "+filepath.Join(dir, logfile.IndexName)+", to record 403, and")
	if err := os.WriteFile(elsewhere, []byte("no index"), 0o600); err != nil {
		t.Fatal(err)
	}
	expect("reading the whole log instead", "the log in "+dir+", to record 503\n", "--index", elsewhere)
}

func TestReindexFails(t *testing.T) {
	for want, args := range map[int][]string{
		cli.ExitUsage: {"audit", "reindex"}, cli.ExitFailure: {"audit", "reindex", "--dir", t.TempDir()},
	} {
		if code, stdout, stderr := run(t, args...); code != want || stdout != "" || stderr == "" {
			t.Errorf("%v: exit %d, %s%s", args, code, stdout, stderr)
		}
	}
}
