package auditcmd

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/audit/mac"
	"tollgate/internal/cli"
)

// TestSources: each command that reads a log says on standard error what it read.
func TestSources(t *testing.T) {
	dir, _, note, _ := testLog(t)
	bundle := filepath.Join(t.TempDir(), "bundle.zip")
	must(t, "audit", "export", "--dir", dir, "--since", "2026-10-01", "--until", "2026-12-01", "-o", bundle)
	must(t, "audit", "reindex", "--dir", dir)
	fill := strings.NewReplacer("BUNDLE", bundle, "CALL", firstCall(t, dir), "NOTE", note, "DIR", dir)
	const (
		log      = "the log in DIR, to record 18\n"
		index    = "the index DIR/index.sqlite, to record 18, and the log DIR behind it; what was removed from an index is not found (--index none reads the log)\n"
		sums     = "the sums of the index DIR/index.sqlite, to record 18, and the log DIR behind it; sums are not compared with the log (--index none reads it)\n"
		archive  = "the bundle BUNDLE, records 1 to 18\n"
		proved   = "the log in DIR, to record 17\n" // a checkpoint covers what stands before it
		unnumber = "the log in DIR\n"
	)
	for args, want := range map[string]string{
		"list --dir DIR": index, "list --dir DIR --index none": log, "list --dir DIR --index auto": index, "list --bundle BUNDLE": archive, "list --dir DIR --json": index,
		"report --dir DIR": log, "report --dir DIR --index none": log, "report --dir DIR --index auto": sums, "report --bundle BUNDLE": archive,
		"report --dir DIR --index DIR/index.sqlite -o csv": sums, "records --dir DIR": log, "records --dir DIR --json": log, "tail --dir DIR": log, "tail --dir DIR --json": log,
		"tail --dir DIR --records": log, "tail --dir DIR --last 9000d": log, "show --dir DIR CALL": log,
		"show --bundle BUNDLE CALL": archive, "show --bundle BUNDLE CALL --json": archive, "records --bundle BUNDLE --kind event": archive,
		"show --dir DIR CALL --json": log, "verify --dir DIR": log, "verify --bundle BUNDLE": archive,
		"plan --dir DIR": unnumber, "plan --bundle BUNDLE": "the bundle BUNDLE\n", "key --dir DIR": unnumber, "prove --dir DIR CALL": "the log in DIR, to record 9\n",
		"checkpoint --dir DIR": proved, "checkpoint --dir DIR --all": proved, "consistency --dir DIR NOTE": proved, "reindex --dir DIR": log,
		"export --dir DIR --force --since 2026-10-01 --until 2026-12-01 -o BUNDLE": proved,
	} {
		code, _, stderr := run(t, append([]string{"audit"}, strings.Fields(fill.Replace(args))...)...)
		if code != cli.ExitOK || stderr != "source: "+fill.Replace(want) {
			t.Errorf("%s: exit %d, %q, want %q", args, code, stderr, fill.Replace(want))
		}
	}
}

// TestResultsAsJSON: a result that is one object has its source as a member, and each command that prints a result can print it as JSON.
func TestResultsAsJSON(t *testing.T) {
	dir, key, note, _ := testLog(t)
	if _, _, err := mac.LoadOrMake(filepath.Join(dir, mac.FileName), nil); err != nil {
		t.Fatal(err)
	}
	proof := filepath.Join(t.TempDir(), "proof.json")
	putFile(t, proof, must(t, "audit", "prove", "--dir", dir, firstCall(t, dir)))
	fill := strings.NewReplacer("NOTE", note, "DIR", dir, "PROOF", proof, "KEY", key, "OUT2", filepath.Join(t.TempDir(), "signing.key"), "OUT", filepath.Join(t.TempDir(), "out.zip"))
	for args, read := range map[string]bool{
		"report --dir DIR": true, "report --dir DIR --index auto": true, "verify --dir DIR": true, "key --dir DIR": true, "checkpoint --dir DIR": true, "reindex --dir DIR": true,
		"consistency --dir DIR NOTE": true, "export --dir DIR --since 2026-10-01 --until 2026-12-01 -o OUT": true,
		"check-proof PROOF": false, "check-proof PROOF --key KEY": false, "hash --dir DIR NOTE": false, "plan --dir DIR": true, "rotate-key --dir DIR --key-file OUT2 --lost": true,
	} {
		var result struct{ Source cli.Source }
		printed := must(t, append(append([]string{"audit"}, strings.Fields(fill.Replace(args))...), "--json")...)
		if err := json.Unmarshal([]byte(printed), &result); err != nil || (result.Source.Dir() == dir) != read {
			t.Errorf("%s: %v, %s", args, err, printed)
		}
	}
}

// firstCall returns the id of the first call of a log.
func firstCall(t *testing.T, dir string) string {
	t.Helper()
	var row struct{ Call string }
	first, _, _ := strings.Cut(must(t, "audit", "list", "--json", "--dir", dir), "\n")
	if err := json.Unmarshal([]byte(first), &row); err != nil {
		t.Fatal(err)
	}
	return row.Call
}

// TestSourceOfNothing: a command that read nothing names no source.
func TestSourceOfNothing(t *testing.T) {
	empty := t.TempDir()
	for _, args := range []string{"list", "report", "records", "tail", "show x", "verify", "key", "checkpoint", "prove x"} {
		words := strings.Fields(args)
		code, _, stderr := run(t, append([]string{"audit", words[0], "--dir", empty}, words[1:]...)...)
		if code != cli.ExitFailure || strings.Contains(stderr, "source:") {
			t.Errorf("%s: exit %d, %q", args, code, stderr)
		}
	}
}
