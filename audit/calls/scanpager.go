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
	s := NewPageScan(p.log, f, after, n, time.Time{})
	j := NewJoiner(settled, s.Add)
	err := p.read(func(r *logfile.Record) error { return cmp.Or(ctx.Err(), j.Add(r)) })
	if err == nil {
		err = j.End()
	}
	page, err := s.Page(err)
	if ctx.Err() != nil {
		return nil, after, ctx.Err()
	}
	return page, after.Next(page), cmp.Or(err, fault)
}

// PageScan takes the page behind a cursor from calls that come in the order of [Call.Order]: those in front of the cursor are the last.
type PageScan struct {
	log    string
	filter *Filter
	after  Cursor
	merged time.Time
	kept   Last[Placed] // the last of those behind the cursor
	page   []Placed
}

// NewPageScan returns a PageScan for a page of n calls. Merged is Placed.Merged of the call in front of the first that it is given, and the zero
// time if there is none.
func NewPageScan(log string, f *Filter, after Cursor, n int, merged time.Time) *PageScan {
	s := &PageScan{log: log, filter: f, after: after, merged: merged}
	s.kept = Last[Placed]{N: n, Yield: func(c Placed) error {
		s.page = append(s.page, c)
		return nil
	}}
	return s
}

// errCursor ends the reading of a log: all calls that follow stand in front of the cursor, too.
var errCursor = errors.New("the call stands in front of the cursor")

// Add takes the next call. Its error says that no further call can be on the page; [PageScan.Page] takes it for none.
func (s *PageScan) Add(c *Call) error {
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

// Page returns the page, once all calls were added or err came between them, and that error.
func (s *PageScan) Page(err error) ([]Placed, error) {
	_ = s.kept.Flush() // its Yield returns no error
	slices.Reverse(s.page)
	if err == errCursor {
		err = nil
	}
	return s.page, err
}
