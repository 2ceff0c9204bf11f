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
	on         bool
	raw        syscall.RawConn // of the connection, once it has received ahead
	fill       func(fd uintptr) (done bool)
	failed     error            // of fill
	buffer     *[aheadSize]byte // of aheadBuffers; nil while nothing is there
	start, end int              // of what was not read yet
}

// ReadAhead has the connection receive ahead, or not any longer. It is called by the one goroutine that reads.
func (c *conn) ReadAhead(on bool) {
	a := &c.ahead
	if system, ok := c.Conn.(syscall.Conn); ok && on && a.raw == nil {
		a.raw, _ = system.SyscallConn()
		a.fill = a.receiveReady
	}
	a.on = on && a.raw != nil
}

// read reads what was received ahead, or receives.
func (a *ahead) read(p []byte, receive func([]byte) (int, error)) (int, error) {
	if a.start == a.end {
		if !a.on || len(p) >= aheadSize {
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

// receiveReady receives what there is, into a buffer, and reports whether there was something, the end or an error included.
func (a *ahead) receiveReady(fd uintptr) bool {
	a.buffer = aheadBuffers.Get().(*[aheadSize]byte)
	n, err := syscall.Read(int(fd), a.buffer[:])
	for err == syscall.EINTR {
		n, err = syscall.Read(int(fd), a.buffer[:])
	}
	a.start, a.end, a.failed = 0, max(n, 0), err
	if a.end == 0 {
		a.giveBack()
	}
	return err != syscall.EAGAIN
}

// giveBack returns the buffer to its pool. What is in it is encrypted.
func (a *ahead) giveBack() {
	aheadBuffers.Put(a.buffer)
	a.buffer = nil
}
