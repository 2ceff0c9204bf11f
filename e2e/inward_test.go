package e2e

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
	"tollgate/internal/testpki"
)

// inward is a TLS front before two internal apps, one on a loopback port, one on a unix socket.
const inward = `
listeners:
  - {name: https, address: "127.0.0.1:0", hosts: [gateway.example], upstreams: [ledger, vault],
     tls: {policy: huawei-high, certificate: {files: {cert: gateway.crt, key: gateway.key}}, client_ca: ca.pem, client_certificate: required}}
upstreams:
  ledger:
    url: "http://{{.App}}"
    endpoints:
      - {name: ReadLedger, method: GET, path: "/ledger/{path...}", effect: read}
      - {name: ChangeLedger, method: "*", path: "/ledger/{path...}", effect: write}
  vault:
    url: "unix:app.sock"
    endpoints: [{name: ReadVault, method: GET, path: "/vault/{path...}", effect: read}]
callers:
  shop:
    auth: [{certificate: {uri: "spiffe://corp.example/shop"}}]
    grants: [{operations: ["*"], upstream: ledger}, {operations: [ReadVault], upstream: vault}]
  report:
    auth: [{certificate: {uri: "spiffe://corp.example/report"}}]
    grants: [{operations: [effect:read], upstream: ledger}]
limits:
  rules: [{name: vault, per: [caller], operations: [ReadVault], rate: 1/h, burst: 1}]
  max_wait: 0s
audit: {dir: audit}
admin: {address: "127.0.0.1:0"}
log: {level: debug, format: json}
`

// app is an internal application that keeps what it is asked.
type app struct {
	mu   sync.Mutex
	seen []*http.Request
	body []string
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a.mu.Lock()
	a.seen, a.body = append(a.seen, r), append(a.body, string(body))
	a.mu.Unlock()
	w.Header().Add("Set-Cookie", "session=s1; HttpOnly")
	w.Header().Add("Set-Cookie", "theme=dark")
	w.Header().Set("Tollgate-Call-Id", "forged")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, "hello "+r.Header.Get("Tollgate-Caller"))
}

func (a *app) last() (*http.Request, string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.seen) == 0 {
		return nil, ""
	}
	return a.seen[len(a.seen)-1], a.body[len(a.body)-1]
}

func (a *app) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.seen)
}

func TestInwardSidecar(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{})
	ledger, vault := &app{}, &app{}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.values.App = w.serveOn(tcp, ledger)
	socket, err := net.Listen("unix", w.file("app.sock"))
	if err != nil {
		t.Fatal(err)
	}
	w.serveOn(socket, vault)
	p := w.configure(inward).start()
	shop := w.transport(p.address("https"), w.issue("shop", testpki.Leaf{URIs: []string{"spiffe://corp.example/shop"}}))
	report := w.transport(p.address("https"), w.issue("report", testpki.Leaf{URIs: []string{"spiffe://corp.example/report"}}))
	const base = "https://" + gatewayName

	t.Run("the app learns who calls", func(t *testing.T) {
		got := send(t, shop, request(t, "POST", base+"/ledger/2026/entries?a=1", `{"amount":"1.00"}`, "Cookie", "session=s0",
			"Tollgate-Caller", "root", "tollgate-caller-class", "admin", "Tollgate_Caller", "root", "X_Custom", "1", "X-Custom", "2",
			"X-Forwarded-For", "6.6.6.6", "Forwarded", "for=6.6.6.6", "X-Real-IP", "6.6.6.6", "X-Remote-User", "root", "X-Original-URL", "/vault/a"))
		if got.status != http.StatusCreated || got.body != "hello shop" {
			t.Fatalf("%d %s", got.status, got.body)
		}
		seen, body := ledger.last()
		if seen.URL.RequestURI() != "/ledger/2026/entries?a=1" || body != `{"amount":"1.00"}` || seen.Header.Get("Cookie") != "session=s0" || seen.Header.Get("X-Custom") != "2" {
			t.Errorf("the app saw %s %q %v", seen.URL.RequestURI(), body, seen.Header)
		}
		if callers := seen.Header.Values("Tollgate-Caller"); len(callers) != 1 || callers[0] != "shop" {
			t.Errorf("Tollgate-Caller: %q", callers)
		}
		for name, values := range seen.Header {
			if strings.Contains(name, "_") || slices.Contains([]string{"Tollgate-Caller-Class", "X-Remote-User", "X-Original-Url"}, name) || strings.Contains(strings.Join(values, ","), "6.6.6.6") {
				t.Errorf("%s: %q reached the app", name, values)
			}
		}
		if cookies := got.header.Values("Set-Cookie"); len(cookies) != 2 {
			t.Errorf("the cookies that came back: %q", cookies)
		}
		call := got.header.Get("Tollgate-Call-Id")
		if call == "forged" || seen.Header.Get("Tollgate-Call-Id") != call {
			t.Errorf("call id %q, the app saw %q", call, seen.Header.Get("Tollgate-Call-Id"))
		}
		r := w.recorded(logfile.KindIntent, call)
		if r.Caller != "shop" || r.Operation != "ChangeLedger" || r.Effect != "write" || r.Credential != "" {
			t.Errorf("on record: %+v", r)
		}
	})
	t.Run("grants hold", func(t *testing.T) {
		before := ledger.count()
		if got := send(t, report, request(t, "GET", base+"/ledger/2026", "")); got.status != http.StatusCreated || got.body != "hello report" {
			t.Errorf("a read: %d %s", got.status, got.body)
		}
		for _, refusal := range []struct{ method, path string }{{"DELETE", "/ledger/2026"}, {"GET", "/vault/a"}} {
			if got := send(t, report, request(t, refusal.method, base+refusal.path, "")); got.status != http.StatusForbidden || got.code != "TG.3001" {
				t.Errorf("%s %s: %d %s", refusal.method, refusal.path, got.status, got.body)
			}
		}
		for _, path := range []string{"/ledger", "/ledger/../vault/a", "/other"} {
			r := request(t, "GET", base+path, "")
			r.URL.Opaque = "//" + gatewayName + path // as it is
			if got := send(t, report, r); got.status < 400 {
				t.Errorf("%s: %d %s", path, got.status, got.body)
			}
		}
		if n := ledger.count() - before; n != 1 || vault.count() != 0 {
			t.Errorf("the apps saw %d and %d calls, want 1 and 0", n, vault.count())
		}
	})
	t.Run("unix socket and limits", func(t *testing.T) {
		if got := send(t, shop, request(t, "GET", base+"/vault/a%20b", "")); got.status != http.StatusCreated || got.body != "hello shop" {
			t.Errorf("%d %s", got.status, got.body)
		}
		if got := send(t, shop, request(t, "GET", base+"/vault/a", "")); got.status != http.StatusTooManyRequests || got.code != "TG.5001" {
			t.Errorf("over the limit: %d %s", got.status, got.body)
		}
		if seen, _ := vault.last(); vault.count() != 1 || seen.URL.Path != "/vault/a b" {
			t.Errorf("the app saw %d calls, the last %s", vault.count(), seen.URL.Path)
		}
	})
	t.Run("no certificate, no request", func(t *testing.T) {
		client := http.Client{Transport: w.transport(p.address("https")), Timeout: patience}
		if response, err := client.Get(base + "/ledger/a"); err == nil {
			_ = response.Body.Close()
			t.Errorf("answered %d", response.StatusCode)
		}
	})
	p.stop()
}
