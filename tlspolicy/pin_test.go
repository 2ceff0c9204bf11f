package tlspolicy

import (
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"regexp"
	"strings"
	"testing"

	"tollgate/internal/testpki"
)

const somePin = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" // SHA-256 of nothing

func TestPinsOfAConfiguration(t *testing.T) {
	other := PinOf(pki().ca.Certificate()).String()
	for name, c := range map[string]struct {
		texts []string
		want  string // "" for none
	}{
		"none":              {nil, ""},
		"two":               {[]string{somePin, other}, ""},
		"one":               {[]string{somePin}, "one pin only"},
		"the same twice":    {[]string{somePin, somePin}, "there twice"},
		"hexadecimal":       {[]string{strings.Repeat("ab", 32), somePin}, "44 characters"},
		"too short":         {[]string{"47DEQpj8HBSa", somePin}, "44 characters"},
		"with a prefix":     {[]string{"/" + somePin, other}, "openssl x509"},
		"without padding":   {[]string{strings.TrimSuffix(somePin, "="), other}, "44 characters"},
		"loose bits":        {[]string{strings.TrimSuffix(somePin, "U=") + "V=", other}, "44 characters"},
		"with a line end":   {[]string{somePin + "\n", other}, "44 characters"},
		"URL's alphabet":    {[]string{strings.NewReplacer("+", "-", "/", "_").Replace(somePin), other}, "44 characters"},
		"all that is wrong": {[]string{"x", somePin, somePin}, "there twice"},
	} {
		pins := make([]Pin, len(c.texts))
		var problems []error
		for i := range pins {
			problems = append(problems, pins[i].UnmarshalText([]byte(PinPrefix+c.texts[i])))
		}
		err := errors.Join(append(problems, CheckPins(pins))...)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v; want %q", name, pins, err, c.want)
		}
	}
}

func FuzzPin(f *testing.F) {
	for _, text := range []string{somePin, PinPrefix + somePin, "", "x", PinPrefix + somePin + "\n", PinPrefix + somePin[:43], "sha256//" + somePin} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var pin Pin
		if err := pin.UnmarshalText([]byte(text)); err == nil && (PinPrefix+pin.String() != text || !regexp.MustCompile(pin.Pattern()).MatchString(text)) {
			t.Errorf("%q is read as %s", text, pin)
		} else if err != nil && len(err.Error()) > 600 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
	})
}

// TestPins: the handshake ends before a byte is sent unless a key of the verified chain is pinned, on resumption as well.
func TestPins(t *testing.T) {
	leaf, ca := PinOf(pki().ecdsa.Leaf), PinOf(pki().ca.Certificate())
	unknown := testpki.Must(testpki.New())
	backup, foreign := Pin(sha256.Sum256(nil)), PinOf(unknown.Certificate())
	withForeign := pki().ecdsa
	withForeign.Certificate = append(withForeign.Certificate[:1:1], unknown.Certificate().Raw)
	for name, c := range map[string]struct {
		pins []Pin
		ok   bool
	}{
		"none":                    {nil, true},
		"leaf":                    {[]Pin{backup, leaf}, true},
		"authority":               {[]Pin{ca, backup}, true},
		"other":                   {[]Pin{backup, {}}, false},
		"sent beside the chain":   {[]Pin{backup, foreign}, false},
		"beside, and of the leaf": {[]Pin{leaf, foreign}, true},
	} {
		for _, version := range bothVersions() {
			server := peerServer(func(c *tls.Config) {
				c.MaxVersion = version
				c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &withForeign, nil }
			})
			client := mustNamed(t, Default).Client(Client{ServerName: "tollgate.test", RootCAs: pki().pool(), Pins: c.pins})
			for range 2 {
				o := connect(t, server, client)
				if o.answered != c.ok || !c.ok && len(o.received) > 0 {
					t.Errorf("%s: answered %t (%v), sent %q", name, o.answered, o.clientErr, o.received)
				}
				if !c.ok {
					wantNotAllowed(t, name, o.clientErr, KindPin)
					if !strings.Contains(o.clientErr.Error(), leaf.String()+", "+ca.String()) {
						t.Errorf("%s: the error does not say which keys there are: %v", name, o.clientErr)
					}
				}
			}
		}
	}
}

// TestPinsOfResumed: a session that began without pins ends where pins begin.
func TestPinsOfResumed(t *testing.T) {
	for _, version := range bothVersions() {
		server := peerServer(func(c *tls.Config) { c.MaxVersion = version })
		server.SetSessionTicketKeys([][32]byte{{7}})
		p := mustNamed(t, Default)
		open := p.testClient()
		if o := connect(t, server, open); !o.answered {
			t.Fatal(o.clientErr)
		}
		pinned := p.Client(Client{ServerName: "tollgate.test", RootCAs: pki().pool(), Pins: []Pin{{}, {1}}})
		pinned.ClientSessionCache = open.ClientSessionCache
		o := connect(t, server, pinned)
		wantNotAllowed(t, tls.VersionName(version), o.clientErr, KindPin)
		if len(o.received) > 0 {
			t.Errorf("%q was sent", o.received)
		}
	}
}

// TestClientCertificateOfNow: what GetClientCertificate returns is shown at each full handshake.
func TestClientCertificateOfNow(t *testing.T) {
	first, second := pki().client, testpki.Must(pki().ca.Client("other"))
	shown := &first
	client := mustNamed(t, Default).Client(Client{
		ServerName: "tollgate.test", RootCAs: pki().pool(),
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return shown, nil },
	})
	for _, want := range []*tls.Certificate{&first, &second} {
		shown = want
		o := connect(t, peerServer(func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, pki().pool() }), client)
		if !o.answered || !o.server.PeerCertificates[0].Equal(want.Leaf) {
			t.Errorf("answered %t, %v, %v", o.answered, o.clientErr, o.serverErr)
		}
	}
}

func must[T any](v T, err error) T { return testpki.Must(v, err) }

func TestNotAllowedTexts(t *testing.T) {
	for want, e := range map[string]*NotAllowed{
		`TLS policy "p": the peer offered no allowed suite`: {Policy: "p", Kind: KindSuite},
		`TLS policy "p": group x is not allowed`:            {Policy: "p", Kind: KindGroup, Found: "x"},
		`TLS policy "p": certificate pin: none`:             {Policy: "p", Kind: KindPin, Why: "none"},
		`certificate revoked: serial 1`:                     {Kind: KindRevoked, Why: "serial 1"},
	} {
		if got := errors.Join(e).Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
