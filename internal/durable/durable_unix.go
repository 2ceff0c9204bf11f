//go:build unix

package durable

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// SyncDir makes durable which files a folder has, and under which names.
func SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// ErrLocked is the error of a lock that another open file has.
const ErrLocked = unix.EWOULDBLOCK

const (
	shared    = unix.LOCK_SH
	exclusive = unix.LOCK_EX
	atOnce    = unix.LOCK_NB
)

func lock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); err != unix.EINTR {
			return err
		}
	}
}
