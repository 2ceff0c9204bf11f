package e2e

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/e2e/firstversion"
	"tollgate/internal/bsssim"
	"tollgate/internal/testlog"
)

// versions are the binaries that read logs of a later version: this one and the first.
func versions(t *testing.T) map[string]string {
	return map[string]string{"this version": binary, "the first version": firstversion.Binary(t)}
}

// laterLog makes a log as a later version may write it, which has stopped. It returns the call that is unknown.
func (w *world) laterLog(write func(*testlog.Log)) {
	w.t.Helper()
	must(w.t, os.Mkdir(w.file("audit"), 0o700))
	key, err := checkpoint.CreateKey(w.file("audit/signing.key"), "tollgate/later")
	must(w.t, err)
	log := testlog.NewAt(w.file("audit"), key, nil, "v99.0.0")
	log.Calls(20)
	write(log)
	log.Close()
}

// additions are what a later version may add without an older one failing: members, codes of events, reasons, and other words.
func additions(log *testlog.Log) {
	log.Extra = `"novelty":"x","novelty_bytes":17,"novelties":[{"name":"x","texts":["a","b"]}],"novel":true`
	log.Calls(5)
	log.Add(&logfile.Record{Kind: logfile.KindEvent, Event: "moon_full", Subject: "the moon", Detail: "it is full", Data: map[string]string{"phase": "4"}})
	log.Add(&logfile.Record{
		Kind: logfile.KindRefusal, Call: laterCall(1), Caller: "app-1", IdentifiedBy: "passkey", Identity: "k-1", Listener: "keys", Upstream: "bss", Site: "cn", Operation: "PayOrders",
		Effect: "spend", Method: "POST", Path: "/v9/pay", Decision: logfile.Refused, Reason: "moonlight", Stage: "moon", Detail: "the moon is full", Status: 418,
	})
	log.Add(&logfile.Record{
		Kind: logfile.KindIntent, Call: laterCall(2), Caller: "app-1", IdentifiedBy: "passkey", Identity: "k-1", Listener: "keys", Upstream: "bss", Site: "moon",
		Operation: "PayOrdersV9", Effect: "spend", Method: "POST", Path: "/v9/pay", Credential: "partner-main", Class: "reseller", Decision: logfile.Allowed,
	})
	log.Add(&logfile.Record{
		Kind: logfile.KindOutcome, Call: laterCall(2), Caller: "app-1", Upstream: "bss", Site: "moon", Operation: "PayOrdersV9", Effect: "spend", Credential: "partner-main",
		Class: "reseller", Outcome: "postponed", Status: 202, Result: "postponed", ResultFrom: "moon",
	})
}

func laterCall(n int) string { return fmt.Sprintf("0199a3b2-7c00-7fff-8f10-%012x", n) }

// TestLogOfALaterVersion: what a later version adds is read, verified and gone on from; a kind of record and a kind of key that are not
// known are refused by name, and nothing is changed then.
func TestLogOfALaterVersion(t *testing.T) {
	t.Parallel()
	for name, version := range versions(t) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bsssim.Config{}).configure(standard + unhardened)
			w.binary = version
			w.laterLog(additions)
			w.readsLaterLog()
			p := w.start()
			balance(t, w.shop(p).bss(t))
			eventually(t, "the index has it all", func() bool {
				return p.metric("tollgate_audit_indexed_seq") >= p.metric("tollgate_audit_last_seq")
			})
			p.stop()
			if got := runBinary(t, version, nil, "audit", "verify", "--dir", w.file("audit")); got.code != 0 {
				t.Errorf("afterwards: %+v", got)
			}
		})
	}
}

