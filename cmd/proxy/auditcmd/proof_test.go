package auditcmd

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/internal/cli"
	"tollgate/internal/testlog"
)

// signedLog is a log with checkpoints, and files beside it.
type signedLog struct {
	*testlog.Log
	dir, call, old string
}

func newSignedLog(t *testing.T) *signedLog {
	t.Helper()
	l := &signedLog{dir: filepath.Join(t.TempDir(), "log")}
	l.Log = testlog.New(l.dir, nil)
	l.Calls(5)
	l.call = l.Call()
	l.Checkpoint()
	l.old = l.file(t, "old.txt", l.Last)
	l.Rotate()
	l.Calls(20)
	l.Flush()
	return l
}

// file writes a file beside the log.
func (l *signedLog) file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(filepath.Dir(l.dir), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// must runs a command that has to succeed, and returns what it prints.
func must(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := run(t, args...)
	if code != cli.ExitOK {
		t.Fatalf("%v: exit %d\n%s", args, code, stderr)
	}
	return stdout
}

// fails runs a command that has to fail, with nothing on standard output.
func fails(t *testing.T, want string, args ...string) {
	t.Helper()
	code, stdout, stderr := run(t, args...)
	if code != cli.ExitFailure || stdout != "" || !strings.Contains(stderr, want) {
		t.Errorf("%v: exit %d, stdout %q, stderr %q, want %q in it", args, code, stdout, stderr, want)
	}
}

func TestProveAndCheck(t *testing.T) {
	l := newSignedLog(t)
	text := must(t, "audit", "prove", "--dir", l.dir, "urn:uuid:"+strings.ToUpper(l.call))
	file := l.file(t, "proof.json", text)
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "the proof's own"},
		{[]string{"--key", l.Key().String()}, "when it had 15 records, these stood in it as number 14 and 15"},
		{[]string{"--key", l.file(t, "key.txt", must(t, "audit", "key", "--dir", l.dir))}, `  "seq": 15,`},
	} {
		out := must(t, append([]string{"audit", "check-proof", file}, c.args...)...)
		if !strings.Contains(out, c.want) || (len(c.args) > 0) == strings.Contains(out, "the proof's own") {
			t.Errorf("%v: %s", c.args, out)
		}
	}
	other, err := checkpoint.NewKey("tollgate/test")
	if err != nil {
		t.Fatal(err)
	}
	fails(t, "not the key given", "audit", "check-proof", file, "--key", other.Public().String())
	fails(t, "proves nothing", "audit", "check-proof", l.file(t, "changed.json", strings.Replace(text, "app-", "app+", 1)))
	fails(t, "proves nothing", "audit", "check-proof", l.old)
	fails(t, "no such file", "audit", "check-proof", filepath.Join(l.dir, "none"))
	fails(t, "no record has the call id", "audit", "prove", "--dir", l.dir, "0199a3b2-7c00-7000-8f10-ffffffffffff")
	for _, key := range []string{"tollgate/test+x", l.file(t, "empty.txt", "# no key\n")} {
		if code, _, stderr := run(t, "audit", "check-proof", file, "--key", key); code != cli.ExitUsage || !strings.Contains(stderr, "public key") {
			t.Errorf("a key that is none: exit %d, %s", code, stderr)
		}
	}
	l.Close()
}

func TestProveTooEarly(t *testing.T) {
	l := newSignedLog(t)
	id := "0199a3b2-7c00-7000-8f10-ffffffffffff"
	l.Add(&logfile.Record{Kind: logfile.KindIntent, Call: id})
	l.Flush()
	fails(t, "try again", "audit", "prove", "--dir", l.dir, id)
	l.Close()
	code, stdout, stderr := run(t, "audit", "prove", "--dir", l.dir, id)
	if code != cli.ExitOK || !strings.Contains(stderr, "no outcome of this call yet") || !strings.HasSuffix(stdout, "\"type\":\"tollgate call proof 1\"}\n") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	const unknown = "how the call ended"
	if out := must(t, "audit", "check-proof", l.file(t, "intent.json", stdout)); !strings.Contains(out, unknown) {
		t.Error(out)
	}
	if out := must(t, "audit", "check-proof", l.file(t, "both.json", must(t, "audit", "prove", "--dir", l.dir, l.call))); strings.Contains(out, unknown) {
		t.Error(out)
	}
}

