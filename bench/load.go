package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// connection is one kept-alive connection to a proxy, with one call at a time.
type connection interface {
	call() error // an answer with another status than 200 is an error
	Close() error
}

// open opens a connection for a task.
func (w *world) open(address string, t task) (connection, error) {
	protocol := "http/1.1"
	if t.http2 {
		protocol = "h2"
	}
	conn, err := w.dial(address, protocol)
	if err != nil {
		return nil, err
	}
	if t.http2 {
		return newHTTP2(conn, address, t.request)
	}
	return newHTTP1(conn, address, t.request), nil
}

// dial makes a TLS connection with the caller's certificate and a full handshake, and sees to it that all proxies use
// the same version, suite and group.
func (w *world) dial(address, protocol string) (*tls.Conn, error) {
	return w.dialWith(address, protocol, nil, false)
}

// dialWith is dial that takes up a session of the cache, or must not.
func (w *world) dialWith(address, protocol string, sessions tls.ClientSessionCache, resume bool) (*tls.Conn, error) {
	config := w.caller.Clone()
	config.NextProtos, config.ClientSessionCache = []string{protocol}, sessions
	raw, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(context.Background()); err != nil {
		_ = raw.Close()
		return nil, err
	}
	s := conn.ConnectionState()
	if s.NegotiatedProtocol != protocol || s.Version != tls.VersionTLS13 || s.CipherSuite != suite || s.CurveID != group || s.DidResume != resume {
		_ = conn.Close()
		return nil, fmt.Errorf("negotiated %q, %s, %s, %s, resumed %v", s.NegotiatedProtocol, tls.VersionName(s.Version), tls.CipherSuiteName(s.CipherSuite), s.CurveID, s.DidResume)
	}
	return conn, nil
}

// http1 speaks HTTP/1.1 with as little as possible on our side.
type http1 struct {
	*tls.Conn
	reader  *bufio.Reader
	request []byte
	order   []byte // digits of the order's id in request; nil: it has none
}

func newHTTP1(conn *tls.Conn, host string, r request) *http1 {
	text := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\nAccept: application/json\r\n", r.method, r.path, host)
	if r.body != nil {
		text = fmt.Appendf(text, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(r.body))
	}
	c := &http1{Conn: conn, reader: bufio.NewReaderSize(conn, 16<<10), request: append(append(text, "\r\n"...), r.body...)}
	if at := bytes.Index(c.request, []byte(orderID)); at >= 0 {
		c.order = c.request[at+len("CS") : at+len(orderID)]
	}
	return c
}

// orders is how many orders were paid.
var orders atomic.Uint64

// nextOrder makes the call pay another order.
func (c *http1) nextOrder() {
	if c.order == nil {
		return
	}
	for i, n := len(c.order)-1, orders.Add(1); i >= 0; i, n = i-1, n/10 {
		c.order[i] = '0' + byte(n%10)
	}
}

var ok1 = []byte("HTTP/1.1 200 ")

func (c *http1) call() error {
	c.nextOrder()
	if _, err := c.Write(c.request); err != nil {
		return err
	}
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, ok1) {
		rest, _ := c.reader.Peek(c.reader.Buffered())
		return fmt.Errorf("answered %s\n%s", line, rest)
	}
	return c.finish()
}

// finish reads the header and the body of an answer.
func (c *http1) finish() error {
	length := -1
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if length, err = contentLength(line, length); err != nil {
			return err
		}
	}
	if length != len(balances) {
		return errors.New("an answer with " + strconv.Itoa(length) + " bytes is not the upstream's")
	}
	_, err := c.reader.Discard(length)
	return err
}

// load is some connections that are used again and again.
type load struct {
	connections []connection
	took        [][]time.Duration // each call of the last run, by connection
	fail        atomic.Pointer[error]
}

// connect opens the connections for a task.
func (w *world) connect(address string, t task, connections int) (*load, error) {
	l := new(load)
	for range connections {
		c, err := w.open(address, t)
		if err != nil {
			l.close()
			return nil, fmt.Errorf("connecting: %w", err)
		}
		l.connections = append(l.connections, c)
	}
	return l, nil
}

// run calls on all connections for a time. It returns when no call is under way.
func (l *load) run(d time.Duration) error {
	var stop atomic.Bool
	var ended sync.WaitGroup
	l.took = make([][]time.Duration, len(l.connections))
	for i, c := range l.connections {
		ended.Go(func() { l.took[i] = l.repeat(c, &stop) })
	}
	time.Sleep(d)
	stop.Store(true)
	ended.Wait()
	if err := l.fail.Load(); err != nil {
		return *err
	}
	return nil
}

// repeat makes calls until it is to stop, and returns how long each took.
func (l *load) repeat(c connection, stop *atomic.Bool) (all []time.Duration) {
	for begin := time.Now(); !stop.Load(); {
		if err := c.call(); err != nil {
			l.fail.CompareAndSwap(nil, &err)
			return all
		}
		end := time.Now()
		all = append(all, end.Sub(begin))
		begin = end
	}
	return all
}

// times are those of all calls of the last run.
func (l *load) times() []time.Duration { return slices.Concat(l.took...) }

func (l *load) close() {
	for _, c := range l.connections {
		_ = c.Close()
	}
}
