// Package upstream sends calls to where they go, once each, and knows afterwards whether a byte of the call can have
// left.
//
// It speaks HTTP/1.1 on connections of its own, reads answers as strictly as package http1 does, and follows no redirect, asks for no
// compression and looks at no proxy settings of the environment. Unlike [net/http.Transport] it never repeats a request, and writes it in
// the goroutine of the call, so that whether something was written needs no guess; a connection whose last answer was
// not taken whole, or on which something came unasked, is not used again, nor is one that carried a body on a method that
// needs none.
//
// A call has neither a context nor a timer of its own: a deadline lies on its connection, where it is moved seldom (conn.setDeadline), and
// the end of a context interrupts all exchanges under it together (watches).
package upstream

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"os"
	"time"

	"tollgate/http1"
)

// Transport sends calls to one upstream.
type Transport struct{ pool *pool }

// New prepares a transport. It opens no connection. protection is the client configuration made by the TLS policy; nil for plain HTTP.
// Without a ServerName the URL's host counts.
func New(c Config, protection *tls.Config, options ...Option) *Transport {
	usual := c.Default()
	c.ConnectTimeout, c.MaxConnections = cmp.Or(c.ConnectTimeout, usual.ConnectTimeout), cmp.Or(c.MaxConnections, usual.MaxConnections)
	c.MaxConnectionAge = cmp.Or(c.MaxConnectionAge, usual.MaxConnectionAge)
	if protection != nil && protection.ServerName == "" {
		protection = protection.Clone()
		protection.ServerName = c.URL.URL().Hostname()
	}
	w := &way{config: &c}
	for _, option := range options {
		option(w)
	}
	return &Transport{newPool(c, protection, w)}
}

// Close closes idle connections, and others as soon as their calls are over.
func (t *Transport) Close() { t.pool.close() }

// Connections returns how many connections there are, idle ones included, and how many of them calls have.
func (t *Transport) Connections() (open, inUse int) {
	t.pool.mutex.Lock()
	defer t.pool.mutex.Unlock()
	return t.pool.open, t.pool.open - len(t.pool.idle)
}

// Error says why there is no answer, and what is known of the request.
type Error struct {
	Err error
	// MaybeSent is false only if certainly no byte of the request was written, or if it was written to a server that then
	// refused our certificate: by a fatal alert, on a fresh connection of TLS 1.3, before it sent anything else.
	MaybeSent bool
	// TLS is the connection that was used; nil if there was none, or it was plain.
	TLS *tls.ConnectionState
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Timeout reports whether a deadline ended the call.
func (e *Error) Timeout() bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(e.Err, context.DeadlineExceeded) || errors.As(e.Err, &timeout) && timeout.Timeout()
}

// HandshakeError is the cause of an [Error] where the connection was made, and its TLS handshake failed.
type HandshakeError struct{ Err error }

func (e *HandshakeError) Error() string { return "tls handshake: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *HandshakeError) Unwrap() error { return e.Err }

// Request is a call on its way out.
type Request struct {
	Method      string
	Host        string
	Path, Query string       // as they stand on the wire
	Header      http1.Fields // without Host and what frames the message: those are made here
	// Body must not change before the body of the answer was read to its end or closed: the far end may answer while it is being sent.
	Body []byte
	// Deadline ends the exchange, up to the end of the answer's body. What is cut off by it is so up to a second later, and never before.
	// Zero: there is none.
	Deadline time.Time
	// Rested is for requests that must not get the answer to another one. Servers that answer twice do so at once: such a request takes a
	// connection that has been idle for 50 ms without anything coming on it. If there is none it takes a new one or, where MaxConnections
	// allows none, the one that has been idle for longest.
	Rested bool
	Gate   Gate // nil: the request is sent

	answer openResponse
}

// Gate is asked right before the first byte of a request is written.
type Gate interface {
	// Enter returns an error when the request must not be sent. Otherwise Leave follows, once or more. It is passed the time at which
	// the request had its connection.
	Enter(now time.Time) error
	// Leave is called when the first byte was written, or it is not known whether it was.
	Leave()
}

// Response is an answer. It lies in its request, which must not be used again before the body was read to its end or closed, and nothing of the
// answer from then on.
type Response struct {
	Status        int
	Header        http1.Fields
	ContentLength int64 // as announced; -1: not known
	Chunked       bool
	EndsByClose   bool          // the body ends with the connection, which cannot be distinguished from a cut
	Body          io.ReadCloser // must be read to its end or closed
	TLS           *tls.ConnectionState
}

// Send sends the request once. The error is an *[Error]. The end of the context ends the exchange, up to the end of the answer's body. The
// context is looked at right before the first byte: nothing is sent under one that has ended. Contexts should be few: see watches.
func (t *Transport) Send(ctx context.Context, r *Request) (*Response, error) {
	if err := check(r); err != nil {
		return nil, &Error{Err: err}
	}
	c, now, err := t.pool.get(ctx, r)
	if err != nil {
		return nil, &Error{Err: causeOf(ctx, err)}
	}
	response, err := c.exchange(ctx, r, now)
	if err != nil {
		return nil, c.failed(err)
	}
	return response, nil
}

// failed ends an exchange that brought no answer.
func (c *conn) failed(err error) *Error {
	maybeSent := c.abandon()
	if c.refused(err) { // also where the context has ended meanwhile
		return &Error{Err: err, TLS: c.tls}
	}
	return &Error{Err: causeOf(c.ctx, err), MaybeSent: maybeSent, TLS: c.tls}
}

// causeOf names the end of the context, or of the time, instead of the broken connection that it left.
func causeOf(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return context.DeadlineExceeded
	}
	return err
}
