package tlspolicy

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/internal/testpki"
)

// TestKindOfUpstreams has a real upstream for each way in which it can fail to be trusted. No byte of the request is sent.
func TestKindOfUpstreams(t *testing.T) {
	ca := pki().ca
	past := time.Now().Add(-time.Hour)
	expired := must(ca.Issue(testpki.Leaf{Server: true, Names: []string{"tollgate.test"}, NotBefore: past.Add(-time.Hour), NotAfter: past}))
	unknown := must(must(testpki.New()).Server("tollgate.test"))
	wrongUse := must(ca.Issue(testpki.Leaf{Names: []string{"tollgate.test"}}))
	other := must(ca.Server("other.test"))
	small, sha1 := oddChain(t, elliptic.P224(), x509.ECDSAWithSHA256), oddChain(t, elliptic.P256(), x509.ECDSAWithSHA1)
	serving := func(c tls.Certificate) *tls.Config {
		return peerServer(func(config *tls.Config) {
			config.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &c, nil }
		})
	}
	for name, c := range map[string]struct {
		server *tls.Config
		roots  *x509.CertPool
		want   Kind
	}{
		"authority":   {serving(unknown), nil, KindAuthority},
		"name":        {serving(other), nil, KindName},
		"expired":     {serving(expired), nil, KindExpired},
		"not for TLS": {serving(wrongUse), nil, KindInvalid},
		"P-224":       {serving(small.leaf), small.roots, KindKey},
		"SHA-1":       {serving(sha1.leaf), sha1.roots, KindSignature},
		"old version": {peerServer(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 }), nil, KindAlert},
		"no group":    {peerServer(func(c *tls.Config) { c.GetConfigForClient = refuseAll }), nil, KindAlert},
	} {
		client := mustNamed(t, Default).testClient()
		if c.roots != nil {
			client.RootCAs = c.roots
		}
		o := connect(t, c.server, client)
		if got := KindOf(o.clientErr); got != c.want || len(o.received) > 0 || !slices.Contains(Kinds(), got) {
			t.Errorf("%s: kind %q of %v, sent %q; want %q", name, got, o.clientErr, o.received, c.want)
		}
	}
}

func refuseAll(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, errors.New("no") }

// chainOf is a leaf under an authority, of which a test wants what no real authority does.
type chainOf struct {
	leaf  tls.Certificate
	roots *x509.CertPool
}

// oddChain is a leaf on P-256 of an authority with this curve, signed like this: crypto/x509 takes P-224.
func oddChain(t *testing.T, curve elliptic.Curve, algorithm x509.SignatureAlgorithm) chainOf {
	t.Helper()
	key := must(ecdsa.GenerateKey(curve, rand.Reader))
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	root = must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, root, root, key.Public(), key))))
	leafKey := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: root.NotBefore, NotAfter: root.NotAfter, DNSNames: []string{"tollgate.test"},
		SignatureAlgorithm: algorithm, Subject: pkix.Name{CommonName: "leaf"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der := must(x509.CreateCertificate(rand.Reader, template, root, leafKey.Public(), key))
	c := chainOf{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: leafKey}, x509.NewCertPool()}
	c.roots.AddCert(root)
	return c
}

func TestKindOf(t *testing.T) {
	ca := pki().ca.Certificate()
	signed := func(algorithm x509.SignatureAlgorithm, issuer string) error {
		c := &x509.Certificate{SignatureAlgorithm: algorithm, RawIssuer: []byte(issuer), RawSubject: []byte("me")}
		return &tls.CertificateVerificationError{UnverifiedCertificates: []*x509.Certificate{ca, c}, Err: x509.UnknownAuthorityError{Cert: ca}}
	}
	for want, errs := range map[Kind][]error{
		"":            {nil, io.EOF, context.Canceled, &net.OpError{Op: "dial", Err: errors.New("tls: refused")}, net.ErrClosed},
		KindSignature: {signed(x509.SHA1WithRSA, "you"), signed(x509.ECDSAWithSHA1, "you")},
		KindAuthority: {signed(x509.SHA256WithRSA, "you"), signed(x509.SHA1WithRSA, "me")},
		KindNotTLS:    {tls.RecordHeaderError{Msg: "x"}},
		KindHandshake: {errors.New("tls: server chose an unconfigured cipher suite"), &net.OpError{Op: "local error", Err: tls.AlertError(10)}},
		KindAlert:     {&net.OpError{Op: "remote error", Err: tls.AlertError(42)}},
		KindPin:       {&NotAllowed{Kind: KindPin}},
	} {
		for _, err := range errs {
			if got := KindOf(err); got != want {
				t.Errorf("%v: %q, want %q", err, got, want)
			}
		}
	}
}

// TestWeakness: keys and signatures of a chain, wherever they stand; the last one's signature is its own.
func TestWeakness(t *testing.T) {
	ec := pki().ca.Certificate()
	with := func(key any, algorithm x509.SignatureAlgorithm) *x509.Certificate {
		return &x509.Certificate{PublicKey: key, SignatureAlgorithm: algorithm}
	}
	p224 := &ecdsa.PublicKey{Curve: elliptic.P224()}
	p384 := &ecdsa.PublicKey{Curve: elliptic.P384()}
	rsa2048 := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047)}
	for name, c := range map[string]struct {
		chain []*x509.Certificate
		kind  Kind
		found string
	}{
		"good":              {[]*x509.Certificate{with(p384, x509.ECDSAWithSHA384), ec}, "", ""},
		"ed25519":           {[]*x509.Certificate{with(ed25519.PublicKey{}, x509.PureEd25519), ec}, "", ""},
		"P-224 leaf":        {[]*x509.Certificate{with(p224, x509.ECDSAWithSHA256), ec}, KindKey, "ECDSA on P-224"},
		"P-224 root":        {[]*x509.Certificate{with(p384, x509.ECDSAWithSHA256), with(p224, 0)}, KindKey, "ECDSA on P-224"},
		"unknown kind":      {[]*x509.Certificate{with("x", x509.ECDSAWithSHA256), ec}, KindKey, "of type string"},
		"SHA-1 leaf":        {[]*x509.Certificate{with(rsa2048, x509.SHA1WithRSA), ec}, KindSignature, "SHA1-RSA"},
		"SHA-1 between":     {[]*x509.Certificate{ec, with(p384, x509.ECDSAWithSHA1), ec}, KindSignature, "ECDSA-SHA1"},
		"MD5":               {[]*x509.Certificate{with(rsa2048, x509.MD5WithRSA), ec}, KindSignature, "MD5-RSA"},
		"SHA-1 of the root": {[]*x509.Certificate{ec, with(rsa2048, x509.SHA1WithRSA)}, "", ""},
	} {
		if kind, found := weakness(c.chain); kind != c.kind || found != c.found {
			t.Errorf("%s: %q %q, want %q %q", name, kind, found, c.kind, c.found)
		}
		if err := CheckKey(c.chain[0].PublicKey); err != nil && c.kind != KindKey {
			t.Errorf("%s: %v", name, err)
		}
		both := [][]*x509.Certificate{c.chain, {ec}}
		if got := strong(both); len(got) != 1 && c.kind != "" || len(got) != 2 && c.kind == "" {
			t.Errorf("%s: %d chains are strong", name, len(got))
		}
		if err := mustNamed(t, Default).checkChains(both); err != nil {
			t.Errorf("%s: %v, though there is another chain", name, err)
		}
	}
	if err := CheckKey(p224); err == nil || !strings.Contains(err.Error(), "ECDSA of 256 or more") {
		t.Error(err)
	}
}
