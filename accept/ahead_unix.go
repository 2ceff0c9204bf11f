//go:build unix

package accept

import "syscall"

// secure prepares a connection for TLS on top of it.
func (c *conn) secure() {
	if system, ok := c.Conn.(syscall.Conn); ok {
		c.ahead.raw, _ = system.SyscallConn()
		c.ahead.fill = c.ahead.receiveReady
	}
}

// receiveReady receives what there is, into a buffer, and reports whether there was something, the end or an error included.
func (a *ahead) receiveReady(fd uintptr) bool {
	if a.on {
		a.buffer = aheadBuffers.Get().(*[aheadSize]byte)[:]
	} else {
		a.buffer = recordBuffers.Get().(*[recordSize]byte)[:]
	}
	n, err := syscall.Read(int(fd), a.buffer)
	for err == syscall.EINTR {
		n, err = syscall.Read(int(fd), a.buffer)
	}
	a.start, a.end, a.failed = 0, max(n, 0), err
	if a.end == 0 {
		a.giveBack()
	}
	return err != syscall.EAGAIN
}
