package auditcmd

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tollgate/audit"
	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/internal/cli"
	"tollgate/internal/testlog"
	"tollgate/internal/text"
)

// testLog is a log in dir, closed, with its key and last checkpoint in files beside it.
func testLog(t *testing.T) (dir, key, note string, l *testlog.Log) {
	t.Helper()
	top := t.TempDir()
	dir, key, note = filepath.Join(top, "audit"), filepath.Join(top, "key.pub"), filepath.Join(top, "checkpoint")
	l = testlog.New(dir, nil)
	l.Calls(3)
	l.Rotate()
	l.Calls(3)
	l.Close()
	putFile(t, key, l.Key().String()+"\n")
	putFile(t, note, l.Last)
	return dir, key, note, l
}

func putFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAuditVerify(t *testing.T) {
	dir, key, note, l := testLog(t)
	outsider, err := checkpoint.NewKey("tollgate/test")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]string{"checkpoint": l.Last})
	if err != nil {
		t.Fatal(err)
	}
	lines := filepath.Join(t.TempDir(), "lines")
	putFile(t, lines, string(text)+"\n")
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{nil, cli.ExitOK, "Check it with the public key"},
		{[]string{"--key", key, "--since-checkpoint", note}, cli.ExitOK, "1 in agreement with this log"},
		{[]string{"--key", l.Key().String(), "--since-checkpoint", lines}, cli.ExitOK, "The log is whole."},
		{[]string{"--json"}, cli.ExitOK, `"whole": true`},
		{[]string{"--json"}, cli.ExitOK, `"source": {`},
		{[]string{"--key", outsider.Public().String()}, cli.ExitFailure, "has not signed this log"},
		{[]string{"--key", key, "--key", outsider.Public().String()}, cli.ExitFailure, "has not signed this log"},
	} {
		code, stdout, stderr := run(t, append([]string{"audit", "verify", "--dir", dir}, c.args...)...)
		if code != c.code || !strings.Contains(strings.Join(strings.Fields(stdout), " "), c.says) || stderr != "source: the log in "+dir+", to record 18\n" {
			t.Errorf("%v: exit %d\n%s%s", c.args, code, stdout, stderr)
		}
	}
	for _, args := range [][]string{
		{}, {"--dir", dir, "--bundle", "x"}, {"--dir", dir, "--key", "x"}, {"--dir", dir, "--key", note}, {"--dir", dir, "x"},
	} {
		if code, _, stderr := run(t, append([]string{"audit", "verify"}, args...)...); code != cli.ExitUsage || stderr == "" {
			t.Errorf("%v: exit %d, %s", args, code, stderr)
		}
	}
	for _, args := range [][]string{
		{"--dir", "/nonexistent"}, {"--dir", t.TempDir()}, {"--bundle", "/nonexistent"}, {"--bundle", key},
		{"--dir", dir, "--since-checkpoint", "/nonexistent"}, {"--dir", dir, "--since-checkpoint", key},
	} {
		if code, _, stderr := run(t, append([]string{"audit", "verify"}, args...)...); code != cli.ExitFailure || stderr == "" {
			t.Errorf("%v: exit %d, %s", args, code, stderr)
		}
	}
}

func TestAuditVerifyShowsNoSecret(t *testing.T) {
	file := filepath.Join(t.TempDir(), "signing.key")
	if _, err := checkpoint.CreateKey(file, "tollgate/test"); err != nil {
		t.Fatal(err)
	}
	secret, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, given := range []string{file, strings.TrimSpace(string(secret))} {
		code, stdout, stderr := run(t, "audit", "verify", "--dir", t.TempDir(), "--key", given)
		if code != cli.ExitUsage || strings.Contains(stdout+stderr, string(secret[30:60])) {
			t.Errorf("exit %d\n%s%s", code, stdout, stderr)
		}
	}
}

