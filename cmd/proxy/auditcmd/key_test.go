package auditcmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/audit"
	"tollgate/internal/cli"
	"tollgate/internal/testkubelet"
)

// restart opens and closes a log, as a gateway does that is started and stopped.
func restart(t *testing.T, dir string) {
	t.Helper()
	log, _, err := audit.Open(audit.Options{Config: audit.Config{Dir: dir}})
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestRotateKey changes the key of a log that the gateway writes, in good order and after it was lost.
func TestRotateKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	file := filepath.Join(dir, "signing.key")
	restart(t, dir)
	old := must(t, "audit", "checkpoint", "--dir", dir)
	first := must(t, "audit", "key", "--dir", dir)
	out := must(t, "audit", "rotate-key", "--dir", dir)
	second := lastLine(out)
	fails(t, "already", "audit", "rotate-key", "--key-file", file)
	restart(t, dir)
	if keys := must(t, "audit", "key", "--dir", dir); lastLine(keys) != second || !strings.HasPrefix(keys, first) || !strings.Contains(keys, "the key before has signed for it") {
		t.Errorf("after a rotation:\n%s", keys)
	}
	fails(t, "not lost", "audit", "rotate-key", "--dir", dir, "--lost")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	third := lastLine(must(t, "audit", "rotate-key", "--dir", dir, "--key-file", file, "--lost"))
	restart(t, dir)
	if keys := must(t, "audit", "key", "--dir", dir); lastLine(keys) != third || !strings.Contains(keys, "was lost") {
		t.Errorf("after a loss:\n%s", keys)
	}
	note := filepath.Join(t.TempDir(), "old.txt")
	if err := os.WriteFile(note, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, "audit", "consistency", note, "--dir", dir, "--key", lastLine(first), "--key", third)
	fails(t, "not the key given", "audit", "consistency", note, "--dir", dir, "--key", lastLine(first))
	fails(t, "not the key given", "audit", "consistency", note, "--dir", dir, "--key", third)
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	return lines[len(lines)-1]
}

func TestKeyUsage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	restart(t, dir)
	private, err := os.ReadFile(filepath.Join(dir, "signing.key"))
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.SplitN(strings.TrimSpace(string(private)), "+", 5)[4]
	for _, args := range [][]string{
		{"rotate-key"}, {"rotate-key", "--lost", "--key-file", "x"}, {"check-proof", "x", "--key", string(private)},
		{"check-proof", "x", "--key", filepath.Join(dir, "signing.key")},
	} {
		code, stdout, stderr := run(t, append([]string{"audit"}, args...)...)
		if code != cli.ExitUsage && code != cli.ExitFailure || stdout != "" || stderr == "" || strings.Contains(stderr, secret[:10]) {
			t.Errorf("%.40v: exit %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
	fails(t, "no such file or directory: name the file with --key-file", "audit", "rotate-key", "--key-file", filepath.Join(dir, "none"))
}

// TestRotateKeyInKubernetes: the command tightens the key that it reads, as a start does, and says so.
func TestRotateKeyInKubernetes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	key := filepath.Join(dir, "signing.key")
	restart(t, dir)
	if err := testkubelet.SetFSGroup(dir, testkubelet.AnyGroup()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"tollgate: others could use " + key + " (mode 0660); it is for its owner only again\n", ""} {
		code, stdout, stderr := run(t, "audit", "rotate-key", "--dir", dir)
		if code != cli.ExitOK || !strings.Contains(stdout, key+".new is ready") || stderr != want {
			t.Errorf("exit %d, %s\n%q, want %q", code, stdout, stderr, want)
		}
		if info, err := os.Stat(key); err != nil || info.Mode() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		if err := os.Remove(key + ".new"); err != nil {
			t.Fatal(err)
		}
	}
}
