// Package peek looks what a connection has received, without taking it.
package peek

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// Quiet reports whether the system has neither bytes nor the end of the stream for a connection, if that is known. It takes nothing and
// does not wait.
func Quiet(c net.Conn) (quiet, known bool) {
	system, ok := c.(syscall.Conn)
	if !ok {
		return false, false
	}
	access, err := system.SyscallConn()
	if err != nil {
		return false, false
	}
	err = access.Control(func(fd uintptr) {
		var b [1]byte
		_, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		quiet = err == unix.EAGAIN || err == unix.EWOULDBLOCK
	})
	return quiet, err == nil
}
