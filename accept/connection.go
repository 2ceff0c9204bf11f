package accept

import (
	"context"
	"crypto/tls"
	"net"
	"sync/atomic"
	"syscall"

	"tollgate/tlspolicy"
)

// Connection is what is known of an accepted connection. It does not change, and all requests of one connection have the same
// *Connection: the pointer serves as its id.
type Connection struct {
	Remote string               // address of the peer; empty where the system does not know it any more
	TLS    *tls.ConnectionState // nil for a plain connection
	Offer  *tlspolicy.Offer     // what the peer offered in its handshake; nil for a plain connection
	Peer   *Peer                // of a unix socket; nil for others, and where the system does not know it

	// Taken returns how many bytes the peer has taken off the network, which the system knows of TCP on Linux; ok is false where it is
	// not known. A write that waits says nothing of it: the system takes up to several megabytes for a peer, and wakes the writer
	// when a good part of that has gone. Nil: it is not known.
	Taken func() (bytes int64, ok bool)

	ending     *atomic.Bool // of the server: its connections end with their next answer
	unanswered atomic.Bool  // a request was read, or a part of one, and no handler has it yet
}

// Peer is the process that connected to a unix socket, as it was then.
type Peer struct {
	UID uint32
	PID int32
}

type connectionKey struct{}

// WithConnection returns the context of a new connection, for engines.
func WithConnection(ctx context.Context, c *Connection) context.Context {
	return context.WithValue(ctx, connectionKey{}, c)
}

// ConnectionOf returns the connection of a request by the request's context; nil if there is none.
func ConnectionOf(ctx context.Context) *Connection {
	c, _ := ctx.Value(connectionKey{}).(*Connection)
	return c
}

// Ending reports whether an answer that begins now is to end the connection.
func (c *Connection) Ending() bool { return c.ending != nil && c.ending.Load() }

func (c *Connection) isHTTP2() bool { return c.TLS != nil && c.TLS.NegotiatedProtocol == "h2" }

// taken is Taken of [Connection].
func (c *conn) taken() (bytes int64, ok bool) {
	tcp, ok := c.Conn.(*net.TCPConn)
	if !ok {
		return 0, false
	}
	return acknowledged(syscall.Conn(tcp))
}
