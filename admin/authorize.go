package admin

import (
	"fmt"
	"net/http"
	"slices"

	"tollgate/accept"
)

// Door is where a request comes in.
type Door int

// The doors.
const (
	Socket   Door = iota // the admin socket
	Loopback             // the admin address
	Network              // the metrics listener
)

// Peer is who asks.
type Peer struct {
	Door
	// Process is that at the other end of the admin socket. Nil: the system does not know it.
	Process *accept.Peer
	// Identified is nil if the peer of a metrics listener has shown who it is; otherwise why not, as an [*Error].
	Identified error
}

func (p Peer) String() string {
	if p.Process == nil {
		return "an unknown process"
	}
	return fmt.Sprintf("uid %d (process %d)", p.Process.UID, p.Process.PID)
}

// Identity is how records call the peer; empty if it is not known.
func (p Peer) Identity() string {
	if p.Process == nil {
		return ""
	}
	return fmt.Sprintf("uid %d", p.Process.UID)
}

// Act is what may be asked for.
type Act string

// probes are the acts that other doors than the socket serve.
var probes = map[Door][]Act{Loopback: {"live", "ready", "metrics"}, Network: {"ready", "metrics"}}

// authorize returns nil if a peer may do an act, which is decided here and nowhere else. The empty act is one that there is not: a
// peer that may do nothing at a door does not learn what it serves.
func (s *Server) authorize(act Act, p Peer) error {
	switch {
	case p.Door == Socket && (p.Process == nil || p.Process.UID != s.UID && p.Process.UID != 0):
		return &Error{http.StatusForbidden, fmt.Sprintf("%v may not use the admin socket: it serves uid %d, which the gateway runs as, and root", p, s.UID)}
	case p.Door == Network && p.Identified != nil:
		return p.Identified
	case p.Door != Socket && act != "" && !slices.Contains(probes[p.Door], act):
		return &Error{http.StatusNotFound, "this is not served here: use the admin socket (tollgate status, tollgate reload)"}
	}
	return nil
}

// peer returns who sent a request.
func (s *Server) peer(at Door, r *http.Request) Peer {
	p := Peer{Door: at}
	if c := accept.ConnectionOf(r.Context()); c != nil {
		p.Process = c.Peer
	}
	switch {
	case at != Network:
	case s.Identify == nil:
		p.Identified = &Error{http.StatusUnauthorized, "the gateway does not know who may read this"}
	default:
		p.Identified = s.Identify(r)
	}
	return p
}