func TestConsistency(t *testing.T) {
	l := newSignedLog(t)
	l.Close()
	key := l.Key().String()
	all := must(t, "audit", "checkpoint", "--dir", l.dir, "--all")
	var last struct{ Checkpoint string }
	lines := strings.Split(strings.TrimSuffix(all, "\n"), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last.Checkpoint != l.Last {
		t.Errorf("the last checkpoint is %s, %v", lines[len(lines)-1], err)
	}
	if note := must(t, "audit", "checkpoint", "--dir", l.dir); note != l.Last {
		t.Errorf("the newest checkpoint is %s", note)
	}
	out := filepath.Join(t.TempDir(), "growth.json")
	copies := l.file(t, "copies.jsonl", `{"level":"info"}`+"\n"+all)
	if text := must(t, "audit", "consistency", copies, "--dir", l.dir); !strings.Contains(text, fmt.Sprintf("last of %d old", len(lines))) {
		t.Error(text)
	}
	must(t, "audit", "consistency", l.old, "--dir", l.dir, "--key", key, "-o", out)
	fails(t, "--force", "audit", "consistency", l.old, "--dir", l.dir, "-o", out)
	must(t, "audit", "consistency", l.old, "--dir", l.dir, "-o", out, "--force")
	if text := must(t, "audit", "check-proof", out, "--key", key); !strings.Contains(text, "grew from 15 to ") {
		t.Error(text)
	}
	fails(t, "holds no checkpoint", "audit", "consistency", l.file(t, "none.jsonl", "{}\n"), "--dir", l.dir)
	fails(t, "line 1", "audit", "consistency", l.file(t, "bad.txt", "x"), "--dir", l.dir)

	other := newSignedLog(t)
	other.Close()
	fails(t, "none of those known here", "audit", "consistency", other.old, "--dir", l.dir)
	fails(t, "not the key given", "audit", "consistency", l.old, "--dir", l.dir, "--key", other.Key().String())
	foreign, err := checkpoint.NewKey("tollgate/foreign")
	if err != nil {
		t.Fatal(err)
	}
	note := testlog.New(filepath.Join(t.TempDir(), "log"), foreign).Last
	fails(t, `of the log "tollgate/foreign"`, "audit", "consistency", l.file(t, "foreign.txt", note), "--dir", l.dir, "--key", key, "--key", foreign.Public().String())
}

// TestAnotherHistory has two logs of one key: neither grew from the other, nor from a state of more records.
func TestAnotherHistory(t *testing.T) {
	key, err := checkpoint.NewKey("tollgate/test")
	if err != nil {
		t.Fatal(err)
	}
	var dirs, notes []string
	for _, calls := range []int{3, 4} {
		dir := filepath.Join(t.TempDir(), "log")
		l := testlog.New(dir, key)
		l.Add(&logfile.Record{Kind: logfile.KindStop, Note: fmt.Sprint(calls)})
		l.Calls(calls)
		l.Close()
		dirs, notes = append(dirs, dir), append(notes, filepath.Join(dir, "note.txt"))
		if err := os.WriteFile(notes[len(notes)-1], []byte(l.Last), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fails(t, "records were changed, removed, added or put elsewhere", "audit", "consistency", notes[0], "--dir", dirs[1])
	fails(t, "the end of the log was cut off", "audit", "consistency", notes[1], "--dir", dirs[0])
}

func TestAuditKey(t *testing.T) {
	l := newSignedLog(t)
	for _, lost := range []bool{false, true} {
		key, err := checkpoint.NewKey("tollgate/test")
		if err != nil {
			t.Fatal(err)
		}
		l.Rekey(key, lost)
	}
	l.Close()
	out := must(t, "audit", "key", "--dir", l.dir)
	for _, want := range []string{"# signs from record 2 on\n", "the key before has signed for it", "was lost", l.Key().String() + "\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if must(t, "audit", "checkpoint", "--dir", l.dir) != l.Last {
		t.Error("the newest checkpoint is another")
	}
}

func TestExport(t *testing.T) {
	l := newSignedLog(t)
	out := filepath.Join(t.TempDir(), "bundle.zip")
	args := []string{"audit", "export", "--dir", l.dir, "--from", "2026-10-03", "--to", "2026-10-04", "-o", out}
	if text := must(t, args...); !strings.Contains(text, "left out: 40 later records") || !strings.Contains(text, "17 records of the period") {
		t.Error(text)
	}
	l.Close()
	before, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	fails(t, "--force", args...)
	if after, _ := os.ReadFile(out); string(after) != string(before) {
		t.Error("the file was changed")
	}
	if text := must(t, append(args, "--force")...); strings.Contains(text, "left out") {
		t.Error(text)
	}
	fails(t, "writing "+out+"/x: open", append(args[:len(args)-1:len(args)-1], out+"/x")...)
	fails(t, "no records: the log's are of 2026-10-03T04:05:0", "audit", "export", "--dir", l.dir, "--from", "2025-01-01", "--to", "2025-02-01", "-o", out+"2")
	if entries, _ := os.ReadDir(filepath.Dir(out)); len(entries) != 1 {
		t.Errorf("files were left behind: %v", entries)
	}
}

// TestExportTimes: a period is spelt as elsewhere, and means the same however it is.
func TestExportTimes(t *testing.T) {
	l := newSignedLog(t)
	l.Close()
	from := testlog.Start.Add(5 * time.Second)
	shanghai := time.FixedZone("", 8*3600)
	bundles := map[string]bool{}
	for _, times := range [][]string{
		{"--from", from.Format(time.DateTime), "--to", "2026-11-01"},
		{"--from", from.In(shanghai).Format(time.DateTime), "--to", "2026-11-01 08:00", "--zone", "Asia/Shanghai"},
		{"--from", from.In(shanghai).Format(time.RFC3339), "--to", "2026-11-01T00:00:00Z"},
	} {
		out := filepath.Join(t.TempDir(), "bundle.zip")
		must(t, append([]string{"audit", "export", "--dir", l.dir, "-o", out}, times...)...)
		text, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		bundles[string(text)] = true
	}
	if len(bundles) != 1 {
		t.Errorf("%d different bundles of one period", len(bundles))
	}
	must(t, "audit", "export", "--dir", l.dir, "--month", "2026-10", "--zone", "Asia/Shanghai", "-o", filepath.Join(t.TempDir(), "month.zip"))
}

func TestProofUsage(t *testing.T) {
	for _, args := range [][]string{
		{"prove", "x"}, {"prove", "--dir", "."}, {"prove", "--dir", ".", ""}, {"check-proof"}, {"consistency", "--dir", "."}, {"consistency", "x"},
		{"checkpoint"}, {"key"}, {"export", "--dir", "."}, {"export", "--dir", ".", "--from", "2026-10-01", "--to", "x", "-o", "f"},
		{"export", "--dir", ".", "--from", "2026-10-01", "--to", "2026-10-01", "-o", "f"}, {"export", "--dir", ".", "--from", "2026-10-01", "--to", "2026-10-02"},
		{"export", "--dir", ".", "--from", "2026-10-01", "-o", "f"}, {"export", "--dir", ".", "--from", "2026-10-02", "--to", "2026-10-01", "-o", "f"},
		{"export", "--dir", ".", "--month", "2026-10", "--to", "2026-10-01", "-o", "f"}, {"export", "--dir", ".", "--month", "2026-10", "--zone", "here", "-o", "f"},
	} {
		if code, stdout, stderr := run(t, append([]string{"audit"}, args...)...); code != cli.ExitUsage || stdout != "" {
			t.Errorf("%v: exit %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
}
