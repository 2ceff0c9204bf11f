// Package testpki makes throw-away certificate authorities and certificates for tests, for the simulator and for the
// demo. Its keys live in memory and its certificates are short-lived; nothing of it belongs in production.
package testpki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"time"
)

// Lifetime is how long certificates hold when nothing else is asked for.
const Lifetime = 24 * time.Hour

// KeyType is the kind of a leaf's key. The zero value is ECDSA.
type KeyType int

// The key types.
const (
	ECDSA KeyType = iota // P-256
	RSA                  // 2048 bits; generating one takes a noticeable fraction of a second
)

// Leaf says what an end-entity certificate is for. The zero value is a certificate for a client without any name.
type Leaf struct {
	CommonName string
	Names      []string  // subject alternative names of a server or client: DNS names or IP addresses
	URIs       []string  // subject alternative names such as "spiffe://corp/billing"
	Server     bool      // extended key usage: server authentication; otherwise client authentication
	Key        KeyType   // default: ECDSA
	NotBefore  time.Time // default: an hour ago
	NotAfter   time.Time // default: in Lifetime
}

// CA is a certificate authority. It may be used concurrently.
type CA struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// New returns an authority with a fresh P-256 key.
func New() (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the key of the test CA: %w", err)
	}
	template := template("Tollgate throw-away CA", time.Time{}, time.Time{})
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	certificate, err := sign(template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &CA{certificate, key}, nil
}

// Server issues an ECDSA certificate for a server of these DNS names and IP addresses.
func (ca *CA) Server(names ...string) (tls.Certificate, error) {
	return ca.Issue(Leaf{Names: names, Server: true})
}

// ServerRSA is [CA.Server] with an RSA key.
func (ca *CA) ServerRSA(names ...string) (tls.Certificate, error) {
	return ca.Issue(Leaf{Names: names, Server: true, Key: RSA})
}

// Client issues an ECDSA certificate for a client with this subject common name and these URI names.
func (ca *CA) Client(commonName string, uris ...string) (tls.Certificate, error) {
	return ca.Issue(Leaf{CommonName: commonName, URIs: uris})
}

// Issue issues a certificate as described by l.
func (ca *CA) Issue(l Leaf) (tls.Certificate, error) {
	key, err := newKey(l.Key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("making a leaf key: %w", err)
	}
	template := template(l.CommonName, l.NotBefore, l.NotAfter)
	if err := addNames(template, l); err != nil {
		return tls.Certificate{}, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if l.Server {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	if l.Key == RSA {
		template.KeyUsage |= x509.KeyUsageKeyEncipherment // for peers that try RSA key exchange
	}
	leaf, err := sign(template, ca.certificate, key.Public(), ca.key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

// RevocationList issues a list, in DER, of what template says. Its number and its times have defaults: 1, now, and in
// Lifetime.
func (ca *CA) RevocationList(template x509.RevocationList) ([]byte, error) {
	if template.Number == nil {
		template.Number = big.NewInt(1)
	}
	if template.ThisUpdate.IsZero() {
		template.ThisUpdate = time.Now()
	}
	if template.NextUpdate.IsZero() {
		template.NextUpdate = template.ThisUpdate.Add(Lifetime)
	}
	der, err := x509.CreateRevocationList(rand.Reader, &template, ca.certificate, ca.key)
	if err != nil {
		return nil, fmt.Errorf("issuing a revocation list: %w", err)
	}
	return der, nil
}

// Certificate returns the authority's own certificate. It must not be changed.
func (ca *CA) Certificate() *x509.Certificate { return ca.certificate }

// Pool returns a new pool that holds the authority only.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.certificate)
	return pool
}

// Must returns v, or panics with err. It is for tests.
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newKey(t KeyType) (crypto.Signer, error) {
	switch t {
	case ECDSA:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case RSA:
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return nil, errors.New("unknown key type")
}

func template(commonName string, notBefore, notAfter time.Time) *x509.Certificate {
	serial := make([]byte, 15)
	_, _ = rand.Read(serial) // never fails: crypto/rand would end the process
	if notBefore.IsZero() {
		notBefore = time.Now().Add(-time.Hour) // clocks of peers may be a little behind
	}
	if notAfter.IsZero() {
		notAfter = time.Now().Add(Lifetime)
	}
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), Subject: pkix.Name{CommonName: commonName}, NotBefore: notBefore, NotAfter: notAfter,
	}
}

func addNames(template *x509.Certificate, l Leaf) error {
	for _, name := range l.Names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	for _, uri := range l.URIs {
		parsed, err := url.Parse(uri)
		if err != nil {
			return fmt.Errorf("URI name of a certificate: %w", err)
		}
		template.URIs = append(template.URIs, parsed)
	}
	return nil
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, fmt.Errorf("issuing a certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}
