package certs

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"tollgate/internal/testpki"
	"tollgate/tlspolicy"
)

// held is a source whose certificates a test sets.
type held struct {
	list   []*tls.Certificate
	closed int
}

func (h *held) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) { return h.list[0], nil }
func (h *held) Current() []*tls.Certificate                                   { return h.list }
func (h *held) Close() error                                                  { h.closed++; return nil }

func certificate(t testing.TB, ca *testpki.CA, key testpki.KeyType, names ...string) *tls.Certificate {
	t.Helper()
	c := testpki.Must(ca.Issue(testpki.Leaf{Server: true, Key: key, Names: names}))
	return &c
}

func ed25519Certificate(t *testing.T, name string) *tls.Certificate {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}}
	der := testpki.Must(x509.CreateCertificate(rand.Reader, template, template, public, private))
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private, Leaf: testpki.Must(x509.ParseCertificate(der))}
}

// The offers of peers that can use one kind of key, or all.
var (
	anyKey    = []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256, tls.Ed25519, tls.PSSWithSHA256}
	onlyRSA   = []tls.SignatureScheme{tls.PSSWithSHA256}
	onlyEd    = []tls.SignatureScheme{tls.Ed25519}
	onlyP384  = []tls.SignatureScheme{tls.ECDSAWithP384AndSHA384}
	rsaOrEd   = []tls.SignatureScheme{tls.PSSWithSHA256, tls.Ed25519}
	rsaOrP256 = []tls.SignatureScheme{tls.PSSWithSHA256, tls.ECDSAWithP256AndSHA256}
)

func helloFor(name string, schemes []tls.SignatureScheme) *tls.ClientHelloInfo {
	return &tls.ClientHelloInfo{
		ServerName: name, SignatureSchemes: schemes, SupportedVersions: []uint16{tls.VersionTLS13},
		CipherSuites: []uint16{tls.TLS_AES_128_GCM_SHA256}, SupportedCurves: []tls.CurveID{tls.CurveP256},
	}
}

