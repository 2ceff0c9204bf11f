package tlspolicy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"
)

// testPolicies are those whose accepted set is compared with what they say.
func testPolicies(t *testing.T) []*Policy {
	return []*Policy{
		mustNamed(t, "huawei"),
		mustNamed(t, "huawei-high"),
		aes256(t),
		mustNew(t, "single", Config{Versions: []string{"1.2"}, CipherSuites: []string{"ECDHE-RSA-CHACHA20-POLY1305"}}),
		mustNew(t, "1.3 only", Config{Versions: []string{"1.3"}}),
	}
}

// suites12 are all suites of TLS 1.2 and below that crypto/tls has: CBC, RSA key exchange, RC4 and 3DES among them.
func suites12() []uint16 {
	var codes []uint16
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if slices.Contains(s.SupportedVersions, tls.VersionTLS12) {
			codes = append(codes, s.ID)
		}
	}
	return codes
}

func TestAcceptedSetIsThePolicy12(t *testing.T) {
	for _, p := range testPolicies(t) {
		for _, code := range suites12() {
			only := func(c *tls.Config) { c.CipherSuites, c.MaxVersion = []uint16{code}, tls.VersionTLS12 }
			want := slices.Contains(p.offered(tls.VersionTLS12), code)
			inbound := connect(t, p.testServer(), peerClient(only))
			if inbound.answered != want || inbound.served != want {
				t.Errorf("%s, listener, %s: served %t, want %t (%v)", p.name, tls.CipherSuiteName(code), inbound.served, want, inbound.serverErr)
			}
			outbound := connect(t, peerServer(only), p.testClient())
			if outbound.answered != want || !want && len(outbound.received) > 0 {
				t.Errorf("%s, upstream, %s: answered %t, want %t (%v)", p.name, tls.CipherSuiteName(code), outbound.answered, want, outbound.clientErr)
			}
		}
	}
}

// TestAcceptedSet13 runs in a process with Go's own suites: what a listener chooses from each offer must be allowed, or
// nothing. TestFix has the same for changed sets.
func TestAcceptedSet13(t *testing.T) {
	for _, name := range Names() {
		if err := mustNamed(t, name).proveServer(&pki().ecdsa); err != nil {
			t.Error(err)
		}
	}
}

func TestOldVersionsRefused(t *testing.T) {
	t.Setenv("GODEBUG", "tls10server=1,tlsrsakex=1,tls3des=1")
	p := mustNamed(t, "huawei")
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
		only := func(c *tls.Config) { c.MaxVersion, c.CipherSuites = version, suites12() }
		if o := connect(t, p.testServer(), peerClient(only)); o.serverErr == nil || o.served {
			t.Errorf("listener accepts %s", tls.VersionName(version))
		}
		if o := connect(t, peerServer(only), p.testClient()); o.clientErr == nil || len(o.received) > 0 {
			t.Errorf("upstream with %s is accepted", tls.VersionName(version))
		}
	}
}

// TestVersionLeftOut: a policy of one version refuses the other, which its peer would have taken as well.
func TestVersionLeftOut(t *testing.T) {
	for _, name := range []string{"1.2", "1.3"} {
		p := mustNew(t, "x", Config{Versions: []string{name}})
		for _, version := range bothVersions() {
			only := func(c *tls.Config) { c.MinVersion, c.MaxVersion = version, version }
			want := versionNumber(version) == name
			if o := connect(t, p.testServer(), peerClient(only)); o.served != want {
				t.Errorf("listener of %s, peer of %s: served %t (%v)", name, tls.VersionName(version), o.served, o.serverErr)
			}
			if o := connect(t, peerServer(only), p.testClient()); o.answered != want {
				t.Errorf("client of %s, upstream of %s: answered %t (%v)", name, tls.VersionName(version), o.answered, o.clientErr)
			}
		}
	}
}

