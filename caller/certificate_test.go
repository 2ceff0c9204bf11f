package caller

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"

	"tollgate/signing"
)

// FuzzCertificate: a certificate is a caller's exactly if it carries the caller's name, URIs byte by byte and DNS names
// without regard to the case of ASCII letters; its common name counts only where there is no alternative name.
func FuzzCertificate(f *testing.F) {
	for _, c := range []struct{ configured, presented string }{
		{"spiffe://corp/billing", "spiffe://corp/billing"}, {"spiffe://corp/billing", "SPIFFE://corp/billing"},
		{"spiffe://corp/billing", "spiffe://corp/billing#"}, {"spiffe://corp/a%22b", `spiffe://corp/a"b`}, {"spiffe://corp/a%2fb", "spiffe://corp/a%2Fb"},
		{"billing.corp.example", "Billing.Corp.Example"}, {"billing.corp.example", "*.corp.example"}, {"billing", "billing"}, {"urn:x", "urn:x"},
	} {
		for kind := range uint8(3) {
			f.Add(kind, c.configured, c.presented, "other.example")
		}
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, kind uint8, configured, presented, other string) {
		names := [...]CertificateName{{URI: configured}, {DNS: configured}, {CommonName: configured}}
		r, err := NewRegistry([]Config{{Name: "billing", Auth: []Auth{{Certificate: &names[kind%3]}}}}, signing.Known(), nil)
		if err != nil {
			return
		}
		var alternatives []asn1.RawValue
		commonName := "no one"
		switch kind % 3 {
		case 0:
			alternatives = []asn1.RawValue{name(2, other), name(6, presented)}
		case 1:
			alternatives = []asn1.RawValue{name(6, "spiffe://corp/other"), name(2, presented)}
		case 2:
			commonName = presented
		}
		certificate := sign(key, commonName, alternatives)
		if certificate == nil {
			return // crypto/x509 does not take it from a peer either
		}
		identity, _, err := r.Identify(Evidence{Certificate: certificate}, now)
		same := presented == configured || kind%3 == 1 && foldASCII(presented) == foldASCII(configured)
		if same != (err == nil) || same && identity.Caller != "billing" {
			t.Errorf("configured %q, presented %q: %+v, %v", configured, presented, identity, err)
		}
		if kind%3 != 2 || configured == "" {
			return
		}
		if beside := sign(key, commonName, []asn1.RawValue{name(7, "\x7f\x00\x00\x01")}); beside != nil {
			if identity, _, err := r.Identify(Evidence{Certificate: beside}, now); err == nil {
				t.Errorf("the common name %q counts beside an alternative name: %+v", presented, identity)
			}
		}
	})
}

// name is a subject alternative name: 2 a DNS name, 6 a URI, 7 an IP address.
func name(tag int, text string) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, Bytes: []byte(text)}
}

// sign makes a certificate with these names as they are, and returns it as crypto/x509 reads it; nil if it does not.
func sign(key ed25519.PrivateKey, commonName string, alternatives []asn1.RawValue) *x509.Certificate {
	template := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: commonName}}
	if alternatives != nil {
		value, err := asn1.Marshal(alternatives)
		if err != nil {
			return nil
		}
		template.ExtraExtensions = []pkix.Extension{{Id: oidAlternativeName, Value: value}}
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		return nil
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil || certificate.Subject.CommonName != commonName {
		return nil
	}
	return certificate
}

func foldASCII(s string) string {
	lower := []byte(s)
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' {
			lower[i] = c + 'a' - 'A'
		}
	}
	return string(lower)
}
