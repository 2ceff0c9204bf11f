package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
)

// memorySink is a Sink that keeps all batches.
type memorySink struct {
	first   uint64
	batches []*Batch
	other   bool // another process writes the sink
}

func (s *memorySink) Standing(context.Context) (Standing, error) {
	standing := Standing{First: s.first}
	for _, b := range s.batches {
		standing.Marks, standing.Open = slices.Insert(standing.Marks, 0, b.Last), b.Open
	}
	return standing, nil
}

func (s *memorySink) StepBack(_ context.Context, to Mark) error {
	for s.batches[len(s.batches)-1].Last != to {
		s.batches = s.batches[:len(s.batches)-1]
	}
	return nil
}

func (s *memorySink) Apply(_ context.Context, b *Batch) error {
	last := s.first - 1
	if n := len(s.batches); n > 0 {
		last = s.batches[n-1].Last.Seq
	}
	if s.other || b.After != last {
		return fmt.Errorf("%w: it goes up to %d", ErrNotNext, last)
	}
	s.batches = append(s.batches, b)
	return nil
}

func (s *memorySink) Prune(context.Context, uint64) error { return errors.ErrUnsupported }

// calls are those of all batches.
func (s *memorySink) calls() (list []string) {
	for _, b := range s.batches {
		for _, e := range b.Calls {
			list = append(list, fmt.Sprint(e.Order(), e.Seq(), e.ID(), e.Lost, e.End.Segment > 0))
		}
	}
	return list
}

// TestSinkOfAnotherKind: the runner keeps any sink up with the log: it begins where the sink stands, steps back where the log was cut, and goes
// on from no other mark than the sink's.
func TestSinkOfAnotherKind(t *testing.T) {
	dir := t.TempDir()
	l := newRandomLog(dir, 31)
	l.records(100)
	s := &memorySink{first: 1}
	take := func(change func(*runner)) error {
		r, err := newRunner(t.Context(), os.DirFS(dir), 1, s, 7)
		if err != nil {
			t.Fatal(err)
		}
		defer r.close()
		r.lines = true
		if change != nil {
			change(r)
		}
		return r.step(t.Context())
	}
	compare := func() {
		t.Helper()
		var want []string
		err := calls.Scan{Dir: dir}.Calls(t.Context(), &calls.Filter{}, func(c *calls.Call) error {
			if c.Order() != math.MaxUint64 {
				want = append(want, fmt.Sprint(c.Order(), c.Seq(), c.ID(), c.Lost, c.Lost == 0))
			}
			return nil
		})
		if got := s.calls(); err != nil || !slices.Equal(got, want) {
			t.Errorf("%v: %s", err, difference(got, want))
		}
	}
	if err := take(nil); err != nil {
		t.Fatal(err)
	}
	compare()
	l.records(50)
	if err := take(nil); err != nil {
		t.Fatal(err)
	}
	compare()
	var lines [][]byte
	for _, b := range s.batches {
		if lines = append(lines, b.Lines...); len(b.Lines) != b.records() {
			t.Errorf("%d lines of %d records", len(b.Lines), b.records())
		}
	}
	err := logfile.Read(dir, func(r *logfile.Record, line []byte) error {
		if !bytes.Equal(lines[r.Seq-1], line) {
			return fmt.Errorf("line %d is another", r.Seq)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	l.cutBack(t, dir, 15)
	if err := take(nil); err != nil {
		t.Fatal(err)
	}
	compare()
	l.cutBack(t, dir, 0) // grows
	if err := take(func(*runner) { s.other = true }); !errors.Is(err, ErrNotNext) {
		t.Errorf("beside another process: %v", err)
	}
	s.other = false
	if err := take(nil); err != nil {
		t.Fatal(err)
	}
	compare()
}

// TestTwoFollowers: of two that follow one log into one database, the second is refused, and what is there stays right.
func TestTwoFollowers(t *testing.T) {
	dir := t.TempDir()
	l := newRandomLog(dir, 32)
	l.records(30)
	x := New(dir, "")
	f, err := x.follower(t.Context(), restless())
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	step(t, x)
	l.records(30)
	if _, err := f.step(t.Context()); !errors.Is(err, ErrNotNext) || !errors.Is(err, ErrUnusable) {
		t.Errorf("the second follower: %v", err)
	}
	step(t, x)
	l.same(t, dir, x, 5)
}
