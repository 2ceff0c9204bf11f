package e2e

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
	"tollgate/internal/testpki"
)

// TestTLSReport has a caller that can do no more than TLS 1.2, one that can do both, and an unknown one with TLS 1.1: the report
// distinguishes them from the log alone.
func TestTLSReport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(central)
	p := w.start()
	shop := w.transport(p.address("https"), w.issue("shop", testpki.Leaf{URIs: []string{"spiffe://corp.example/shop"}}))
	report := w.transport(p.address("https"), w.issue("report", testpki.Leaf{CommonName: "report"}))
	report.TLSClientConfig.MaxVersion = tls.VersionTLS12
	for _, transport := range []*http.Transport{shop, shop, shop, report, report} {
		if got := send(t, transport, request(t, "GET", balances, "")); got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	if connection, err := tls.Dial("tcp", p.address("https"), &tls.Config{
		RootCAs: w.pool(), ServerName: gatewayName, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11,
	}); err == nil {
		_ = connection.Close()
		t.Error("TLS 1.1 is served")
	}
	eventually(t, "the refused handshake is on record", func() bool {
		for _, r := range w.records() {
			if r.Kind == logfile.KindRefusal && r.TLSFailure == logfile.TLSVersion {
				return true
			}
		}
		return false
	})
	var r struct {
		Without []struct {
			Breaks, Unknown []struct {
				Caller                       string
				Calls, Connections, Breaking int
				WithOffer                    int `json:"with_offer"`
			}
			Stay int
		}
		Refused []struct {
			Reason string
			Offers []any
		}
		Out          []any
		Certificates []struct {
			NotAfter string `json:"not_after"`
		}
		Notes []string
	}
	said := run(t, nil, "tls", "report", "--dir", w.file("audit"), "--config", w.config, "--without", "TLS 1.2", "--without", "TLS1.3", "--json")
	if err := json.Unmarshal([]byte(said.stdout), &r); err != nil {
		t.Fatalf("%v\n%s", err, said.stdout)
	}
	without := r.Without[0]
	if len(without.Breaks) != 1 || without.Stay != 1 || without.Breaks[0].Caller != "report" || without.Breaks[0].Calls != 2 ||
		without.Breaks[0].Connections != 1 || without.Breaks[0].WithOffer != 1 || without.Breaks[0].Breaking != 1 {
		t.Errorf("without TLS 1.2: %+v", without)
	}
	if without = r.Without[1]; len(without.Breaks)+len(without.Unknown) != 0 || without.Stay != 2 {
		t.Errorf("without TLS 1.3: %+v", without)
	}
	if len(r.Refused) != 1 || r.Refused[0].Reason != "no common version" || len(r.Refused[0].Offers) != 1 {
		t.Errorf("refused: %+v", r.Refused)
	}
	if len(r.Out) == 0 || len(r.Certificates) < 3 || r.Certificates[2].NotAfter == "" || len(r.Notes) != 0 {
		t.Errorf("upstreams %+v, certificates %+v, notes %q", r.Out, r.Certificates, r.Notes)
	}
}
