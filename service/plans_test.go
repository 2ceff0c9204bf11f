package service_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"tollgate/audit/blobs"
	"tollgate/audit/logfile"
	"tollgate/audit/verify"
	"tollgate/config"
	"tollgate/service"
)

// planned is a gateway whose configuration and keys tests change.
type planned struct {
	*service.Service
	dir, rate string
	upstream  *httptest.Server
	signed    atomic.Value // the Authorization header of the last call
}

const firstSecret, secondSecret = "SKfirst-0123456789abcdefghij", "SKsecond-0123456789abcdefghij"

func newPlanned(t *testing.T) *planned {
	t.Helper()
	p := &planned{dir: t.TempDir(), rate: "1000/s"}
	p.upstream = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.signed.Store(r.Header.Get("Authorization"))
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{}`)) // an error ends the call, which the test sees
	}))
	t.Cleanup(p.upstream.Close)
	p.keys(t, "AKFIRST", firstSecret)
	return p
}

func (p *planned) keys(t *testing.T, access, secret string) {
	t.Helper()
	for name, text := range map[string]string{"ak": access, "sk": secret} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func (p *planned) load(config.Options) (*config.Config, error) {
	text := fmt.Sprintf(`
listeners: [{name: app, address: "127.0.0.1:0", caller: app}]
upstreams: {bss: {url: %q, catalog: cn}}
credentials: {main: {class: partner, access_key: {file: ak}, secret_key: {file: sk}}}
callers: {app: {grants: [{operations: [ListProvinces], credential: main}]}}
limits: {rules: [{name: all, rate: %s}]}
audit: {dir: audit}
`, p.upstream.URL, p.rate)
	return config.Parse(filepath.Join(p.dir, "tollgate.yaml"), []byte(text), p.dir, config.Options{Secrets: true})
}

func (p *planned) start(t *testing.T) error {
	t.Helper()
	c, err := p.load(config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p.Service, err = service.Start(t.Context(), c, service.Process{Version: "test", Logger: zap.NewNop(), Load: p.load})
	return err
}

// call makes a call, and one that is refused, and returns the plan that the four records since then name.
func (p *planned) call(t *testing.T) string {
	t.Helper()
	for path, want := range map[string]int{"/v2/systems/configs/provinces": http.StatusOK, "/v9/none": http.StatusNotFound} {
		response, err := http.Get("http://" + p.Address("app") + path)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil || response.StatusCode != want {
			t.Fatalf("%s: %d, %v", path, response.StatusCode, err)
		}
	}
	var last string
	for _, r := range p.records(t) {
		if r.Call != "" {
			last = r.Plan
		}
	}
	return last
}

func (p *planned) records(t *testing.T) (all []logfile.Record) {
	t.Helper()
	err := logfile.Read(filepath.Join(p.dir, "audit"), func(r *logfile.Record, _ []byte) error {
		all = append(all, *r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (p *planned) text(t *testing.T, id string) string {
	t.Helper()
	text, _, err := blobs.Read(os.DirFS(filepath.Join(p.dir, "audit")), id)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestRecordsNameTheirPlan: records of calls name the plan by which they were decided, whose text is there and has no secret; another
// configuration, other keys and a restart are other plans, or the same again.
func TestRecordsNameTheirPlan(t *testing.T) {
	p := newPlanned(t)
	if err := p.start(t); err != nil {
		t.Fatal(err)
	}
	first := p.call(t)
	for _, want := range []string{`"generation":{"access_key":"AKFIRST","number":1}`, `"rate":"1000/s"`, `"operations":["ListProvinces"]`} {
		if text := p.text(t, first); !strings.Contains(text, want) {
			t.Errorf("the text of the plan has no %s: %s", want, text)
		}
	}
	p.rate = "900/s"
	reloaded, err := p.Reload(t.Context(), service.Trigger{By: service.BySignal}, false)
	if err != nil {
		t.Fatal(err)
	}
	second := p.call(t)
	if second == first || !strings.HasPrefix(reloaded.Plan, second) || !strings.Contains(p.text(t, second), `"rate":"900/s"`) {
		t.Errorf("after another configuration calls name %s, before %s; the reload says %s", second, first, reloaded.Plan)
	}
	p.keys(t, "AKSECOND", secondSecret)
	if _, err := p.Reload(t.Context(), service.Trigger{By: service.BySignal}, false); err != nil { // which has keys read again
		t.Fatal(err)
	}
	third := second
	for deadline := time.Now().Add(30 * time.Second); third == second && time.Now().Before(deadline); {
		third = p.call(t)
	}
	if want := `"generation":{"access_key":"AKSECOND","number":2}`; !strings.Contains(p.text(t, third), want) {
		t.Errorf("the text of the plan has no %s: %s", want, p.text(t, third))
	}
	if err := p.Drain(); err != nil {
		t.Fatal(err)
	}
	p.check(t, []string{first, second, third})
}

// check verifies the log, whose records of calls name these plans in this order and nothing else, and looks for secrets in their texts.
func (p *planned) check(t *testing.T, plans []string) {
	t.Helper()
	report, err := verify.Verify(t.Context(), os.DirFS(filepath.Join(p.dir, "audit")), verify.Options{})
	if err != nil || !report.Whole() || report.Plans != len(plans) {
		t.Errorf("verifying: %v, %+v", err, report)
	}
	var named []string
	for _, r := range p.records(t) {
		if r.Call != "" {
			named = append(named, r.Plan)
		}
	}
	if got := slices.Compact(named); !slices.Equal(got, plans) {
		t.Errorf("records name %q, want %q", got, plans)
	}
	for _, plan := range plans {
		if text := p.text(t, plan); strings.Contains(text, firstSecret) || strings.Contains(text, secondSecret) {
			t.Errorf("a secret is in %s", text)
		}
	}
}

// TestPlanWithoutText: no record names a plan whose text is not durable. A start fails, a reload is refused; new keys of a credential
// sign all the same, and their plan is in force when its text can be written again.
func TestPlanWithoutText(t *testing.T) {
	p := newPlanned(t)
	folder := filepath.Join(p.dir, "audit", blobs.Folder)
	block := func() {
		t.Helper()
		_ = os.Rename(folder, folder+".away") // before the first start there is none
		if err := os.MkdirAll(filepath.Dir(folder), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(folder, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	unblock := func() {
		t.Helper()
		if err := os.Remove(folder); err != nil {
			t.Fatal(err)
		}
		_ = os.Rename(folder+".away", folder)
	}
	block()
	if err := p.start(t); err == nil || !strings.Contains(err.Error(), "the text of the plan cannot be written") {
		t.Fatalf("a start: %v", err)
	}
	unblock()
	if err := p.start(t); err != nil {
		t.Fatal(err)
	}
	first := p.call(t)
	block()
	p.rate = "900/s"
	if _, err := p.Reload(t.Context(), service.Trigger{By: service.BySignal}, false); err == nil || !strings.Contains(err.Error(), "the text of the plan cannot be written") {
		t.Errorf("a reload: %v", err)
	}
	if plan := p.call(t); plan != first {
		t.Errorf("after a reload that was refused calls name %s, before %s", plan, first)
	}
	unblock()
	if _, err := p.Reload(t.Context(), service.Trigger{By: service.BySignal}, false); err != nil {
		t.Error(err)
	}
	second := p.call(t)
	block()
	p.keys(t, "AKSECOND", secondSecret)
	_, _ = p.Reload(t.Context(), service.Trigger{By: service.BySignal}, false) // refused, and has keys read again
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(p.signed.Load().(string), "Access=AKSECOND"); {
		if plan := p.call(t); plan != second || time.Now().After(deadline) {
			t.Fatalf("calls name %s, before %s, and are signed by %s", plan, second, p.signed.Load())
		}
	}
	unblock()
	p.Republish(t.Context())
	third := p.call(t)
	if text := p.text(t, third); !strings.Contains(text, "AKSECOND") {
		t.Errorf("the plan of the new keys is %s", text)
	}
	if err := p.Drain(); err != nil {
		t.Fatal(err)
	}
	p.check(t, []string{first, second, third})
}
