package durable

import (
	"os"

	"golang.org/x/sys/windows"
)

// SyncDir does nothing but look whether the folder is there: FlushFileBuffers takes no folder.
func SyncDir(dir string) error {
	_, err := os.Stat(dir)
	return err
}

// ErrLocked is the error of a lock that another open file has.
const ErrLocked = windows.ERROR_LOCK_VIOLATION

const (
	shared    = 0
	exclusive = windows.LOCKFILE_EXCLUSIVE_LOCK
	atOnce    = windows.LOCKFILE_FAIL_IMMEDIATELY
)

// lock takes a byte far beyond the end: other processes could not read what is locked.
func lock(f *os.File, how uint32) error {
	const far = 1 << 30
	return windows.LockFileEx(windows.Handle(f.Fd()), how, 0, 1, 0, &windows.Overlapped{OffsetHigh: far})
}
