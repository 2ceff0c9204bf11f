package tlspolicy

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"tollgate/internal/testpki"
)

func mustIssueUnknown(t *testing.T) tls.Certificate {
	t.Helper()
	ca, err := testpki.New()
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := ca.Client("unknown")
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestFactsOf(t *testing.T) {
	server := mustNamed(t, Default).Server(Server{GetCertificate: pki().both, ClientCAs: pki().pool()})
	client := peerClient(func(c *tls.Config) {
		c.Certificates, c.NextProtos = []tls.Certificate{pki().client}, []string{"h2"}
		c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}
		c.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	})
	sum := sha256.Sum256(pki().client.Certificate[0])
	want := Facts{
		Version: "TLS 1.2", Suite: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", Group: "X25519", PeerSubject: "CN=billing-app",
		PeerFingerprint: hex.EncodeToString(sum[:]), ServerName: "tollgate.test", ALPN: "h2",
	}
	for _, resumed := range []bool{false, true} {
		o := connect(t, server, client)
		if o.serverErr != nil {
			t.Fatal(o.serverErr)
		}
		want.Resumed = resumed
		if got := FactsOf(o.server); got != want {
			t.Errorf("facts\n%+v, want\n%+v", got, want)
		}
	}
}

func TestOfferIsBounded(t *testing.T) {
	hello := &tls.ClientHelloInfo{ServerName: "x\x00\x1b[31m" + strings.Repeat("é", 500)}
	for i := range 30000 {
		hello.CipherSuites = append(hello.CipherSuites, uint16(i))
		hello.SupportedCurves = append(hello.SupportedCurves, tls.CurveID(i))
		hello.SupportedVersions = append(hello.SupportedVersions, uint16(i))
	}
	offer := OfferOf(hello)
	if len(offer.Suites) != maxOfferedSuites+1 || offer.Suites[maxOfferedSuites] != "+29936 more" {
		t.Errorf("%d suites, the last %q", len(offer.Suites), offer.Suites[len(offer.Suites)-1])
	}
	if len(offer.Groups) != maxOfferedGroups+1 || len(offer.Versions) != maxOfferedVersions+1 {
		t.Errorf("%d groups, %d versions", len(offer.Groups), len(offer.Versions))
	}
	if len(offer.ServerName) > maxName+len("…") || strings.ContainsFunc(offer.ServerName, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("server name %q", offer.ServerName)
	}
	if text := offer.String(); len(text) > 8192 || !strings.Contains(text, "versions: ") {
		t.Errorf("%d bytes of text", len(text))
	}
}

func TestOfferNames(t *testing.T) {
	got := OfferOf(&tls.ClientHelloInfo{
		CipherSuites:      []uint16{tls.TLS_AES_128_GCM_SHA256, 0x009F, tls.TLS_RSA_WITH_RC4_128_SHA, 0x0A0A},
		SupportedCurves:   []tls.CurveID{tls.X25519MLKEM768, tls.CurveP256, 0x0A0A},
		SupportedVersions: []uint16{0x0A0A, tls.VersionTLS13, tls.VersionTLS10},
		ServerName:        "gateway.corp.example",
	})
	want := Offer{
		Versions:   []string{"0x0A0A", "TLS 1.3", "TLS 1.0"},
		Suites:     []string{"TLS_AES_128_GCM_SHA256", "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_RSA_WITH_RC4_128_SHA", "0x0A0A"},
		Groups:     []string{"X25519MLKEM768", "P-256", "0x0A0A"},
		ServerName: "gateway.corp.example",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if none := OfferOf(nil); none.String() != "no TLS offer was read" {
		t.Errorf("no ClientHello: %q", none)
	}
}

func FuzzClip(f *testing.F) {
	f.Add("gateway.corp.example")
	f.Add(strings.Repeat("\xc3", 200) + "\x00")
	f.Fuzz(func(t *testing.T, text string) {
		got := truncate(text)
		if len(got) > maxName+len("…") || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("clip(%q) = %q", text, got)
		}
	})
}
