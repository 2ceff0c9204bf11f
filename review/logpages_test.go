package review_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"tollgate/audit/export"
	"tollgate/config"
	"tollgate/gateway"
	"tollgate/review"
	"tollgate/review/evidence"
	"tollgate/review/jobs"
	"tollgate/review/reviewtest"
	"tollgate/review/session"
	"tollgate/service"
)

type door struct{}

func (door) Who(*http.Request) *session.Person { return &session.Person{Name: "Li Na"} }

// pages are the pages of a log.
type pages struct {
	log     *evidence.Log
	server  *review.Server
	handler http.Handler
}

// pagesOf makes them, of a configuration that a test may change.
func pagesOf(t *testing.T, log *evidence.Log, change func(c *review.Config)) *pages {
	t.Helper()
	log.Name = "main"
	c := review.Config{
		Logs: evidence.Logs{log}, Zone: reviewtest.Zone, Clock: func() time.Time { return reviewtest.Now }, Hosts: []string{"127.0.0.1"}, Door: door{},
	}
	if change != nil {
		change(&c)
	}
	if c.Jobs == nil {
		c.Jobs = jobs.New(c.Clock, false)
	}
	t.Cleanup(c.Jobs.Close)
	server := review.New(c).WithPatience(time.Hour)
	return &pages{log, server, server.Handler()}
}

func (p *pages) do(method, address, form string, header ...string) *http.Response {
	r := httptest.NewRequestWithContext(context.Background(), method, "http://127.0.0.1"+address, strings.NewReader(form))
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// get returns a page, which must have some texts.
func (p *pages) get(t *testing.T, address string, want ...string) string {
	t.Helper()
	r := p.do("GET", address, "")
	text := body(t, r)
	if r.StatusCode != http.StatusOK {
		t.Errorf("%s: %s", address, r.Status)
	}
	for _, one := range want {
		if !strings.Contains(text, one) {
			t.Errorf("%s lacks %q:\n%s", address, one, text)
		}
	}
	return text
}

// ended returns a page once no job of it runs.
func (p *pages) ended(t *testing.T, address string) string {
	t.Helper()
	for t.Context().Err() == nil {
		r := p.do("GET", address, "")
		if r.Header.Get("Refresh") == "" {
			return body(t, r)
		}
		runtime.Gosched()
	}
	t.Fatal("it does not end")
	return ""
}

func TestLogPage(t *testing.T) {
	p := pagesOf(t, review.SecondLog(), nil)
	p.get(t, "/log", "Records <bdi>1</bdi> to <bdi>1,310</bdi>", "not verified since these pages started", "(signature checked now)", "no record: all are signed", "the first key of the log",
		"No record is missing between the files.", "No record was removed.", "writes checkpoints to no other place")
	p.get(t, "/log?lang=zh", "最新检查点", "尚未校验")
}

// TestVerify holds that a verification is started by a form alone, from these pages alone, and what pages say of it.
func TestVerify(t *testing.T) {
	p := pagesOf(t, review.SecondLog(), nil)
	for _, r := range []*http.Response{
		p.do("POST", "/log/verify", "log=main", "Sec-Fetch-Site", "cross-site"), p.do("POST", "/log/verify", "log=main", "Origin", "http://other.example"),
		p.do("POST", "/log/verify", "log=other"), p.do("GET", "/log/verify?log=main", ""), p.do("POST", "/log/verify?log=main", ""),
	} {
		if r.StatusCode < 400 {
			t.Error(r.Status)
		}
	}
	p.get(t, "/log", "The log has not been verified")
	if r := p.do("POST", "/log/verify", "log=main"); r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/log" {
		t.Error(r.Status, r.Header)
	}
	if page := p.ended(t, "/log"); !strings.Contains(page, "Whole: records <bdi>1</bdi> to <bdi>1,310</bdi>") || !strings.Contains(page, "verified whole to record <bdi>1,310</bdi>") {
		t.Error(page)
	}
	p.get(t, "/about", "verified whole to record <bdi>1,310</bdi>")
}

// TestFaults holds that a change of the log is shown, on each page.
func TestFaults(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, review.SecondLog().FS); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(names[3])
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), `"kind":"intent"`, `"kind":"refusal"`, 1)
	if err := os.WriteFile(names[3], []byte(changed), 0o600); err != nil || changed == string(text) {
		t.Fatal("nothing to change", err)
	}
	p := pagesOf(t, &evidence.Log{FS: os.DirFS(dir), Dir: dir}, nil)
	p.do("POST", "/log/verify", "log=main")
	page := p.ended(t, "/log")
	for _, want := range []string{`class="fault" role="alert"`, "A call lacks its beginning or its end.", "Something was changed between two checkpoints", "faults found at"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
}

