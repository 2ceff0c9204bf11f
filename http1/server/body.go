package server

import (
	"io"
	"net/http"
	"sync"
	"time"

	"tollgate/http1"
)

// body is the body of a request, as its handler reads it.
type body struct {
	conn     *Conn
	message  http1.Body
	expected bool // the peer waits for "100 Continue" before it sends any
	begun    bool // it was read from

	mutex  sync.Mutex // of a read, and of what ends them
	closed bool
}

// continueTime is how long the peer may take to let "100 Continue" be written.
const continueTime = 5 * time.Second

func (b *body) Read(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	if b.expected {
		b.expected = false
		if err := b.sendContinue(); err != nil {
			return 0, err
		}
	}
	if !b.begun {
		b.begun = true
		b.conn.readAhead(b.isLarge())
	}
	ended := b.message.Ended()
	n, err := b.message.Read(p)
	if !ended && b.message.Ended() {
		b.received()
	}
	return n, err
}

// received passes on the trailer, and has the peer's leaving noticed from now on.
func (b *body) received() {
	b.conn.readAhead(false)
	for _, f := range b.message.Trailer() {
		if b.conn.request.Trailer == nil {
			b.conn.request.Trailer = http.Header{}
		}
		b.conn.request.Trailer.Add(f.Name, f.Value)
	}
	b.conn.context.received()
}

func (b *body) sendContinue() error {
	if b.conn.response.begun() {
		return nil
	}
	if b.conn.writing.bound(continueTime, false) {
		defer func() { _ = b.conn.writing.want(time.Time{}, false) }()
	}
	return b.conn.write([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
}

// Close ends the handler's reads.
func (b *body) Close() error {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.closed = true
	return nil
}

// end closes it when the handler has returned. A read that it has left behind ends at once.
func (b *body) end() {
	if !b.mutex.TryLock() {
		_ = b.conn.reading.want(past, true)
		b.mutex.Lock()
	}
	b.closed = true
	b.mutex.Unlock()
}

// isLarge reports whether more of the body is to come than one record of TLS holds, as far as that is known.
func (b *body) isLarge() bool {
	framing := b.conn.head.Framing
	return framing.Kind == http1.Chunked || framing.Length-int64(b.conn.reader.Buffered()) > outSize
}

// whole reports whether the body was received to its end.
func (b *body) whole() bool { return b.message.Ended() }

const (
	// maxDiscarded is how much of a body that the handler did not want is received, so that the connection can be used again.
	maxDiscarded = 64 << 10
	// discardTime bounds that, where the handler has set no deadline.
	discardTime = time.Second
)

// discard receives the rest of a body, if it is small, and reports whether that was all. The handler gets an error from then on: what is
// passed over must not look like the end.
func (b *body) discard() bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.whole() {
		return true
	}
	b.closed = true
	if b.expected || b.conn.head.Framing.Length > maxDiscarded {
		return false
	}
	b.conn.reading.bound(discardTime, true)
	_, _ = io.CopyN(io.Discard, &b.message, maxDiscarded)
	return b.whole()
}
