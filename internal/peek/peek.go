// Package peek looks what a connection has received, without taking it.
package peek

import "net"

// Quiet reports whether the system has neither bytes nor the end of the stream for a connection, if that is known. It takes nothing and
// does not wait.
func Quiet(c net.Conn) (quiet, known bool) {
	look, known := New(c)
	if !known {
		return false, false
	}
	return look.Quiet()
}
