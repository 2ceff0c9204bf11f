package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// InUse tells whether a process writes the log in dir. It writes nothing; a shared lock is taken for the moment of
// asking, since flock(2) knows no other way.
func InUse(dir string) (bool, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil // nobody has ever written here, or it is a copy
	}
	if err != nil {
		return false, fmt.Errorf("looking who writes the audit log: %w", err)
	}
	defer f.Close() // opened for reading: nothing can be lost
	for {
		switch err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); {
		case err == nil:
			return false, unix.Flock(int(f.Fd()), unix.LOCK_UN)
		case errors.Is(err, unix.EWOULDBLOCK):
			return true, nil
		case err != unix.EINTR:
			return false, fmt.Errorf("looking who writes the audit log: %w", err)
		}
	}
}