// waiting is a runner that works at a job until the test ends.
func waiting(t *testing.T, c *review.Config) {
	t.Helper()
	c.Jobs = jobs.New(c.Clock, true)
	err := c.Jobs.Start("other", "someone", func(ctx context.Context, p *jobs.Progress) (any, error) { <-ctx.Done(); return nil, ctx.Err() })
	if err != nil {
		t.Fatal(err)
	}
}

// TestCancelVerify holds that one that waits or runs is shown, loads the page again, and can be ended.
func TestCancelVerify(t *testing.T) {
	p := pagesOf(t, review.SecondLog(), func(c *review.Config) { waiting(t, c) })
	p.do("POST", "/log/verify", "log=main")
	if r := p.do("GET", "/log", ""); r.Header.Get("Refresh") != "5" || !strings.Contains(body(t, r), "<bdi>Li Na</bdi> started waits: <bdi>1</bdi> other job is before it") {
		t.Error(r.Status, r.Header)
	}
	p.do("POST", "/log/cancel", "log=main")
	if r := p.do("GET", "/log", ""); r.Header.Get("Refresh") != "" || !strings.Contains(body(t, r), "The last verification was cancelled") {
		t.Error(r.Status, r.Header)
	}
}

// TestTLS holds that a report is made at once on a machine of its own, and by a form where calls are served.
func TestTLS(t *testing.T) {
	p := pagesOf(t, review.SecondLog(), nil)
	p.get(t, "/tls?period=2026-10", "to record <bdi>", "TLS_AES_", "No caller is known to break.", "spiffe://corp.example/billing-app")
	p.get(t, "/tls?period=2026-10&without=no+such", "The policy has no version, suite or group of that name")
	for address, status := range map[string]int{"/tls?period=x": 400, "/tls?log=other": 404, "/tls?policy=none": 404, "/tls?without=" + strings.Repeat("x", 500): 404} {
		if r := p.do("GET", address, ""); r.StatusCode != status {
			t.Errorf("%s: %s, want %d", address, r.Status, status)
		}
	}
	served := pagesOf(t, review.SecondLog(), func(c *review.Config) { c.Jobs = jobs.New(c.Clock, true) })
	served.get(t, "/tls?period=2026-10", "The report of this period has not been made", `action="/tls/make"`)
	made := served.do("POST", "/tls/make", url.Values{"log": {"main"}, "period": {"2026-10"}, "policy": {"huawei"}}.Encode())
	if made.StatusCode != http.StatusSeeOther {
		t.Error(made.Status)
	}
	if page := served.ended(t, made.Header.Get("Location")); !strings.Contains(page, "held against the policy <bdi>huawei</bdi>") {
		t.Error(page)
	}
}

func TestAccess(t *testing.T) {
	p := pagesOf(t, review.LargeLog(), nil)
	page := p.get(t, "/access", "This is the plan that the log named last.", "<bdi>billing-app</bdi>", "access key <bdi>TGSHOP</bdi>", "until <bdi>2026-12-05</bdi>", "<bdi>globex</bdi> <small>37 operations",
		"CNY 20,000.00", "<bdi>callers.shop.grants</bdi>", "may call PayOrders with credential globex", "Only the pages of a running gateway can ask its plan.")
	if strings.Contains(page, "shop_sk") {
		t.Error("the place of a secret is on the page")
	}
	_, rest, _ := strings.Cut(page, `href="/access/plan.json?plan=`)
	name := rest[:64]
	text, err := os.ReadFile(filepath.Join(p.log.Dir, "blobs", name))
	if err != nil {
		t.Fatal(err)
	}
	r := p.do("GET", "/access/plan.json?plan="+name, "")
	if got := body(t, r); got != string(text) || !strings.HasPrefix(r.Header.Get("Content-Disposition"), "attachment;") || r.Header.Get("Content-Type") != "application/json" {
		t.Error(r.Header, len(got))
	}
	if page := p.get(t, "/access?caller=shop", "Caller 1 of 1"); strings.Contains(page, "<strong><bdi>reports</bdi></strong>") {
		t.Error("the filter does not choose")
	}
	p.get(t, "/access?plan="+strings.Repeat("0", 16), "cannot be shown")
	for _, address := range []string{"/access?plan=x", "/access?plan=../../x", "/access/plan.json?plan=" + strings.Repeat("0", 64), "/access/plan.json"} {
		if r := p.do("GET", address, ""); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", address, r.Status)
		}
	}
}

