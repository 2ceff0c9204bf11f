package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"tollgate/http1"
)

// Conn is a connection that is served. While it waits for a request, it holds no more than this.
type Conn struct {
	server    *Server
	net       net.Conn
	beneath   beneath // what TLS reads; nil: net is plain, or this cannot be waited for
	leftOver  bool    // TLS may hold something of the last record that was read, or its end
	peer      Peer
	reader    http1.Reader
	*exchange // nil while nothing of a request was received

	idleSince        time.Time
	reading, writing deadline
	ahead            [1]byte // a byte that was received to learn whether there is one
	hasAhead         bool
	broken           bool // a write has failed: nothing more can be said
}

// NewConn returns a connection to serve.
func (s *Server) NewConn(c net.Conn, p Peer) *Conn {
	conn := &Conn{server: s, net: c, peer: p}
	conn.reading.set, conn.writing.set = c.SetReadDeadline, c.SetWriteDeadline
	conn.reader.Reset(deadlineReader{conn}, s.limits)
	if secured, ok := c.(*tls.Conn); ok {
		conn.beneath, _ = secured.NetConn().(beneath)
	}
	return conn
}

// beneath is a connection beneath TLS that passes on no byte beyond the record that TLS reads.
type beneath interface {
	// Await waits until something was received that TLS has not read, or the end, without a buffer.
	Await() error
	// ReadAhead has it receive in larger parts than records, or not any longer.
	ReadAhead(on bool)
}

// EndWaiting ends the connection if it waits for bytes while no request is under way: what would be read next is not.
func (c *Conn) EndWaiting() { c.reading.interrupt() }

// Serve serves requests until either side ends the connection, which is to be closed then.
func (c *Conn) Serve() {
	defer c.recoverPanic()
	c.idleSince = time.Now()
	wait := c.server.config.HeaderTimeout // a peer that has just connected has something to say
	for c.await(wait) && c.serveOne() {
		wait = c.server.config.IdleTimeout
	}
	c.release()
}

// recoverPanic ends the connection after a panic of the handler, or one of our own. Its memory is not used again.
func (c *Conn) recoverPanic() {
	fault := recover()
	if fault == nil {
		return
	}
	if fault != http.ErrAbortHandler {
		c.server.logf("http: panic serving %s: %v\n%s", c.peer.Remote, fault, debug.Stack())
	}
	c.abort()
}

// await waits for the first byte of a request, without any memory for it, and reports whether it came.
func (c *Conn) await(within time.Duration) bool {
	if c.reader.Buffered() > 0 || c.hasAhead {
		return true
	}
	c.release()
	end := after(c.idleSince, within)
	c.reading.wantOrSooner(end, c.idleSince)
	err := c.look()
	if errors.Is(err, os.ErrDeadlineExceeded) && !c.reading.isOver(end) {
		_ = c.reading.want(end, false)
		err = c.look()
	}
	return err == nil
}

