package server

import (
	"io"
	"net/http"
	"time"

	"tollgate/http1"
)

// body is the body of a request, as its handler reads it.
type body struct {
	conn     *Conn
	message  http1.Body
	expected bool // the peer waits for "100 Continue" before it sends any
	begun    bool // it was read from
	closed   bool
}

// continueTime is how long the peer may take to let "100 Continue" be written.
const continueTime = 5 * time.Second

func (b *body) Read(p []byte) (int, error) {
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
	if b.conn.writing.isOpen() {
		_ = b.conn.writing.want(time.Now().Add(continueTime), false)
		defer func() { _ = b.conn.writing.want(time.Time{}, false) }()
	}
	return b.conn.write([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
}

// Close has no further bytes be read by the handler.
func (b *body) Close() error {
	b.closed = true
	return nil
}

func (b *body) end() { b.closed = true }

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

// discard receives the rest of a body, if it is small, and reports whether that was all.
func (b *body) discard() bool {
	if b.whole() {
		return true
	}
	if b.expected || b.conn.head.Framing.Length > maxDiscarded {
		return false
	}
	if b.conn.reading.isOpen() {
		_ = b.conn.reading.want(time.Now().Add(discardTime), true)
	}
	_, _ = io.CopyN(io.Discard, &b.message, maxDiscarded)
	return b.whole()
}
