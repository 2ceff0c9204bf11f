package tlspolicy

import (
	"crypto/tls"
	"fmt"
	"slices"
)

// Kind says what of a connection is not allowed, or why there is none. The set is fixed, so it can label a metric.
type Kind string

// The kinds.
const (
	KindVersion   Kind = "version"
	KindSuite     Kind = "suite"
	KindGroup     Kind = "group"
	KindKey       Kind = "certificate key"       // too short, or of a kind that is not taken
	KindSignature Kind = "certificate signature" // SHA-1 or older
	KindPin       Kind = "certificate pin"       // no key of the chain is pinned
	KindAuthority Kind = "certificate authority" // of no authority that is trusted (any more)
	KindName      Kind = "certificate name"      // for another host
	KindExpired   Kind = "certificate expired"   // or not valid yet
	KindRevoked   Kind = "certificate revoked"
	KindStatus    Kind = "certificate status unknown" // whether it is revoked is unknown
	KindInvalid   Kind = "certificate"                // missing, or not valid for another reason

	KindAlert     Kind = "refused by peer" // it sent an alert: it wants a certificate from us, for example
	KindNotTLS    Kind = "not tls"
	KindHandshake Kind = "handshake" // anything else that TLS does not allow
)

// Kinds lists all kinds.
func Kinds() []Kind {
	return []Kind{
		KindVersion, KindSuite, KindGroup, KindKey, KindSignature, KindPin, KindAuthority, KindName, KindExpired, KindRevoked,
		KindStatus, KindInvalid, KindAlert, KindNotTLS, KindHandshake,
	}
}

// NotAllowed is the error for a connection outside a policy, or for a peer that offered nothing inside it.
type NotAllowed struct {
	Policy string // the policy's name; empty if the error is not of a policy
	Kind   Kind
	Found  string // what was negotiated; empty if the peer's offer had nothing allowed
	Why    string // in place of Found, where one value does not say it
}

func (e *NotAllowed) Error() string {
	policy := ""
	if e.Policy != "" {
		policy = fmt.Sprintf("TLS policy %q: ", e.Policy)
	}
	switch {
	case e.Why != "":
		return fmt.Sprintf("%s%s: %s", policy, e.Kind, e.Why)
	case e.Found == "":
		return fmt.Sprintf("%sthe peer offered no allowed %s", policy, e.Kind)
	}
	return fmt.Sprintf("%s%s %s is not allowed", policy, e.Kind, e.Found)
}

// Check reports whether an established connection is inside the policy, with a [*NotAllowed] if it is not. Every
// configuration that a policy makes calls it on every connection, new or resumed, in both directions.
func (p *Policy) Check(cs tls.ConnectionState) error {
	if !p.allowsVersion(cs.Version) {
		return &NotAllowed{Policy: p.name, Kind: KindVersion, Found: tls.VersionName(cs.Version)}
	}
	if !slices.Contains(p.offered(cs.Version), cs.CipherSuite) {
		return &NotAllowed{Policy: p.name, Kind: KindSuite, Found: tls.CipherSuiteName(cs.CipherSuite)}
	}
	if err := p.checkChains(cs.VerifiedChains); err != nil {
		return err
	}
	if groupUnknown(cs) {
		return nil
	}
	if !slices.Contains(groupsFor(cs.Version, p.groups), cs.CurveID) {
		return &NotAllowed{Policy: p.name, Kind: KindGroup, Found: GroupName(cs.CurveID)}
	}
	return nil
}

// groupUnknown reports whether a connection is still in a place where crypto/tls cannot know its group: a client of TLS 1.2
// calls VerifyConnection between the server's certificate and its key exchange. crypto/tls itself ends the handshake if
// the server then takes a group that was not offered. The allowed suites of TLS 1.2 all have a group.
func groupUnknown(cs tls.ConnectionState) bool {
	return cs.CurveID == 0 && cs.Version == tls.VersionTLS12 && !cs.DidResume && !cs.HandshakeComplete
}

// mismatch returns what a ClientHello lacks to be served under the policy, or nil.
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

// versionFor returns the highest allowed version among those offered (what crypto/tls chooses), or 0.
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
