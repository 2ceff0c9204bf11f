package accept

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// aheadSize is how much is received at a time of a large body: several records of TLS, each of which would take a call of the system or two.
const aheadSize = 64 << 10

var aheadBuffers = sync.Pool{New: func() any { return new([aheadSize]byte) }}

// ahead is what a connection has received beyond what TLS has asked for.
type ahead struct {
	raw        syscall.RawConn  // of the connection while it receives ahead; nil: it does not
	buffer     *[aheadSize]byte // of aheadBuffers; nil while nothing is there
	start, end int              // of what was not read yet
}

// ReadAhead has the connection receive ahead, or not any longer. It is called by the one goroutine that reads.
func (c *conn) ReadAhead(on bool) {
	c.ahead.raw = nil
	if system, ok := c.Conn.(syscall.Conn); ok && on {
		c.ahead.raw, _ = system.SyscallConn()
	}
}

// read reads what was received ahead, or receives.
func (a *ahead) read(p []byte, receive func([]byte) (int, error)) (int, error) {
	if a.start == a.end {
		if a.raw == nil || len(p) >= aheadSize {
			return receive(p)
		}
		if err := a.receive(); err != nil {
			return 0, err
		}
	}
	n := copy(p, a.buffer[a.start:a.end])
	if a.start += n; a.start == a.end {
		a.giveBack()
	}
	return n, nil
}

// receive waits for bytes, without a buffer: peers that are slow with their bodies hold none.
func (a *ahead) receive() error {
	var n int
	var failed error
	err := a.raw.Read(func(fd uintptr) (done bool) {
		a.buffer = aheadBuffers.Get().(*[aheadSize]byte)
		n, failed = readReady(fd, a.buffer[:])
		if failed == syscall.EAGAIN {
			a.giveBack()
			return false
		}
		return true
	})
	switch {
	case err != nil:
		return err
	case failed != nil:
		a.giveBack()
		return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", failed)}
	case n == 0:
		a.giveBack()
		return io.EOF
	}
	a.start, a.end = 0, n
	return nil
}

// readReady reads what there is to receive. EAGAIN: nothing.
func readReady(fd uintptr, into []byte) (n int, err error) {
	for {
		if n, err = syscall.Read(int(fd), into); err != syscall.EINTR {
			return n, err
		}
	}
}

// giveBack gives the buffer back. What is in it is encrypted.
func (a *ahead) giveBack() {
	aheadBuffers.Put(a.buffer)
	a.buffer = nil
}
