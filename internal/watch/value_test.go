package watch

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func wantPoll[T any](t *testing.T, w *Value[T], changed bool, text string) {
	t.Helper()
	got, err := w.Poll()
	if got != changed || (err == nil) != (text == "") || err != nil && !strings.Contains(err.Error(), text) {
		t.Errorf("changed %t, %v; want %t, %q", got, err, changed, text)
	}
}

func overwrite(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// textOf is the text of a file.
func textOf(t *testing.T, path string) *Value[string] {
	t.Helper()
	w, err := ValueOf(Input{"test", path, 10}, func(data []byte) (*string, error) { text := string(data); return &text, nil })
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestReadWhileItChanges: files that change under the reader are not taken by Poll, and read again by Reload.
func TestReadWhileItChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	overwrite(t, path, []byte("one"))
	var parsed []string
	w, err := NewValue(func(files [][]byte) (*string, error) {
		text := string(files[0])
		parsed = append(parsed, text)
		return &text, nil
	}, Input{"test", path, 10})
	if err != nil {
		t.Fatal(err)
	}
	wantPoll(t, w, false, "")
	overwrite(t, path, []byte("longer"))
	wantPoll(t, w, false, "")
	overwrite(t, path, []byte("longest"))
	wantPoll(t, w, false, "") // it did not stand still
	wantPoll(t, w, true, "")
	overwrite(t, path, []byte("far too long for it"))
	if err := w.Reload(); err == nil || !strings.Contains(err.Error(), "larger than 10 bytes") {
		t.Error(err)
	}
	if want := []string{"one", "longest"}; !slices.Equal(parsed, want) || *w.Load() != "longest" {
		t.Errorf("parsed %q, want %q", parsed, want)
	}
}

// TestAnotherFileOfTheSameLook: a file in another's place is a change, though its size and its time are the same.
func TestAnotherFileOfTheSameLook(t *testing.T) {
	dir := t.TempDir()
	path, at := filepath.Join(dir, "f"), time.Unix(1_700_000_000, 0)
	put := func(path, text string) {
		overwrite(t, path, []byte(text))
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	put(path, "one")
	w := textOf(t, path)
	wantPoll(t, w, false, "")
	put(path+".new", "two")
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	wantPoll(t, w, false, "")
	wantPoll(t, w, true, "")
	if got := *w.Load(); got != "two" {
		t.Errorf("%q", got)
	}
}

// TestChangeUnderTheReader: what changes while it is read is not taken by Poll, and read again by Reload.
func TestChangeUnderTheReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	overwrite(t, path, []byte("0"))
	w := textOf(t, path)
	wantPoll(t, w, false, "")
	changes := 0
	w.read = func(inputs []Input) ([][]byte, error) {
		files, err := readAll(inputs)
		if changes > 0 {
			changes--
			overwrite(t, path, append(files[0], 'x'))
		}
		return files, err
	}
	overwrite(t, path, []byte("new"))
	wantPoll(t, w, false, "")
	changes = 1
	wantPoll(t, w, false, "")
	if got := *w.Load(); got != "0" {
		t.Errorf("%q was taken", got)
	}
	wantPoll(t, w, false, "")
	wantPoll(t, w, true, "")
	if got := *w.Load(); got != "newx" {
		t.Errorf("%q was taken", got)
	}
	changes = 2
	if err := w.Reload(); err != nil || *w.Load() != "newxxx" {
		t.Errorf("%q, %v", *w.Load(), err)
	}
}
