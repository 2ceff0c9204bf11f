// Package server serves HTTP/1.1 on connections, in one goroutine each, under a [net/http.Handler].
//
// [Conn.Serve] reads like this: wait for the peer without a buffer (await), take an exchange, which is all memory that a request needs, read
// a head, call the handler, finish the answer, return the exchange, wait again. What the handler is given (the request, its header, that of
// the answer) is used again for the next request, on this or another connection: a handler must not keep it. Texts it may keep, since each
// head is a string of its own.
//
// What package http1 refuses is answered with 400 and ends the connection. There is no Hijack, no upgrade and no trailer of an answer.
//
// Deadlines are noted, and given to the system when something is read or written: see deadline. A request's context starts to watch for a
// peer that leaves when its Done is called: see watch.
package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"log"
	"net/http"
	"time"

	"tollgate/http1"
)

// Config says what is served, and within which bounds.
type Config struct {
	Handler http.Handler

	HeaderTimeout time.Duration // to receive a head; 0: Timeout
	IdleTimeout   time.Duration // between two requests; 0: Timeout
	Timeout       time.Duration // to receive a request, and to deliver its answer; 0: the handler sets deadlines
	MaxHead       int           // bytes; 0: [http.DefaultMaxHeaderBytes]

	ErrorLog *log.Logger // of panics of the handler
}

// Bounds of heads, besides Config.MaxHead.
const (
	maxLine   = 32 << 10
	maxFields = 256
)

// Server serves connections. Create it with [New].
type Server struct {
	config Config
	limits http1.Limits
}

// New returns a server.
func New(c Config) *Server {
	c.HeaderTimeout, c.IdleTimeout = cmp.Or(c.HeaderTimeout, c.Timeout), cmp.Or(c.IdleTimeout, c.Timeout)
	head := cmp.Or(c.MaxHead, http.DefaultMaxHeaderBytes)
	return &Server{config: c, limits: http1.Limits{Line: min(maxLine, head), Head: head, Fields: maxFields}}
}

// Peer is the other end of a connection, and what is to be known of it.
type Peer struct {
	Context context.Context      // of which the contexts of its requests are made
	Remote  string               // for [http.Request.RemoteAddr]
	TLS     *tls.ConnectionState // nil for a plain connection
	Watcher Watcher
}

// Watcher is called for what happens on a connection, by the goroutine that serves it.
type Watcher interface {
	// Busy says that a request is under way, and Idle since when the next one is waited for.
	Busy()
	Idle(since time.Time)
	// Refused says that no request came of what was received: an [http1.Error], [ErrTooSlow] or [ErrBrokenOff].
	Refused(error)
}

// What else may keep a head from becoming a request.
const (
	ErrTooSlow   http1.Error = "head too slow"
	ErrBrokenOff http1.Error = "broken off"
)

// Errors lists all errors of [Watcher].Refused.
func Errors() []http1.Error { return append(http1.Errors(), ErrTooSlow, ErrBrokenOff) }
