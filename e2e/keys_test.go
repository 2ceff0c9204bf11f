package e2e

import (
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"tollgate/internal/bsssim"
)

// inFiles is standard with the customer's keys in files.
var inFiles = strings.Replace(standard, "access_key: {env: C17_AK}, secret_key: {env: C17_SK}",
	"access_key: {file: customer.ak}, secret_key: {file: customer.sk}", 1)

// writeKeys puts keys in place one after the other, as a person or a script does.
func (w *world) writeKeys(access, secret string) {
	w.write("customer.ak", access+"\n")
	w.write("customer.sk", secret+"\n")
}

// account finds an account of the simulator.
func account(t *testing.T, domain string) bsssim.Account {
	t.Helper()
	for _, a := range bsssim.DefaultAccounts() {
		if a.DomainID == domain {
			return a
		}
	}
	t.Fatalf("the simulator has no account %s", domain)
	return bsssim.Account{}
}

// TestKeysInFilesAreReadAgain: after a rejection the gateway uses what the files hold by then, without a signal, and after a
// signal without a rejection. Keys in the environment stay, and the gateway says so.
func TestKeysInFilesAreReadAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{})
	w.values.Upstream = w.serve(w.simulator) // without the witness, to whom a wrong key is a fault
	w.configure(inFiles)
	good := account(t, "c-17")
	w.writeKeys("AKWRONG", good.SecretKey)
	p := w.start()
	shop := w.shop(p).bss(t)
	refused(t, pay(shop, "CS-1001"), http.StatusServiceUnavailable, "TG.6004")
	if _, body := p.readyz(); !strings.Contains(body, "credential customer is paused since") || !strings.Contains(body, "for all callers") ||
		!strings.Contains(body, "credential partner: access_key, secret_key in the environment cannot be read again") {
		t.Errorf("/readyz: %s", body)
	}
	w.writeKeys(good.AccessKey, good.SecretKey)
	eventually(t, "the new keys are used", func() bool { _, body := p.readyz(); return !strings.Contains(body, "is paused") })
	balance(t, shop)
	if n := len(w.simulator.Calls()); n != 2 {
		t.Errorf("%d calls reached the provider, want 2", n)
	}

	w.writeKeys("AKNEXT", "sk-of-the-next-key-0123456789")
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the key of the signal is in use", func() bool { return strings.Contains(p.log(), `"access_key":"AKNEXT"`) })
	if _, body := p.readyz(); !strings.Contains(body, "credential customer is on trial") {
		t.Errorf("/readyz: %s", body)
	}
	if err := os.Remove(w.file("customer.sk")); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the missing file shows", func() bool {
		_, body := p.readyz()
		return strings.Contains(body, "the keys of credential customer cannot be read again: secret_key: file customer.sk: no such file")
	})
	for _, secret := range []string{good.SecretKey, "sk-of-the-next-key-0123456789"} {
		if strings.Contains(p.log(), secret) {
			t.Error("a secret key is in the log")
		}
	}
	p.stop()
}
