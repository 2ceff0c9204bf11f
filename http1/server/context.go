package server

import (
	"context"
	"sync"
	"time"
)

// requestContext is the context of a request, as long as that is under way. Done makes one that can end, and has the connection watched for
// a peer that leaves: what never waits does not pay for it.
type requestContext struct {
	conn *Conn

	mutex  sync.Mutex
	made   context.Context // by Done; nil before
	cancel context.CancelFunc
	idle   bool          // the request has been received to its end: what comes now is not of its body
	over   bool          // the request has ended
	ended  chan struct{} // closed when nothing is watched any more; nil: nothing was
}

func (r *requestContext) Deadline() (time.Time, bool) { return r.current().Deadline() }

func (r *requestContext) Err() error { return r.current().Err() }

func (r *requestContext) Value(key any) any { return r.current().Value(key) }

// current returns what was made by Done, or the connection's context.
func (r *requestContext) current() context.Context {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.made != nil {
		return r.made
	}
	return r.conn.peer.Context
}

func (r *requestContext) Done() <-chan struct{} {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.made == nil {
		r.made, r.cancel = context.WithCancel(r.conn.peer.Context)
		if r.over {
			r.cancel()
		}
		r.watch()
	}
	return r.made.Done()
}

// received says that the request was received to its end.
func (r *requestContext) received() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.idle = true
	r.watch()
}

// watch begins to watch for the peer's leaving, if that is wanted and nothing of the request is still to come. A peer that has sent
// more already is taken to be there. mutex is held.
func (r *requestContext) watch() {
	if r.made == nil || !r.idle || r.over || r.ended != nil || r.conn.hasAhead || r.conn.reader.Buffered() > 0 {
		return
	}
	r.ended = make(chan struct{})
	_ = r.conn.reading.want(time.Time{}, true)
	go r.conn.watch(r.cancel, r.ended)
}

// wasWaitedFor reports whether Done was called.
func (r *requestContext) wasWaitedFor() bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.made != nil
}

// begin makes it the context of a new request.
func (r *requestContext) begin(c *Conn, received bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.conn, r.made, r.cancel, r.ended, r.over, r.idle = c, nil, nil, nil, false, received
}

// end ends the request: its context has ended, and its connection is not watched any more.
func (r *requestContext) end() {
	r.mutex.Lock()
	r.over = true
	cancel, ended := r.cancel, r.ended
	r.mutex.Unlock()
	if ended != nil {
		r.conn.stopWatching(ended)
	}
	if cancel != nil {
		cancel()
	}
}