// TestEnforcement opens what chooses, so that only VerifyConnection is left to refuse.
func TestEnforcement(t *testing.T) {
	narrow := aes256(t) // TLS 1.3 without Plan.Fix: Go still chooses AES-128
	groups := mustNew(t, "groups", Config{Groups: []string{"X25519"}})
	all := func(c *tls.Config) {}
	tls12 := func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }
	opened := func(config *tls.Config) *tls.Config {
		config.MinVersion, config.MaxVersion, config.CipherSuites, config.CurvePreferences = 0, 0, suites12(), nil
		return config
	}
	cbc := func(c *tls.Config) {
		c.CipherSuites, c.MaxVersion = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}, tls.VersionTLS12
	}
	p256 := func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP256} }
	for name, c := range map[string]struct {
		policy *Policy
		peer   func(*tls.Config)
		want   Kind
	}{
		"TLS 1.3 suite": {narrow, all, KindSuite},
		"TLS 1.2 suite": {narrow, cbc, KindSuite},
		"group":         {groups, p256, KindGroup},
		"group in 1.2":  {groups, func(c *tls.Config) { p256(c); tls12(c) }, KindGroup},
		"version":       {mustNew(t, "v", Config{Versions: []string{"1.3"}}), tls12, KindVersion},
	} {
		inbound := connect(t, opened(c.policy.testServer()), peerClient(c.peer))
		wantNotAllowed(t, name+", listener", inbound.serverErr, c.want)
		if inbound.served || len(inbound.received) > 0 {
			t.Errorf("%s, listener: the request was read", name)
		}
		if strings.HasSuffix(name, "1.2") {
			continue // a client of TLS 1.2 cannot know the group yet, see groupUnknown
		}
		outbound := connect(t, peerServer(c.peer), opened(c.policy.testClient()))
		wantNotAllowed(t, name+", upstream", outbound.clientErr, c.want)
		if len(outbound.received) > 0 {
			t.Errorf("%s, upstream: %q was sent", name, outbound.received)
		}
	}
}

func wantNotAllowed(t *testing.T, what string, err error, kind Kind) {
	t.Helper()
	var notAllowed *NotAllowed
	if !errors.As(err, &notAllowed) || notAllowed.Kind != kind || notAllowed.Found+notAllowed.Why == "" {
		t.Errorf("%s: %v, want a NotAllowed for the %s", what, err, kind)
	}
}

func TestMLKEMIsNegotiated(t *testing.T) {
	p := mustNamed(t, Default)
	o := connect(t, p.testServer(), p.testClient())
	if !o.answered || o.client.Version != tls.VersionTLS13 || o.client.CurveID != tls.X25519MLKEM768 || o.server.CurveID != tls.X25519MLKEM768 {
		t.Errorf("%v %v, version %x, groups %v and %v", o.clientErr, o.serverErr, o.client.Version, o.client.CurveID, o.server.CurveID)
	}
	if o.client.NegotiatedProtocol != "http/1.1" {
		t.Errorf("the client speaks %q, want HTTP/1.1 only", o.client.NegotiatedProtocol)
	}
}

func TestGroupsAreThePolicy(t *testing.T) {
	for _, g := range knownGroups {
		p := mustNew(t, "one group", Config{Versions: []string{"1.3"}, Groups: []string{g.name}})
		for _, other := range knownGroups {
			only := func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{other.id} }
			want := other.id == g.id
			if o := connect(t, p.testServer(), peerClient(only)); o.served != want || want && o.server.CurveID != g.id {
				t.Errorf("listener of %s, peer of %s: served %t (%v)", g.name, other.name, o.served, o.serverErr)
			}
			if o := connect(t, peerServer(only), p.testClient()); o.answered != want {
				t.Errorf("client of %s, upstream of %s: answered %t (%v)", g.name, other.name, o.answered, o.clientErr)
			}
		}
	}
}

