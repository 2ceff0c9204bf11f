package blobs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var began = time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)

func put(t *testing.T, s *Store, text string) string {
	t.Helper()
	name, err := s.Put([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	all, err := List(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestPut: a text is in a file of its hash, for the gateway only, and there once however often it is put.
func TestPut(t *testing.T) {
	dir := t.TempDir()
	s := New(dir)
	if all := names(t, dir); len(all) != 0 {
		t.Errorf("before the first text: %q", all)
	}
	name := put(t, s, "one")
	if again := put(t, s, "one"); again != name || name != NameOf([]byte("one")) {
		t.Errorf("%s, then %s", name, again)
	}
	for path, want := range map[string]fs.FileMode{Folder: fs.ModeDir | 0o700, Folder + "/" + name: 0o600} {
		if info, err := os.Stat(filepath.Join(dir, path)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v; want %v", path, info.Mode(), err, want)
		}
	}
	if text, full, err := Read(os.DirFS(dir), name[:LeastDigits]); err != nil || string(text) != "one" || full != name {
		t.Errorf("%q, %q, %v", text, full, err)
	}
	if _, err := s.Put(make([]byte, MaxText+1)); err == nil {
		t.Error("a text of more than MaxText is taken")
	}
}

// TestDamaged: a file whose content does not have the hash is no text, and is replaced when the text is put again.
func TestDamaged(t *testing.T) {
	dir := t.TempDir()
	name := put(t, New(dir), "one")
	file := filepath.Join(dir, Folder, name)
	for what, damage := range map[string]func() error{
		"changed": func() error { return os.WriteFile(file, []byte("One"), 0o600) },
		"cut":     func() error { return os.Truncate(file, 1) },
		"a link": func() error {
			return errors.Join(os.Rename(file, file+"-"), os.Symlink(name+"-", file))
		},
		"unfinished": func() error { return errors.Join(os.Remove(file), os.WriteFile(file+temporary, []byte("o"), 0o600)) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Read(os.DirFS(dir), name); err == nil {
			t.Errorf("%s: it is read", what)
		}
		if put(t, New(dir), "one"); Check(os.DirFS(dir), name) != nil {
			t.Errorf("%s: put again, it is not there: %v", what, Check(os.DirFS(dir), name))
		}
	}
}

// TestRead: a text is found by enough digits of its name, if they are unique.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	name := put(t, New(dir), "one")
	double := name[:20] + strings.Repeat("0", Digits-20)
	if err := os.WriteFile(filepath.Join(dir, Folder, double), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for digits, want := range map[string]string{
		name[:15]: "not the name of a text", name + "0": "not the name of a text", "../../../etc/passwd": "not the name of a text", strings.ToUpper(name): "not the name of a text",
		strings.Repeat("0", 16): "no text", double: "not the one that its name is the hash of",
	} {
		if _, _, err := Read(os.DirFS(dir), digits); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", digits, err, want)
		}
	}
}

// TestAlike: a damaged file does not hide the text whose name begins alike, and two texts whose names do are both found.
func TestAlike(t *testing.T) {
	dir := t.TempDir()
	name := put(t, New(dir), "one")
	for _, digits := range []string{"0", "f"} {
		if err := os.WriteFile(filepath.Join(dir, Folder, name[:20]+strings.Repeat(digits, Digits-20)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if text, full, err := Read(os.DirFS(dir), name[:LeastDigits]); string(text) != "one" || full != name || err != nil {
		t.Errorf("%q, %s, %v", text, full, err)
	}
	for i := range 32 { // some begin with the same digit
		put(t, New(dir), fmt.Sprint(i))
	}
	found, err := find(os.DirFS(dir), name[:1])
	if err != nil || len(found) < 2 {
		t.Fatalf("%d texts, %v", len(found), err)
	}
	if _, _, err := only(found, name[:1]); err == nil || !strings.Contains(err.Error(), "use more digits") {
		t.Errorf("of %d texts: %v", len(found), err)
	}
}

// TestPrune: texts stay that a segment names, that are in force, or were until lately. All others are removed. Other files stay.
func TestPrune(t *testing.T) {
	dir := t.TempDir()
	s := New(dir)
	texts := []string{"kept", "live", "gone", "left", "in force"}
	for _, text := range texts {
		put(t, s, text)
	}
	name := func(text string) string { return NameOf([]byte(text)) }
	s.InForce(name("in force"), began)
	for _, other := range []string{"README", name("gone")[:40], name("other") + temporary, strings.Repeat("g", Digits)} {
		if err := os.WriteFile(filepath.Join(dir, Folder, other), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	segments := map[string][]string{"1": {name("kept")[:LeastDigits]}, "2": nil, "3": {name("live")[:LeastDigits]}}
	var read []string
	named := func(segment string) ([]string, error) { read = append(read, segment); return segments[segment], nil }
	prune := func(at time.Time, of ...string) {
		t.Helper()
		read = nil
		if err := s.Prune(t.Context(), at, of, named); err != nil {
			t.Fatal(err)
		}
	}
	want := func(texts ...string) {
		t.Helper()
		var left []string
		for _, text := range texts {
			left = append(left, name(text))
		}
		slices.Sort(left)
		if got := names(t, dir); !slices.Equal(got, left) {
			t.Errorf("%q are left, want %q (%q)", got, left, texts)
		}
	}
	prune(began.Add(lastRecord), "1", "2", "3") // records that name them may still come
	want(texts...)
	if !slices.Equal(read, []string{"1", "2", "3"}) { // for what a crash left
		t.Errorf("the segments %q were read", read)
	}
	put(t, s, "left")
	s.InForce(name("in force"), began.Add(lastRecord))
	prune(began.Add(lastRecord+1), "1", "2", "3")
	want("kept", "live", "left", "in force")
	if !slices.Equal(read, []string{"3"}) { // the others are known
		t.Errorf("the segments %q were read", read)
	}
	prune(began.Add(3*lastRecord), "2", "3", "4") // 3 is closed now
	want("live", "in force")
	if !slices.Equal(read, []string{"3", "4"}) { // 2 is known
		t.Errorf("the segments %q were read", read)
	}
	prune(began.Add(3*lastRecord), "4")
	want("in force")
	if prune(began.Add(3*lastRecord), "4"); len(read) != 0 {
		t.Errorf("with nothing to remove the segments %q were read", read)
	}
	for _, other := range []string{"README", name("gone")[:40], strings.Repeat("g", Digits)} {
		if _, err := os.Stat(filepath.Join(dir, Folder, other)); err != nil {
			t.Errorf("another file is gone: %v", err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, Folder, name("other")+temporary)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what a crash left: %v", err)
	}
}

// TestPruneAfterRestart: the names in segments are read from their file after a restart, and from the segments if it is lost or damaged.
func TestPruneAfterRestart(t *testing.T) {
	for what, damage := range map[string]func(file string) error{
		"whole": func(string) error { return nil }, "lost": os.Remove,
		"no JSON": func(file string) error { return os.WriteFile(file, []byte("{"), 0o600) }, "null": func(file string) error { return os.WriteFile(file, []byte("null"), 0o600) },
		"of another form": func(file string) error { return os.WriteFile(file, []byte(`{"1":7}`), 0o600) },
	} {
		dir := t.TempDir()
		kept, gone := put(t, New(dir), "kept"), put(t, New(dir), "gone")
		read := 0
		prune := func(s *Store) {
			err := s.Prune(t.Context(), began, []string{"1", "2", "3"}, func(segment string) ([]string, error) {
				read++
				return map[string][]string{"2": {kept[:LeastDigits]}}[segment], nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		prune(New(dir))
		put(t, New(dir), "gone")
		if err := damage(filepath.Join(dir, Folder, segmentsFile)); err != nil {
			t.Fatal(err)
		}
		before := read
		prune(New(dir))
		if all := names(t, dir); !slices.Equal(all, []string{kept}) {
			t.Errorf("%s: %q are left, want %s and not %s", what, all, kept, gone)
		}
		if again := read - before; (again == 1) != (what == "whole") {
			t.Errorf("%s: %d segments were read again", what, again)
		}
	}
}

// TestPruneFails: a segment that cannot be read may name any text.
func TestPruneFails(t *testing.T) {
	dir := t.TempDir()
	put(t, New(dir), "one")
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	for _, named := range []func(string) ([]string, error){
		func(string) ([]string, error) { return nil, fmt.Errorf("unreadable: %w", stop) },
		func(string) ([]string, error) { cancel(stop); return nil, nil },
	} {
		if err := New(dir).Prune(ctx, began, []string{"1", "2"}, named); !errors.Is(err, stop) || len(names(t, dir)) != 1 {
			t.Errorf("%v, %d texts", err, len(names(t, dir)))
		}
	}
}

// TestPutWhilePruning: a text that is put while segments are read is not removed, although they do not name it.
func TestPutWhilePruning(t *testing.T) {
	dir := t.TempDir()
	name := put(t, New(dir), "one")
	s := New(dir)
	err := s.Prune(t.Context(), began, []string{"1"}, func(string) ([]string, error) {
		put(t, s, "one")
		return nil, nil
	})
	if all := names(t, dir); err != nil || !slices.Equal(all, []string{name}) {
		t.Errorf("%q, %v", all, err)
	}
}
