package accept

import (
	"context"
	"crypto/tls"
	"log"
	"net"
	"net/http"
	"time"
)

// Server serves HTTP on a listener. [NewServer] makes one of package http1/server and, for HTTP/2, net/http. Any engine has to
//
//   - hand out requests whose contexts have their connection, see [ConnectionOf], and whose writers know the deadlines of
//     [http.ResponseController];
//   - end a connection after an answer with "Connection: close", an HTTP/2 one with GOAWAY, and let handlers know when all are to end so;
//   - say which connections are busy and which wait for a request, so that it is known which may be closed;
//   - call ServerConfig.Listener.Refused for what it refuses before there is a request, and for plain connections that were silent.
//
// The suite that any engine passes is TestEngines of package gateway.
type Server interface {
	// Serve calls the handler for each request until Close, and returns nil then. An error says why it ended by itself.
	Serve() error
	// AnnounceEnd makes connections end with their next answer, for which the handler looks at [Connection.Ending]. Connections and
	// requests are taken as before.
	AnnounceEnd()
	// StopTaking takes no further connections. Those that wait in the system are taken still, unless they are left to another server on the
	// same socket: see [Share].
	StopTaking(leaveWaiting bool)
	// Resize changes how many connections there may be, in all and of one source. Those beyond a smaller bound stay.
	Resize(maxConns, maxConnsPerSource int)
	// Secure makes handshakes that begin from now on follow another configuration. A server with TLS keeps it, and one without has none.
	Secure(config *tls.Config)
	// Shutdown takes no further connections, and closes those that are left as soon as no request is under way or coming on them.
	// It returns when none is left, or ctx ends.
	Shutdown(ctx context.Context) error
	// Close closes the listener and all connections at once, also those with requests in flight. It may be called more than once.
	Close() error
	// Connections returns how many connections there are, in handshakes or in use.
	Connections() int
}

// ServerConfig says what a server serves, and within which bounds.
type ServerConfig struct {
	// Listener has the bounds of connections, and what receives those that come to no request. HTTP/2 is served where its TLS
	// configuration offers it.
	Listener Config

	Handler http.Handler // called for "OPTIONS *", too

	// Base is what the contexts of requests are made of. Default (nil): context.Background.
	Base context.Context
	// Context adds to the context of a new connection, from which its requests have theirs. Optional.
	Context func(ctx context.Context) context.Context

	HeaderTimeout time.Duration // to receive a header
	IdleTimeout   time.Duration // between two requests
	Timeout       time.Duration // to receive a request, and to deliver its answer; 0: the handler sets deadlines
	MaxHeader     int           // bytes

	// Of HTTP/2: how many requests a connection carries at a time, how many bytes of a body each may have sent that were not read yet,
	// and how long a peer may take nothing of what is written. Zeros: as net/http has it.
	MaxStreams, UnreadOfStream int
	WriteTimeout               time.Duration

	ErrorLog *log.Logger
}

// NewServer returns a server on inner, which it closes. It takes connections at once, and speaks HTTP on them from Serve on.
func NewServer(inner net.Listener, c ServerConfig) Server { return newEngine(inner, c) }

// NewNetHTTP returns a server that has net/http serve HTTP/1.1, too. It is what the engine is held against in tests, and reads leniently.
func NewNetHTTP(inner net.Listener, c ServerConfig) Server { return newNetHTTP(inner, c) }
