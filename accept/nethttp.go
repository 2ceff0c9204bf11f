package accept

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"slices"
	"time"
)

// noTable makes HTTP/2 answers name no fields of earlier ones (RFC 7541 section 2.3.2): most are new in each, such as ids and the date, and
// keeping a table of them costs more than it saves. Zero would be net/http's 4 KB.
const noTable = 1

// netHTTP is a [Server] of net/http.
type netHTTP struct {
	listener *listener
	http     *http.Server
}

func newNetHTTP(inner net.Listener, c ServerConfig) *netHTTP {
	s := &netHTTP{listener: newListener(inner, c.Listener)}
	s.http = &http.Server{
		Handler: answering(c.Handler), DisableGeneralOptionsHandler: true, // "OPTIONS *" is a request like any other
		ReadHeaderTimeout: c.HeaderTimeout, IdleTimeout: c.IdleTimeout, ReadTimeout: c.Timeout, WriteTimeout: c.Timeout,
		MaxHeaderBytes: c.MaxHeader, ErrorLog: c.ErrorLog,
		TLSConfig: c.Listener.TLS.Clone(), Protocols: new(http.Protocols), // which HTTP/2 changes, while handshakes have begun
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: c.MaxStreams, MaxReceiveBufferPerStream: c.UnreadOfStream,
			MaxReceiveBufferPerConnection: c.MaxStreams * c.UnreadOfStream, WriteByteTimeout: c.WriteTimeout,
			MaxEncoderHeaderTableSize: noTable,
		},
		ConnContext: c.connContext, ConnState: s.connState,
	}
	s.http.Protocols.SetHTTP1(true)
	s.http.Protocols.SetHTTP2(c.Listener.TLS != nil && slices.Contains(c.Listener.TLS.NextProtos, "h2"))
	if c.Base != nil {
		s.http.BaseContext = func(net.Listener) context.Context { return c.Base }
	}
	if s.http.Protocols.HTTP2() {
		s.gatherHTTP2()
	}
	return s
}

func (s *netHTTP) Serve() error {
	err := s.http.Serve(s.listener)
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (s *netHTTP) AnnounceEnd() { s.listener.ending.Store(true) }

func (s *netHTTP) StopTaking(leaveWaiting bool) { s.listener.stopTaking(leaveWaiting) }

func (s *netHTTP) Resize(maxConns, maxConnsPerSource int) {
	s.listener.slots.resize(maxConns, maxConnsPerSource)
}

func (s *netHTTP) Secure(config *tls.Config) { s.listener.tls.Store(config) }

func (s *netHTTP) Shutdown(ctx context.Context) error { return s.listener.drain(ctx) }

func (s *netHTTP) Close() error { return errors.Join(s.listener.Close(), s.http.Close()) }

func (s *netHTTP) Connections() int { return s.listener.slots.count() }

func (c *ServerConfig) connContext(ctx context.Context, conn net.Conn) context.Context {
	ctx = WithConnection(ctx, &ours(conn).facts)
	if c.Context != nil {
		ctx = c.Context(ctx)
	}
	return ctx
}

// answering notes that a request has come to the handler. What net/http refuses before is counted: a malformed request line or header,
// one that is too large or too slow, and a peer that leaves in the middle of a header. Not counted is what net/http does not report: a
// malformed request that follows another on its connection and arrives in one piece, and in HTTP/2 what ends with an error of its stream.
func answering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ConnectionOf(r.Context()).unanswered.Store(false)
		next.ServeHTTP(w, r)
	})
}

// connState is called with StateActive before the handler is, when a request was read or a part of one; in HTTP/2 also once at the
// beginning, though the peer may never send a request.
func (s *netHTTP) connState(conn net.Conn, state http.ConnState) {
	switch own := ours(conn); state {
	case http.StateActive:
		own.facts.unanswered.Store(own.begun || !own.facts.isHTTP2())
		own.begun = true
		own.slots.busy(own)
	case http.StateIdle:
		own.slots.waits(own, time.Now())
	case http.StateClosed, http.StateHijacked:
		s.closed(own)
	}
}

// closed reports why a connection ended without a request, if it did.
func (s *netHTTP) closed(c *conn) {
	if c.slots.wasEvicted(c) {
		return // the listener has reported it
	}
	if c.facts.unanswered.Load() {
		s.listener.config.Refused(refusalOf(c, ReasonMalformed, errMalformed))
	}
	if !c.spoke.Load() {
		s.listener.config.Refused(refusalOf(c, ReasonSilent, errSilent))
	}
}
