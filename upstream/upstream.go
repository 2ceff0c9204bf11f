// Package upstream sends calls to where they go, once each, and knows afterwards whether a byte of the call can have
// left.
//
// It is [net/http.Transport] with HTTP/1.1, no redirects, no proxies from the environment and no transparent
// compression. Two habits of that transport would break the promise that a call is sent once, and are taken from it
// (see [Transport.RoundTrip]).
package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"
)

// Config describes the way to one upstream.
type Config struct {
	URL    *url.URL // scheme and host; "http" only for loopback and sockets, which the configuration checks
	Socket string   // path of a unix socket to dial instead of the URL's host; empty: TCP
	// TLS is the client configuration made by a TLS policy; nil for plain HTTP. Without a ServerName the URL's host counts.
	TLS            *tls.Config
	ConnectTimeout time.Duration // TCP and TLS together; 0 means 10 s
	MaxConns       int           // open connections; calls beyond wait for one under their own deadline; 0 means 100
}

// idleTimeout is shorter than that of common load balancers (60 s), so that the far end seldom closes a connection in
// the moment in which it is used again: that would leave the fate of a call unknown.
const idleTimeout = 25 * time.Second

// maxHeaderBytes bounds the header of an answer.
const maxHeaderBytes = 256 << 10

// Transport sends calls to one upstream. It implements [net/http.RoundTripper].
type Transport struct {
	config    Config
	transport *http.Transport
}

// New prepares a transport. It opens no connection.
func New(config Config) *Transport {
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	if config.MaxConns == 0 {
		config.MaxConns = 100
	}
	if config.TLS != nil && config.TLS.ServerName == "" {
		config.TLS = config.TLS.Clone()
		config.TLS.ServerName = config.URL.Hostname()
	}
	t := &Transport{config: config}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	t.transport = &http.Transport{
		DialContext:            t.dial,
		DialTLSContext:         t.dialTLS,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    config.MaxConns,
		MaxConnsPerHost:        config.MaxConns,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		WriteBufferSize:        16 << 10, // one TLS record
		ReadBufferSize:         16 << 10,
		Protocols:              protocols,
	}
	return t
}

// Close closes idle connections.
func (t *Transport) Close() { t.transport.CloseIdleConnections() }

// Error says why there is no answer, and what is known of the request.
type Error struct {
	Err error
	// MaybeSent is false only if certainly no byte of the request was written.
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

// RoundTrip sends the request once. The error is an *[Error].
//
// http.Transport repeats a request by itself when it failed on a reused connection and looks repeatable: no body (or
// GetBody), and a safe method or an Idempotency-Key header (golang/go#19943). Here GetBody must be nil, and a request
// of a safe method without a body gets an empty one, which the transport does not take for repeatable; the headers are
// sent in lower case, which it does not look for. (With a method such as POST, no body and nothing written it still
// dials again; that sends one request, too.)
//
// When it fails, the connection is sealed first: from then on nothing can be written to it. So whether anything was
// written is known for certain, even when the transport's writing goroutine comes late.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.GetBody != nil {
		return nil, &Error{Err: errors.New("request with GetBody could be repeated")}
	}
	var use use
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{GotConn: use.got}))
	if r.Body == nil || r.Body == http.NoBody {
		r.Body = emptyBody(r.Method)
	}
	r.Header = withoutRepeatMarks(r.Header)
	response, err := t.transport.RoundTrip(r)
	if err == nil && response.StatusCode == http.StatusSwitchingProtocols {
		_ = response.Body.Close()
		err = errors.New("upstream switched protocols unasked")
	}
	if err != nil {
		return nil, &Error{Err: clean(err), MaybeSent: use.sealed(), TLS: use.state()}
	}
	response.TLS = use.state()
	return response, nil
}

// emptyBody gives safe methods a body that is empty but not known to be so.
func emptyBody(method string) io.ReadCloser {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodDelete:
		return empty{}
	}
	return http.NoBody
}

type empty struct{}

func (empty) Read([]byte) (int, error) { return 0, io.EOF }
func (empty) Close() error             { return nil }

// withoutRepeatMarks spells the headers that make net/http repeat a request in a way that it does not recognise.
func withoutRepeatMarks(header http.Header) http.Header {
	for _, name := range [...]string{"Idempotency-Key", "X-Idempotency-Key"} {
		if values, ok := header[name]; ok {
			header = header.Clone()
			delete(header, name)
			header[strings.ToLower(name)] = values
		}
	}
	return header
}

// clean takes the URL out of an error of net/http; its query may carry what must not be logged.
func clean(err error) error {
	var urlError *url.Error
	if errors.As(err, &urlError) {
		return urlError.Err
	}
	return err
}

// use is the connection that carries one request.
type use struct {
	conn   *conn
	before uint64 // bytes written to it by earlier requests
}

func (u *use) got(info httptrace.GotConnInfo) {
	u.conn, _ = info.Conn.(*conn)
	if u.conn != nil {
		u.before = u.conn.written()
	}
}

// sealed stops all writing and tells whether any byte was written for this request.
func (u *use) sealed() bool {
	return u.conn != nil && u.conn.seal() > u.before
}

func (u *use) state() *tls.ConnectionState {
	if u.conn == nil {
		return nil
	}
	return u.conn.tls
}

func (t *Transport) dial(ctx context.Context, network, address string) (net.Conn, error) {
	raw, err := t.dialRaw(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: raw}, nil
}

func (t *Transport) dialRaw(ctx context.Context, network, address string) (net.Conn, error) {
	if t.config.Socket != "" {
		network, address = "unix", t.config.Socket
	}
	dialer := net.Dialer{Timeout: t.config.ConnectTimeout, KeepAlive: 15 * time.Second}
	return dialer.DialContext(ctx, network, address)
}

// dialTLS connects and shakes hands under the policy, before the transport has written anything.
func (t *Transport) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	if t.config.TLS == nil {
		return nil, errors.New("upstream has no TLS policy")
	}
	ctx, cancel := context.WithTimeout(ctx, t.config.ConnectTimeout)
	defer cancel()
	raw, err := t.dialRaw(ctx, network, address)
	if err != nil {
		return nil, err
	}
	secured := tls.Client(raw, t.config.TLS)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("tls handshake: %w", err)
	}
	state := secured.ConnectionState()
	if err := t.verify(state); err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("tls policy: %w", err)
	}
	return &conn{Conn: secured, tls: &state}, nil
}

// verify asks the policy once more: in TLS 1.2 a client's VerifyConnection runs before the key-exchange group is known.
func (t *Transport) verify(state tls.ConnectionState) error {
	if t.config.TLS.VerifyConnection == nil {
		return nil
	}
	return t.config.TLS.VerifyConnection(state)
}
