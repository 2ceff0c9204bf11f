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
// in one piece: net/http does not tell of it.
type Requests struct {
	// Refused is called for each. It may be called concurrently.
	Refused func(remote net.Addr)

	open sync.Map // net.Conn -> *progress; an entry for each open connection of the server
}

// progress is how far the requests of one connection came.
type progress struct{ unanswered atomic.Bool }

type progressKey struct{}

// Watch hooks into the server, whose requests then have in their context what the peer of a connection from New offered, see
// tlspolicy.OfferedIn. It must be called before the server starts, and sets ConnState, ConnContext and Handler.
func (r *Requests) Watch(server *http.Server) {
	server.ConnContext = r.connContext
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
	if offered := offeredOn(conn); offered != nil {
		ctx = tlspolicy.WithOffered(ctx, offered)
	}
	return ctx
}

// connState is told StateActive when the first byte of a request was read, before the handler is called.
func (r *Requests) connState(conn net.Conn, state http.ConnState) {
	found, ok := r.open.Load(conn)
	if !ok {
		return
	}
	switch p := found.(*progress); state {
	case http.StateActive:
		p.unanswered.Store(true)
	case http.StateClosed, http.StateHijacked:
		r.open.Delete(conn)
		if p.unanswered.Load() {
			r.Refused(conn.RemoteAddr())
		}
	}
}
