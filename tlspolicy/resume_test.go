package tlspolicy

import (
	"crypto/tls"
	"testing"
	"time"
)

// TestResumedIsChecked: crypto/tls resumes a TLS 1.2 session without looking at its group, and a TLS 1.3 session
// whenever the hash fits. Only the check on resumed connections keeps such a session out of a narrower policy.
func TestResumedIsChecked(t *testing.T) {
	wide := mustNamed(t, "huawei")
	narrow12 := mustNew(t, "narrow", Config{Versions: []string{"1.2"}, Groups: []string{"X25519"}})
	narrow13 := mustNew(t, "narrow", Config{Versions: []string{"1.3"}, CipherSuites: []string{"TLS_CHACHA20_POLY1305_SHA256"}})
	p256 := func(c *tls.Config) {
		c.MaxVersion, c.CurvePreferences = tls.VersionTLS12, []tls.CurveID{tls.CurveP256, tls.X25519}
	}
	for name, c := range map[string]struct {
		narrow *Policy
		peer   func(*tls.Config)
		first  func(*tls.Config) // what the peer had in the first connection
		kind   Kind
	}{
		"1.2 group": {narrow12, p256, func(c *tls.Config) { p256(c); c.CurvePreferences = []tls.CurveID{tls.CurveP256} }, KindGroup},
		"1.3 suite": {narrow13, func(*tls.Config) {}, func(*tls.Config) {}, KindSuite},
	} {
		t.Run(name+", listener", func(t *testing.T) {
			shared := &tickets{now: time.Now}
			wideServer, again, narrowServer := wide.ticketServer(shared), wide.ticketServer(shared), c.narrow.ticketServer(shared)
			for _, config := range []*tls.Config{wideServer, again, narrowServer} {
				config.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pki().rsa, nil }
			}
			cache := tls.NewLRUClientSessionCache(0)
			client := func(change func(*tls.Config)) *tls.Config {
				return peerClient(func(config *tls.Config) { change(config); config.ClientSessionCache = cache })
			}
			if o := connect(t, wideServer, client(c.first)); !o.answered {
				t.Fatal(o.clientErr, o.serverErr)
			}
			if o := connect(t, again, client(c.peer)); !o.answered || !o.server.DidResume {
				t.Fatalf("not resumed: %v %v", o.clientErr, o.serverErr)
			}
			o := connect(t, narrowServer, client(c.peer))
			wantNotAllowed(t, "resumed", o.serverErr, c.kind)
			if o.served || len(o.received) > 0 {
				t.Error("the request was read")
			}
		})
		t.Run(name+", upstream", func(t *testing.T) {
			cache := tls.NewLRUClientSessionCache(0)
			servers := []*tls.Config{peerServer(c.first), peerServer(c.peer), peerServer(c.peer)}
			for _, config := range servers {
				config.SetSessionTicketKeys([][32]byte{{4, 5, 6}})
				config.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pki().rsa, nil }
			}
			for i, server := range servers[:2] {
				client := wide.testClient()
				client.ClientSessionCache = cache
				if o := connect(t, server, client); !o.answered || o.client.DidResume != (i == 1) {
					t.Fatalf("connection %d: resumed %t, %v", i, o.client.DidResume, o.clientErr)
				}
			}
			client := c.narrow.testClient()
			client.ClientSessionCache = cache
			o := connect(t, servers[2], client)
			wantNotAllowed(t, "resumed", o.clientErr, c.kind)
			if len(o.received) > 0 {
				t.Errorf("%q was sent", o.received)
			}
		})
	}
}

// TestResumedSuite12: a session of a suite that the narrower policy lacks is not resumed, and the peer is refused.
func TestResumedSuite12(t *testing.T) {
	shared := &tickets{now: time.Now}
	wideServer, narrowServer := mustNamed(t, "huawei").ticketServer(shared), aes256(t).ticketServer(shared)
	client := peerClient(func(c *tls.Config) {
		c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
		c.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	})
	if o := connect(t, wideServer, client); !o.answered {
		t.Fatal(o.clientErr)
	}
	if o := connect(t, narrowServer, client); o.serverErr == nil || o.served {
		t.Error("served with the old session's suite")
	}
}
