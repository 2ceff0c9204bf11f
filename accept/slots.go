package accept

import (
	"container/list"
	"net"
	"sync"
	"time"

	"tollgate/internal/source"
)

const (
	// localShare is the part of all connections, in quarters, that one local source may have: a loopback address, or all peers
	// of unix sockets. On a listener for this machine only they are all there is, so they may have more than others.
	localShare = 3
	// siteShare is how many times the connections of one source the site around an IPv6 source may have.
	siteShare = 2
)

// slots counts connections, in all and by source, and chooses which one is closed to make room for another: the one that has been
// without a request for longest. One that has just begun to send its handshake or header is spared for a moment, as long as
// there are others. Peers that only hold connections open thereby cut off themselves.
//
// Its maps hold only what has a connection, so they are no larger than the bound on all connections.
type slots struct {
	secure bool // connections begin with a TLS handshake

	mu                sync.Mutex
	max, maxPerSource int
	conns             list.List // of *conn; who waits for longest is in front, busy ones stay where they are
	perSource         map[source.Source]int
}

func newSlots(limit, perSource int) *slots {
	return &slots{max: limit, maxPerSource: perSource, perSource: make(map[source.Source]int)}
}

// take finds a slot for a new connection. It may take it from evicted, which the caller must close, as it must c after an error.
func (s *slots) take(raw net.Conn) (c, evicted *conn, err error) {
	c = &conn{Conn: raw, slots: s, source: source.OfPeer(raw.RemoteAddr()), began: time.Now(), shaking: s.secure}
	c.facts.Taken, c.facts.Peer = c.taken, peerOf(raw)
	if remote := raw.RemoteAddr(); remote != nil { // nil on some systems if the peer has gone by now
		c.facts.Remote = remote.String()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, network := range c.source.Networks() { // a source that has its share makes room itself, not its neighbours in the site
		if s.perSource[network] >= s.share(network, c.source) {
			evicted = s.idle(func(other *conn) bool { return other.source == network || other.source.Site() == network })
			err = errTooManySource
			break
		}
	}
	if err == nil && s.conns.Len() >= s.max {
		evicted = s.idle(func(*conn) bool { return true })
		err = errTooMany
	}
	if evicted == nil && err != nil {
		return c, nil, err
	}
	if evicted != nil {
		evicted.evicted = true
		s.remove(evicted)
	}
	c.place = s.conns.PushBack(c)
	for _, network := range c.source.Networks() {
		s.perSource[network]++
	}
	return c, evicted, nil
}

// resize changes the bounds. Nothing is closed for it.
func (s *slots) resize(limit, perSource int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.max, s.maxPerSource = limit, perSource
}

// share returns how many connections a source, or the site around it, may have.
func (s *slots) share(network, of source.Source) int {
	switch {
	case of.IsLocal():
		return (s.max*localShare + 3) / 4 // rounded up
	case s.maxPerSource == 0:
		return s.max
	case network != of:
		return siteShare * s.maxPerSource
	}
	return s.maxPerSource
}

// sparedTime is for how long a peer that begins to send is spared: longer than the handshake and header of an honest one take.
const sparedTime = time.Second

// idle finds the connection that is closed to make room, among those that fit; nil: all of them are busy.
func (s *slots) idle(fits func(*conn) bool) *conn {
	var spared *conn
	for e := s.conns.Front(); e != nil; e = e.Next() {
		switch c := e.Value.(*conn); {
		case c.state == busy || !fits(c):
		case c.state == silent || time.Since(c.began) > sparedTime:
			return c
		case spared == nil:
			spared = c
		}
	}
	return spared
}

// noteReceived notes that a connection was silent and is not any longer.
func (s *slots) noteReceived(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.received.Store(true)
	if c.state == silent {
		c.state, c.began = partial, time.Now()
	}
}

// busy notes that a request is under way.
func (s *slots) busy(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.received.Store(true)
	c.state = busy
}

// waits notes since when the peer's next request is waited for.
func (s *slots) waits(c *conn, since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.received.Store(false)
	c.state, c.began, c.shaking = silent, since, false
	if c.place != nil {
		s.conns.MoveToBack(c.place)
	}
}

// serves notes what ends the waiting for a request.
func (s *slots) serves(c *conn, served interface{ EndWaiting() }) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.served = served
}

// closeAll closes all connections.
func (s *slots) closeAll() {
	s.mu.Lock()
	var all []*conn
	for e := s.conns.Front(); e != nil; e = e.Next() {
		all = append(all, e.Value.(*conn))
	}
	s.mu.Unlock()
	for _, c := range all {
		_ = c.Close()
	}
}

func (s *slots) release(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.place != nil {
		s.remove(c)
	}
}

// remove releases a slot. mu is held.
func (s *slots) remove(c *conn) {
	s.conns.Remove(c.place)
	c.place = nil
	for _, network := range c.source.Networks() {
		if s.perSource[network]--; s.perSource[network] == 0 {
			delete(s.perSource, network)
		}
	}
}

// wasEvicted reports whether the connection was closed to make room.
func (s *slots) wasEvicted(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return c.evicted
}

// count returns how many connections have a slot.
func (s *slots) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns.Len()
}
