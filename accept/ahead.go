package accept

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"

	"tollgate/internal/record"
)

const (
	// aheadSize is how much is received at a time of a large body: several records of TLS, each of which would take a call of the system or two.
	aheadSize = 64 << 10
	// recordSize is how much is received at a time otherwise: the largest record of TLS fits.
	recordSize = 18 << 10
)

var (
	aheadBuffers  = sync.Pool{New: func() any { return new([aheadSize]byte) }}
	recordBuffers = sync.Pool{New: func() any { return new([recordSize]byte) }}
)

// ahead is what a connection has received beyond what TLS has asked for. TLS gets no byte beyond the record that it reads: when it has
// returned all of that, it holds nothing.
type ahead struct {
	raw        syscall.RawConn // of the connection; nil: nothing is received ahead
	on         bool            // much is received at a time
	track      record.Track    // of what TLS was given
	fill       func(fd uintptr) (done bool)
	failed     error  // of fill
	buffer     []byte // of one of the pools; nil while nothing is there
	start, end int    // of what was not read yet
}

// ReadAhead makes the connection receive much at a time, or stops that. It is called by the one goroutine that reads.
func (c *conn) ReadAhead(on bool) { c.ahead.on = on }

// Await waits for the bytes of a record, or the end of the connection. It is for those who have read all that TLS holds, and need a far
// smaller stack for it than a read by TLS.
func (c *conn) Await() error {
	if c.ahead.raw == nil || c.ahead.start < c.ahead.end {
		return nil
	}
	return c.ahead.receive()
}

// read reads what was received ahead, or receives.
func (a *ahead) read(p []byte, receive func([]byte) (int, error)) (int, error) {
	if a.raw == nil {
		return receive(p)
	}
	p = p[:min(len(p), a.track.Rest())]
	n, err := 0, error(nil)
	switch {
	case a.start < a.end:
		n = a.take(p)
	case a.on || a.track.InHeader():
		if err = a.receive(); err == nil {
			n = a.take(p)
		}
	default: // the rest of a record, and no further
		n, err = receive(p)
	}
	a.track.Pass(p[:n])
	return n, err
}

// take reads what was received ahead.
func (a *ahead) take(p []byte) int {
	n := copy(p, a.buffer[a.start:a.end])
	if a.start += n; a.start == a.end {
		a.giveBack()
	}
	return n
}

// receive waits for bytes, without a buffer: peers that wait, or are slow, hold none.
func (a *ahead) receive() error {
	if err := a.raw.Read(a.fill); err != nil {
		return err
	}
	if a.failed != nil {
		return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", a.failed)}
	}
	if a.end == 0 {
		return io.EOF
	}
	return nil
}

// giveBack returns the buffer to its pool. What is in it is encrypted.
func (a *ahead) giveBack() {
	if len(a.buffer) == aheadSize {
		aheadBuffers.Put((*[aheadSize]byte)(a.buffer))
	} else {
		recordBuffers.Put((*[recordSize]byte)(a.buffer))
	}
	a.buffer = nil
}