func TestSetChooses(t *testing.T) {
	ca := testpki.Must(testpki.New())
	list := map[string]*tls.Certificate{
		"a rsa":       certificate(t, ca, testpki.RSA, "a.example.com", "A2.example.com"),
		"a ecdsa":     certificate(t, ca, testpki.ECDSA, "a.example.com"),
		"a second":    certificate(t, ca, testpki.ECDSA, "a.example.com"),
		"wild rsa":    certificate(t, ca, testpki.RSA, "*.example.com"),
		"only ecdsa":  certificate(t, ca, testpki.ECDSA, "only.example.com"),
		"ed25519":     ed25519Certificate(t, "a.example.com"),
		"nested wild": certificate(t, ca, testpki.ECDSA, "*.deep.example.com", "127.0.0.1"),
	}
	sources := func(names ...string) []Source {
		var all []Source
		for _, name := range names {
			all = append(all, &held{list: []*tls.Certificate{list[name]}})
		}
		return all
	}
	everything := sources("a rsa", "a second", "wild rsa", "only ecdsa", "ed25519", "a ecdsa", "nested wild")
	for name, c := range map[string]struct {
		sources []Source
		hello   *tls.ClientHelloInfo
		want    string
	}{
		"ecdsa first, in order":         {everything, helloFor("a.example.com", anyKey), "a second"},
		"upper case":                    {everything, helloFor("A.Example.COM", anyKey), "a second"},
		"rsa where asked":               {everything, helloFor("a.example.com", onlyRSA), "a rsa"},
		"ed25519 before rsa":            {everything, helloFor("a.example.com", rsaOrEd), "ed25519"},
		"upper case in certificate":     {everything, helloFor("a2.example.com", anyKey), "a rsa"},
		"wildcard":                      {everything, helloFor("x.example.com", anyKey), "wild rsa"},
		"exact before wildcard":         {everything, helloFor("only.example.com", rsaOrP256), "only ecdsa"},
		"wildcard where exact cannot":   {everything, helloFor("only.example.com", onlyRSA), "wild rsa"},
		"wildcard is one label":         {everything, helloFor("x.y.example.com", onlyRSA), "a rsa"},
		"not the name itself":           {everything, helloFor("example.com", onlyRSA), "a rsa"},
		"deeper wildcard":               {everything, helloFor("x.deep.example.com", anyKey), "nested wild"},
		"no label for the wildcard":     {everything, helloFor(".example.com", onlyRSA), "a rsa"},
		"no name":                       {everything, helloFor("", anyKey), "a second"},
		"no name, rsa":                  {everything, helloFor("", onlyRSA), "a rsa"},
		"unknown name":                  {everything, helloFor("other.test", anyKey), "a second"},
		"a star":                        {everything, helloFor("*", anyKey), "a second"},
		"a wildcard asked for":          {everything, helloFor("*.example.com", onlyRSA), "wild rsa"},
		"none can be used: the first":   {everything, helloFor("a.example.com", onlyP384), "a second"},
		"one for the name: not asked":   {everything, helloFor("x.deep.example.com", onlyRSA), "nested wild"},
		"first is a wildcard":           {sources("wild rsa", "a ecdsa"), helloFor("", anyKey), "wild rsa"},
		"first can serve its wildcard":  {sources("only ecdsa", "wild rsa"), helloFor("", onlyRSA), "wild rsa"},
		"one only":                      {sources("only ecdsa"), helloFor("other.test", onlyRSA), "only ecdsa"},
		"address asked for as a name":   {sources("a rsa", "nested wild"), helloFor("127.0.0.1", anyKey), "nested wild"},
		"unknown name, first too small": {sources("only ecdsa", "a rsa"), helloFor("other.test", onlyRSA), "only ecdsa"},
		"ed25519 alone":                 {everything, helloFor("a.example.com", onlyEd), "ed25519"},
	} {
		got, err := NewSet(c.sources[0], c.sources[1:]...).GetCertificate(c.hello)
		if got != list[c.want] {
			t.Errorf("%s: got %v, %v; want %s", name, got, err, c.want)
		}
	}
}

func TestSetAddresses(t *testing.T) {
	ca := testpki.Must(testpki.New())
	rsa, ecdsa := certificate(t, ca, testpki.RSA, "::1", "127.0.0.1"), certificate(t, ca, testpki.ECDSA, "127.0.0.1", "0:0:0:0:0:0:0:1")
	set := NewSet(&held{list: []*tls.Certificate{rsa}}, &held{list: []*tls.Certificate{ecdsa}})
	for want, schemes := range map[*tls.Certificate][]tls.SignatureScheme{rsa: onlyRSA, ecdsa: anyKey} {
		// The first name of the first is an address of the second as well.
		if got, err := set.GetCertificate(helloFor("", schemes)); got != want {
			t.Errorf("%v: %v, %v", schemes, got, err)
		}
	}
}