// TestAuditVerifyFaults changes a log, and reads what verify prints of it for people and for programs.
func TestAuditVerifyFaults(t *testing.T) {
	dir, _, note, _ := testLog(t)
	names, _ := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	before, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	putFile(t, names[0], strings.Replace(string(before), `"amount"`, `"amounT"`, 1))
	code, stdout, _ := run(t, "audit", "verify", "--dir", dir)
	for line := range strings.Lines(stdout) {
		if text.Width(strings.TrimSuffix(line, "\n")) > cli.MaxWidth {
			t.Errorf("too long: %s", line)
		}
	}
	if code != cli.ExitFailure || !strings.Contains(stdout, "FAULT (root) among records 4 to 9, 00000000000000000001.jsonl, from byte ") || !strings.Contains(stdout, "NOT whole: 1 fault.") {
		t.Errorf("exit %d\n%s", code, stdout)
	}
	_, chinese, _ := run(t, "audit", "verify", "--dir", dir, "--lang", "zh")
	for _, want := range []string{"错误（root）第 4 至 9 条记录之间，00000000000000000001.jsonl，自第 ", "两个检查点之间有内容被改动", "日志不完整：发现 1 处错误。"} {
		if !strings.Contains(chinese, want) {
			t.Errorf("no %q in\n%s", want, chinese)
		}
	}
	code, stdout, _ = run(t, "audit", "verify", "--dir", dir, "--json")
	if _, same, _ := run(t, "audit", "verify", "--dir", dir, "--json", "--lang", "zh"); same != stdout {
		t.Errorf("JSON has a language:\n%s", same)
	}
	var report struct {
		Whole  bool
		Last   uint64
		Faults []struct {
			Kind, File, Text string
			Seq, Last        uint64
		}
	}
	if err := json.Unmarshal([]byte(stdout), &report); err != nil || code != cli.ExitFailure || report.Whole || report.Faults[0].Kind != "root" ||
		report.Faults[0].Seq != 4 || report.Faults[0].Last != 9 {
		t.Errorf("exit %d, %v\n%s", code, err, stdout)
	}
	putFile(t, names[0], string(before))
	if err := os.Remove(names[1]); err != nil {
		t.Fatal(err)
	}
	if code, stdout, _ = run(t, "audit", "verify", "--dir", dir, "--since-checkpoint", note, "--allow-unsigned"); code != cli.ExitFailure || !strings.Contains(stdout, "end was cut") {
		t.Errorf("exit %d\n%s", code, stdout)
	}
	if code, stdout, _ = run(t, "audit", "verify", "--dir", dir, "--allow-unsigned"); code != cli.ExitOK || !strings.Contains(stdout, "What stands behind it is not proven") {
		t.Errorf("exit %d\n%s", code, stdout)
	}
}

