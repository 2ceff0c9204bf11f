//go:build unix

package accept

import (
	"os"

	"golang.org/x/sys/unix"
)

func duplicateOf(fd uintptr) (*os.File, error) {
	second, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(second), "listener"), nil
}
