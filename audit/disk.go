package audit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tollgate/internal/durable"
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
	// Free gives the bytes that the file system has left for us, or -1 when that is not known.
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

// fileID tells one file from another, and its length.
type fileID struct {
	device, inode uint64
	size          int64
}

const (
	lockName = "lock"
	fileMode = 0o600
	dirMode  = 0o700
)

type osDisk struct{ dir string }

var _ disk = osDisk{}

func (d osDisk) path(name string) string { return filepath.Join(d.dir, name) }

func (d osDisk) Lock() (io.Closer, error) {
	if err := d.create(); err != nil {
		return nil, fmt.Errorf("creating the audit directory: %w", err)
	}
	f, err := os.OpenFile(d.path(lockName), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, fileMode)
	if err != nil {
		return nil, fmt.Errorf("opening the audit lock: %w", err)
	}
	if err := patiently(f); err != nil {
		return nil, errors.Join(d.explain(f, err), f.Close())
	}
	// The file can be removed by hand, and then made and locked again by another process. The directory itself cannot.
	dir, err := os.Open(d.dir)
	if err == nil {
		err = durable.TryLock(dir)
	}
	if err != nil {
		return nil, errors.Join(d.explain(f, err), f.Close(), dir.Close())
	}
	// The process id is for the person who wonders who holds the lock; nothing depends on it.
	if err := f.Truncate(0); err == nil {
		_, _ = fmt.Fprintf(f, "%d\n", os.Getpid())
	}
	return lock{f, dir}, nil
}

// lock is what one writer holds.
type lock struct{ file, dir *os.File }

func (l lock) Close() error { return errors.Join(l.file.Close(), l.dir.Close()) }

// create makes the directory, and those above it, durably, where there is none.
func (d osDisk) create() error {
	parent := osDisk{filepath.Dir(d.dir)}
	err := os.Mkdir(d.dir, dirMode)
	if errors.Is(err, os.ErrNotExist) && parent != d {
		if err := parent.create(); err != nil {
			return err
		}
		err = os.Mkdir(d.dir, dirMode)
	}
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return parent.Sync()
}

const (
	lockTries = 6
	lockPause = 20 * time.Millisecond
)

// sleep is time.Sleep, but in tests.
var sleep = time.Sleep

// patiently takes a lock, and tries for 100 ms: [InUse] holds it for a moment to ask whether it is free.
func patiently(f *os.File) error {
	for try := 1; ; try++ {
		err := durable.TryLock(f)
		if try == lockTries || !errors.Is(err, durable.ErrLocked) {
			return err
		}
		sleep(lockPause)
	}
}

func (d osDisk) explain(f *os.File, err error) error {
	if !errors.Is(err, durable.ErrLocked) {
		return fmt.Errorf("locking %s: %w", f.Name(), err)
	}
	holder := make([]byte, 20)
	n, _ := f.ReadAt(holder, 0)
	if pid := strings.TrimSpace(string(holder[:n])); pid != "" {
		return fmt.Errorf("%w: %s is held by process %s; one log has one writer", ErrLocked, d.dir, pid)
	}
	return fmt.Errorf("%w: %s is held by another process; one log has one writer", ErrLocked, d.dir)
}

func (d osDisk) Open(name string, flag int) (file, error) {
	f, err := os.OpenFile(d.path(name), os.O_RDWR|flag|unix.O_NOFOLLOW, fileMode)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (d osDisk) Rename(from, to string) error { return os.Rename(d.path(from), d.path(to)) }
func (d osDisk) Remove(name string) error     { return os.Remove(d.path(name)) }
func (d osDisk) Sync() error                  { return durable.SyncDir(d.dir) }
func (d osDisk) Free() int64                  { return freeBytes(d.dir) }

func (d osDisk) List() ([]string, error) {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names, nil
}

func (d osDisk) Stat(name string) (fileID, error) {
	var st unix.Stat_t
	if err := unix.Lstat(d.path(name), &st); err != nil {
		return fileID{}, &os.PathError{Op: "lstat", Path: d.path(name), Err: err}
	}
	return identify(&st), nil
}

type osFile struct{ *os.File }

func (f osFile) Sync() error { return datasync(f.File) }

func (f osFile) Stat() (fileID, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return fileID{}, &os.PathError{Op: "fstat", Path: f.Name(), Err: err}
	}
	return identify(&st), nil
}

func identify(st *unix.Stat_t) fileID {
	return fileID{device: uint64(st.Dev), inode: st.Ino, size: st.Size}
}
