package tlspolicy

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
)

// The least sizes of keys, in bits, are what NIST SP 800-131A asks for. crypto/x509 takes shorter ones.
const (
	minRSA   = 2048
	minECDSA = 256
)

// CheckKey reports whether a public key may be in a chain of certificates: RSA of 2048 bits or more, ECDSA on P-256 or a
// larger curve, or Ed25519.
func CheckKey(public any) error {
	if weak := weakKey(public); weak != "" {
		return fmt.Errorf("its key is %s; RSA of %d bits or more, ECDSA of %d or more, or Ed25519 is needed", weak, minRSA, minECDSA)
	}
	return nil
}

// weakKey describes a key that is too short or of another kind; "" if it is neither.
func weakKey(public any) string {
	switch key := public.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minRSA {
			return fmt.Sprintf("RSA with %d bits", bits)
		}
	case *ecdsa.PublicKey:
		if curve := key.Curve.Params(); curve.BitSize < minECDSA {
			return "ECDSA on " + curve.Name
		}
	case ed25519.PublicKey:
	default:
		return fmt.Sprintf("of type %T", public)
	}
	return ""
}

// weakness returns why a verified chain is not good enough, by kind; "" if it is. The last of a chain is trusted as it is,
// so its signature, which is its own, says nothing; its key says who may sign the others.
func weakness(chain []*x509.Certificate) (Kind, string) {
	for i, certificate := range chain {
		if weak := weakKey(certificate.PublicKey); weak != "" {
			return KindKey, weak
		}
		if i < len(chain)-1 && weakSignature(certificate.SignatureAlgorithm) {
			return KindSignature, certificate.SignatureAlgorithm.String()
		}
	}
	return "", ""
}

// weakSignature reports whether signatures can be forged. crypto/x509 refuses them too, as if their signer were unknown.
func weakSignature(algorithm x509.SignatureAlgorithm) bool {
	switch algorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		return true
	}
	return false
}

// SignedWeakly reports whether a certificate has a signature that counts and can be forged. That of a root does not count; servers
// send roots along though no peer needs them.
func SignedWeakly(c *x509.Certificate) bool {
	return weakSignature(c.SignatureAlgorithm) && string(c.RawIssuer) != string(c.RawSubject)
}

// checkChains wants one chain without weakness. Without a chain nothing was verified, and there is nothing to look at.
func (p *Policy) checkChains(chains [][]*x509.Certificate) error {
	var kind Kind
	var found string
	for _, chain := range chains {
		if kind, found = weakness(chain); kind == "" {
			return nil
		}
	}
	if kind == "" {
		return nil
	}
	return &NotAllowed{Policy: p.name, Kind: kind, Found: found}
}

// strong returns the chains without weakness, which are usually all.
func strong(chains [][]*x509.Certificate) [][]*x509.Certificate {
	return slices.DeleteFunc(slices.Clone(chains), func(chain []*x509.Certificate) bool {
		kind, _ := weakness(chain)
		return kind != ""
	})
}
