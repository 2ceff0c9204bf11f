package gateway

import (
	"crypto/tls"
	"net/http"

	lru "github.com/hashicorp/golang-lru/v2"

	"tollgate/audit/logfile"
	"tollgate/tlspolicy"
)

// evidence keeps what records say of TLS connections: to find it costs a hash of the peer's certificate, and a connection
// carries many calls.
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

// of gives the evidence of one connection; nil for a plain one. The state is taken for that of the same connection
// whenever its address is the same, which holds as long as the cache keeps it alive.
func (e evidence) of(state *tls.ConnectionState) *logfile.TLS {
	if state == nil {
		return nil
	}
	if record, ok := e.known.Get(state); ok {
		return record
	}
	first := e.remember(state)
	return &first
}

// ofCaller gives the evidence of a caller's connection, and the first time also what the caller offered on it.
func (e evidence) ofCaller(r *http.Request) *logfile.TLS {
	if r.TLS == nil {
		return nil
	}
	if record, ok := e.known.Get(r.TLS); ok {
		return record
	}
	first := e.remember(r.TLS)
	if offer := tlspolicy.OfferedIn(r.Context()).Take(); offer != nil {
		first.Offer = (*logfile.Offer)(offer)
	}
	return &first
}

// remember gives the evidence for a connection's first record, and keeps what later ones have of it.
func (e evidence) remember(state *tls.ConnectionState) logfile.TLS {
	f := tlspolicy.FactsOf(*state)
	record := logfile.TLS{
		Version: f.Version, Suite: f.Suite, Group: f.Group, ALPN: f.ALPN, Resumed: f.Resumed,
		ServerName: f.ServerName, Peer: f.PeerSubject, PeerFingerprint: f.PeerFingerprint,
	}
	later := record
	e.known.Add(state, &later)
	if len(state.PeerCertificates) > 0 {
		record.PeerNotAfter = state.PeerCertificates[0].NotAfter
	}
	return record
}
