package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"tollgate/http1"
	"tollgate/internal/peek"
	"tollgate/tlspolicy"
)

// bufferSize is what a connection is read and written in: one TLS record.
const bufferSize = 16 << 10

// buffers are needed during an exchange only, and idle connections have none.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// conn is a connection, and the exchange that it carries at the moment.
type conn struct {
	pool      *pool
	raw       net.Conn             // of the system
	look      *peek.Look           // at raw; nil: it cannot be looked at
	records   *records             // between raw and TLS; nil: plain
	stream    net.Conn             // raw, or TLS on top of it
	tls       *tls.ConnectionState // nil: plain
	taken     int                  // records that TLS has taken for certain: see surplus
	uncertain bool                 // TLS may have some of the last one yet
	idleSince time.Time
	until     time.Time // from then on it takes no other call
	deadline  time.Time // that raw has

	ctx     context.Context // of the exchange
	watch   *watch          // that knows the exchange
	reader  http1.Reader
	begun   bool       // writing of the request was begun
	gate    Gate       // of the request, which it has entered and not left; nil: none
	writing chan error // gets the end of the writing, if that has a goroutine of its own
}

func (c *conn) close() { _ = c.stream.Close() }

var past = time.Unix(1, 0)

// answerLimits bound the heads of answers.
var answerLimits = http1.Limits{Line: 8 << 10, Head: 256 << 10, Fields: 1000}

// begin prepares an exchange.
func (c *conn) begin(ctx context.Context, deadline, now time.Time) error {
	c.begun, c.gate, c.writing, c.ctx = false, nil, nil, ctx
	c.reader.Reset((*connReader)(c), answerLimits)
	c.reader.Lend(buffers.Get().(*[bufferSize]byte)[:])
	err := c.setDeadline(deadline, now)
	c.pool.watches.enter(ctx, c) // may move the deadline into the past from now on
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case !deadline.IsZero() && !now.Before(deadline):
		return context.DeadlineExceeded
	}
	return err
}

// latest is how late what is cut off by a deadline may be.
const latest = time.Second

// setDeadline makes raw end reading and writing at a deadline, or a little later: by an eighth of the time that is left, and a second at most.
// So on a connection in steady use it is moved once a second, not for each call.
func (c *conn) setDeadline(deadline, now time.Time) error {
	if deadline.IsZero() {
		if c.deadline.IsZero() {
			return nil
		}
		c.deadline = deadline
		return c.raw.SetDeadline(deadline)
	}
	late := max(min(latest, deadline.Sub(now)/8), 0)
	if !c.deadline.Before(deadline) && !c.deadline.After(deadline.Add(late)) {
		return nil
	}
	c.deadline = deadline.Add(late)
	return c.raw.SetDeadline(c.deadline)
}

// DeadlineWithin returns the deadline of an exchange that begins now and must be over at its end, although deadlines are late.
func DeadlineWithin(end, now time.Time) time.Time { return now.Add(end.Sub(now) * 8 / 9) }

// end returns what an exchange needed to its pools. It reports whether the context has left the connection alone.
func (c *conn) end() (untouched bool) {
	c.reader.Reset(nil, http1.Limits{})
	if lent := c.reader.Return(); lent != nil {
		buffers.Put((*[bufferSize]byte)(lent))
	}
	return c.pool.watches.leave(c)
}

// abandon ends an exchange and its connection, and reports whether a byte of the request can have been written.
func (c *conn) abandon() (maybeSent bool) {
	_ = c.raw.Close() // without the farewell of TLS, for which the far end might have to be waited for, as might what is being written
	if c.writing != nil {
		<-c.writing
	}
	c.end()
	c.pool.drop()
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
	if !clean || !c.written() || c.reader.Buffered() > 0 {
		c.abandon()
		return
	}
	if c.end() {
		c.pool.put(c)
		return
	}
	_ = c.raw.Close()
	c.pool.drop()
}

// writingEnds is how long a writing goroutine may take to notice that it has finished. Usually the answer shows that the
// request was read whole, and there is nothing left to do; a connection is not closed because of a late goroutine.
const writingEnds = 10 * time.Millisecond

// written reports whether the whole request was written. The answer may have come before that.
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

// write writes parts of a request together. It notes that something was written before it writes: a write that fails half-way may have sent
// any of it.
func (c *conn) write(parts ...[]byte) (err error) {
	c.begun = true
	defer c.leaveGate()
	if c.records != nil && len(parts[len(parts)-1]) > bufferSize {
		c.records.gather()
		defer func() { err = errors.Join(err, c.records.release()) }()
	}
	for _, part := range parts {
		if _, err = c.stream.Write(part); err != nil {
			break
		}
	}
	return err
}

// enterGate asks the gate of a request, if it has one.
func (c *conn) enterGate(gate Gate, now time.Time) error {
	if gate == nil {
		return nil
	}
	if err := gate.Enter(now); err != nil {
		return err
	}
	c.gate = gate
	return nil
}

// leaveGate is called by the writer, behind the first write and at the end.
func (c *conn) leaveGate() {
	if c.gate != nil {
		c.gate.Leave()
		c.gate = nil
	}
}

// connReader reads from a connection. It counts the records that TLS takes for that: a read that does not fill b has taken one for certain, and
// left nothing of it.
type connReader conn

func (s *connReader) Read(b []byte) (int, error) {
	n, err := s.stream.Read(b)
	if n > 0 {
		s.taken++
		s.uncertain = s.uncertain || n == len(b)
	}
	return n, err
}

// old reports whether the connection has reached its greatest age.
func (c *conn) old(now time.Time) bool { return !now.Before(c.until) }

// fresh reports whether an idle connection can carry a call: it is young enough, the far end has not closed it, and has sent nothing
// unasked. That would be taken for the answer to the next call.
func (c *conn) fresh(now time.Time) bool {
	if c.old(now) || now.Sub(c.idleSince) >= idleTimeout || c.look == nil || c.surplus() {
		return false
	}
	quiet, known := c.look.Quiet()
	return quiet && known
}

// surplus reports whether TLS holds something that was received and not read, if only the beginning of a record. It holds nothing where
// it has taken as many records as came whole, and no other has begun. Fewer are known to be taken where some brought nothing to read, as
// tickets do: then TLS is asked. With a deadline in the past nothing new is received, and the connection is not harmed. For writing there is
// none, since TLS may have to answer a change of keys: it would keep the error for the next call.
func (c *conn) surplus() bool {
	if c.tls == nil || !c.uncertain && c.taken == c.records.after && c.records.track.Between() {
		return false
	}
	if c.raw.SetDeadline(time.Time{}) != nil || c.raw.SetReadDeadline(past) != nil {
		return true
	}
	var b [1]byte
	_, err := c.stream.Read(b[:])
	c.taken, c.uncertain, c.deadline = c.records.after, false, time.Time{}
	return !errors.Is(err, os.ErrDeadlineExceeded) || !c.records.track.Between() || c.raw.SetDeadline(time.Time{}) != nil
}
