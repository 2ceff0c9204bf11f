package watch

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// changed reports whether a change is seen: not by the first look after it, and by the second.
func changed(t *testing.T, f *Files) bool {
	t.Helper()
	if f.Settled() {
		t.Error("a change counts that may go on")
	}
	if !f.Settled() {
		return false
	}
	if !f.Take() {
		t.Error("files that stand still are not taken")
	}
	return true
}

func TestChanges(t *testing.T) {
	dir := t.TempDir()
	file, included := filepath.Join(dir, "f"), filepath.Join(dir, "d")
	write(t, file, "one")
	if err := os.Mkdir(included, 0o700); err != nil {
		t.Fatal(err)
	}
	f := New(file, included)
	if !changed(t, &f) || f.Settled() {
		t.Error("files that were not read yet are to be read, once")
	}
	moment := time.Unix(1_700_000_000, 0)
	for _, step := range []struct {
		what string
		do   func() error
		want bool
	}{
		{"another text", func() error { write(t, file, "two and more"); return nil }, true},
		{"another time", func() error { return os.Chtimes(file, moment, moment) }, true},
		{"nothing", func() error { return nil }, false},
		{"another file in its place, of the same size and time", func() error {
			write(t, file+".new", "TWO AND MORE")
			if err := os.Chtimes(file+".new", moment, moment); err != nil {
				return err
			}
			return os.Rename(file+".new", file)
		}, true},
		{"a file that comes into the directory", func() error { write(t, filepath.Join(included, "a.yaml"), "a"); return nil }, true},
		{"a file of the directory that changes", func() error { write(t, filepath.Join(included, "a.yaml"), "aa"); return nil }, true},
		{"a dotfile in the directory", func() error { write(t, filepath.Join(included, ".a.swp"), "a"); return nil }, false},
		{"a file of the directory with another name", func() error { return os.Rename(filepath.Join(included, "a.yaml"), filepath.Join(included, "b.yaml")) }, true},
		{"a file of the directory that goes", func() error { return os.Remove(filepath.Join(included, "b.yaml")) }, true},
		{"the file goes", func() error { return os.Remove(file) }, true},
		{"it is not there still", func() error { return nil }, false},
		{"it is back", func() error { write(t, file, "back"); return nil }, true},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if got := changed(t, &f); got != step.want {
			t.Errorf("%s: changed %v", step.what, got)
		}
	}
}

// TestLinkFurtherUp: Kubernetes replaces a link "..data" that the names of files lead through.
func TestLinkFurtherUp(t *testing.T) {
	dir := t.TempDir()
	for _, version := range []string{"..1", "..2"} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, version, "a.yaml"), "same")
	}
	link := func(to string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(dir, "..tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	link("..1")
	if err := os.Symlink(filepath.Join("..data", "a.yaml"), filepath.Join(dir, "a.yaml")); err != nil {
		t.Fatal(err)
	}
	file, folder := New(filepath.Join(dir, "a.yaml")), New(dir)
	changed(t, &file)
	changed(t, &folder)
	link("..2")
	if !changed(t, &file) || !changed(t, &folder) {
		t.Error("a link that was replaced is not seen")
	}
}

// TestTake: what changes while it is read does not count, and is looked at from the beginning.
func TestTake(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "one")
	f := New(path)
	f.Look()
	write(t, path, "changes")
	if f.Take() {
		t.Error("a change under the reader is not seen")
	}
	if !changed(t, &f) {
		t.Error("the change is not seen later")
	}
	f.Invalidate()
	if !f.Settled() {
		t.Error("what was invalidated is not read again")
	}
}

func TestContent(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	write(t, a, "12")
	write(t, b, "3")
	f := New(a, b, dir)
	one := f.Content(10)
	if f.Content(10) != one {
		t.Error("the same content has two hashes")
	}
	write(t, a, "1")
	write(t, b, "23")
	if f.Content(10) == one {
		t.Error("what moves from one file to the next is not seen")
	}
	if err := os.Remove(b); err != nil {
		t.Fatal(err)
	}
	gone := f.Content(10)
	write(t, b, "")
	if f.Content(10) == gone {
		t.Error("a file that is gone is the same as an empty one")
	}
}