// TestSetFollows: what a source returns counts from the next handshake on, also where there was nothing.
func TestSetFollows(t *testing.T) {
	ca := testpki.Must(testpki.New())
	first, second, third := certificate(t, ca, testpki.ECDSA, "a.test"), certificate(t, ca, testpki.ECDSA, "b.test"), certificate(t, ca, testpki.ECDSA, "b.test")
	sources := []*held{{}, {}}
	set := NewSet(sources[0], sources[1])
	if got, err := set.GetCertificate(helloFor("a.test", anyKey)); err == nil || !strings.Contains(err.Error(), "no certificate yet") {
		t.Errorf("nothing: %v, %v", got, err)
	}
	want := func(name string, want *tls.Certificate) {
		t.Helper()
		if got, err := set.GetCertificate(helloFor(name, anyKey)); got != want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	sources[0].list = []*tls.Certificate{first}
	want("a.test", first)
	want("b.test", first)
	sources[1].list = []*tls.Certificate{second}
	want("b.test", second)
	sources[1].list = []*tls.Certificate{third}
	want("b.test", third)
	if all := set.Current(); len(all) != 2 || all[0] != first || all[1] != third || &set.Current()[0] != &all[0] {
		t.Errorf("current: %v", all)
	}
	sources[0].list = nil
	want("a.test", third)
	if err := set.Close(); err != nil || sources[0].closed+sources[1].closed != 2 {
		t.Errorf("closed %d, %d times: %v", sources[0].closed, sources[1].closed, err)
	}
}

// TestSetWithoutNames: a certificate without any alternative name is served to all if it is the first.
func TestSetWithoutNames(t *testing.T) {
	ca := testpki.Must(testpki.New())
	bare, named := certificate(t, ca, testpki.ECDSA), certificate(t, ca, testpki.ECDSA, "b.test")
	set := NewSet(&held{list: []*tls.Certificate{bare}}, &held{list: []*tls.Certificate{named}})
	for name, want := range map[string]*tls.Certificate{"": bare, "x.test": bare, "b.test": named} {
		if got, err := set.GetCertificate(helloFor(name, anyKey)); got != want {
			t.Errorf("%q: %v, %v", name, got, err)
		}
	}
}

// TestSetHandshakes: real peers, each with what it asks for and can use, verify what they get.
func TestSetHandshakes(t *testing.T) {
	ca := testpki.Must(testpki.New())
	set := NewSet(&held{list: []*tls.Certificate{certificate(t, ca, testpki.ECDSA, "a.test"), certificate(t, ca, testpki.RSA, "a.test")}},
		&held{list: []*tls.Certificate{certificate(t, ca, testpki.ECDSA, "*.b.test")}})
	server := &tls.Config{GetCertificate: set.GetCertificate, MinVersion: tls.VersionTLS12}
	for name, c := range map[string]struct {
		server string
		suites []uint16
		want   x509.PublicKeyAlgorithm
	}{
		"exact":    {"a.test", nil, x509.ECDSA},
		"wildcard": {"x.b.test", nil, x509.ECDSA},
		"rsa":      {"a.test", []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}, x509.RSA},
	} {
		config := &tls.Config{ServerName: c.server, RootCAs: ca.Pool(), CipherSuites: c.suites}
		if c.suites != nil {
			config.MaxVersion = tls.VersionTLS12
		}
		state, _, err := shake(t, server, config)
		if err != nil || state.PeerCertificates[0].PublicKeyAlgorithm != c.want {
			t.Errorf("%s: %v, %v", name, state.PeerCertificates, err)
		}
	}
}

// shake makes one connection over loopback and returns both ends' view; err is of the end that failed first, the server's by preference.
func shake(t testing.TB, server, client *tls.Config) (atClient, atServer tls.ConnectionState, err error) {
	t.Helper()
	near, far := tcpPair(t)
	defer func() { _, _ = near.Close(), far.Close() }()
	done := make(chan error, 1)
	accepted := tls.Server(far, server)
	go func() {
		err := accepted.Handshake()
		if err == nil {
			_, err = accepted.Write([]byte("x")) // with the tickets of TLS 1.3 before it
		}
		done <- err
		_ = far.Close()
	}()
	dialled := tls.Client(near, client)
	err = dialled.Handshake()
	if err == nil {
		_, err = dialled.Read(make([]byte, 1))
	}
	if served := <-done; served != nil {
		err = served
	}
	return dialled.ConnectionState(), accepted.ConnectionState(), err
}

func tcpPair(t testing.TB) (near, far net.Conn) {
	l := testpki.Must(net.Listen("tcp", "127.0.0.1:0"))
	defer func() { _ = l.Close() }()
	near = testpki.Must(net.Dial("tcp", l.Addr().String()))
	far = testpki.Must(l.Accept())
	deadline := time.Now().Add(20 * time.Second) // a hang becomes a failure
	_, _ = near.SetDeadline(deadline), far.SetDeadline(deadline)
	return near, far
}

