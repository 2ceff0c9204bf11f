package store

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tollgate/internal/testlog"
)

// TestMark: the index says how far it knows the log; without one, it knows nothing.
func TestMark(t *testing.T) {
	dir := t.TempDir()
	l := testlog.New(dir, nil)
	l.Calls(10)
	l.Close()
	x := New(dir, "")
	if seq, _, err := x.Mark(t.Context()); seq != 0 || err != nil {
		t.Errorf("without an index: %d, %v", seq, err)
	}
	rebuilt(t, x)
	text, err := os.ReadFile(filepath.Join(dir, "00000000000000000001.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	seq, hash, err := x.Mark(t.Context())
	if err != nil || seq != l.Seq || hash != sha256.Sum256([]byte(lines[len(lines)-1])) {
		t.Errorf("%d, %v, want %d", seq, err, l.Seq)
	}

	pipe := filepath.Join(t.TempDir(), "index.sqlite")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if seq, _, err := New(dir, pipe).Mark(t.Context()); seq != 0 || err == nil {
		t.Errorf("of a pipe: %d, %v", seq, err)
	}
}

func rebuilt(t *testing.T, x *Index) {
	t.Helper()
	if _, err := x.Rebuild(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
}

// TestStepBack: an index drops what the log does not have, all of it if the log is another one; then its mark is the log's.
func TestStepBack(t *testing.T) {
	dir := t.TempDir()
	l := testlog.New(dir, nil)
	l.Calls(10)
	l.Close()
	file := filepath.Join(t.TempDir(), "index.sqlite")
	rebuilt(t, New(dir, file))

	other := t.TempDir()
	short := testlog.New(other, nil)
	short.Calls(1)
	short.Close()
	x := New(other, file)
	if err := x.StepBack(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if seq, _, err := x.Mark(t.Context()); seq != 0 || err != nil {
		t.Errorf("of another log it knows %d, %v", seq, err)
	}
	rebuilt(t, x)
	if seq, _, err := x.Mark(t.Context()); seq != short.Seq || err != nil {
		t.Errorf("it knows %d, %v, want %d", seq, err, short.Seq)
	}
	if err := x.StepBack(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if seq, _, err := x.Mark(t.Context()); seq != short.Seq || err != nil {
		t.Errorf("with nothing to give up it knows %d, %v, want %d", seq, err, short.Seq)
	}
	if err := New(t.TempDir(), file).StepBack(t.Context(), 1); err != nil { // a log that is yet to begin
		t.Fatal(err)
	}
	if seq, _, err := x.Mark(t.Context()); seq != 0 || err != nil {
		t.Errorf("of no log it knows %d, %v", seq, err)
	}
}
