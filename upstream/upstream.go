// Package upstream sends calls to where they go, once each, and knows afterwards whether a byte of the call can have
// left.
//
// It speaks HTTP/1.1 with the message code of [net/http] on connections of its own, and follows no redirect, asks for no
// compression and looks at no proxy settings of the environment. Unlike [net/http.Transport] it never repeats a request, and writes it in
// the goroutine of the call, so that whether something was written needs no guess; a connection whose last answer was
// not taken whole, or on which something came unasked, is not used again, nor is one that carried a body on a method that
// needs none.
package upstream

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net/http"
)

// Transport sends calls to one upstream. It implements [net/http.RoundTripper].
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

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Timeout tells whether a deadline ended the call.
func (e *Error) Timeout() bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(e.Err, context.DeadlineExceeded) || errors.As(e.Err, &timeout) && timeout.Timeout()
}

// HandshakeError is the cause of an [Error] where the connection was made, and its TLS handshake failed.
type HandshakeError struct{ Err error }

func (e *HandshakeError) Error() string { return "tls handshake: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *HandshakeError) Unwrap() error { return e.Err }

type restedKey struct{}

// Rested returns a context for requests that must not get the answer to another one. Servers that answer twice do so at
// once: such a request takes a connection that has been idle for 50 ms without anything coming on it. If there is none it
// takes a new one or, where MaxConns allows none, the one that has been idle for longest.
func Rested(ctx context.Context) context.Context { return context.WithValue(ctx, restedKey{}, true) }

// WantsRested reports whether a context is one of [Rested], or made of one.
func WantsRested(ctx context.Context) bool { return ctx.Value(restedKey{}) != nil }

// Gate is asked right before the first byte of a request is written.
type Gate interface {
	// Enter returns an error when the request must not be sent. Otherwise Leave follows, once or more.
	Enter() error
	// Leave is called when the first byte was written, or it is not known whether it was.
	Leave()
}

// GateKey is the key of the [Gate] in a request's context. A request without one is sent.
type GateKey struct{}

// RoundTrip sends the request once. The error is an *[Error]. A body needs a ContentLength. The end of the request's
// context ends the exchange, up to the end of the answer's body, which must be read to its end or closed.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	err := check(r)
	if err != nil {
		closeBody(r)
		return nil, &Error{Err: err}
	}
	c, err := t.pool.get(r.Context())
	if err != nil {
		closeBody(r)
		return nil, &Error{Err: causeOf(r.Context(), err)}
	}
	response, err := c.exchange(r)
	if err != nil {
		return nil, c.failed(r.Context(), err)
	}
	return response, nil
}

// failed ends an exchange that brought no answer.
func (c *conn) failed(ctx context.Context, err error) *Error {
	maybeSent := c.abandon()
	if c.refused(err) { // also where the context has ended meanwhile
		return &Error{Err: err, TLS: c.tls}
	}
	return &Error{Err: causeOf(ctx, err), MaybeSent: maybeSent, TLS: c.tls}
}

// causeOf names the end of the context instead of the broken connection that it left.
func causeOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
