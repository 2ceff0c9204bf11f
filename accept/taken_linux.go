package accept

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// acknowledged returns how many bytes the peer of a TCP connection has acknowledged.
func acknowledged(conn syscall.Conn) (bytes int64, ok bool) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, false
	}
	err = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil {
			bytes, ok = int64(info.Bytes_acked), true
		}
	})
	return bytes, ok && err == nil
}
