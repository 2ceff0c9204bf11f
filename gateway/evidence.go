package gateway

import (
	"crypto/tls"
	"maps"
	"sync"
	"sync/atomic"

	"tollgate/audit/logfile"
	"tollgate/tlspolicy"
)

// evidenceOf returns the TLS evidence of a connection: all of it for the first record, and what later records repeat. It costs a hash of
// the peer's certificate, so it is not worked out again for each of a connection's calls.
func evidenceOf(state *tls.ConnectionState) (first, later *logfile.TLS) {
	f := tlspolicy.FactsOf(*state)
	later = &logfile.TLS{
		Version: f.Version, Suite: f.Suite, Group: f.Group, ALPN: f.ALPN, Resumed: f.Resumed,
		ServerName: f.ServerName, Peer: f.PeerSubject, PeerFingerprint: f.PeerFingerprint,
	}
	all := *later
	later.Encode()
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

// unrecorded takes back a record that was not written: if it had the offer, the next record of the connection has it.
func (c *connection) unrecorded(r *logfile.Record) {
	if r.TLSIn != nil && r.TLSIn.Offer != nil {
		c.recorded.Store(nil)
	}
}

// evidence remembers the TLS evidence of connections to upstreams. Its lock is taken for new connections only.
type evidence struct {
	adding sync.Mutex
	known  atomic.Pointer[map[*tls.ConnectionState]*logfile.TLS] // never changed: another one takes its place
}

// knownConns bounds how many connections are remembered. When there are more, the list is cleared.
const knownConns = 1024

// of returns the evidence of one connection; nil for a plain one. The state is taken for that of the same connection
// whenever its address is the same, which holds as long as the map keeps it alive.
func (e *evidence) of(state *tls.ConnectionState) *logfile.TLS {
	if state == nil {
		return nil
	}
	if record := e.get(state); record != nil {
		return record
	}
	first, later := evidenceOf(state)
	e.add(state, later)
	return first
}

func (e *evidence) get(state *tls.ConnectionState) *logfile.TLS {
	if known := e.known.Load(); known != nil {
		return (*known)[state]
	}
	return nil
}

func (e *evidence) add(state *tls.ConnectionState, record *logfile.TLS) {
	e.adding.Lock()
	defer e.adding.Unlock()
	next := map[*tls.ConnectionState]*logfile.TLS{}
	if known := e.known.Load(); known != nil && len(*known) < knownConns {
		next = maps.Clone(*known)
	}
	next[state] = record
	e.known.Store(&next)
}
