package audit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// disk is the directory of one log. Names are base names. Tests put faults and crashes into it.
type disk interface {
	// Lock takes the directory for one writer, creating both if needed. It fails with ErrLocked when another has it.
	Lock() (io.Closer, error)
	// Open opens a file for reading and writing; flag may add os.O_CREATE, os.O_EXCL and os.O_TRUNC.
	Open(name string, flag int) (file, error)
	Rename(from, to string) error
	Remove(name string) error
	// Sync makes creations, renames and removals durable.
	Sync() error
	List() ([]string, error)
	Stat(name string) (fileID, error)
	// Free returns the bytes that the file system has left for us, or -1 when that is not known.
	Free() int64
}

// file is an open file. Sync makes its bytes and its length durable; after it failed nothing is known of either.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
	Stat() (fileID, error)
}

// fileID distinguishes one file from another, and has its length.
type fileID struct {
	device, inode uint64
	size          int64
}

const (
	lockName = "lock"
	fileMode = 0o600
	dirMode  = 0o700
)

// nameless takes the path out of an error.
func nameless(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return fmt.Errorf("%s: %w", p.Op, p.Err)
	}
	return err
}

func lacksDescriptors(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}
