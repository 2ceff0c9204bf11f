package export

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"tollgate/internal/osfile"
)

// Unpacked is the log of a bundle whose segments can be read at any place: of an archive each is unpacked into a folder when it is first opened, since
// to read a line in the middle of a packed one all before it must be unpacked each time. It is safe for concurrent use.
type Unpacked struct {
	log fs.FS
	dir string

	mu   sync.Mutex
	done map[string]bool
}

// Unpack returns the log with its segments unpacked into a private folder, which is the caller's to remove.
func Unpack(log fs.FS, dir string) *Unpacked {
	return &Unpacked{log: log, dir: dir, done: map[string]bool{}}
}

// ReadDir implements [fs.ReadDirFS].
func (u *Unpacked) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(u.log, name) }

// Stat implements [fs.StatFS].
func (u *Unpacked) Stat(name string) (fs.FileInfo, error) { return fs.Stat(u.log, name) }

// Open implements [fs.FS].
func (u *Unpacked) Open(name string) (fs.File, error) {
	f, err := u.log.Open(name)
	if err != nil {
		return nil, err
	}
	if _, ok := f.(io.ReaderAt); ok {
		return f, nil
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return f, err
	}
	unpacked, err := u.unpack(name, f)
	return unpacked, errors.Join(err, f.Close())
}

// unpack returns the file that a packed one was unpacked to.
func (u *Unpacked) unpack(name string, packed fs.File) (fs.File, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	path := filepath.Join(u.dir, name)
	if u.done[name] {
		return os.Open(path)
	}
	if err := u.checkRoom(packed); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(f, packed) // an archive's reader ends with an error where it does not have the bytes that it says
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, errors.Join(fmt.Errorf("unpacking %s: %w", name, err), os.Remove(path))
	}
	u.done[name] = true
	return os.Open(path)
}

// leaveFree is what unpacking leaves of a disk to others, in bytes.
const leaveFree = 64 << 20

func (u *Unpacked) checkRoom(packed fs.File) error {
	info, err := packed.Stat()
	if err != nil {
		return err
	}
	free, err := osfile.Free(u.dir)
	if err != nil {
		return fmt.Errorf("%s: %w", u.dir, err)
	}
	if free-leaveFree < info.Size() {
		return fmt.Errorf("%s has %d bytes once it is unpacked, and %s has room for %d: set TMPDIR to a folder with more", info.Name(), info.Size(), u.dir, max(free-leaveFree, 0))
	}
	return nil
}
