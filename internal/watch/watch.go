// Package watch finds out whether files have changed, by looking at them now and then. File events are lost on network file systems, and say
// nothing of a symbolic link that is replaced further up, as Kubernetes does with "..data"; where a name leads, with inode, size and time of
// what is there, shows both, and an editor that renames.
//
// A change may be seen half-way: a pair of files of two ages, a file that ends early. So files are read when they have stood still from one look
// to the next, and what was read counts if they stand as before after it.
package watch

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tollgate/internal/private"
)

// Interval is how often files are looked at if nothing else is asked for. A change counts when they stood still from one look to the
// next: after twice that at most.
const Interval = 10 * time.Second

// Files are watched together. A directory among them stands for its entries, as far as their names do not begin with a dot. Files may not be
// used concurrently.
type Files struct {
	paths       []string
	last, taken []sighting
}

// New returns files of which none was read yet.
func New(paths ...string) Files { return Files{paths: paths} }

// Paths returns the files.
func (f *Files) Paths() []string { return f.paths }

// Look notes how the files stand, before they are read.
func (f *Files) Look() { f.last = look(f.paths) }

// Settled looks, and reports whether the files have changed since they were read, and have stood still since the look before. They are to be
// read then.
func (f *Files) Settled() bool {
	before := f.last
	f.Look()
	return same(f.last, before) && !same(f.last, f.taken)
}

// Unchanged reports whether the files stood at the last look as they did when they were last read.
func (f *Files) Unchanged() bool { return f.taken != nil && same(f.last, f.taken) }

// Take looks after the files were read, and reports whether they have stood still since the look before it: what was read counts. Otherwise
// they are to be read once more.
func (f *Files) Take() bool {
	before := f.last
	f.Look()
	if !same(f.last, before) {
		f.last, f.taken = nil, nil
		return false
	}
	f.taken = f.last
	return true
}

// Invalidate makes the files be read again, though they are as they were.
func (f *Files) Invalidate() { f.taken = nil }

// Content returns a hash of what the files hold, without directories. What cannot be read, or is longer than limit bytes, counts by its error.
func (f *Files) Content(limit int64) (sum [sha256.Size]byte) {
	all := sha256.New()
	for _, path := range f.paths {
		one := sha256.Sum256(content(path, limit))
		all.Write(one[:])
	}
	return [sha256.Size]byte(all.Sum(nil))
}

func content(path string, limit int64) []byte {
	data, err := private.Read(path, limit)
	if err != nil {
		return []byte(err.Error())
	}
	return data
}

// sighting is what a file looked like without being read.
type sighting struct {
	resolved string // where its name leads
	info     os.FileInfo
	entries  string // of a directory
	err      string
}

// maxEntries bounds the entries of a directory. A longer one is an error.
const maxEntries = 100_000

func look(paths []string) []sighting {
	seen, in := make([]sighting, 0, len(paths)), folders{}
	for _, path := range paths {
		s := in.lookAt(path)
		var names []string
		if s.info != nil && s.info.IsDir() {
			s, names = listed(s)
		}
		seen = append(seen, s)
		for _, name := range names {
			seen = append(seen, in.lookAt(filepath.Join(path, name)))
		}
	}
	return seen
}

// folders are where the names of directories lead. Many files are in the same one, and each part of its name would be asked for again.
type folders map[string]string

func (f folders) resolve(dir string) (resolved string, err error) {
	resolved, known := f[dir]
	if !known {
		if resolved, err = filepath.EvalSymlinks(dir); err == nil {
			f[dir] = resolved
		}
	}
	return resolved, err
}

func (f folders) lookAt(path string) (s sighting) {

	path = filepath.Clean(path)
	dir, err := f.resolve(filepath.Dir(path))
	if err == nil {
		s.resolved = filepath.Join(dir, filepath.Base(path))
		s.info, err = os.Lstat(s.resolved)
	}
	if err == nil && s.info.Mode()&os.ModeSymlink != 0 {
		if s.resolved, err = filepath.EvalSymlinks(s.resolved); err == nil {
			s.info, err = os.Stat(s.resolved)
		}
	}
	if err != nil {
		return sighting{err: err.Error()}
	}
	return s
}

// listed adds the entries of a directory.
func listed(s sighting) (_ sighting, names []string) {
	entries, err := os.ReadDir(s.resolved)
	if err == nil && len(entries) > maxEntries {
		err = fmt.Errorf("%s has more than %d entries", s.resolved, maxEntries)
	}
	if err != nil {
		return sighting{err: err.Error()}, nil
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	s.entries = strings.Join(names, "/")
	return s, names
}

func same(a, b []sighting) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !a[i].same(b[i]) {
			return false
		}
	}
	return true
}

func (s sighting) same(other sighting) bool {
	if s.info == nil || other.info == nil {
		return s.info == nil && other.info == nil && s.err == other.err
	}
	if s.resolved != other.resolved || s.entries != other.entries || !os.SameFile(s.info, other.info) {
		return false
	}
	return s.info.IsDir() || s.info.Size() == other.info.Size() && s.info.ModTime().Equal(other.info.ModTime())
}
