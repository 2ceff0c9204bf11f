package accept

import (
	"context"
	"time"

	"tollgate/internal/peek"
)

// maxLook is how seldom a stop looks whether the connections that are left have become idle.
const maxLook = 50 * time.Millisecond

// drain takes no further connections, closes those on which no request is under way or coming, each as soon as that is so, and
// returns when none is left, or ctx ends. Accept must be called until then. [net/http.Server.Shutdown] closes connections on which a
// request has arrived that the server has not looked at yet, and drops what it reads after it was called: peers would not learn
// whether their requests were taken.
func (l *listener) drain(ctx context.Context) error {
	l.stopTaking(false)
	look := time.NewTimer(0)
	defer look.Stop()
	for wait := minBackoff; ; wait = min(2*wait, maxLook) {
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if l.slots.closeUnused(time.Now()) == 0 {
			return nil
		}
		look.Reset(wait)
	}
}

// stopTaking ends the loop and closes the listener beneath. The first call decides whether the connections that wait in the system are taken or left.
func (l *listener) stopTaking(leaveWaiting bool) {
	if !l.shut.Load() {
		l.leave.Store(leaveWaiting)
	}
	l.shut.Store(true)
	inner, ok := l.inner.(interface{ SetDeadline(time.Time) error })
	if !ok || inner.SetDeadline(past) != nil {
		_ = l.inner.Close()
	}
	<-l.ended
}

// takeLast closes the listener beneath, and takes the connections that waited in the system, unless they are left to another server: their
// peers regard them as open, and may have sent a request. Nothing is done between the last look and the end, since what comes then is lost.
func (l *listener) takeLast() {
	if l.leave.Load() {
		_ = l.inner.Close()
		return
	}
	conns := waiting(l.inner)
	_ = l.inner.Close()
	for _, c := range conns {
		l.take(c)
	}
}

// closeUnused closes the connections on which no request is under way, unless one may be coming, and returns how many are left, with
// those that are being closed. A handshake that was begun may end: it has a time of its own, and it may be our part that takes so long.
func (s *slots) closeUnused(now time.Time) (left int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.conns.Front(); e != nil; e = e.Next() {
		c := e.Value.(*conn)
		if c.state == busy || c.state == partial && c.shaking || now.Sub(c.began) < sparedTime {
			continue
		}
		if quiet, known := peek.Quiet(c.Conn); quiet || !known {
			c.endReading()
		}
	}
	return s.conns.Len()
}

// past is a deadline that is over.
var past = time.Unix(1, 0)

// endReading makes the server close a connection on which it can read nothing more. Closing it here would lose a request that the
// server has just read and not reported yet; as it goes on to read that, it sets another deadline. mu is held.
func (c *conn) endReading() {
	c.evicted = c.state == partial // otherwise nothing was begun, so that nothing is cut off
	if c.served != nil {
		c.served.EndWaiting()
		return
	}
	_ = c.SetReadDeadline(past)
}
