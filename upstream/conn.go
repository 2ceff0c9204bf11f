package upstream

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"tollgate/internal/peek"
	"tollgate/tlspolicy"
)

// bufferSize is what a connection is read and written in: one TLS record.
const bufferSize = 16 << 10

// Buffers are needed during an exchange only, and idle connections have none.
var (
	readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, bufferSize) }}
	writers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, bufferSize) }}
)

// conn is a connection, and the exchange that it carries at the moment.
type conn struct {
	pool      *pool
	raw       net.Conn             // of the system
	records   *records             // between raw and TLS; nil: plain
	stream    net.Conn             // raw, or TLS on top of it
	tls       *tls.ConnectionState // nil: plain
	idleSince time.Time
	until     time.Time // from then on it takes no other call

	reader    *bufio.Reader
	allowance int64       // bytes that may still be read
	begun     bool        // writing of the request was begun
	gate      Gate        // of the request, which it has entered and not left; nil: none
	writing   chan error  // gets the end of the writing, if that has a goroutine of its own
	release   func() bool // ends the hold that the request's context has on the connection
}

func (c *conn) close() { _ = c.stream.Close() }

var past = time.Unix(1, 0)

// begin prepares an exchange.
func (c *conn) begin(ctx context.Context) {
	c.begun, c.gate, c.writing = false, nil, nil
	c.reader = readers.Get().(*bufio.Reader)
	c.reader.Reset(limited{c})
	raw := c.raw
	c.release = context.AfterFunc(ctx, func() { _ = raw.SetDeadline(past) })
}

// end gives back what an exchange needed. It tells whether the context has left the connection alone.
func (c *conn) end() (untouched bool) {
	if c.reader != nil {
		c.reader.Reset(nil)
		readers.Put(c.reader)
		c.reader = nil
	}
	return c.release()
}

// abandon ends a failed exchange and tells whether a byte of the request can have been written.
func (c *conn) abandon() (maybeSent bool) {
	_ = c.raw.Close() // without the farewell of TLS, for which the far end might have to be waited for
	c.leave()
	return c.begun
}

// refused reports whether an error says that the far end refused our certificate before it said anything else. In TLS 1.3 a
// client has finished its handshake before the server has looked at the client's certificate, so the request is on its way
// by then; a server that answers with such an alert as its first record after the handshake has processed nothing of it
// (RFC 8446 section 4.4.2.4). In TLS 1.2 it is the handshake that fails.
func (c *conn) refused(err error) bool {
	alert, ok := tlspolicy.AlertOf(err)
	return ok && alert.RefusesCertificate() && c.tls != nil && c.tls.Version == tls.VersionTLS13 && c.records.after == 1
}

// finish ends an exchange whose answer has come. clean: the answer was taken to its end, and another may follow.
func (c *conn) finish(clean bool) {
	clean = clean && c.written() && c.reader.Buffered() == 0
	if clean && c.end() {
		c.pool.put(c)
		return
	}
	_ = c.raw.Close() // without a farewell, as in abandon; it would also have to wait for what is being written
	c.leave()
}

// leave gives up the place of a connection that is closed.
func (c *conn) leave() {
	if c.writing != nil {
		<-c.writing
	}
	c.end()
	c.pool.drop()
}

// writingEnds is how long a writing goroutine may take to notice that it has finished. Usually the answer shows that the
// request was read whole, and there is nothing left to do; a connection is not given up because of a late goroutine.
const writingEnds = 10 * time.Millisecond

// written tells whether the whole request was written. The answer may have come before that.
func (c *conn) written() bool {
	if c.writing == nil {
		return true
	}
	late := time.NewTimer(writingEnds)
	defer late.Stop()
	select {
	case err := <-c.writing:
		c.writing = nil
		return err == nil
	case <-late.C:
		return false
	}
}

// Write notes that something was written before it writes: a write that fails half-way may have sent any of it.
func (c *conn) Write(b []byte) (int, error) {
	c.begun = true
	defer c.leaveGate()
	if c.records == nil || len(b) <= bufferSize {
		return c.stream.Write(b)
	}
	c.records.gather()
	n, err := c.stream.Write(b)
	return n, errors.Join(err, c.records.release())
}

// enterGate asks the gate of a request, if it has one.
func (c *conn) enterGate(ctx context.Context) error {
	gate, ok := ctx.Value(GateKey{}).(Gate)
	if !ok {
		return nil
	}
	if err := gate.Enter(); err != nil {
		return err
	}
	c.gate = gate
	return nil
}

// leaveGate is called by who writes, behind the first write and at the end.
func (c *conn) leaveGate() {
	if c.gate != nil {
		c.gate.Leave()
		c.gate = nil
	}
}

var errHead = errors.New("the header of the answer is too large")

// limited reads from a connection within its allowance.
type limited struct{ c *conn }

func (l limited) Read(b []byte) (int, error) {
	if l.c.allowance <= 0 {
		return 0, errHead
	}
	n, err := l.c.stream.Read(b)
	l.c.allowance -= int64(n)
	return n, err
}

// old reports whether the connection has reached its greatest age.
func (c *conn) old(now time.Time) bool { return !now.Before(c.until) }

// fresh tells whether an idle connection can carry a call: it is young enough, the far end has not closed it, and has sent nothing
// unasked. That would be taken for the answer to the next call.
func (c *conn) fresh() bool {
	now := c.pool.now()
	if c.old(now) || now.Sub(c.idleSince) >= idleTimeout || c.surplus() {
		return false
	}
	quiet, known := peek.Quiet(c.raw)
	return quiet && known
}

// surplus tells whether TLS holds something that was received and not read, if only the beginning of a record. With a
// deadline in the past nothing new is received, and the connection is not harmed.
func (c *conn) surplus() bool {
	if c.tls == nil {
		return false
	}
	if c.raw.SetReadDeadline(past) != nil {
		return true
	}
	var b [1]byte
	_, err := c.stream.Read(b[:])
	return !errors.Is(err, os.ErrDeadlineExceeded) || c.records.got > 0 || c.raw.SetReadDeadline(time.Time{}) != nil
}
