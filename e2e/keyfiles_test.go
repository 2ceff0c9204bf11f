package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptrace"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"tollgate/internal/bsssim"
)

// TestKeyOfApplication follows a key of an application from key new to key revoke, without a restart and over one connection: the gateway takes
// it at once, the application's other key goes on, and it is refused at once.
func TestKeyOfApplication(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(standard + "include: [callers.d]\n" + unlimited)
	if err := os.Mkdir(w.file("callers.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	p := w.start()
	before := w.shop(p)
	balance(t, before.bss(t))
	made := w.newKey("shop", "--expires", "90d")
	var dialled atomic.Int32
	transport := w.transport(p.address("https"))
	next := &application{"https://" + gatewayName, made.ID, made.Secret, "c-17", roundTripper(func(r *http.Request) (*http.Response, error) {
		trace := &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) {
			if !c.Reused {
				dialled.Add(1)
			}
		}}
		return transport.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	}), ""}
	client := next.bss(t)
	balance(t, client)
	if listed := run(t, w.env, "key", "list", "--config", w.config); listed.code != 0 || strings.Count(listed.stdout, made.ID) != 1 || strings.Contains(listed.stdout, made.Secret) {
		t.Errorf("listed: exit code %d\n%s\n%s", listed.code, listed.stdout, listed.stderr)
	}
	balance(t, before.bss(t))
	if got := run(t, w.env, "key", "revoke", made.ID, "--config", w.config); got.code != 0 || !strings.Contains(got.stdout, "The running gateway refuses it.") {
		t.Fatalf("revoke: exit code %d\n%s\n%s", got.code, got.stdout, got.stderr)
	}
	refused(t, pay(client, "CS-1001"), http.StatusUnauthorized, "TG.2004")
	if n := dialled.Load(); n != 1 {
		t.Errorf("the application had %d connections, want 1: nothing is shown of open ones", n)
	}
	balance(t, before.bss(t))
	if left, err := os.ReadDir(w.file("callers.d")); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if strings.Contains(p.log(), made.Secret) {
		t.Error("the log has the secret")
	}
}

// TestKeyIsRefused: when the gateway refuses to reload, the key is not there, and the file that another start would fail at is not either.
func TestKeyIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(standard + "include: [callers.d]\n")
	if err := os.Mkdir(w.file("callers.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.configure(strings.Replace(standard, "bounds: {drain: 20s}", "bounds: {drain: 20s, replay: 2000}", 1) + "include: [callers.d]\n") // which needs a restart
	got := run(t, w.env, "key", "new", "--caller", "shop", "--config", w.config)
	if got.code != 1 || got.stdout != "" || !strings.Contains(got.stderr, "no key was made: the running gateway refused to reload: ") || !strings.Contains(got.stderr, "bounds.replay") {
		t.Errorf("exit code %d\n%s\n%s", got.code, got.stdout, got.stderr)
	}
	if left, err := os.ReadDir(w.file("callers.d")); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// madeKey is what key new prints as JSON.
type madeKey struct{ ID, Secret, Running string }

// newKey makes a key of a caller, which the running gateway takes.
func (w *world) newKey(caller string, args ...string) (made madeKey) {
	w.t.Helper()
	got := run(w.t, w.env, append([]string{"key", "new", "--caller", caller, "--json", "--config", w.config}, args...)...)
	if err := json.Unmarshal([]byte(got.stdout), &made); err != nil || got.code != 0 || made.Running != "The running gateway takes it." {
		w.t.Fatalf("key new: exit code %d, %v\n%s\n%s", got.code, err, got.stdout, got.stderr)
	}
	return made
}
