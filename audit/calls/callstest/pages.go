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
	"tollgate/internal/soaktest"
)

// Open returns a Pager of the log in a directory, with the log's name. The log is written while its pages are read; update is called after
// some of what was written, for a Pager that has to be brought up to date, and may be nil.
type Open func(t testing.TB, dir, log string) (p calls.Pager, update func())

// Pages checks that the pages of one log and of several, put together, are all calls of the logs; and that none is left out, or shown twice but as
// open and as ended, while the logs grow.
func Pages(t *testing.T, open Open) {
	for name, logs := range map[string][]string{"one log": {"a"}, "several logs": {"b", "a", "c/é"}} {
		t.Run(name, func(t *testing.T) {
			for seed := range seeds() {
				s := begin(t, seed, logs, open)
				for _, n := range []int{1000, 5, 1} {
					s.compare(n, s.filter())
					s.grows(n, s.filter())
				}
			}
		})
	}
}

// seeds returns how many random logs are tested.
func seeds() uint64 {
	if soaktest.On() {
		return 20
	}
	return 1 // more take long with the race detector
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

// compare reads all pages of n calls and compares them with all calls.
func (s *suite) compare(n int, f *calls.Filter) {
	s.t.Helper()
	want, got := lines(s.all(f)), []string{}
	for _, p := range s.pages(n, f, func(page []calls.Placed) {}) {
		got = append(got, lineOf(p))
	}
	if !slices.Equal(got, want) {
		s.t.Fatalf("pages of %d, %+v: got %d calls\n%s\nwant %d\n%s", n, *f, len(got), strings.Join(got, "\n"), len(want), strings.Join(want, "\n"))
	}
}

// grows reads all pages of n calls while the logs grow: they have each call that matches at the beginning and at the end.
func (s *suite) grows(n int, f *calls.Filter) {
	s.t.Helper()
	before, now := s.all(f), lines(s.all(f))
	shown := s.pages(n, f, func(page []calls.Placed) {
		for _, p := range page {
			if !slices.Contains(now, lineOf(p)) {
				s.t.Fatalf("%s is no call of the log as it is now", lineOf(p))
			}
		}
		s.grow()
		now = lines(s.all(f))
	})
	for i, p := range shown {
		if i > 0 && sortKey(shown[i-1]) <= sortKey(p) {
			s.t.Fatalf("%s is behind %s", lineOf(p), lineOf(shown[i-1]))
		}
		again := slices.IndexFunc(shown[i+1:], sameAs(p))
		if again >= 0 && (!open(p) || open(shown[i+1+again])) {
			s.t.Fatalf("%s is shown twice", lineOf(p))
		}
	}
	after := s.all(f)
	for _, p := range before {
		if slices.ContainsFunc(after, sameAs(p)) && !slices.ContainsFunc(shown, sameAs(p)) {
			s.t.Fatalf("%s is left out", lineOf(p))
		}
	}
}

func sameAs(p calls.Placed) func(calls.Placed) bool {
	return func(other calls.Placed) bool { return other.Log == p.Log && other.Seq() == p.Seq() }
}

func open(p calls.Placed) bool { return p.Order() == math.MaxUint64 }

// pages reads all pages of n calls, and calls read after each of the first.
func (s *suite) pages(n int, f *calls.Filter, read func(page []calls.Placed)) (got []calls.Placed) {
	s.t.Helper()
	for cursor, pages := (calls.Cursor{}), 0; ; pages++ {
		page, next, err := s.pager.Page(s.t.Context(), f, cursor, n)
		if err != nil || len(page) > n || pages > 1000 {
			s.t.Fatalf("page %d of %d calls has %d, %v", pages, n, len(page), err)
		}
		got = append(got, page...)
		if cursor, err = calls.ParseCursor(next.String()); err != nil {
			s.t.Fatal(err)
		}
		if len(page) < n {
			s.checkLast(f, cursor)
			return got
		}
		if pages < 6 {
			read(page)
		}
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
func (s *suite) all(f *calls.Filter) (list []calls.Placed) {
	for _, w := range s.logs {
		latest := time.Time{}
		err := calls.Scan{Dir: w.dir}.Calls(s.t.Context(), &calls.Filter{}, func(c *calls.Call) error {
			p := calls.Placed{Call: c, Log: w.name}
			if !open(p) {
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
	return list
}

func lines(list []calls.Placed) []string {
	texts := make([]string, len(list))
	for i, p := range list {
		texts[i] = lineOf(p)
	}
	return texts
}

// sortKey returns a text that is greater for a call that comes earlier. Names of logs in the tests are no prefixes of each other.
func sortKey(p calls.Placed) string {
	return fmt.Sprintf("%t %020d %s %020d %020d", open(p), p.Merged.UnixMicro()-time.Time{}.UnixMicro(), p.Log, p.Order(), p.Seq())
}

func lineOf(p calls.Placed) string {
	row, err := json.Marshal(p.Row(time.UTC))
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s %d lost %d merged %s %s", p.Log, p.Order(), p.Lost, p.Merged.UTC().Format(time.RFC3339Nano), row)
}
