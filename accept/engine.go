package accept

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"tollgate/http1"
	"tollgate/http1/server"
)

// engine is a [Server] of package http1/server, with HTTP/2 of net/http.
type engine struct {
	*netHTTP
	http1   *server.Server
	base    context.Context
	config  ServerConfig
	serving chan struct{} // closed by Serve: HTTP is spoken from then on
}

func newEngine(inner net.Listener, c ServerConfig) *engine {
	e := &engine{base: c.Base, config: c, serving: make(chan struct{})}
	if e.base == nil {
		e.base = context.Background()
	}
	e.http1 = server.New(server.Config{
		Handler: c.Handler, HeaderTimeout: c.HeaderTimeout, IdleTimeout: c.IdleTimeout, Timeout: c.Timeout,
		MaxHead: cmp.Or(c.MaxHeader, http.DefaultMaxHeaderBytes), ErrorLog: c.ErrorLog,
	})
	c.Listener.serve = e.serveConn
	e.netHTTP = newNetHTTP(inner, c)
	return e
}

func (e *engine) Serve() error {
	close(e.serving)
	return e.netHTTP.Serve()
}

// Close closes the connections that are served here, besides what net/http closes.
func (e *engine) Close() error {
	err := e.netHTTP.Close()
	e.listener.slots.closeAll()
	return err
}

// serveConn serves a connection of the listener, on which HTTP/1.1 is spoken. It may be called before the engine is made. What needs room
// on the stack is in other functions, since this one stands there while the connection is idle.
func (e *engine) serveConn(l *listener, finished net.Conn, own *conn) {
	defer func() { _ = finished.Close() }()
	select {
	case <-e.serving:
	case <-l.done:
		return
	}
	e.newConn(l, finished, own).Serve()
	own.refuseSilent(l)
}

// newConn returns the connection to serve.
func (e *engine) newConn(l *listener, finished net.Conn, own *conn) *server.Conn {
	served := e.http1.NewConn(finished, server.Peer{
		Context: e.config.connContext(e.base, finished), Remote: own.facts.Remote, TLS: own.facts.TLS, Watcher: watcher{l, own},
	})
	own.slots.serves(own, served)
	return served
}

// refuseSilent reports a peer that has never sent anything.
func (c *conn) refuseSilent(l *listener) {
	if !c.spoke.Load() && !c.slots.wasEvicted(c) {
		l.config.Refused(refusalOf(c, ReasonSilent, errSilent))
	}
}

// watcher keeps the slot of a connection, and reports what came to no request.
type watcher struct {
	listener *listener
	conn     *conn
}

func (w watcher) Busy() { w.conn.slots.busy(w.conn) }

func (w watcher) Idle(since time.Time) { w.conn.slots.waits(w.conn, since) }

func (w watcher) Refused(err error) {
	if w.conn.slots.wasEvicted(w.conn) {
		return // the listener has reported it
	}
	refused := refusalOf(w.conn, ReasonMalformed, errMalformed)
	if fault, ok := errors.AsType[http1.Error](err); ok {
		refused.Err, refused.Fault = fault, fault
	}
	w.listener.config.Refused(refused)
}
