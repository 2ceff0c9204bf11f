// Package callstest is what any [calls.Pager] of a log must do, as tests.
package callstest

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
)

// Open returns a Pager of the log in a directory, with the log's name. The log is written while its pages are read; update is called after
// some of what was written, for a Pager that has to be brought up to date, and may be nil.
type Open func(t testing.TB, dir, log string) (p calls.Pager, update func())

// Pages checks that the pages of one log and of several, put together, are all calls of the logs, as they were when the first page was read.
func Pages(t *testing.T, open Open) {
	for name, logs := range map[string][]string{"one log": {"a"}, "several logs": {"b", "a", "c/é"}} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(2) {
				s := begin(t, seed, logs, open)
				for _, n := range []int{1000, 5, 1} {
					s.compare(n, s.filter(), false)
					s.compare(n, s.filter(), true)
				}
			}
		})
	}
}

// suite is the logs of one test.
type suite struct {
	t     *testing.T
	rng   *rand.Rand
	logs  []*writer
	pager calls.Pager
}

func begin(t *testing.T, seed uint64, names []string, open Open) *suite {
	t.Helper()
	s := &suite{t: t, rng: rand.New(rand.NewPCG(seed, uint64(len(names))))}
	var pagers []calls.Named
	for i, name := range names {
		w := newWriter(s.rng, name, filepath.Join(t.TempDir(), fmt.Sprint(i)))
		t.Cleanup(w.Close)
		w.write(30)
		p, update := open(t, w.dir, name)
		w.update = update
		s.logs, pagers = append(s.logs, w), append(pagers, calls.Named{Log: name, Pager: p})
	}
	s.pager = pagers[0].Pager
	if len(names) > 1 {
		var err error
		if s.pager, err = calls.Several(pagers); err != nil {
			t.Fatal(err)
		}
	}
	s.grow()
	return s
}

// filter returns a filter, most of which choose by what changes when a call ends.
func (s *suite) filter() *calls.Filter {
	all := []calls.Filter{{}, {}, {State: calls.Open}, {State: logfile.Succeeded}, {State: logfile.Unknown}, {Caller: "shop"}, {Effect: "spend", Last: 2},
		{Since: start.Add(-time.Minute), Until: start.Add(time.Minute)}}
	return &all[s.rng.IntN(len(all))]
}

// grow writes to all logs.
func (s *suite) grow() {
	for _, w := range s.logs {
		if w.write(s.rng.IntN(6)); w.update != nil && s.rng.IntN(2) == 0 {
			w.update()
		}
	}
}

// compare reads all pages of n calls and compares them with all calls; while the logs grow, with those at the beginning.
func (s *suite) compare(n int, f *calls.Filter, growing bool) {
	s.t.Helper()
	want, got := s.all(f), []string{}
	for cursor, pages := (calls.Cursor{}), 0; ; pages++ {
		page, next, err := s.pager.Page(s.t.Context(), f, cursor, n)
		if err != nil || len(page) > n || pages > len(want) {
			s.t.Fatalf("page %d of %d calls, for %d, has %d calls, %v", pages, n, len(want), len(page), err)
		}
		for _, p := range page {
			got = append(got, lineOf(p))
		}
		if cursor, err = calls.ParseCursor(next.String()); err != nil {
			s.t.Fatal(err)
		}
		if len(page) < n {
			s.checkLast(f, cursor)
			break
		}
		if growing && pages < 6 {
			s.grow()
		}
	}
	if !slices.Equal(got, want) {
		s.t.Fatalf("pages of %d, %+v, growing %t: got %d calls\n%s\nwant %d\n%s", n, *f, growing, len(got), strings.Join(got, "\n"), len(want), strings.Join(want, "\n"))
	}
}

// checkLast checks that there is nothing behind a page that was not full.
func (s *suite) checkLast(f *calls.Filter, cursor calls.Cursor) {
	s.t.Helper()
	page, next, err := s.pager.Page(s.t.Context(), f, cursor, 1)
	if len(page) > 0 || next.String() != cursor.String() || err != nil {
		s.t.Fatalf("behind the last page: %d calls, %v", len(page), err)
	}
}

// all returns the calls that pages should have, sorted by a rule of its own.
func (s *suite) all(f *calls.Filter) []string {
	var list []calls.Placed
	for _, w := range s.logs {
		latest := time.Time{}
		err := calls.Scan{Dir: w.dir}.Calls(s.t.Context(), &calls.Filter{}, func(c *calls.Call) error {
			p := calls.Placed{Call: c, Log: w.name}
			if c.Order() != math.MaxUint64 {
				if c.Ended().After(latest) {
					latest = c.Ended()
				}
				p.Merged = latest.Truncate(time.Microsecond)
			}
			if f.Match(c) {
				list = append(list, p)
			}
			return nil
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
	slices.SortFunc(list, func(a, b calls.Placed) int { return strings.Compare(sortKey(b), sortKey(a)) })
	lines := []string{}
	for _, p := range list {
		lines = append(lines, lineOf(p))
	}
	return lines
}

// sortKey returns a text that is greater for a call that comes earlier. Names of logs in the tests are no prefixes of each other.
func sortKey(p calls.Placed) string {
	return fmt.Sprintf("%t %020d %s %020d %020d", p.Order() == math.MaxUint64, p.Merged.UnixMicro()-time.Time{}.UnixMicro(), p.Log, p.Order(), p.Seq())
}

func lineOf(p calls.Placed) string {
	row, err := json.Marshal(p.Row(time.UTC))
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s %d lost %d merged %s %s", p.Log, p.Order(), p.Lost, p.Merged.UTC().Format(time.RFC3339Nano), row)
}
