package accept

import (
	"crypto/tls"
	"encoding/binary"
	"net"
	"runtime"
	"sync"
	"time"
)

// gatheringConn is an HTTP/2 connection that writes the header of an answer together with the body that follows it. The server writes
// frame by frame, and each of its writes is a TLS record, a system call and a packet that wakes the peer. So one that ends with a header
// whose stream goes on waits for the next write, while other goroutines have their turns, the one that has the body among them. The bytes
// and their order stay the same. See docs/decisions/0058.
type gatheringConn struct {
	secureConn
	later func(write func()) // runs write once others had their turns

	mu     sync.Mutex
	frames frames
	held   *[]byte // what waits; nil: nothing does
	count  uint64  // of writes: what waits is written by the function that was made for it, or by the next write
	err    error   // of writing what had waited, for the next write
}

type secureConn interface {
	net.Conn
	ConnectionState() tls.ConnectionState // which net/http looks for
}

func newGathering(c secureConn) *gatheringConn {
	return &gatheringConn{secureConn: c, later: func(write func()) { go afterOthers(write) }}
}

// turns are those of the handler, which has the body, of the goroutine that serves the connection, and of the one that writes.
const turns = 3

// afterOthers calls f when what can run has run. On a busy machine that takes as long as it takes there, and on an idle one nothing: no
// time would suit both.
func afterOthers(f func()) {
	for range turns {
		runtime.Gosched()
	}
	f()
}

// maxHeld bounds what waits, and what is written with it: the server's buffer has 4 KB.
const maxHeld = 8 << 10

var heldBuffers = sync.Pool{New: func() any { b := make([]byte, 0, maxHeld); return &b }}

// Write implements [net.Conn].
func (c *gatheringConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	goesOn := c.frames.endWithHeader(p)
	if c.held != nil && len(*c.held)+len(p) > maxHeld {
		c.flush()
	}
	if c.err != nil {
		return 0, c.err
	}
	if c.held == nil && (!goesOn || len(p) > maxHeld) {
		return c.secureConn.Write(p)
	}
	if c.held == nil {
		c.held = heldBuffers.Get().(*[]byte)
	}
	*c.held = append(*c.held, p...)
	if goesOn {
		c.later(c.unlessWritten(c.count))
		return len(p), nil
	}
	if c.flush(); c.err != nil {
		return 0, c.err
	}
	return len(p), nil
}

// unlessWritten returns a function that writes what waits, unless there was a further write by then.
func (c *gatheringConn) unlessWritten(count uint64) func() {
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.count == count && c.held != nil {
			c.flush()
		}
	}
}

// flush writes what waits. mu is held.
func (c *gatheringConn) flush() {
	_, c.err = c.secureConn.Write(*c.held)
	*c.held = (*c.held)[:0]
	heldBuffers.Put(c.held)
	c.held = nil
}

// SetWriteDeadline implements [net.Conn]. The server sets a deadline for each write and takes it back afterwards: that of a write that
// waits stays, since the peer may take nothing when it is made.
func (c *gatheringConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held != nil && t.IsZero() {
		return nil
	}
	return c.secureConn.SetWriteDeadline(t)
}

// frames follows the frames of an HTTP/2 connection (RFC 9113 section 4.1) through writes, which may end within one.
type frames struct {
	header [9]byte // of the frame that is under way, or was the last
	has    int     // bytes of it; 0: the next frame has not begun
	ahead  int     // bytes of its payload that are to come
}

// endWithHeader takes a write, and reports whether its last frame is a whole header of a stream that goes on.
func (f *frames) endWithHeader(p []byte) bool {
	for len(p) > 0 {
		if f.has < len(f.header) {
			n := copy(f.header[f.has:], p)
			f.has, p = f.has+n, p[n:]
			if f.has < len(f.header) {
				return false
			}
			f.ahead = int(binary.BigEndian.Uint32(f.header[:4]) >> 8)
		}
		n := min(f.ahead, len(p))
		f.ahead, p = f.ahead-n, p[n:]
		if f.ahead == 0 {
			f.has = 0
		}
	}
	const headers, endStream, endHeaders = 0x1, 0x1, 0x4
	return f.has == 0 && f.header[3] == headers && f.header[4]&(endStream|endHeaders) == endHeaders
}
