package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
	"tollgate/internal/secret"
	"tollgate/internal/testpki"
	"tollgate/signing"
)

// quoting is a provider that answers with all that it was sent, as the real one does with a signature that does not fit.
type quoting struct{ authorizations []string }

func (q *quoting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q.authorizations = append(q.authorizations, r.Header.Get("Authorization")) // one call at a time
	token := r.Header.Get("X-Security-Token")
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Echo", token)
	w.Header().Set("X-Echo-Escaped", url.QueryEscape(token))
	w.WriteHeader(http.StatusUnauthorized)
	spellings := strings.Join([]string{token, strings.ReplaceAll(token, "=", `\u003d`), strings.ReplaceAll(token, "/", `\/`), url.QueryEscape(token)}, "|")
	fmt.Fprintf(w, `{"error_code":"APIG.0303","error_msg":"x-security-token:%s canonicalRequest: %s|%s"}`, spellings, r.Method, r.URL.RawQuery)
}

// failing is a gateway with temporary keys whose upstreams quote what they are sent, cannot be reached, and show a
// certificate of an authority that is not trusted; and with an internal application.
const failing = `
listeners: [{name: keys, address: "127.0.0.1:0", upstreams: [bss, app]}, {name: down, address: "127.0.0.1:0", upstreams: [down]}, {name: foreign, address: "127.0.0.1:0", upstreams: [foreign]}]
upstreams:
  bss: {url: "https://{{.Upstream}}", catalog: cn, tls: {ca: ca.pem}}
  down: {url: "https://127.0.0.1:1", catalog: cn, tls: {ca: ca.pem}}
  foreign: {url: "https://{{.Intl}}", catalog: cn, tls: {ca: ca.pem}}
  app: {url: "http://{{.App}}", endpoints: [{name: App, method: "*", path: "/app/{path...}", effect: write}]}
credentials:
  bss: {class: customer, upstream: bss, domain_id: c-17, access_key: {env: C17_AK}, secret_key: {env: C17_SK}, security_token: {env: C17_TOKEN}}
  down: {class: customer, upstream: down, domain_id: c-17, access_key: {env: C17_AK}, secret_key: {env: C17_SK}, security_token: {env: C17_TOKEN}}
  foreign: {class: customer, upstream: foreign, domain_id: c-17, access_key: {env: C17_AK}, secret_key: {env: C17_SK}, security_token: {env: C17_TOKEN}}
callers:
  shop:
    auth: [{access_key: {id: TGSHOP, secret: {env: SHOP_SK}}}]
    grants:
      - {operations: ["effect:read", "effect:spend"], upstream: bss, credential: bss}
      - {operations: ["effect:read", "effect:spend"], upstream: down, credential: down}
      - {operations: ["effect:read", "effect:spend"], upstream: foreign, credential: foreign}
      - {operations: ["*"], upstream: app}
audit: {dir: audit}
admin: {address: "127.0.0.1:0"}
log: {level: debug, format: json}
`

// TestNoSecretLeavesWhenUpstreamsFail looks for secrets where errors are reported.
func TestNoSecretLeavesWhenUpstreamsFail(t *testing.T) {
	t.Parallel()
	accounts := bsssim.DefaultAccounts()
	for i := range accounts {
		accounts[i].SecurityToken = customerToken
	}
	w := newWorld(t, bsssim.Config{Accounts: accounts})
	quotes, internal := &quoting{}, &app{}
	w.values.Upstream = w.serve(quotes)
	trusted := w.ca
	w.ca = testpki.Must(testpki.New())
	w.values.Intl = w.serve(w.simulator)
	w.ca = trusted
	w.values.App = w.serveOn(listenOnLoopback(t), internal)
	p := w.configure(failing).start()

	said := outputs{}
	sent := map[string]string{"a security token": customerToken, "the shop's virtual secret": shopSecret, "a password": password}
	const balance = "/v2/accounts/customer-accounts/balances"
	for i, c := range []struct{ listener, method, target, body string }{
		{"keys", "GET", balance + "?password=" + password, ""}, {"keys", "GET", balance, ""}, {"keys", "POST", "/v3/orders/customer-orders/pay", `{"order_id":"CS-1"}`},
		{"down", "GET", balance + "?password=" + password, ""}, {"foreign", "GET", balance, ""}, {"foreign", "POST", "/v3/orders/customer-orders/pay", `{"order_id":"CS-1"}`},
		{"keys", "POST", "/app/x?token=" + password, `{"password":"` + password + `"}`},
	} {
		r := request(t, c.method, "http://"+p.address(c.listener)+c.target, c.body)
		signFor(t, r, c.body)
		sent[fmt.Sprintf("inbound signature %d", i)] = signature(r.Header.Get("Authorization"))
		got := send(t, &http.Transport{DisableKeepAlives: true}, r)
		if strings.HasPrefix(c.target, "/app/") == (got.status >= 400) {
			t.Errorf("%s %s: %d %s", c.listener, c.target, got.status, got.body)
		}
		said["answers"] += fmt.Sprintf("%v\n%s\n", got.header, strings.ReplaceAll(got.body, "password="+password, "")) // the caller's own query
	}
	for i, a := range quotes.authorizations {
		sent[fmt.Sprintf("outbound signature %d", i)] = signature(a)
	}
	seen, body := internal.last()
	if seen == nil || seen.Header.Get("Authorization") != "" || seen.Header.Get("X-Security-Token") != "" || !strings.Contains(body, password) {
		t.Errorf("the application got %v %q", seen, body)
	}
	_, said["/metrics"] = p.admin("/metrics")
	p.stop()
	said["stderr"] = p.log()
	w.filesOfTheGateway(said)
	w.wantOutcomes(logfile.Failed, logfile.NotSent)
	for _, account := range accounts {
		sent["the secret key of "+account.DomainID] = account.SecretKey
	}
	for name, secret := range sent {
		said.search(t, name, secret)
	}
}

// signFor signs a request with the shop's virtual key.
func signFor(t *testing.T, r *http.Request, body string) {
	t.Helper()
	query, err := signing.ParseQuery(r.URL.RawQuery)
	if err != nil {
		t.Fatal(err)
	}
	added, err := signing.SDK.NewKey(shopKey, secret.New(shopSecret)).Sign(time.Now(), signing.Request{
		Method: r.Method, Path: signing.CanonicalPath(r.URL.Path), Query: query.Canonical(), PayloadHash: signing.HashHex([]byte(body)),
		Headers: []signing.Header{{Name: "host", Value: r.URL.Host}},
	}, signing.Account{})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range added {
		r.Header.Set(h.Name, h.Value)
	}
}

func listenOnLoopback(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// wantOutcomes sees to it that the calls ended in these ways, so that there was something to report.
func (w *world) wantOutcomes(want ...string) {
	w.t.Helper()
	found := map[string]int{}
	for _, r := range w.records() {
		found[r.Outcome]++
	}
	for _, outcome := range want {
		if found[outcome] == 0 {
			w.t.Errorf("no call with the outcome %s: %v", outcome, found)
		}
	}
}
