package calls

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tollgate/audit/logfile"
)

// scanPager makes pages of all records of a log.
type scanPager struct {
	log string
	logReader
}

// Page implements [Pager].
func (p scanPager) Page(ctx context.Context, f *Filter, after Cursor, n int) ([]Placed, Cursor, error) {
	if n < 1 {
		return nil, after, nil
	}
	if len(p.log) > MaxLogName {
		return nil, after, fmt.Errorf("log %.80q: a name has at most %d bytes", p.log, MaxLogName)
	}
	settled, fault := p.settlements()
	s := pageScan{log: p.log, filter: f, after: after}
	s.kept = Last[Placed]{N: n, Yield: func(c Placed) error {
		s.page = append(s.page, c)
		return nil
	}}
	err := s.scan(ctx, p.logReader, settled)
	if ctx.Err() != nil {
		return nil, after, ctx.Err()
	}
	slices.Reverse(s.page)
	return s.page, after.Next(s.page), cmp.Or(err, fault)
}

// pageScan looks for one page among the calls of a log, which come in the order of [Call.Order]: those in front of the cursor are the last.
type pageScan struct {
	log    string
	filter *Filter
	after  Cursor
	merged time.Time
	kept   Last[Placed] // the last of those behind the cursor
	page   []Placed
}

// errCursor ends the reading of a log: all calls that follow stand in front of the cursor, too.
var errCursor = errors.New("the call stands in front of the cursor")

// scan sets the page, the oldest call first.
func (s *pageScan) scan(ctx context.Context, log logReader, settled Settlements) error {
	j := NewJoiner(settled, s.add)
	err := log.read(func(r *logfile.Record) error { return cmp.Or(ctx.Err(), j.Add(r)) })
	if err == errCursor {
		return s.kept.Flush()
	}
	return cmp.Or(err, j.End(), s.kept.Flush())
}

func (s *pageScan) add(c *Call) error {
	placed := Placed{c, s.log, Merged(s.merged, c)}
	open := c.open()
	if !open {
		s.merged = placed.Merged
	}
	switch {
	case !s.after.Before(&placed) && open:
		return nil
	case !s.after.Before(&placed):
		return errCursor
	case !s.filter.Match(c):
		return nil
	}
	return s.kept.Add(placed)
}
