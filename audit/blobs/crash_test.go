package blobs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// steps is a disk that fails at one of its steps, or at all from there on, as in a crash. It records which names are durable.
type steps struct {
	left    int             // until the one that fails
	crashed bool            // from there on all do
	half    bool            // the one that fails does its work, and cannot say so
	durable map[string]bool // paths whose names a loss of power would not take
}

var errDisk = errors.New("input/output error")

// step does a step, unless it is the one that fails. begun does what a step leaves that fails in its middle.
func (d *steps) step(do, begun func() error) error {
	if d.left--; d.left > 0 || d.left < 0 && !d.crashed {
		return do()
	}
	if d.left == 0 {
		_ = begun() // whatever is left of it
		if d.half {
			_ = do()
		}
	}
	return errDisk
}

func nothing() error { return nil }

// of makes a store use the disk.
func (d *steps) of(s *Store) {
	real := s.disk
	s.disk = disk{
		mkdir: func(name string, mode fs.FileMode) error {
			return d.step(func() error { return real.mkdir(name, mode) }, nothing)
		},
		writeFile: func(name string, data []byte, mode fs.FileMode) error {
			return d.step(func() error {
				d.durable[name] = true
				return real.writeFile(name, data, mode)
			}, func() error { return os.WriteFile(name+temporary, data[:len(data)/2], mode) })
		},
		remove: func(name string) error { return d.step(func() error { return real.remove(name) }, nothing) },
		syncDir: func(name string) error {
			return d.step(func() error {
				entries, err := os.ReadDir(name)
				for _, entry := range entries {
					d.durable[filepath.Join(name, entry.Name())] = true
				}
				return err
			}, nothing)
		},
	}
}

// TestCrashes crashes, or fails once, at every step of putting a text and of pruning. What was put before stays, what is named stays,
// nothing else than whole texts has a name, and the same succeeds afterwards.
func TestCrashes(t *testing.T) {
	kept, next := NameOf([]byte("kept")), NameOf([]byte("next"))
	for _, d := range []steps{{}, {half: true}, {crashed: true}, {crashed: true, half: true}} {
		for at := 1; ; at++ {
			dir := t.TempDir()
			d.left, d.durable = at, map[string]bool{}
			s := New(dir)
			d.of(s)
			_, err := work(s)
			if d.left > 0 { // there are no more steps
				if err != nil || at < 8 {
					t.Fatalf("after %d steps: %v", at, err)
				}
				break
			}
			if !errors.Is(err, errDisk) {
				t.Fatalf("step %d of %+v failed, and nothing says so: %v", at, d, err)
			}
			for _, name := range names(t, dir) {
				if err := Check(os.DirFS(dir), name); err != nil {
					t.Errorf("step %d: %v", at, err)
				}
			}
			if d.crashed {
				s = New(dir)
				d.of(s)
			}
			d.left = 1 << 30 // the disk is well again
			if again, err := work(s); err != nil || !slices.Equal(again, sorted(kept, next)) {
				t.Errorf("step %d: done again, %q are left, %v", at, again, err)
			}
			for _, path := range []string{Folder, filepath.Join(Folder, kept), filepath.Join(Folder, next)} {
				if !d.durable[filepath.Join(dir, path)] {
					t.Errorf("step %d: a loss of power can take %s", at, path)
				}
			}
		}
	}
}

// work puts three texts, of which a segment names one, prunes, and returns what is left.
func work(s *Store) (left []string, err error) {
	var put []string
	for _, text := range []string{"kept", "gone", "next"} {
		name, err := s.Put([]byte(text))
		if err != nil {
			return nil, err
		}
		s.InForce(name, began)
		put = append(put, name)
	}
	named := func(segment string) ([]string, error) { return put[:1], nil }
	if err := s.Prune(context.Background(), began.Add(lastRecord+time.Second), []string{"1", "2"}, named); err != nil {
		return nil, err
	}
	return List(os.DirFS(s.log))
}

func sorted(names ...string) []string { return slices.Sorted(slices.Values(names)) }
