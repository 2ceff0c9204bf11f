//go:build unix

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
	"tollgate/internal/osfile"
)

// diskOf returns the directory of a log.
func diskOf(dir string) disk { return &osDisk{dir: dir} }

// osDisk is a directory of the file system. Its descriptor is kept from Lock on: changes of names, and making them durable, need no
// other. Opening a file does, for which there are spare ones.
type osDisk struct {
	dir    string
	folder *os.File
	spares spares
}

var _ disk = (*osDisk)(nil)

func (d *osDisk) path(name string) string { return filepath.Join(d.dir, name) }

func (d *osDisk) Lock() (io.Closer, error) {
	if err := durable.MakeDir(d.dir, dirMode); err != nil {
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
	// The process id is for people who look for the holder of the lock; nothing depends on it.
	if err := f.Truncate(0); err == nil {
		_, _ = fmt.Fprintf(f, "%d\n", os.Getpid())
	}
	d.folder = dir
	d.spares.fill(dir)
	return lock{f, d}, nil
}

// lock is what one writer holds.
type lock struct {
	file *os.File
	disk *osDisk
}

func (l lock) Close() error {
	l.disk.spares.close() // the folder's lock is theirs as well
	return errors.Join(l.file.Close(), l.disk.folder.Close())
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

func (d *osDisk) explain(f *os.File, err error) error {
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

func (d *osDisk) Open(name string, flag int) (file, error) {
	fd, err := d.spares.open(d.folder, func() (int, error) {
		return unix.Openat(int(d.folder.Fd()), name, os.O_RDWR|flag|unix.O_NOFOLLOW|unix.O_CLOEXEC, fileMode)
	})
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: d.path(name), Err: err}
	}
	return osFile{os.NewFile(uintptr(fd), d.path(name)), d}, nil
}

func (d *osDisk) Rename(from, to string) error {
	folder := int(d.folder.Fd())
	return unix.Renameat(folder, from, folder, to)
}

func (d *osDisk) Remove(name string) error {
	if err := unix.Unlinkat(int(d.folder.Fd()), name, 0); err != nil {
		return &os.PathError{Op: "remove", Path: d.path(name), Err: err}
	}
	return nil
}

func (d *osDisk) Sync() error { return d.folder.Sync() }

func (d *osDisk) Free() int64 {
	free, err := osfile.Free(d.dir)
	if err != nil {
		return -1
	}
	return free
}

func (d *osDisk) List() ([]string, error) {
	if _, err := d.folder.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return d.folder.Readdirnames(-1)
}

// Stat looks where readers look: at the path, which may lead elsewhere by now.
func (d *osDisk) Stat(name string) (fileID, error) {
	id, err := lookUp(d.path(name))
	if err != nil {
		return fileID{}, &os.PathError{Op: "lstat", Path: d.path(name), Err: err}
	}
	return id, nil
}

// lstat identifies what is at a path.
func lstat(path string) (fileID, error) {
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	return identify(&st), err
}

// osFile is an open file, whose errors do not name it: it may have another name by now than the one under which it was opened.
type osFile struct {
	file *os.File
	disk *osDisk
}

func (f osFile) ReadAt(b []byte, at int64) (int, error) {
	n, err := f.file.ReadAt(b, at)
	return n, nameless(err)
}

func (f osFile) WriteAt(b []byte, at int64) (int, error) {
	n, err := f.file.WriteAt(b, at)
	return n, nameless(err)
}

func (f osFile) Truncate(size int64) error { return nameless(f.file.Truncate(size)) }
func (f osFile) Sync() error               { return nameless(datasync(f.file)) }

// Close makes its descriptor a spare one, if one is missing.
func (f osFile) Close() error {
	err := f.file.Close()
	f.disk.spares.fill(f.disk.folder)
	return nameless(err)
}

func (f osFile) Stat() (fileID, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.file.Fd()), &st); err != nil {
		return fileID{}, fmt.Errorf("fstat: %w", err)
	}
	return identify(&st), nil
}

func identify(st *unix.Stat_t) fileID {
	return fileID{device: uint64(st.Dev), inode: st.Ino, size: st.Size}
}
