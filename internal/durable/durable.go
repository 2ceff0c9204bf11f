// Package durable changes files so that a change is whole, and outlasts a loss of power once it is done: a new file gets its name
// when its bytes are on the disk, and then the folder is synced, since fsync(2) of a file does not reach its name. Locks are
// those of flock(2): they belong to an open file, and end when it is closed or its process ends.
//
// On Windows names are not synced, since there is no call for it: after a loss of power a file that was replaced can be the one before.
// The locks are those of LockFileEx, of a byte that no file has; a folder has none.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Replace closes a temporary file and renames it, within its folder, in place of another. err is the error of writing it. After
// any error but that of the last step, syncing the folder, the other file stays and the temporary one is removed.
func Replace(temporary *os.File, name string, err error) error {
	return place(temporary, name, err, os.Rename)
}

// WriteFile puts data in the place of a file, through a temporary one beside it. One process at a time may write a file.
func WriteFile(name string, data []byte, mode os.FileMode) error {
	temporary := name + ".tmp"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, os.ErrNotExist) { // of a process that was killed
		return err
	}
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return Replace(f, name, err)
}

// CreateFile makes a file of mode 0600, whole or not at all. Its error wraps [fs.ErrExist] when there is something of that name.
func CreateFile(name, text string) error { return CreateFileWith(name, text, nil) }

// CreateFileWith is CreateFile, but calls prepare, if it is not nil, with the file before it has its name.
func CreateFileWith(name, text string, prepare func(*os.File) error) error {
	if _, err := os.Lstat(name); err == nil {
		return &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	}
	f, err := os.CreateTemp(filepath.Dir(name), unfinished(name)+"*"+tempSuffix) // mode 0600
	if err != nil {
		return err
	}
	if _, err = f.WriteString(text); err == nil && prepare != nil {
		err = prepare(f)
	}
	return create(f, name, err)
}

// create is like [Replace], but replaces nothing.
func create(temporary *os.File, name string, err error) error {
	return place(temporary, name, err, func(from, to string) error {
		if err := os.Link(from, to); err != nil {
			return err
		}
		return os.Remove(from)
	})
}

const tempSuffix = ".tmp"

// unfinished is what the name of a file begins with, while it holds what CreateFile makes of it.
func unfinished(name string) string { return "." + filepath.Base(name) + "-" }

// Unfinished returns the files that crashes left of making one with [CreateFile].
func Unfinished(name string) (paths []string) {
	dir := filepath.Dir(name)
	entries, _ := os.ReadDir(dir) // where nothing can be listed, nothing was made
	for _, entry := range entries {
		middle, begins := strings.CutPrefix(entry.Name(), unfinished(name))
		if digits, ends := strings.CutSuffix(middle, tempSuffix); begins && ends && strings.Trim(digits, "0123456789") == "" {
			paths = append(paths, filepath.Join(dir, entry.Name()))
		}
	}
	return paths
}

func place(f *os.File, name string, err error, move func(from, to string) error) error {
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = move(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return SyncDir(filepath.Dir(name))
}

// MakeDir makes a folder, and those above it, durably, where there is none.
func MakeDir(dir string, mode os.FileMode) error {
	parent := filepath.Dir(dir)
	err := os.Mkdir(dir, mode)
	if errors.Is(err, os.ErrNotExist) && parent != dir {
		if err := MakeDir(parent, mode); err != nil {
			return err
		}
		err = os.Mkdir(dir, mode)
	}
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return SyncDir(parent)
}

// Lock takes the lock of an open file, and waits for it.
func Lock(f *os.File) error { return lock(f, exclusive) }

// TryLock is like [Lock], but returns [ErrLocked] instead of waiting.
func TryLock(f *os.File) error { return lock(f, exclusive|atOnce) }

// TryShare is like [TryLock] for a lock that several may have at once.
func TryShare(f *os.File) error { return lock(f, shared|atOnce) }
