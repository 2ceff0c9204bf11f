package tlspolicy

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math"
	"slices"
)

// Kind tells what of a connection a policy does not allow.
type Kind string

// The kinds.
const (
	KindVersion Kind = "version"
	KindSuite   Kind = "suite"
	KindGroup   Kind = "group"
	KindKey     Kind = "certificate key"
)

// NotAllowed is the error for a connection outside a policy, or for a peer that offered nothing inside it.
type NotAllowed struct {
	Policy string // the policy's name
	Kind   Kind
	Found  string // what was negotiated; empty if the peer's offer had nothing allowed
}

func (e *NotAllowed) Error() string {
	if e.Found == "" {
		return fmt.Sprintf("TLS policy %q: the peer offered no allowed %s", e.Policy, e.Kind)
	}
	return fmt.Sprintf("TLS policy %q: %s %s is not allowed", e.Policy, e.Kind, e.Found)
}

// Check tells whether an established connection is inside the policy, with a [*NotAllowed] if it is not. Every
// configuration that a policy makes calls it on every connection, new or resumed, in both directions.
func (p *Policy) Check(cs tls.ConnectionState) error {
	if !p.allowsVersion(cs.Version) {
		return &NotAllowed{p.name, KindVersion, tls.VersionName(cs.Version)}
	}
	if !slices.Contains(p.offered(cs.Version), cs.CipherSuite) {
		return &NotAllowed{p.name, KindSuite, tls.CipherSuiteName(cs.CipherSuite)}
	}
	if bits := weakKey(cs.VerifiedChains); bits > 0 {
		return &NotAllowed{p.name, KindKey, fmt.Sprintf("RSA with %d bits", bits)}
	}
	if groupUnknown(cs) {
		return nil
	}
	if !slices.Contains(groupsFor(cs.Version, p.groups), cs.CurveID) {
		return &NotAllowed{p.name, KindGroup, GroupName(cs.CurveID)}
	}
	return nil
}

// minRSA is what NIST SP 800-131A asks for. crypto/x509 takes shorter keys, though signatures with SHA-1 or MD5 it does not.
const minRSA = 2048

// weakKey gives the size of a short RSA key in the peer's chain of certificates, or 0 if there is a chain without one.
func weakKey(chains [][]*x509.Certificate) (bits int) {
	for _, chain := range chains {
		if bits = shortestRSA(chain); bits >= minRSA {
			return 0
		}
	}
	return bits
}

func shortestRSA(chain []*x509.Certificate) int {
	shortest := math.MaxInt
	for _, certificate := range chain {
		if key, ok := certificate.PublicKey.(*rsa.PublicKey); ok {
			shortest = min(shortest, key.N.BitLen())
		}
	}
	return shortest
}

// groupUnknown tells whether a connection is still in a place where crypto/tls cannot know its group: a client of TLS 1.2
// calls VerifyConnection between the server's certificate and its key exchange. crypto/tls itself ends the handshake if
// the server then takes a group that was not offered. The allowed suites of TLS 1.2 all have a group.
func groupUnknown(cs tls.ConnectionState) bool {
	return cs.CurveID == 0 && cs.Version == tls.VersionTLS12 && !cs.DidResume && !cs.HandshakeComplete
}

// mismatch tells what a ClientHello lacks to be served under the policy, or nil.
func (p *Policy) mismatch(h *tls.ClientHelloInfo) *NotAllowed {
	version := p.versionFor(h.SupportedVersions)
	if version == 0 {
		return &NotAllowed{Policy: p.name, Kind: KindVersion}
	}
	if !intersect(p.offered(version), h.CipherSuites) {
		return &NotAllowed{Policy: p.name, Kind: KindSuite}
	}
	if !intersect(groupsFor(version, p.groups), h.SupportedCurves) {
		return &NotAllowed{Policy: p.name, Kind: KindGroup}
	}
	return nil
}

// versionFor gives the highest allowed version among those offered (what crypto/tls chooses), or 0.
func (p *Policy) versionFor(offered []uint16) uint16 {
	for _, version := range slices.Backward(p.versions) {
		if slices.Contains(offered, version) {
			return version
		}
	}
	return 0
}

func intersect[T comparable](a, b []T) bool {
	return slices.ContainsFunc(a, func(x T) bool { return slices.Contains(b, x) })
}
