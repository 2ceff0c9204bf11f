package accept

import (
	"net"
	"syscall"
)

// Taken returns how many bytes the peer of a connection from New has taken off the network, which the system knows of TCP on Linux;
// ok is false where it is not known. A write that waits says nothing of it: the system takes up to several megabytes for a peer,
// and wakes the writer when a good part of that has gone.
func Taken(c net.Conn) (bytes int64, ok bool) {
	own := ours(c)
	if own == nil {
		return 0, false
	}
	tcp, ok := own.Conn.(*net.TCPConn)
	if !ok {
		return 0, false
	}
	return acknowledged(syscall.Conn(tcp))
}
