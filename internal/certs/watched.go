package certs

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"tollgate/internal/private"
	"tollgate/internal/watch"
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
// A value that cannot be made leaves the old one in use.
type watched[T any] struct {
	inputs []input
	read   func([]input) ([][]byte, error) // readAll, but for tests
	parse  func(files [][]byte) (*T, error)
	value  atomic.Pointer[T]

	mu     sync.Mutex // one reads at a time
	files  watch.Files
	digest [sha256.Size]byte
	failed bool // the newest content was not taken
}

// newWatched reads the files for the first time.
func newWatched[T any](parse func(files [][]byte) (*T, error), inputs ...input) (*watched[T], error) {
	w := &watched[T]{inputs: inputs, read: readAll, parse: parse, files: watch.New(pathsOf(inputs)...)}
	return w, w.Reload()
}

// watchOne is [newWatched] for a value that is made of one file, which its errors name.
func watchOne[T any](in input, parse func(data []byte) (*T, error)) (*watched[T], error) {
	return newWatched(func(files [][]byte) (*T, error) {
		value, err := parse(files[0])
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", in.what, in.path, err)
		}
		return value, nil
	}, in)
}

// Name gives the paths.
func (w *watched[T]) Name() string {
	return strings.Join(w.files.Paths(), ", ")
}

func pathsOf(inputs []input) []string {
	paths := make([]string, len(inputs))
	for i, in := range inputs {
		paths[i] = in.path
	}
	return paths
}

// Poll takes a change of the files. An error is given once for each change.
func (w *watched[T]) Poll() (changed bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.files.Settled() {
		return false, nil
	}
	files, err := w.read(w.inputs)
	if !w.files.Take() {
		return false, nil // the change goes on: the next Poll sees to it
	}
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
		w.files.Look()
		if files, err = w.read(w.inputs); w.files.Take() {
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
	w.files.Invalidate()
	w.digest = [sha256.Size]byte{}
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
