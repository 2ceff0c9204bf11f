package gateway

import (
	"context"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"tollgate/accept"
	"tollgate/audit/logfile"
	"tollgate/internal/source"
)

// unprovenStreams is how many requests of one connection are taken at a time while no caller was proven on it; further HTTP/2
// streams wait.
const unprovenStreams = 8

const (
	// maxStreams is how many requests an HTTP/2 connection carries at a time.
	maxStreams = 32
	// unreadOfStream is how many bytes of a body a stream may have sent that were not read yet. It is no less than what peers send
	// before they have seen our settings (RFC 9113 sections 6.9.2 and 6.9.3), which net/http takes for an error if it is.
	unreadOfStream = 64 << 10
)

// Server returns the gateway's part of the configuration of a server, whose id is the name of its listener or a key of [Plan.Servers]. Each
// stream of a connection may have sent so many bytes that were not read yet: bodies of streams that wait for their turn leave room for
// those that are being read, whose pace is judged.
func (g *Gateway) Server(id string) accept.ServerConfig {
	return accept.ServerConfig{
		Handler: g.handler(id), Base: g.ending.calls, Context: withConnection,
		MaxStreams: maxStreams, UnreadOfStream: unreadOfStream, WriteTimeout: time.Duration(g.plan.Load().Bounds.WriteTimeout),
	}
}

// connection is what the calls of one connection share.
type connection struct {
	*accept.Connection
	source     string // address of the peer; "local" on a unix socket
	sourcePort uint16
	from       source.Source               // of the peer
	turns      chan struct{}               // one for each call that was begun before a caller was proven
	proven     chan struct{}               // closed when a caller was proven
	recorded   atomic.Pointer[logfile.TLS] // the TLS evidence of all records but the first; nil before the first
	once       sync.Once
	parts      atomic.Pointer[parts] // of the records of its last call; nil before the first
}

type connectionKey struct{}

// withConnection adds to the context of a new connection what its calls share.
func withConnection(ctx context.Context) context.Context {
	facts := accept.ConnectionOf(ctx)
	c := &connection{
		Connection: facts, from: source.Parse(facts.Remote), turns: make(chan struct{}, unprovenStreams), proven: make(chan struct{}),
	}
	c.source, c.sourcePort = peer(facts.Remote)
	return context.WithValue(ctx, connectionKey{}, c)
}

// connectionOf returns the connection of a request, which came through a server of [Gateway.Server].
func connectionOf(ctx context.Context) *connection { return ctx.Value(connectionKey{}).(*connection) }

// peer splits a remote address. Unix sockets have none.
func peer(remote string) (source string, port uint16) {
	host, text, err := net.SplitHostPort(remote)
	if err != nil {
		return "local", 0
	}
	number, _ := strconv.ParseUint(text, 10, 16)
	return host, uint16(number)
}

// prove lets all streams go on.
func (c *connection) prove() { c.once.Do(func() { close(c.proven) }) }

// awaitTurn holds a further stream of a connection on which no caller was proven.
func (c *call) awaitTurn() *Refusal {
	if c.recognized.identity.Caller != "" || c.request.ProtoMajor == 1 { // HTTP/1.1 has one request at a time
		return nil
	}
	select {
	case <-c.connection.proven:
	case c.connection.turns <- struct{}{}:
		c.turn = true
	case <-c.request.Context().Done():
		return c.gone("error.now.left_turn")
	}
	return nil
}

func (c *call) endTurn() {
	if c.turn {
		<-c.connection.turns
	}
}

// connections shares the connections to upstreams out among callers.
type connections struct {
	mutex sync.Mutex
	taken map[callerAt]chan struct{} // as full as the caller has connections; keys are of the configuration
}

// callerAt includes the bound: under another one connections are counted again from zero, and those beyond it meet the bound of the transport.
type callerAt struct {
	caller, upstream string
	most             int
}

// of returns the places of a caller's connections to an upstream.
func (c *connections) of(caller string, u *Upstream) chan struct{} {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	key := callerAt{caller, u.Name, max(int(callerShare*float64(u.MaxConns)), 1)}
	if c.taken[key] == nil {
		if c.taken == nil {
			c.taken = map[callerAt]chan struct{}{}
		}
		c.taken[key] = make(chan struct{}, key.most)
	}
	return c.taken[key]
}

// connect waits until the caller may have one more connection to the upstream.
func (c *call) connect() *Refusal {
	if c.alone() || c.upstream.MaxConns == 0 { // one caller may have all
		return nil
	}
	own := c.connections.of(c.identity.Caller, c.upstream)
	select {
	case own <- struct{}{}:
		c.connected = own
	default:
		c.awaitConnection(own)
	}
	switch {
	case c.givenUp():
		return c.stopped()
	case c.connected != nil:
		return nil
	}
	c.cutOff(settingConnections, shares[ofCaller].cause)
	return refusal(notSentInTime, "error.upstream.connections", "Connections", cap(own), "Upstream", c.upstream.Name)
}

// awaitConnection waits for one of the caller's connections as long as the call may take.
func (c *call) awaitConnection(own chan struct{}) {
	ctx, cancel := context.WithDeadline(c.ending.calls, c.scratch.out.Deadline)
	defer cancel()
	select {
	case own <- struct{}{}:
		c.connected = own
	case <-ctx.Done():
	}
}

// disconnect ends the exchange with the upstream, if it has not ended by itself, and releases the connection's place.
func (c *call) disconnect() {
	if c.received != nil {
		_ = c.received.Close()
	}
	if c.connected != nil {
		<-c.connected
		c.connected = nil
	}
}
