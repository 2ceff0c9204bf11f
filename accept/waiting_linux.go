package accept

import (
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// waiting accepts the connections that wait in the system for a listener, without waiting for others.
func waiting(l net.Listener) (conns []net.Conn) {
	system, ok := l.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := system.SyscallConn()
	if err != nil {
		return nil
	}
	var taken []int
	_ = raw.Control(func(fd uintptr) { taken = acceptAll(int(fd)) })
	for _, fd := range taken {
		file := os.NewFile(uintptr(fd), "")
		if c, err := net.FileConn(file); err == nil {
			conns = append(conns, c)
		}
		_ = file.Close() // FileConn has a descriptor of its own
	}
	return conns
}

// maxWaiting is how many connections may wait: more than Linux keeps for a listener, unless its net.core.somaxconn is raised.
const maxWaiting = 8192

// acceptAll accepts until nothing waits. A listener of Go does not block.
func acceptAll(listener int) (taken []int) {
	for len(taken) < maxWaiting {
		fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			taken = append(taken, fd)
		case unix.EINTR, unix.ECONNABORTED:
		default:
			return taken
		}
	}
	return taken
}
