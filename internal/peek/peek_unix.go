//go:build unix

package peek

import "golang.org/x/sys/unix"

// nothingToRead looks without taking anything and without waiting.
func nothingToRead(fd uintptr) (quiet, known bool) {
	var b [1]byte
	_, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return err == unix.EAGAIN || err == unix.EWOULDBLOCK, true
}
