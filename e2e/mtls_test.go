package e2e

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
	"tollgate/internal/testpki"
)

// central is a gateway for callers that show certificates, or sign.
const central = `
guard: {mode: shadow}
listeners:
  - {name: https, address: "127.0.0.1:0", hosts: [gateway.example],
     tls: {policy: huawei-high, certificate: {files: {cert: gateway.crt, key: gateway.key}}, client_ca: ca.pem}}
upstreams:
  bss: {url: "https://{{.Upstream}}", catalog: cn, tls: {ca: ca.pem}}
credentials:
  customer: {class: customer, domain_id: c-17, access_key: {env: C17_AK}, secret_key: {env: C17_SK}}
callers:
  shop:
    auth: [{certificate: {uri: "spiffe://corp.example/shop"}}, {access_key: {id: TGSHOP, secret: {env: SHOP_SK}}}]
    grants: [{operations: [effect:read, effect:spend], credential: customer}]
  report:
    auth: [{certificate: {common_name: report}}]
    grants: [{operations: [effect:read], credential: customer}]
audit: {dir: audit}
admin: {address: "127.0.0.1:0"}
log: {level: debug, format: json}
`

const balances = "https://" + gatewayName + "/v2/accounts/customer-accounts/balances"

func TestClientCertificates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(central)
	p := w.start()
	shop := w.issue("shop", testpki.Leaf{URIs: []string{"spiffe://corp.example/shop"}})
	report := w.issue("report", testpki.Leaf{CommonName: "report"})
	unknown := w.issue("unknown", testpki.Leaf{URIs: []string{"spiffe://corp.example/shop2"}})
	disguised := w.issue("disguised", testpki.Leaf{CommonName: "report", Names: []string{"elsewhere.example"}})
	const spend = "https://" + gatewayName + "/v3/orders/customer-orders/pay"
	for _, c := range []struct {
		name        string
		certificate *tls.Certificate
		method, url string
		body        string
		status      int
		code        string
		caller, by  string // on record
	}{
		{"by URI", &shop, "GET", balances, "", 200, "", "shop", "certificate"},
		{"by common name", &report, "GET", balances, "", 200, "", "report", "certificate"},
		{"a grant of another caller", &report, "POST", spend, `{"order_id":"CS-1001"}`, 403, "TG.3001", "report", "certificate"},
		{"a name of no caller", &unknown, "GET", balances, "", 401, "TG.2008", "", ""},
		{"a common name beside other names", &disguised, "GET", balances, "", 401, "TG.2008", "", ""},
		{"no certificate", nil, "GET", balances, "", 401, "TG.2001", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			transport := w.transport(p.address("https"))
			if c.certificate != nil {
				transport = w.transport(p.address("https"), *c.certificate)
			}
			got := send(t, transport, request(t, c.method, c.url, c.body))
			if got.status != c.status || got.code != c.code {
				t.Fatalf("%d %s, want %d %s", got.status, got.body, c.status, c.code)
			}
			kind := logfile.KindRefusal
			if got.status == http.StatusOK {
				kind = logfile.KindIntent
			}
			r := w.recorded(kind, got.header.Get("Tollgate-Call-Id"))
			if r.Caller != c.caller || r.IdentifiedBy != c.by {
				t.Errorf("on record: caller %q by %q, want %q by %q", r.Caller, r.IdentifiedBy, c.caller, c.by)
			}
			if r.TLSIn == nil || r.TLSIn.Version == "" || r.TLSIn.Suite == "" {
				t.Errorf("the record has no TLS evidence: %+v", r.TLSIn)
			}
		})
	}
}

// TestForeignCertificate is of an authority that the listener does not trust: no request is read.
func TestForeignCertificate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(central)
	p := w.start()
	foreign := testpki.Must(testpki.Must(testpki.New()).Issue(testpki.Leaf{URIs: []string{"spiffe://corp.example/shop"}}))
	transport := w.transport(p.address("https"))
	// Shown whatever authorities the listener names.
	transport.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &foreign, nil }
	client := http.Client{Transport: transport, Timeout: patience}
	if response, err := client.Get(balances); err == nil {
		_ = response.Body.Close()
		t.Errorf("answered %d", response.StatusCode)
	}
	eventually(t, "the refused handshake is on record", func() bool {
		for _, r := range w.records() {
			if r.Kind == logfile.KindRefusal && r.Stage == logfile.StageHandshake && r.Reason == "certificate" && r.TLSIn != nil && r.TLSIn.Offer != nil {
				return true
			}
		}
		return false
	})
	if _, metrics := p.admin("/metrics"); !strings.Contains(metrics, "tollgate_connections_refused_total{") {
		t.Error("the refused handshake is not counted")
	}
}

// TestContradictingIdentities signs with the keys of one caller over the certificate of another, and of the same.
func TestContradictingIdentities(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(central)
	p := w.start()
	shop := w.shop(p)
	shop.transport = w.transport(p.address("https"), w.issue("shop", testpki.Leaf{URIs: []string{"spiffe://corp.example/shop"}}))
	if err := pay(shop.bss(t), "CS-1001"); err != nil {
		t.Errorf("certificate and keys of one caller: %v", err)
	}
	shop.transport = w.transport(p.address("https"), w.issue("report", testpki.Leaf{CommonName: "report"}))
	refused(t, pay(shop.bss(t), "CS-1002"), http.StatusUnauthorized, "TG.2007")
}

// TestWeakHandshakeIsRefused offers a suite that is off the whitelist, and TLS 1.1.
func TestWeakHandshakeIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(central)
	p := w.start()
	for name, offer := range map[string]*tls.Config{
		"TLS 1.1":     {MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
		"a CBC suite": {MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}},
	} {
		offer.RootCAs, offer.ServerName = w.pool(), gatewayName
		connection, err := tls.Dial("tcp", p.address("https"), offer)
		if err == nil {
			_ = connection.Close()
			t.Errorf("%s: the handshake succeeds", name)
		}
	}
}
