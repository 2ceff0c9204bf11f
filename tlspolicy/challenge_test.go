package tlspolicy

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"testing"
)

// TestChallenge: an ACME authority is answered without a certificate of its own, and only if it offers its protocol alone.
func TestChallenge(t *testing.T) {
	policy, challenges := mustNamed(t, "huawei-high"), 0
	server := Server{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pki().ecdsa, nil },
		Challenge: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			challenges++
			return &pki().ecdsa, nil
		},
		RequireClientCert: true,
	}
	pool := x509.NewCertPool()
	changing := server
	changing.CurrentClientCAs = func() *x509.CertPool { return pool }
	without := server
	without.Challenge = nil
	refuses := server
	refuses.Challenge = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errors.New("no challenge goes on") }
	for name, c := range map[string]struct {
		server Server
		protos []string
		tls12  bool
		served bool
		asked  int
	}{
		"alone":            {server, []string{ACMEProtocol}, false, true, 1},
		"alone, TLS 1.2":   {server, []string{ACMEProtocol}, true, true, 1},
		"with changing CA": {changing, []string{ACMEProtocol}, false, true, 1},
		"with another":     {server, []string{ACMEProtocol, "h2"}, false, false, 0},
		"other":            {server, []string{"h2"}, false, false, 0},
		"none":             {server, nil, false, false, 0},
		"no hook":          {without, []string{ACMEProtocol}, false, false, 0},
		"no challenge":     {refuses, []string{ACMEProtocol}, false, false, 0},
	} {
		challenges = 0
		o := connect(t, policy.Server(c.server), peerClient(func(config *tls.Config) {
			config.NextProtos, config.ClientSessionCache = c.protos, tls.NewLRUClientSessionCache(1)
			if c.tls12 {
				config.MaxVersion = tls.VersionTLS12
			}
		}))
		if o.served != c.served || challenges != c.asked || c.served && o.server.NegotiatedProtocol != ACMEProtocol {
			t.Errorf("%s: served %t with %q, %d challenges: %v", name, o.served, o.server.NegotiatedProtocol, challenges, o.serverErr)
		}
	}
	old := peerClient(func(config *tls.Config) {
		config.NextProtos, config.CipherSuites, config.MaxVersion = []string{ACMEProtocol}, suites12()[:1], tls.VersionTLS12
	})
	if o := connect(t, policy.Server(server), old); o.served {
		t.Error("the policy does not hold for challenges")
	}
}