// TestAuditVerifyForgedTail adds records behind the last checkpoint and holds the lock, as any process can.
func TestAuditVerifyForgedTail(t *testing.T) {
	dir := t.TempDir()
	l := testlog.New(dir, nil)
	l.Calls(50)
	l.Flush()
	lock, err := os.Create(filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	code, stdout, _ := run(t, "audit", "verify", "--dir", dir)
	if code != cli.ExitFailure || !strings.Contains(stdout, "FAULT (tail) among records 4 to 103, 00000000000000000001.jsonl, from byte ") {
		t.Errorf("exit %d\n%s", code, stdout)
	}
	if code, stdout, _ = run(t, "audit", "verify", "--dir", dir, "--allow-unsigned"); code != cli.ExitOK {
		t.Errorf("allowed: exit %d\n%s", code, stdout)
	}
	for _, bad := range [][]string{{"--checkpoint-every", "0s"}, {"--checkpoint-every", "61m"}, {"--checkpoint-records", "0"}, {"--checkpoint-records", "1000001"}} {
		if code, _, stderr := run(t, append([]string{"audit", "verify", "--dir", dir}, bad...)...); code != cli.ExitUsage || stderr == "" {
			t.Errorf("%q: exit %d, %s", bad, code, stderr)
		}
	}
}

// TestAuditVerifyBundle reads a log from archives that audit export makes, of all of it and of its end.
func TestAuditVerifyBundle(t *testing.T) {
	dir, key, note, _ := testLog(t)
	for name, from := range map[string]string{"whole": "2026-10-01", "end": testlog.Start.Add(8 * time.Second).Format(time.RFC3339)} {
		file := filepath.Join(t.TempDir(), "bundle.zip")
		if code, stdout, stderr := run(t, "audit", "export", "--dir", dir, "--from", from, "--to", "2026-12-01", "-o", file); code != cli.ExitOK {
			t.Fatalf("%s: exit %d\n%s%s", name, code, stdout, stderr)
		}
		code, stdout, stderr := run(t, "audit", "verify", "--bundle", file, "--key", key, "--since-checkpoint", note)
		if code != cli.ExitOK || !strings.Contains(stdout, "1 in agreement with this log") {
			t.Errorf("%s: exit %d\n%s%s", name, code, stdout, stderr)
		}
		folder := unpack(t, file)
		if code, again, stderr := run(t, "audit", "verify", "--bundle", folder, "--key", key, "--since-checkpoint", note); code != cli.ExitOK || again != stdout {
			t.Errorf("%s, unpacked: exit %d\n%s%s", name, code, again, stderr)
		}
		putFile(t, filepath.Join(folder, "checkpoint.txt"), "x")
		if code, _, stderr := run(t, "audit", "verify", "--bundle", folder); code != cli.ExitFailure || !strings.Contains(stderr, "is no bundle") {
			t.Errorf("%s, unpacked, another checkpoint: exit %d\n%s", name, code, stderr)
		}
	}
	if code, _, stderr := run(t, "audit", "verify", "--bundle", key); code != cli.ExitFailure || stderr == "" {
		t.Errorf("a file that is no archive: exit %d, %s", code, stderr)
	}
}

// unpack unpacks an archive into a folder.
func unpack(t *testing.T, file string) string {
	t.Helper()
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	folder := filepath.Join(t.TempDir(), "bundle")
	if err := os.CopyFS(folder, z); err != nil {
		t.Fatal(err)
	}
	return folder
}

// TestAuditVerifyForeignStatement: a bundle whose checkpoint and key are another log's is not whole, though they fit each other.
func TestAuditVerifyForeignStatement(t *testing.T) {
	var bundles []*zip.ReadCloser
	for range 2 {
		dir, _, _, _ := testLog(t)
		file := filepath.Join(t.TempDir(), "bundle.zip")
		must(t, "audit", "export", "--dir", dir, "--from", "2026-10-01", "--to", "2026-12-01", "-o", file)
		z, err := zip.OpenReader(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = z.Close() })
		bundles = append(bundles, z)
	}
	var mixed bytes.Buffer
	w := zip.NewWriter(&mixed)
	for i, z := range bundles {
		for _, f := range z.File {
			if beside := f.Name == "checkpoint.txt" || f.Name == "key.txt"; beside != (i == 1) {
				continue
			}
			if err := w.Copy(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "mixed.zip")
	putFile(t, file, mixed.String())
	code, stdout, stderr := run(t, "audit", "verify", "--bundle", file)
	if code != cli.ExitFailure || !strings.Contains(stdout, "checkpoint.txt") || !strings.Contains(stdout, "NOT whole: 1 fault.") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
}

// TestAuditVerifyWhileWriting looks at a log that a process has open, and then at what is left when it was killed.
func TestAuditVerifyWhileWriting(t *testing.T) {
	dir := t.TempDir()
	l, _, err := audit.Open(audit.Options{Config: audit.Config{Dir: dir}})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Intent(t.Context(), &logfile.Record{Call: "a"}); err != nil {
		t.Fatal(err)
	}
	if code, stdout, stderr := run(t, "audit", "verify", "--dir", dir); code != cli.ExitOK || !strings.Contains(stdout, "1: in flight") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
	files := t.TempDir()
	if err := os.CopyFS(files, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if code, stdout, stderr := run(t, "audit", "verify", "--dir", files); code != cli.ExitFailure || !strings.Contains(stdout, "the next start closes them") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}
