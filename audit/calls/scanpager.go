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
	settled, last, fault := p.settlements()
	end, begun := after.Ends[p.log]
	if !begun {
		end = last
	}
	settled.asOf(end)
	s := pageScan{log: p.log, filter: f, after: after, end: end}
	s.kept = Last[Placed]{N: n, Yield: func(c Placed) error {
		s.page = append(s.page, c)
		return nil
	}}
	err := s.scan(ctx, p.logReader, settled)
	if ctx.Err() != nil {
		return nil, after, ctx.Err()
	}
	slices.Reverse(s.page)
	return s.page, after.Next(s.page, p.log, end), cmp.Or(err, fault)
}

// pageScan looks for one page among the calls of a log, which come in the order of [Call.Order]: those in front of the cursor are the last.
type pageScan struct {
	log    string
	filter *Filter
	after  Cursor
	end    uint64 // of the records that are read
	merged time.Time
	kept   Last[Placed] // the last of those behind the cursor
	page   []Placed
}

// Errors that end the reading of a log.
var (
	errEnd    = errors.New("the record is behind the end")
	errCursor = errors.New("the call stands in front of the cursor") // and so do all others that follow
)

// scan sets the page, the oldest call first.
func (s *pageScan) scan(ctx context.Context, log logReader, settled Settlements) error {
	j := NewJoiner(settled, s.add)
	err := log.read(func(r *logfile.Record) error {
		if r.Seq > s.end {
			return errEnd
		}
		return cmp.Or(ctx.Err(), j.Add(r))
	})
	switch err {
	case errCursor:
		return s.kept.Flush()
	case errEnd:
		err = nil
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