// look waits for a byte and keeps it.
func (c *Conn) look() error {
	if err := c.reading.begin(); err != nil {
		return err
	}
	n, err := c.readByte()
	c.reading.end()
	if n == 1 {
		c.hasAhead = true
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// readByte reads a byte. Where TLS holds none it waits beneath TLS, for which half of the stack is enough.
func (c *Conn) readByte() (int, error) {
	if c.beneath != nil && !c.leftOver {
		if err := c.beneath.Await(); err != nil {
			return 0, err
		}
	}
	return c.receive(c.ahead[:])
}

// receive reads the connection. What does not fill p has left nothing of its record. An error may stay with TLS, as that of a farewell does,
// behind which nothing need come beneath.
func (c *Conn) receive(p []byte) (int, error) {
	n, err := c.net.Read(p)
	c.leftOver = n == len(p) || err != nil
	return n, err
}

// deadlineReader reads a connection within its deadline. It is what the Reader reads.
type deadlineReader struct{ *Conn }

func (s deadlineReader) Read(p []byte) (int, error) {
	c := s.Conn
	if c.hasAhead {
		p[0], c.hasAhead = c.ahead[0], false
		return 1, nil
	}
	if err := c.reading.begin(); err != nil {
		return 0, err
	}
	n, err := c.receive(p)
	c.reading.end()
	return n, err
}

// readAhead has what is beneath TLS receive in larger parts than records, if it can.
func (c *Conn) readAhead(on bool) {
	if c.beneath != nil {
		c.beneath.ReadAhead(on)
	}
}

// write writes within the deadline.
func (c *Conn) write(p []byte) error {
	if c.broken {
		return net.ErrClosed
	}
	err := c.writing.begin()
	if err == nil {
		_, err = c.net.Write(p)
	}
	c.writing.end()
	c.broken = err != nil
	return err
}

// serveOne serves one request and reports whether another may follow.
func (c *Conn) serveOne() (more bool) {
	c.take()
	now := time.Now()
	_ = c.reading.want(after(now, c.server.config.HeaderTimeout), false)
	if err := c.readRequest(); err != nil {
		c.refuse(err)
		return false
	}
	c.peer.Watcher.Busy()
	_ = c.reading.want(after(now, c.server.config.Timeout), false)
	_ = c.writing.want(after(now, c.server.config.Timeout), false)
	c.handle()
	if !c.response.finish() {
		c.abort()
		return false
	}
	if c.response.closes {
		c.close()
		return false
	}
	c.waits()
	c.endExchange()
	return true
}

// waits says that the next request is waited for.
func (c *Conn) waits() {
	c.idleSince = time.Now()
	c.peer.Watcher.Idle(c.idleSince)
}

// handle calls the handler.
func (c *Conn) handle() {
	defer c.readAhead(false) // when nothing else reads any more
	defer c.context.end()
	defer c.body.end()
	if !c.response.failsExpectation() {
		c.server.config.Handler.ServeHTTP(&c.response, &c.request)
	}
}

func (s *Server) logf(format string, args ...any) {
	if s.config.ErrorLog != nil {
		s.config.ErrorLog.Printf(format, args...)
	}
}

// abort ends the connection in the middle of an answer. No peer may take that for the end of an answer that ends with the connection: TLS
// says no farewell, and TCP resets.
func (c *Conn) abort() {
	raw := c.net
	if secured, ok := raw.(*tls.Conn); ok {
		raw = secured.NetConn()
	}
	if tcp, ok := raw.(interface{ SetLinger(int) error }); ok && c.exchange != nil && c.response.untilClose {
		_ = tcp.SetLinger(0)
	}
	_ = raw.Close()
}

// refusal is the answer to what is no request.
func refusal(err http1.Error) []byte {
	status := http.StatusBadRequest
	switch err {
	case http1.LineTooLong, http1.HeadTooLarge, http1.TooManyFields:
		status = http.StatusRequestHeaderFieldsTooLarge
	}
	line := fmt.Sprintf("%d %s", status, http.StatusText(status))
	return fmt.Appendf(nil, "HTTP/1.1 %s\r\nDate: %s\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n%s: %s\n",
		line, date(time.Now()), line, string(err))
}

// refuse ends a connection of which no request comes.
func (c *Conn) refuse(err error) {
	fault := faultOf(err)
	if fault == ErrTooSlow {
		c.peer.Watcher.Refused(fault)
		return
	}
	_ = c.writing.want(time.Now().Add(farewellTime), false)
	_ = c.write(refusal(fault)) // a peer that broke off may have ended its own side only
	c.peer.Watcher.Refused(fault)
	c.linger()
}

// faultOf returns why no request came.
func faultOf(err error) http1.Error {
	if malformed, ok := errors.AsType[http1.Error](err); ok {
		return malformed
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ErrTooSlow
	}
	return ErrBrokenOff
}

// close ends the connection after an answer.
func (c *Conn) close() {
	if !c.broken && (!c.body.whole() || c.reader.Buffered() > 0) {
		c.linger()
	}
}

const (
	// farewellTime bounds what is written and read after the last answer.
	farewellTime = 2 * time.Second
	// farewellBytes bounds what is read.
	farewellBytes = 1 << 30
)

// linger lets a peer that is still sending read the answer: a connection that is closed with bytes that were not read is reset, and
// the peer's system throws away what it has received (RFC 9112 section 9.6). The bytes are not looked at, so under TLS not decrypted.
func (c *Conn) linger() {
	c.waits() // it may be closed to make room
	c.response.release()
	raw := c.net
	if secured, ok := raw.(*tls.Conn); ok {
		_ = secured.CloseWrite()
		raw = secured.NetConn()
	}
	if half, ok := raw.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		return
	}
	_ = c.reading.want(time.Now().Add(farewellTime), true)
	if c.reading.begin() == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(raw, farewellBytes))
	}
	c.reading.end()
}

// watch cancels the request when the peer has left. Something that the peer sends meanwhile is kept: it has not left.
func (c *Conn) watch(cancel context.CancelFunc, ended chan<- struct{}) {
	defer close(ended)
	if err := c.look(); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		cancel()
	}
}

// stopWatching ends watch.
func (c *Conn) stopWatching(ended <-chan struct{}) {
	_ = c.reading.want(past, true)
	<-ended
}