// readsLaterLog runs the commands of the audit log, and the verifier in Python.
func (w *world) readsLaterLog() {
	w.t.Helper()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"audit", "verify"}, "The log is whole"},
		{[]string{"audit", "list", "--json", "--reason", "moonlight"}, laterCall(1)},
		{[]string{"audit", "list", "--json", "--operation", "PayOrdersV9"}, `"outcome":"postponed"`},
		{[]string{"audit", "show", laterCall(1)}, "moonlight"},
		{[]string{"audit", "show", laterCall(2)}, "postponed"},
		{[]string{"audit", "show", "--json", laterCall(2)}, `"novelty":"x"`},
		{[]string{"audit", "records", "--json", "--kind", "event"}, `"event":"moon_full"`},
		{[]string{"audit", "prove", laterCall(2)}, "proof"},
		{[]string{"audit", "report", "--month", "2026-10"}, `PayOrdersV9 +1 +0 +0 +1 +0\n`},
		{[]string{"tls", "report"}, ""},
	} {
		got := runBinary(w.t, w.binary, w.env, append(c.args, "--dir", w.file("audit"))...)
		if got.code != 0 || !regexp.MustCompile(c.want).MatchString(got.stdout) {
			w.t.Errorf("%q: %+v, want %q", c.args, got, c.want)
		}
	}
	if out, err := exec.Command("python3", "../audit/export/verify.py", w.file("audit")).CombinedOutput(); err != nil {
		w.t.Errorf("verify.py: %v\n%s", err, out)
	}
}

// TestUnknownKindsAreRefused: a kind of record, and a kind of key, that a version does not know.
func TestUnknownKindsAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		write func(*testlog.Log)
		says  string // only this version does
	}{
		"record": {func(log *testlog.Log) { log.Add(&logfile.Record{Kind: "eclipse"}) }, `this version of the program does not know its kind; a later version may have written it: "eclipse"`},
		"key": {func(log *testlog.Log) {
			log.Add(&logfile.Record{Kind: logfile.KindKey, Key: laterKey(log.Key().Name()), PreviousKey: log.Key().String()})
		}, "unknown verifier algorithm"},
	} {
		for of, version := range versions(t) {
			t.Run(name+" for "+of, func(t *testing.T) {
				w := newWorld(t, bsssim.Config{}).configure(standard + unhardened)
				w.laterLog(c.write)
				w.refusesLog(version, c.says)
			})
		}
	}
}

// refusesLog wants a version to say what it does not know, and to change nothing.
func (w *world) refusesLog(version, says string) {
	w.t.Helper()
	before := w.folderNow("audit")
	verified := runBinary(w.t, version, nil, "audit", "verify", "--dir", w.file("audit"))
	started := runBinary(w.t, version, w.env, "run", "--config", w.config)
	if verified.code != 1 || started.code != 1 || strings.Contains(started.stderr, `"listening"`) {
		w.t.Errorf("it does not refuse: %+v\n%+v", verified, started)
	}
	for _, text := range []string{verified.stdout, started.stderr} {
		if version == binary && !strings.Contains(strings.Join(strings.Fields(text), " "), says) {
			w.t.Errorf("it does not say %q: %s", says, text)
		}
	}
	w.sameFolder("audit", before)
}

// laterKey is the public key of a log by an algorithm that is not known, as golang.org/x/mod/sumdb/note has them.
func laterKey(log string) string {
	key := append([]byte{9}, make([]byte, 32)...)
	sum := sha256.Sum256(append([]byte(log+"\n"), key...))
	return fmt.Sprintf("%s+%x+%s", log, sum[:4], base64.StdEncoding.EncodeToString(key))
}

// folderNow returns what is in a folder: the texts of its files by path, without the lock, which has the id of the last
// process, and what SQLite keeps beside an index.
func (w *world) folderNow(name string) map[string]string {
	w.t.Helper()
	files := map[string]string{}
	must(w.t, filepath.WalkDir(w.file(name), func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || d.Name() == "lock" || strings.HasSuffix(d.Name(), "-wal") || strings.HasSuffix(d.Name(), "-shm") {
			return err
		}
		text, err := os.ReadFile(path)
		files[path] = string(text)
		return err
	}))
	return files
}

// sameFolder compares a folder with what it was.
func (w *world) sameFolder(name string, before map[string]string) {
	w.t.Helper()
	now := w.folderNow(name)
	for path, text := range now {
		if was, ok := before[path]; !ok || was != text {
			w.t.Errorf("%s was changed or made", path)
		}
	}
	for path := range before {
		if _, ok := now[path]; !ok {
			w.t.Errorf("%s was removed", path)
		}
	}
}
