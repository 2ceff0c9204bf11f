package store

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tollgate/audit/calls"
	"tollgate/audit/calls/callstest"
	"tollgate/audit/logfile"
)

// TestPages: pages of the index are those of a scan, while it is behind and while it catches up.
func TestPages(t *testing.T) {
	callstest.Pages(t, func(t testing.TB, dir, log string) (calls.Pager, func()) {
		x := New(dir, filepath.Join(t.TempDir(), "index"))
		x.batch = 10
		step(t, x)
		return x.Pager(log), func() { step(t, x) }
	})
}

// TestDeadlines: pages that deadlines cut off have all calls together.
func TestDeadlines(t *testing.T) {
	callstest.Deadlines(t, func(t testing.TB, dir, log string) (calls.Pager, func()) {
		x := New(dir, filepath.Join(t.TempDir(), "index"))
		step(t, x)
		return x.Pager(log), func() { step(t, x) }
	})
}

// TestPagesOfAPrunedLog: what was pruned is in no running maximum of the times at which calls ended: the clock stood ahead in the first segment.
func TestPagesOfAPrunedLog(t *testing.T) {
	dir := t.TempDir()
	l := newRandomLog(dir, 41)
	l.now = l.now.Add(time.Hour)
	l.records(60)
	l.Rotate()
	l.now = l.now.Add(-time.Hour)
	l.records(150)
	x := New(dir, "")
	step(t, x)
	for first, err := logfile.First(dir); err == nil && first < 60; first, err = logfile.First(dir) {
		pruneFirst(t, dir)
	}
	step(t, x)
	f, got, want := &calls.Filter{}, []string{}, []string{}
	for p, list := range map[calls.Pager]*[]string{x.Pager("a"): &got, calls.Scan{Dir: dir}.Pager("a"): &want} {
		for cursor, n := (calls.Cursor{}), 10; n == 10; {
			page, next, err := p.Page(t.Context(), f, cursor, 10)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range page {
				*list = append(*list, fmt.Sprint(c.Merged, linesOf(c.Call)))
			}
			cursor, n = next, len(page)
		}
	}
	if !slices.Equal(got, want) || len(want) < 40 {
		t.Errorf("%d calls, want %d: %s", len(got), len(want), difference(got, want))
	}
}