// TestPatience holds that a page for which there was no time says so, offers to go on, and claims nothing of what it did not look at.
func TestPatience(t *testing.T) {
	p := pagesOf(t, review.SecondLog(), nil)
	p.server.WithPatience(0)
	for address, claims := range map[string][]string{
		"/log":    {"There is no checkpoint", "No record names a key", "No plan is at hand", "No record is missing", "No record was removed", "There is no record yet"},
		"/access": {"The log names no plan", "The log has no record of a plan"},
	} {
		page := p.get(t, address, "After two seconds not all could be looked at", `<a href="`+address+`">Go on</a>`)
		for _, claim := range claims {
			if strings.Contains(page, claim) {
				t.Errorf("%s claims: %s", address, claim)
			}
		}
	}
	p.get(t, "/tls?period=2026-10", `action="/tls/make"`)
}

const runningConfig = `
listeners: [{name: reports, address: "127.0.0.1:8080", caller: reports, upstreams: [bss]}]
upstreams: {bss: {url: https://bss.myhuaweicloud.com, catalog: cn}}
credentials: {partner: {class: partner, domain_id: p-1, keys: {file: partner.json}}}
callers: {reports: {grants: [{operations: [effect:read], credential: partner}]}}
audit: {dir: /var/lib/tollgate/audit}
`

// TestExplain holds that the running plan is asked, and no other.
func TestExplain(t *testing.T) {
	c, err := config.Parse("tollgate.yaml", []byte(runningConfig), "/etc/tollgate", config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := service.Plan(c)
	if err != nil {
		t.Fatal(err)
	}
	p := pagesOf(t, review.SecondLog(), func(c *review.Config) { c.Plan = func() *gateway.Plan { return plan } })
	ask := func(caller, method, path string) string {
		return "/access?" + url.Values{"explain-caller": {caller}, "method": {method}, "path": {path}}.Encode()
	}
	p.get(t, ask("reports", "GET", "/v2/orders/customer-orders"), "Allowed", "today&#39;s answer", "<bdi>ListCustomerOrders</bdi>", "<bdi>partner</bdi>")
	p.get(t, ask("reports", "POST", "/v3/orders/customer-orders/pay"), "Refused", "<bdi>PayOrders</bdi>")
	p.get(t, ask("shop", "GET", "/v2/orders/customer-orders"), "Refused")
	p.get(t, ask("reports", "GET", "x"), "A path begins with /")
}

// TestHostileTexts holds that texts of peers stay texts on these pages.
func TestHostileTexts(t *testing.T) {
	p := pagesOf(t, review.HostileLog(), nil)
	for _, address := range []string{"/log", "/access", "/tls?period=2026-11", "/tls?period=2026-10", "/tls?period=2026&lang=zh", "/access?caller=" + url.QueryEscape("<script>\u202e")} {
		page := p.get(t, address)
		if strings.Contains(page, "<script") || strings.Contains(page, "<img") || strings.ContainsAny(page, "\u202e\u2066\x00") || strings.Contains(page, "style=") {
			t.Errorf("%s:\n%s", address, page)
		}
	}
}

// TestBundle holds that an archive is shown and verified in place, also its statement of where it ends.
func TestBundle(t *testing.T) {
	file := filepath.Join(t.TempDir(), "october.zip")
	reviewtest.Bundle(review.SecondLog().Dir, file)
	fsys, meta, closer, err := export.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = closer.Close() }) // opened for reading: nothing can be lost
	for name, c := range map[string]struct{ ends, want string }{
		"whole": {meta.Checkpoint, "Whole: records"}, "another end": {"x", "A checkpoint kept elsewhere is of another log"},
	} {
		p := pagesOf(t, &evidence.Log{FS: fsys, Blobs: meta.Blobs, Ends: c.ends}, nil)
		p.get(t, "/log", "Read from a bundle")
		p.get(t, "/access", "<bdi>billing-app</bdi>")
		p.do("POST", "/log/verify", "log=main")
		if page := p.ended(t, "/log"); !strings.Contains(page, c.want) {
			t.Errorf("%s:\n%s", name, page)
		}
	}
}
