package accept

import (
	"net"

	"golang.org/x/sys/unix"
)

// peerOf returns the process at the other end of a unix socket; nil where there is none to be known (unix(7), SO_PEERCRED).
func peerOf(c net.Conn) *Peer {
	socket, ok := c.(*net.UnixConn)
	if !ok {
		return nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil
	}
	var peer *Peer
	err = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			peer = &Peer{UID: cred.Uid, PID: cred.Pid}
		}
	})
	if err != nil {
		return nil
	}
	return peer
}
