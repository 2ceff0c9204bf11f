// Package watch keeps values that are made of files up with them. Files are looked at again and again: events of file systems are lost on
// those of a network, and do not tell of a symbolic link that is swapped further up.
package watch

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tollgate/internal/private"
)

// Interval is how often files are looked at if nothing else is asked for. A change counts when they stood still from one look to the
// next: after twice that at most.
const Interval = 10 * time.Second

// Input is a file that a value is made of.
type Input struct {
	What  string // what it is, for errors
	Path  string
	Limit int64 // bytes
}

// Value is a value that is made of files. Those who use it get the value of now without waiting. It is made again by
// Reload at once, and by Poll when the files have changed and then stood still from one Poll to the next: a change may be
// seen half-way, and a chain that ends early or a pair that is of two ages could pass for whole.
//
// Files are looked at where their names lead: a symbolic link in the path that is swapped, as Kubernetes does with
// "..data", is a change like any other. A value that cannot be made leaves the old one in use.
type Value[T any] struct {
	inputs []Input
	read   func([]Input) ([][]byte, error) // readAll, but for tests
	parse  func(files [][]byte) (*T, error)
	value  atomic.Pointer[T]

	mu     sync.Mutex // one reads at a time
	last   []Sighting // at the last Poll
	taken  []Sighting // when the files were last read
	digest [sha256.Size]byte
	failed bool // the newest content was not taken
}

// New reads the files for the first time.
func New[T any](parse func(files [][]byte) (*T, error), inputs ...Input) (*Value[T], error) {
	w := &Value[T]{inputs: inputs, read: readAll, parse: parse}
	return w, w.Reload()
}

// One is [New] for a value that is made of one file, which its errors name.
func One[T any](in Input, parse func(data []byte) (*T, error)) (*Value[T], error) {
	return New(func(files [][]byte) (*T, error) {
		value, err := parse(files[0])
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", in.What, in.Path, err)
		}
		return value, nil
	}, in)
}

// Load returns the value of now. It must not be changed.
func (w *Value[T]) Load() *T { return w.value.Load() }

// Name returns the paths.
func (w *Value[T]) Name() string {
	return strings.Join(w.paths(), ", ")
}

func (w *Value[T]) paths() []string {
	paths := make([]string, len(w.inputs))
	for i, in := range w.inputs {
		paths[i] = in.Path
	}
	return paths
}

// Poll takes a change of the files. An error is returned once for each change.
func (w *Value[T]) Poll() (changed bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := Look(w.paths())
	stood := Same(now, w.last)
	w.last = now
	if !stood || Same(now, w.taken) {
		return false, nil
	}
	files, err := w.read(w.inputs)
	if !Same(Look(w.paths()), now) {
		return false, nil // it goes on: the next Poll begins anew
	}
	w.taken = now
	return w.take(files, err)
}

// maxReads is how often Reload begins anew when the files change under it.
const maxReads = 3

// Reload reads the files now, whether they have changed or not. What is made of them afterwards is of now; after an error
// the old value stays in use.
func (w *Value[T]) Reload() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var files [][]byte
	var err error
	for range maxReads {
		w.taken = Look(w.paths())
		files, err = w.read(w.inputs)
		if w.last = Look(w.paths()); Same(w.last, w.taken) {
			break
		}
	}
	_, err = w.take(files, err)
	return err
}

// Invalidate makes the next Poll or Reload make the value again, though the files are as they were: something else that it
// depends on has changed.
func (w *Value[T]) Invalidate() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.taken, w.digest = nil, [sha256.Size]byte{}
}

// take makes a value of new content. When the content is back that the value in use was made of, after another that was
// not good, that is a change for whoever was told of the other one.
func (w *Value[T]) take(files [][]byte, err error) (changed bool, _ error) {
	recovered := w.failed && err == nil
	w.failed = true
	if err != nil {
		return false, err
	}
	digest := digestOf(files)
	if digest == w.digest {
		w.failed = false
		return recovered, nil // what is in use: sessions that hang on it need not end
	}
	value, err := w.parse(files)
	if err != nil {
		return false, err
	}
	w.digest, w.failed = digest, false
	w.value.Store(value)
	return true, nil
}

func digestOf(files [][]byte) [sha256.Size]byte {
	sum := sha256.New()
	for _, data := range files {
		one := sha256.Sum256(data)
		sum.Write(one[:])
	}
	return [sha256.Size]byte(sum.Sum(nil))
}

// sighting is what a file looked like without being read.
type Sighting struct {
	resolved string // where its name leads
	info     os.FileInfo
	err      string
}

// Look returns what files look like now, without reading them.
func Look(paths []string) []Sighting {
	seen := make([]Sighting, len(paths))
	for i, path := range paths {
		resolved, err := filepath.EvalSymlinks(path)
		if err == nil {
			seen[i].resolved = resolved
			seen[i].info, err = os.Stat(resolved)
		}
		if err != nil {
			seen[i] = Sighting{err: err.Error()}
		}
	}
	return seen
}

// Same reports whether the same files looked the same twice.
func Same(a, b []Sighting) bool {
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

func (s Sighting) same(other Sighting) bool {
	if s.info == nil || other.info == nil {
		return s.info == nil && other.info == nil && s.err == other.err
	}
	return s.resolved == other.resolved && os.SameFile(s.info, other.info) &&
		s.info.Size() == other.info.Size() && s.info.ModTime().Equal(other.info.ModTime())
}

func readAll(inputs []Input) ([][]byte, error) {
	files := make([][]byte, len(inputs))
	for i, in := range inputs {
		data, err := private.Read(in.Path, in.Limit)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", in.What, err)
		}
		files[i] = data
	}
	return files, nil
}
