package watch

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"tollgate/internal/private"
)

// Input is a file that a value is made of.
type Input struct {
	What  string // what it is, for errors
	Path  string
	Limit int64 // bytes
}

// Value is a value that is made of files. Those who use it get the value of now without waiting. It is made again by
// Reload at once, and by Poll when the files have changed and then stood still from one Poll to the next: a change may be
// seen half-way, and a chain that ends early or a pair that is of two ages could pass for whole.
// A value that cannot be made leaves the old one in use.
type Value[T any] struct {
	inputs []Input
	read   func([]Input) ([][]byte, error) // readAll, but for tests
	parse  func(files [][]byte) (*T, error)
	value  atomic.Pointer[T]

	mu     sync.Mutex // one reads at a time
	files  Files
	digest [sha256.Size]byte
	failed bool // the newest content was not taken
}

// NewValue reads the files for the first time.
func NewValue[T any](parse func(files [][]byte) (*T, error), inputs ...Input) (*Value[T], error) {
	w := &Value[T]{inputs: inputs, read: readAll, parse: parse, files: New(pathsOf(inputs)...)}
	return w, w.Reload()
}

// ValueOf is [NewValue] for a value that is made of one file, which its errors name.
func ValueOf[T any](in Input, parse func(data []byte) (*T, error)) (*Value[T], error) {
	return NewValue(func(files [][]byte) (*T, error) {
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
	return strings.Join(w.files.Paths(), ", ")
}

func pathsOf(inputs []Input) []string {
	paths := make([]string, len(inputs))
	for i, in := range inputs {
		paths[i] = in.Path
	}
	return paths
}

// Poll takes a change of the files. An error is returned once for each change.
func (w *Value[T]) Poll() (changed bool, err error) {
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

// maxReads is how often Reload starts over when the files change under it.
const maxReads = 3

// Reload reads the files now, whether they have changed or not. What is made of them afterwards is of now; after an error
// the old value stays in use.
func (w *Value[T]) Reload() error {
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

// Invalidate makes the next Poll or Reload make the value again, though the files are as they were: something else that it
// depends on has changed.
func (w *Value[T]) Invalidate() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.files.Invalidate()
	w.digest = [sha256.Size]byte{}
}

// take makes a value of new content. When the content is back that the value in use was made of, after another that was
// not good, that is a change for those that saw the report of the other one.
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
