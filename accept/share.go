package accept

import (
	"fmt"
	"net"
	"os"
	"syscall"
)

// Share returns a second listener on the socket of l, which [Listen] has made. Connections that wait in the system come to either of them, and
// the socket stays open until both are closed. The file of a unix socket belongs to l: closing l removes it, closing the other does not.
//
// A server that takes the place of another on a socket loses no connection by it, since there is always one that listens.
func Share(l net.Listener) (net.Listener, error) {
	shared, ok := l.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("a %T cannot be shared", l)
	}
	file, err := duplicate(shared)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // FileListener has a descriptor of its own
	return net.FileListener(file)
}

// duplicate returns the socket by a second descriptor. The File of a listener would make the socket block for a moment: an Accept of that moment
// would stay in the kernel, where no deadline ends it.
func duplicate(shared syscall.Conn) (*os.File, error) {
	raw, err := shared.SyscallConn()
	if err != nil {
		return nil, err
	}
	var file *os.File
	if failed := raw.Control(func(fd uintptr) { file, err = duplicateOf(fd) }); failed != nil {
		return nil, failed
	}
	return file, err
}
