// Package peek looks what a connection has received, without taking it.
package peek

import (
	"net"
	"syscall"
)

// Quiet reports whether the system has neither bytes nor the end of the stream for a connection, if that is known.
func Quiet(c net.Conn) (quiet, known bool) {
	system, ok := c.(syscall.Conn)
	if !ok {
		return false, false
	}
	access, err := system.SyscallConn()
	if err != nil {
		return false, false
	}
	err = access.Control(func(fd uintptr) { quiet, known = nothingToRead(fd) })
	return quiet, known && err == nil
}
