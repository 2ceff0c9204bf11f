package service

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"tollgate/config"
	"tollgate/internal/secret"
	"tollgate/signing"
)

// watching is a gateway that was started with a file.
type watching struct {
	*running
	file string
	text func(changes ...string) string
}

// runFile starts a gateway with a file, which it watches or not. It has a caller with a virtual key in secret.sk, and includes callers.d.
func runFile(t *testing.T, watch bool) *watching {
	t.Helper()
	first := run(t) // for its upstream
	dir := t.TempDir()
	w := &watching{running: &running{dir: dir, upstream: first.upstream, client: &http.Client{}}, file: filepath.Join(dir, "tollgate.yaml")}
	w.text = func(changes ...string) string {
		text := strings.NewReplacer("  other: {grants", `  other: {auth: [{access_key: {id: TGOTHER, secret: {file: secret.sk}}}], grants`,
			`{name: second, address: "127.0.0.1:0", caller: other}`, `{name: second, address: "127.0.0.1:0"}`,
			"rate: 1/h, burst: 5", "rate: 1000/s, burst: 1000", "audit: {", fmt.Sprintf("include: [callers.d]\nreload: {watch: %v}\naudit: {", watch),
		).Replace(fmt.Sprintf(configuration, first.upstream.URL))
		return strings.NewReplacer(changes...).Replace(text)
	}
	w.write(t, "secret.sk", "the-first-secret-0123456789")
	if err := os.Mkdir(filepath.Join(dir, "callers.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.write(t, "tollgate.yaml", w.text())
	load := func(o config.Options) (*config.Config, error) { return config.Load(w.file, o) }
	c, err := load(config.Options{Secrets: true, LookupEnv: keyOf})
	if err != nil {
		t.Fatal(err)
	}
	if w.Service, err = Start(t.Context(), c, Process{Version: "test", Commit: "0123abcd", Logger: zap.NewNop(), LookupEnv: keyOf, Load: load}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.client.CloseIdleConnections()
		if err := w.Drain(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *watching) write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// looks has the gateway look at its files, as it does every ten seconds.
func (w *watching) looks(t testing.TB, times int) {
	for range times {
		w.lookAtFiles(t.Context())
	}
}

func (w *watching) has(caller string) bool { return w.gateway.Plan().Callers.Has(caller) }

// signed makes a call signed with a secret.
func (w *watching) signed(t testing.TB, with string) int {
	t.Helper()
	r, err := http.NewRequest("GET", "http://"+w.Address("second")+"/v2/systems/configs/provinces", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "localhost"
	added, err := signing.SDK.NewKey("TGOTHER", secret.New(with)).Sign(time.Now(), signing.Request{
		Method: "GET", Path: signing.CanonicalPath(r.URL.Path), Headers: []signing.Header{{Name: "host", Value: r.Host}},
		PayloadHash: signing.EmptyHash,
	}, signing.Account{})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range added {
		r.Header.Set(h.Name, h.Value)
	}
	response, err := w.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// TestWatch: a file that was changed is loaded when it has stood still from one look to the next.
func TestWatch(t *testing.T) {
	w := runFile(t, true)
	plan := w.gateway.Plan()
	w.looks(t, 3)
	if w.gateway.Plan() != plan {
		t.Error("a plan was published though nothing has changed")
	}
	w.write(t, "tollgate.yaml", w.text("  other: {", "  new: {}\n  other: {"))
	if w.looks(t, 1); w.has("new") {
		t.Error("a change was loaded that may go on")
	}
	if w.looks(t, 1); !w.has("new") {
		t.Error("a change was not loaded")
	}
	w.write(t, filepath.Join("callers.d", "one.yaml"), "callers: {included: {}}\n")
	if w.looks(t, 2); !w.has("included") {
		t.Error("a file that came into a directory was not loaded")
	}
	w.write(t, filepath.Join("callers.d", "one.yaml"), "callers: {renamed: {}}\n")
	if w.looks(t, 2); !w.has("renamed") || w.has("included") {
		t.Error("an included file that was changed was not loaded")
	}
}

// TestWatchLeavesABadFileAlone: it is refused once, and loaded again when it has changed again.
func TestWatchLeavesABadFileAlone(t *testing.T) {
	w := runFile(t, true)
	w.looks(t, 2)
	loads, load := 0, w.process.Load
	w.process.Load = func(o config.Options) (*config.Config, error) { loads++; return load(o) }
	w.write(t, "tollgate.yaml", "listeners: [")
	w.looks(t, 5)
	if warnings := strings.Join(w.readiness().Warnings, "\n"); loads != 1 || !strings.Contains(warnings, "the file on disk differs from what runs") {
		t.Errorf("%d loads, warnings %s", loads, warnings)
	}
	w.write(t, "tollgate.yaml", w.text())
	w.looks(t, 2)
	if warnings := strings.Join(w.readiness().Warnings, "\n"); strings.Contains(warnings, "the file on disk differs from what runs") {
		t.Errorf("the file is as it was; warnings %s", warnings)
	}
}

// TestWatchReadsTwice: what changes while it is loaded is not taken, though what was read of it was good.
func TestWatchReadsTwice(t *testing.T) {
	w := runFile(t, true)
	w.looks(t, 2)
	load := w.process.Load
	w.write(t, "tollgate.yaml", w.text("  other: {", "  half: {}\n  other: {"))
	w.process.Load = func(o config.Options) (*config.Config, error) {
		defer w.write(t, "tollgate.yaml", w.text("  other: {", "  whole: {}\n  other: {"))
		return load(o)
	}
	w.looks(t, 2)
	w.process.Load = load
	if w.has("half") {
		t.Error("a change was taken half-way")
	}
	if w.looks(t, 2); !w.has("whole") {
		t.Error("the whole change was not loaded")
	}
}

// TestSecretsMustStand: neither keys of credentials that change meanwhile nor a change during the reading have a half-written secret taken.
func TestSecretsMustStand(t *testing.T) {
	const first, half, whole = "the-first-secret-0123456789", "the-second-secret", "the-second-secret-0123456789"
	w := runFile(t, false)
	w.write(t, "tollgate.yaml", w.text("{file: secret.sk}}}]", "{file: secret.sk}}}, {access_key: {id: TGTWO, secret: {env: TWO}}}]"))
	if _, err := w.Reload(t.Context(), Trigger{By: BySignal}, false); err != nil {
		t.Fatal(err)
	}
	takes := func(when, secret string) {
		t.Helper()
		for _, one := range []string{first, half, whole} {
			if got := w.signed(t, one); (got == 200) != (one == secret) {
				t.Errorf("%s: %s: answer %d", when, one, got)
			}
		}
	}
	w.looks(t, 1)
	w.write(t, "secret.sk", half)
	w.Republish(t.Context())
	takes("half of it is there", first)
	w.looks(t, 1)
	takes("and was seen once", first)
	w.secrets.LookupEnv = func(name string) (string, bool) {
		w.write(t, "secret.sk", whole)
		return keyOf(name)
	}
	w.looks(t, 1)
	w.secrets.LookupEnv = keyOf
	takes("the rest comes while it is read", first)
	w.looks(t, 2)
	takes("it has stood", whole)
	if w.reloads.stale {
		t.Error("the plan does not say which keys are in use")
	}
}

// TestFileIsNotWatchedUnasked, but its secrets are.
func TestFileIsNotWatchedUnasked(t *testing.T) {
	w := runFile(t, false)
	w.write(t, "tollgate.yaml", w.text("  other: {", "  new: {}\n  other: {"))
	if w.looks(t, 3); w.has("new") {
		t.Error("the file was loaded")
	}
	const second = "the-second-secret-0123456789"
	if got := w.signed(t, "the-first-secret-0123456789"); got != 200 {
		t.Errorf("answer %d", got)
	}
	w.write(t, "secret.sk", second)
	w.looks(t, 2)
	if one, two := w.signed(t, "the-first-secret-0123456789"), w.signed(t, second); one != 401 || two != 200 || w.has("new") {
		t.Errorf("answers %d and %d", one, two)
	}
	w.write(t, "secret.sk", "short")
	w.looks(t, 2)
	warnings := strings.Join(w.readiness().Warnings, "\n")
	if got := w.signed(t, second); got != 200 || !strings.Contains(warnings, "secrets that callers sign with stay as they were since ") || strings.Contains(warnings, second) {
		t.Errorf("answer %d, warnings %s", got, warnings)
	}
	w.write(t, "secret.sk", "the-third-secret-0123456789")
	w.looks(t, 2)
	if got := w.signed(t, "the-third-secret-0123456789"); got != 200 || strings.Contains(strings.Join(w.readiness().Warnings, "\n"), "callers sign with") {
		t.Errorf("answer %d", got)
	}
}
