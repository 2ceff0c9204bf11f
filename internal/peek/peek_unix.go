//go:build unix

package peek

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// Look looks at one connection again and again, at the cost of a system call. It must not be used concurrently.
type Look struct {
	access syscall.RawConn
	ask    func(fd uintptr)
	events [1]unix.PollFd
	quiet  bool // found by ask
}

// New returns a look at a connection, if it can be looked at.
func New(c net.Conn) (look *Look, known bool) {
	system, ok := c.(syscall.Conn)
	if !ok {
		return nil, false
	}
	access, err := system.SyscallConn()
	if err != nil {
		return nil, false
	}
	l := &Look{access: access}
	l.ask = func(fd uintptr) {
		l.events[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
		n, err := unix.Poll(l.events[:], 0)
		l.quiet = n == 0 && err == nil
	}
	return l, true
}

// Quiet is [Quiet] of the connection.
func (l *Look) Quiet() (quiet, known bool) {
	err := l.access.Control(l.ask)
	return l.quiet && err == nil, err == nil
}
