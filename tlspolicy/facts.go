package tlspolicy

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
)

// Facts are what records say of an established connection. All of it is bounded and printable.
type Facts struct {
	Version         string `json:"version"` // "TLS 1.3"
	Suite           string `json:"suite"`   // IANA name
	Group           string `json:"group"`   // key exchange; of the original handshake when a TLS 1.2 session was resumed
	Resumed         bool   `json:"resumed,omitempty"`
	PeerSubject     string `json:"peer_subject,omitempty"`     // distinguished name (RFC 2253) of the peer's certificate
	PeerFingerprint string `json:"peer_fingerprint,omitempty"` // SHA-256 of the peer's certificate, hexadecimal
	ServerName      string `json:"server_name,omitempty"`      // server name that the client sent
	ALPN            string `json:"alpn,omitempty"`
}

// FactsOf describes a connection. It costs a hash of the peer's certificate: call it once per connection.
func FactsOf(cs tls.ConnectionState) Facts {
	facts := Facts{
		Version:    tls.VersionName(cs.Version),
		Suite:      suiteName(cs.CipherSuite),
		Group:      GroupName(cs.CurveID),
		Resumed:    cs.DidResume,
		ServerName: truncate(cs.ServerName),
		ALPN:       truncate(cs.NegotiatedProtocol),
	}
	if len(cs.PeerCertificates) > 0 {
		leaf := cs.PeerCertificates[0]
		sum := sha256.Sum256(leaf.Raw)
		facts.PeerSubject, facts.PeerFingerprint = truncate(leaf.Subject.String()), hex.EncodeToString(sum[:])
	}
	return facts
}
