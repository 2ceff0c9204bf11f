package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/audit/checkpoint"
	"tollgate/internal/bsssim"
	"tollgate/internal/testlog"
)

// audited runs an audit command that must succeed, and returns what it prints.
func (w *world) audited(args ...string) string {
	w.t.Helper()
	got := run(w.t, nil, append([]string{"audit"}, args...)...)
	if got.code != 0 {
		w.t.Fatalf("audit %q: exit code %d: %s", args, got.code, got.stderr)
	}
	return got.stdout
}

// startFails has a gateway that does not start, says why, and listens nowhere.
func (w *world) startFails(reason string) {
	w.t.Helper()
	got := run(w.t, w.env, "run", "--config", w.config)
	if got.code != 1 || !strings.Contains(got.stderr, reason) || strings.Contains(got.stderr, `"listening"`) {
		w.t.Errorf("exit code %d, want 1 and %q: %s", got.code, reason, got.stderr)
	}
}

// TestKeyRotation brings in a second key. The old public key still verifies the log and proves old calls.
func TestKeyRotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(standard + unlimited)
	p := w.start()
	w.serves(p, orderName(1))
	p.stop()
	dir, call, key := w.file("audit"), w.firstCall(), w.file("audit/signing.key")
	keep := func(name string) string {
		return w.write(name, w.audited("key", "--dir", dir))
	}
	old := keep("old.pub")
	private, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	w.audited("rotate-key", "--dir", dir)
	p = w.start()
	w.serves(p, orderName(2))
	p.stop()
	both := keep("both.pub")
	newest := lastLine(t, both)
	if got, err := os.ReadFile(key); err != nil || string(got) == string(private) {
		t.Errorf("the new key has not taken the old one's place (%v)", err)
	}
	for _, keys := range []string{old, both, newest} {
		if n := len(w.verified("--key", keys).Signers); n != 2 {
			t.Errorf("with %s: %d keys signed, want 2", keys, n)
		}
	}
	proof := w.write("proof.json", w.audited("prove", "--dir", dir, call))
	w.audited("check-proof", proof, "--key", old)
	w.audited("check-proof", proof, "--key", both)
	other, err := checkpoint.NewKey(w.verified().Log)
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"verify", "--dir", dir, "--key", other.Public().String()},
		{"check-proof", proof, "--key", other.Public().String()},
		{"check-proof", proof, "--key", newest}, // the old one signed then
	} {
		if got := run(t, nil, append([]string{"audit"}, args...)...); got.code != 1 {
			t.Errorf("%q: exit code %d, want 1\n%s", args, got.code, got.stdout)
		}
	}
	w.consistent()
}

// lastLine returns the last line of a file of keys.
func lastLine(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

// TestKeyMissing takes the signing key away. No gateway starts without it, and none makes another one by itself.
func TestKeyMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(standard + unlimited)
	w.start().stop()
	key := w.file("audit/signing.key")
	if err := os.Rename(key, key+".away"); err != nil {
		t.Fatal(err)
	}
	w.startFails("is missing: restore the file from a copy")
	if _, err := os.Stat(key); err == nil {
		t.Error("a key was made")
	}
	if err := os.Rename(key+".away", key); err != nil {
		t.Fatal(err)
	}
	p := w.start()
	w.serves(p, orderName(1))
	p.stop()
	w.consistent()
}

// TestHashesMissing takes away, or changes, what pruning left. The rest of the log is worth nothing without it.
func TestHashesMissing(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(path string) error{
		"removed":   os.Remove,
		"truncated": func(path string) error { return cutBy(path, 32) },
		"cut off":   func(path string) error { return cutBy(path, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bsssim.Config{}).configure(standard + unlimited)
			pruned := w.prunedLog()
			saved := copyOf(pruned)
			if err := harm(pruned); err != nil {
				t.Fatal(err)
			}
			w.startFails("audit log")
			if got := run(t, nil, "audit", "verify", "--dir", w.file("audit")); got.code != 1 {
				t.Errorf("audit verify: exit code %d\n%s", got.code, got.stdout)
			}
			if err := os.Rename(saved, pruned); err != nil {
				t.Fatal(err)
			}
			p := w.start()
			w.serves(p, orderName(1))
			p.stop()
			if r := w.verified(); len(r.Pruned) != 1 {
				t.Errorf("the restored log is %+v", r)
			}
		})
	}
}

// prunedLog makes a log of which the first segment was removed, and returns the file of its hashes.
func (w *world) prunedLog() string {
	w.t.Helper()
	dir := w.file("audit")
	if err := os.Mkdir(dir, 0o700); err != nil {
		w.t.Fatal(err)
	}
	key, err := checkpoint.CreateKey(filepath.Join(dir, "signing.key"), "tollgate/pruned")
	if err != nil {
		w.t.Fatal(err)
	}
	log := testlog.New(dir, key)
	log.Calls(20)
	for range 2 {
		log.Rotate()
		log.Calls(20)
	}
	log.Prune(1)
	log.Close()
	return filepath.Join(dir, "00000000000000000001.hashes")
}

// TestIndexWhileCallsCome asks for calls while the gateway takes more and keeps the index behind them: with the index and
// without it the answer is the same.
func TestIndexWhileCallsCome(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(standard + unlimited)
	p := w.start()
	questions := [][]string{{}, {"--effect", "spend"}, {"--outcome", "failed"}, {"--order", orderName(3, 1)}, {"-n", "5"}}
	for round := range 5 {
		for kind := range orderKinds {
			send(t, &http.Transport{DisableKeepAlives: true}, p.orderRequest(kind, orderName(round, kind)))
		}
		w.settled(p)
		for _, question := range questions {
			w.sameWithoutIndex(question)
		}
	}
	p.rest()
	for _, question := range questions {
		w.sameWithoutIndex(question)
	}
	if n := strings.Count(w.audited("list", "--json", "--dir", w.file("audit")), "\n"); n != 5*len(orderKinds) {
		t.Errorf("%d calls are listed, want %d", n, 5*len(orderKinds))
	}
	p.stop()
	w.consistent()
}

// settled waits until all records of the calls so far are on disk. Reads have their answer before that.
func (w *world) settled(p *process) {
	w.t.Helper()
	eventually(w.t, "no call is open", func() bool {
		return w.audited("list", "--json", "--index", "none", "--outcome", "open", "--dir", w.file("audit")) == ""
	})
	eventually(w.t, "there is an index", func() bool {
		return p.metric("tollgate_audit_indexed_seq") > 0
	})
}

// sameWithoutIndex lists calls both ways.
func (w *world) sameWithoutIndex(question []string) {
	w.t.Helper()
	list := append([]string{"list", "--json", "--dir", w.file("audit")}, question...)
	with := run(w.t, nil, append([]string{"audit"}, list...)...)
	without := strings.ReplaceAll(w.audited(append(list, "--index", "none")...), `"read_from":"log"`, `"read_from":"index"`)
	if !strings.HasPrefix(with.stderr, "source: the index ") || with.code != 0 || with.stdout != without {
		w.t.Errorf("%q: with the index, exit code %d:\n%s%s\nwithout:\n%s", question, with.code, with.stdout, with.stderr, without)
	}
}
