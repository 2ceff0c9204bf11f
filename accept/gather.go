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
// and their order stay the same. A frame that resets a stream, as one does after the answer to a body that was not read, begins a write of
// its own: curl 7.88 loses an answer that it reads together with it. See docs/decisions/0058.
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
	for written := 0; ; {
		n, goesOn := c.frames.take(p[written:])
		if err := c.write(p[written:written+n], goesOn); err != nil {
			return written, err
		}
		if written += n; written == len(p) {
			return written, nil
		}
	}
}

// write writes p with what waits, or has it wait since its last stream goes on. mu is held.
func (c *gatheringConn) write(p []byte, goesOn bool) error {
	c.count++
	if c.held != nil && len(*c.held)+len(p) > maxHeld {
		c.flush()
	}
	if c.err != nil {
		return c.err
	}
	if c.held == nil && (!goesOn || len(p) > maxHeld) {
		_, err := c.secureConn.Write(p)
		return err
	}
	if c.held == nil {
		c.held = heldBuffers.Get().(*[]byte)
	}
	*c.held = append(*c.held, p...)
	if goesOn {
		c.later(c.unlessWritten(c.count))
		return nil
	}
	c.flush()
	return c.err
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

const (
	frameHeaders, frameReset = 0x1, 0x3
	endStream, endHeaders    = 0x1, 0x4
)

// take takes what a write begins with, up to the first of frames that reset streams. It returns how many bytes these are, and whether their
// last frame is a whole header of a stream that goes on.
func (f *frames) take(p []byte) (taken int, goesOn bool) {
	for rest := p; len(rest) > 0; taken = len(p) - len(rest) {
		if taken > 0 && f.has == 0 && f.header[3] != frameReset && len(rest) >= len(f.header) && rest[3] == frameReset {
			break
		}
		if f.has < len(f.header) {
			n := copy(f.header[f.has:], rest)
			f.has, rest = f.has+n, rest[n:]
			if f.has < len(f.header) {
				return len(p), false
			}
			f.ahead = int(binary.BigEndian.Uint32(f.header[:4]) >> 8)
		}
		n := min(f.ahead, len(rest))
		f.ahead, rest = f.ahead-n, rest[n:]
		if f.ahead == 0 {
			f.has = 0
		}
	}
	return taken, f.has == 0 && f.header[3] == frameHeaders && f.header[4]&(endStream|endHeaders) == endHeaders
}
