package certs

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"tollgate/internal/private"
)

// maxFile bounds how much of a file is read: the system's bundle of authorities has a quarter of that.
const maxFile = 1 << 20

// input is a file that a value is made of.
type input struct {
	what  string // what it is, for errors
	path  string
	limit int64 // bytes
}

// watched is a value that is made of files. Whoever uses it gets the value of now without waiting. It is made anew by
// Reload at once, and by Poll when the files have changed and then stood still from one Poll to the next: a change may be
// seen half-way, and a chain that ends early or a pair that is of two ages could pass for whole.
//
// Files are looked at where their names lead: a symbolic link in the path that is swapped, as Kubernetes does with
// "..data", is a change like any other. A value that cannot be made leaves the old one in use.
type watched[T any] struct {
	inputs []input
	read   func([]input) ([][]byte, error) // readAll, but for tests
	parse  func(files [][]byte) (*T, error)
	value  atomic.Pointer[T]

	mu     sync.Mutex // one reads at a time
	last   []sighting // at the last Poll
	taken  []sighting // when the files were last read
	digest [sha256.Size]byte
	failed bool // the newest content was not taken
}

// watch reads the files for the first time.
func watch[T any](parse func(files [][]byte) (*T, error), inputs ...input) (*watched[T], error) {
	w := &watched[T]{inputs: inputs, read: readAll, parse: parse}
	return w, w.Reload()
}

// watchOne is [watch] for a value that is made of one file, which its errors name.
func watchOne[T any](in input, parse func(data []byte) (*T, error)) (*watched[T], error) {
	return watch(func(files [][]byte) (*T, error) {
		value, err := parse(files[0])
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", in.what, in.path, err)
		}
		return value, nil
	}, in)
}

// Name gives the paths.
func (w *watched[T]) Name() string {
	paths := make([]string, len(w.inputs))
	for i, in := range w.inputs {
		paths[i] = in.path
	}
	return strings.Join(paths, ", ")
}

// Poll takes a change of the files. An error is given once for each change.
func (w *watched[T]) Poll() (changed bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := look(w.inputs)
	stood := same(now, w.last)
	w.last = now
	if !stood || same(now, w.taken) {
		return false, nil
	}
	files, err := w.read(w.inputs)
	if !same(look(w.inputs), now) {
		return false, nil // it goes on: the next Poll begins anew
	}
	w.taken = now
	return w.take(files, err)
}

// maxReads is how often Reload begins anew when the files change under it.
const maxReads = 3

// Reload reads the files now, whether they have changed or not. What is made of them afterwards is of now; after an error
// the old value stays in use.
func (w *watched[T]) Reload() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var files [][]byte
	var err error
	for range maxReads {
		w.taken = look(w.inputs)
		files, err = w.read(w.inputs)
		if w.last = look(w.inputs); same(w.last, w.taken) {
			break
		}
	}
	_, err = w.take(files, err)
	return err
}

// invalidate makes the next Poll or Reload make the value anew, though the files are as they were: something else that it
// depends on has changed.
func (w *watched[T]) invalidate() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.taken, w.digest = nil, [sha256.Size]byte{}
}

// take makes a value of new content. When the content is back that the value in use was made of, after another that was
// not good, that is a change for whoever was told of the other one.
func (w *watched[T]) take(files [][]byte, err error) (changed bool, _ error) {
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
type sighting struct {
	resolved string // where its name leads
	info     os.FileInfo
	err      string
}

func look(inputs []input) []sighting {
	seen := make([]sighting, len(inputs))
	for i, in := range inputs {
		resolved, err := filepath.EvalSymlinks(in.path)
		if err == nil {
			seen[i].resolved = resolved
			seen[i].info, err = os.Stat(resolved)
		}
		if err != nil {
			seen[i] = sighting{err: err.Error()}
		}
	}
	return seen
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
	return s.resolved == other.resolved && os.SameFile(s.info, other.info) &&
		s.info.Size() == other.info.Size() && s.info.ModTime().Equal(other.info.ModTime())
}

func readAll(inputs []input) ([][]byte, error) {
	files := make([][]byte, len(inputs))
	for i, in := range inputs {
		data, err := private.Read(in.path, in.limit)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", in.what, err)
		}
		files[i] = data
	}
	return files, nil
}
