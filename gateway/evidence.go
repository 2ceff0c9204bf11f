package gateway

import (
	"crypto/tls"

	lru "github.com/hashicorp/golang-lru/v2"

	"tollgate/audit/logfile"
	"tollgate/tlspolicy"
)

// evidenceOf returns what records say of a TLS connection: the first one all of it, and later ones what they have of it. To find it costs
// a hash of the peer's certificate, and a connection carries many calls.
func evidenceOf(state *tls.ConnectionState) (first, later *logfile.TLS) {
	f := tlspolicy.FactsOf(*state)
	later = &logfile.TLS{
		Version: f.Version, Suite: f.Suite, Group: f.Group, ALPN: f.ALPN, Resumed: f.Resumed,
		ServerName: f.ServerName, Peer: f.PeerSubject, PeerFingerprint: f.PeerFingerprint,
	}
	all := *later
	if len(state.PeerCertificates) > 0 {
		all.PeerNotAfter = state.PeerCertificates[0].NotAfter
	}
	return &all, later
}

// tlsIn returns the evidence of a caller's connection, and the first time also what the caller offered on it; nil for a plain one.
func (c *connection) tlsIn() *logfile.TLS {
	if c.TLS == nil {
		return nil
	}
	if later := c.recorded.Load(); later != nil {
		return later
	}
	first, later := evidenceOf(c.TLS)
	if !c.recorded.CompareAndSwap(nil, later) {
		return later // another stream of the connection was the first
	}
	first.Offer = (*logfile.Offer)(c.Offer)
	return first
}

// unrecorded has the offer go into another record, if it is in this one, which was not written.
func (c *connection) unrecorded(r *logfile.Record) {
	if r.TLSIn != nil && r.TLSIn.Offer != nil {
		c.recorded.Store(nil)
	}
}

// evidence remembers that of connections to upstreams.
type evidence struct {
	known *lru.Cache[*tls.ConnectionState, *logfile.TLS]
}

// knownConns bounds how many connections are remembered; for others it is found anew.
const knownConns = 1024

func newEvidence() evidence {
	known, err := lru.New[*tls.ConnectionState, *logfile.TLS](knownConns)
	if err != nil {
		panic(err) // the size is not positive
	}
	return evidence{known}
}

// of returns the evidence of one connection; nil for a plain one. The state is taken for that of the same connection
// whenever its address is the same, which holds as long as the cache keeps it alive.
func (e evidence) of(state *tls.ConnectionState) *logfile.TLS {
	if state == nil {
		return nil
	}
	if record, ok := e.known.Get(state); ok {
		return record
	}
	first, later := evidenceOf(state)
	e.known.Add(state, later)
	return first
}
