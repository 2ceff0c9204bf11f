package auditcmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"tollgate/audit/logfile"
	"tollgate/internal/cli"
)

// recorded returns the directory of a real log: that of the demo, or one of payments under a cap.
func recorded(t *testing.T, name string) string {
	t.Helper()
	lines, err := os.ReadFile(filepath.Join("../../../audit/calls/testdata", name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, logfile.SegmentName(1)), lines, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestTablesFit: no line of a table, or of another result for people, has more than 100 columns.
func TestTablesFit(t *testing.T) {
	for _, name := range []string{"demo", "spending"} {
		dir := recorded(t, name)
		for _, args := range []string{
			"list", "list --zone Asia/Shanghai", "list --effect spend", "list --caller none", "report", "report --by account,customer --effect spend", "report --by operation",
			"records", "records --kind event", "tail", "tail --records", "tail -n 0 --zone Asia/Shanghai", "verify --allow-unsigned", "show CALL",
		} {
			call := firstCall(t, dir)
			words := strings.Fields(strings.ReplaceAll(args, "CALL", call))
			code, stdout, stderr := run(t, append([]string{"audit", words[0], "--dir", dir}, words[1:]...)...)
			if code != cli.ExitOK && words[0] != "verify" {
				t.Errorf("%s: exit %d, %s", args, code, stderr)
			}
			for line := range strings.Lines(stdout) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > cli.MaxWidth {
					t.Errorf("%s of %s: %d columns: %s", args, name, n, line)
				}
			}
		}
	}
}

// TestShortIDs: the ids that tables show are taken by each command that takes a call.
func TestShortIDs(t *testing.T) {
	dir := recorded(t, "spending")
	id := firstCall(t, dir)
	short := id[strings.LastIndexByte(id, '-')+1:]
	if table := must(t, "audit", "list", "--dir", dir); !strings.Contains(table, short+"\n") || strings.Contains(table, id) {
		t.Errorf("no short id %s in\n%s", short, table)
	}
	if wide := must(t, "audit", "list", "-o", "wide", "--dir", dir); !strings.Contains(wide, id) {
		t.Errorf("no id %s in\n%s", id, wide)
	}
	for _, args := range []string{"show", "show --json", "prove", "list --call", "list --json --call", "report --json --call", "records --json --call", "tail --json --call"} {
		command := append([]string{"audit"}, strings.Fields(args)...)
		whole, part := must(t, append(command, id, "--dir", dir)...), must(t, append(command, strings.ToUpper(short), "--dir", dir)...)
		if whole != part || whole == "" {
			t.Errorf("%s: by the whole id\n%s\nand by a part\n%s", args, whole, part)
		}
	}
	moment := id[:8]
	for _, args := range []string{"show", "prove", "list --call", "report --call", "records --call", "tail --call"} {
		fails(t, "several calls have ids that begin or end with \""+moment+"\": "+moment, append(append([]string{"audit"}, strings.Fields(args)...), moment, "--dir", dir)...)
	}
	fails(t, "no record has the call id", "audit", "show", short[1:6], "--dir", dir)
}