// BenchmarkSet is what the choice of a certificate adds to a handshake, beside the signature (about 25 µs for ECDSA).
// "one" is a name with one certificate, "pair" a name with RSA and ECDSA side by side, in a set of 2 or 200.
func BenchmarkSet(b *testing.B) {
	ca := testpki.Must(testpki.New())
	rsa := certificate(b, ca, testpki.RSA, "pair.test")
	small := []Source{&held{list: []*tls.Certificate{rsa}}, &held{list: []*tls.Certificate{certificate(b, ca, testpki.ECDSA, "pair.test", "one.test")}}}
	large := small
	for range 198 {
		large = append(large, &held{list: []*tls.Certificate{certificate(b, ca, testpki.ECDSA, "x"+rsa.Leaf.SerialNumber.String()+".test")}})
	}
	for name, sources := range map[string][]Source{"2": small, "200": large} {
		set := NewSet(sources[0], sources[1:]...)
		for _, server := range []string{"one.test", "pair.test"} {
			hello := helloFor(server, anyKey)
			b.Run(strings.TrimSuffix(server, ".test")+" of "+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := set.GetCertificate(hello); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// TestSetServesTLS12WithoutItsExtension: a peer that writes more than TLS 1.2 into legacy_version, and sends no supported_versions,
// is served in TLS 1.2 (RFC 8446 section 4.2.1), so that its suites say which certificate it can use.
func TestSetServesTLS12WithoutItsExtension(t *testing.T) {
	ca := testpki.Must(testpki.New())
	rsa, ecdsa := certificate(t, ca, testpki.RSA, "a.test"), certificate(t, ca, testpki.ECDSA, "a.test")
	policy := testpki.Must(tlspolicy.Named(tlspolicy.Default))
	for _, c := range []struct {
		suite uint16
		want  *tls.Certificate
	}{{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, rsa}, {tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, ecdsa}} {
		var chosen *tls.Certificate
		set := NewSet(&held{list: []*tls.Certificate{ecdsa}}, &held{list: []*tls.Certificate{rsa}})
		config := policy.Server(tlspolicy.Server{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
			var err error
			chosen, err = set.GetCertificate(h)
			return chosen, err
		}})
		ours, theirs := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = tls.Server(theirs, config).Handshake() // fails: the peer leaves
			_ = theirs.Close()
		}()
		if _, err := ours.Write(helloNaming(tls.VersionTLS13, c.suite)); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, 5+4+2)
		_, err := io.ReadFull(ours, answer)
		_ = ours.Close()
		<-done
		if err != nil || answer[0] != 22 || answer[5] != 2 || binary.BigEndian.Uint16(answer[9:]) != tls.VersionTLS12 || chosen != c.want {
			t.Errorf("%s: answered %x, %v", tls.CipherSuiteName(c.suite), answer, err)
		}
	}
}

// helloNaming is a ClientHello of one suite whose version stands in legacy_version alone. It takes signatures of RSA and ECDSA.
func helloNaming(version, suite uint16) []byte {
	body := append(binary.BigEndian.AppendUint16(nil, version), make([]byte, 32+1)...) // random, no session
	body = append(binary.BigEndian.AppendUint16(append(body, 0, 2), suite), 1, 0)      // no compression
	body = append(body, 0, 18,
		0, 10, 0, 4, 0, 2, 0, 0x17, // groups: P-256
		0, 13, 0, 6, 0, 4, 4, 3, 8, 4) // signatures: ECDSA on P-256, RSA-PSS
	message := append([]byte{1, 0, 0, byte(len(body))}, body...)
	return append([]byte{22, 3, 1, 0, byte(len(message))}, message...)
}
