package accept

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"tollgate/tlspolicy"
)

// Requests notices what an HTTP server refuses by itself before a request exists: a malformed request line or header, one
// that is too large or too slow. Such a request never reaches a handler, so nobody else can count it. Also counted is a
// peer that leaves in the middle of a header. Not counted is a malformed request that follows another on its connection and arrives
// in one piece: net/http does not report it. It also marks the connections of a listener of New as busy or idle.
type Requests struct {
	// Refused is called for each. It may be called concurrently.
	Refused func(remote net.Addr)
	// Silent is called for each plain connection that is closed before its first byte, of which a listener of New does not learn. It
	// may be called concurrently. Optional.
	Silent func(Refusal)

	open sync.Map // net.Conn -> *progress; an entry for each open connection of the server
}

// progress is how far the requests of one connection came.
type progress struct{ unanswered atomic.Bool }

type progressKey struct{}

// Watch hooks into the server, whose requests then have in their context what the peer of a connection from New offered, see
// tlspolicy.OfferedIn. It must be called before the server starts. It sets ConnState and Handler, and adds to ConnContext.
func (r *Requests) Watch(server *http.Server) {
	before := server.ConnContext
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		if before != nil {
			ctx = before(ctx, conn)
		}
		return r.connContext(ctx, conn)
	}
	server.ConnState = r.connState
	next := server.Handler
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if p, ok := request.Context().Value(progressKey{}).(*progress); ok {
			p.unanswered.Store(false)
		}
		next.ServeHTTP(w, request)
	})
}

func (r *Requests) connContext(ctx context.Context, conn net.Conn) context.Context {
	p := new(progress)
	r.open.Store(conn, p)
	ctx = context.WithValue(ctx, progressKey{}, p)
	if own := ours(conn); own != nil && own.offered != nil {
		ctx = tlspolicy.WithOffered(ctx, own.offered)
	}
	return ctx
}

// connState is called with StateActive when a request was read, or as much of one as came, before the handler is.
func (r *Requests) connState(conn net.Conn, state http.ConnState) {
	found, ok := r.open.Load(conn)
	if !ok {
		return
	}
	own := ours(conn)
	switch p := found.(*progress); state {
	case http.StateActive:
		p.unanswered.Store(true)
		if own != nil {
			own.slots.busy(own)
		}
	case http.StateIdle:
		if own != nil {
			own.slots.waits(own)
		}
	case http.StateClosed, http.StateHijacked:
		r.open.Delete(conn)
		if own != nil && own.slots.wasEvicted(own) {
			return // the listener has told of it
		}
		if p.unanswered.Load() {
			r.Refused(conn.RemoteAddr())
		}
		if own != nil && !own.spoke.Load() && r.Silent != nil {
			r.Silent(refusalOf(conn, ReasonSilent, errSilent))
		}
	}
}
