package store

import (
	"path/filepath"
	"slices"
	"testing"

	"tollgate/audit/calls"
	"tollgate/internal/testlog"
)

// TestCallByShortID: an index finds a call by the short form of its id, as a scan does.
func TestCallByShortID(t *testing.T) {
	dir := t.TempDir()
	l := testlog.New(dir, nil)
	l.Calls(20)
	id := l.Call()
	l.Calls(20)
	l.Close()
	x := New(dir, filepath.Join(t.TempDir(), "index"))
	step(t, x)
	for _, text := range []string{id, calls.ShortID(id)} {
		f := &calls.Filter{Call: text}
		got, want := list(t, x, f), list(t, calls.Scan{Dir: dir}, f)
		if len(want) != 1 || !slices.Equal(got, want) {
			t.Errorf("%s: %d calls by the index, %d in the log", text, len(got), len(want))
		}
	}
	if got := list(t, x, &calls.Filter{Call: id[:30] + "abcdef"}); len(got) > 0 {
		t.Errorf("%d calls of another id", len(got))
	}
}

// TestKnown: the index lists the values that its calls have, sorted, and no more than it is asked for.
func TestKnown(t *testing.T) {
	dir := t.TempDir()
	l := newRandomLog(dir, 7)
	l.records(200)
	x := New(dir, filepath.Join(t.TempDir(), "index"))
	step(t, x)
	known, err := x.Known(t.Context(), 2, "caller", "operation")
	if err != nil || len(known) != 2 || !slices.Equal(known["caller"], []string{"app-1", "app-2"}) || len(known["operation"]) != 2 {
		t.Errorf("%v, %v", known, err)
	}
	if known, err := x.Known(t.Context(), 100, "no_such_member; DROP TABLE kinds"); err != nil || len(known) > 0 {
		t.Errorf("%v, %v", known, err)
	}
}