func TestClientCertificates(t *testing.T) {
	unknown := mustIssueUnknown(t)
	trusted := pki().pool()
	for name, c := range map[string]struct {
		server Server
		certs  []tls.Certificate
		want   bool
		seen   int // certificates that the server sees
	}{
		"not asked for":             {Server{}, []tls.Certificate{pki().client}, true, 0},
		"given":                     {Server{ClientCAs: trusted}, []tls.Certificate{pki().client}, true, 1},
		"not given":                 {Server{ClientCAs: trusted}, nil, true, 0},
		"not valid":                 {Server{ClientCAs: trusted}, []tls.Certificate{unknown}, false, 0},
		"required, given":           {Server{ClientCAs: trusted, RequireClientCert: true}, []tls.Certificate{pki().client}, true, 1},
		"required, not given":       {Server{ClientCAs: trusted, RequireClientCert: true}, nil, false, 0},
		"required, not valid":       {Server{ClientCAs: trusted, RequireClientCert: true}, []tls.Certificate{unknown}, false, 0},
		"required, no pool":         {Server{RequireClientCert: true}, []tls.Certificate{pki().client}, false, 0},
		"server cert as a client's": {Server{ClientCAs: trusted}, []tls.Certificate{pki().ecdsa}, false, 0},
	} {
		c.server.GetCertificate = pki().both
		client := peerClient(func(config *tls.Config) { // shows its certificate whatever authorities are asked for
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if len(c.certs) == 0 {
					return new(tls.Certificate), nil
				}
				return &c.certs[0], nil
			}
		})
		o := connect(t, mustNamed(t, Default).Server(c.server), client)
		if o.served != c.want || o.served && len(o.server.PeerCertificates) != c.seen {
			t.Errorf("%s: served %t (%v) with %d certificates", name, o.served, o.serverErr, len(o.server.PeerCertificates))
		}
	}
	if config := mustNamed(t, Default).Server(Server{RequireClientCert: true}); config.ClientCAs == nil {
		t.Error("callers would be verified by the system's authorities")
	}
}

func TestUpstreamIsVerified(t *testing.T) {
	p := mustNamed(t, Default)
	for name, change := range map[string]func(*tls.Config){
		"other name":      func(c *tls.Config) { c.ServerName = "other.test" },
		"other authority": func(c *tls.Config) { c.RootCAs = x509.NewCertPool() },
	} {
		client := p.testClient()
		change(client)
		if o := connect(t, p.testServer(), client); o.clientErr == nil || len(o.received) > 0 {
			t.Errorf("%s: connected (%q received)", name, o.received)
		}
	}
}

// TestWithHello: what a listener learns of a handshake that fails.
func TestWithHello(t *testing.T) {
	p := mustNew(t, "x", Config{CipherSuites: []string{"ECDHE-RSA-AES256-GCM-SHA384", "TLS_AES_256_GCM_SHA384"}, Groups: []string{"X25519"}})
	for name, c := range map[string]struct {
		peer func(*tls.Config)
		kind Kind
		text string // of crypto/tls, which sends the alert that fits
	}{
		"version": {func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 }, KindVersion, "unsupported versions"},
		"suite": {func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
		}, KindSuite, "no cipher suite"},
		"group": {func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP256} }, KindGroup, "no key exchanges"},
	} {
		clientSide, serverSide := tcpPair(t)
		done := make(chan error, 1)
		go func() { done <- tls.Client(clientSide, peerClient(c.peer)).Handshake() }()
		var hello Hello
		err := tls.Server(serverSide, p.testServer()).HandshakeContext(WithHello(context.Background(), &hello))
		<-done
		if err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: error %v", name, err)
		}
		if hello.Info == nil || hello.Mismatch == nil || hello.Mismatch.Kind != c.kind {
			t.Errorf("%s: %+v", name, hello.Mismatch)
			continue
		}
		if offer := OfferOf(hello.Info); len(offer.Suites) == 0 || offer.ServerName != "tollgate.test" {
			t.Errorf("%s: offer %+v", name, offer)
		}
	}
}
