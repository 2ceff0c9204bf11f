package store

import (
	"context"
	"errors"
	"math"
	"slices"

	"tollgate/audit/calls"
)

var _ calls.Source = (*Index)(nil)

// Calls implements [calls.Source]: it yields exactly what [calls.Scan] yields of a whole log. What came to the log after the
// index was last written is read from the log. An error that wraps [ErrUnusable] says that the index cannot answer;
// when it comes before the first call, a scan can answer instead.
//
// Queries hold up no writer: they read the database in short pieces, and never while yield runs. With f.Last they hold so
// many calls in memory.
func (x *Index) Calls(ctx context.Context, f *calls.Filter, yield func(*calls.Call) error) error {
	r, err := x.reader(ctx)
	if err != nil {
		return err
	}
	defer r.close() // opened for reading: nothing can be lost
	q, err := r.query(ctx, f, nil)
	if err != nil {
		return r.failed(err)
	}
	if f.Last > 0 {
		return q.last(ctx, yield)
	}
	if err := q.walk(ctx, forwards, func(c *calls.Call, _ *row) error { return yield(c) }); err != nil {
		return err
	}
	_, err = r.tail(ctx, math.MaxUint64, f.Passing(yield))
	return err
}

var errFull = errors.New("enough calls")

// last yields the last calls that match: it reads those at the end of the log first, which are the newest, then older ones.
func (q *query) last(ctx context.Context, yield func(*calls.Call) error) error {
	n := q.filter.Last
	var newest []*calls.Call
	_, fault := q.tail(ctx, math.MaxUint64, q.filter.Passing(func(c *calls.Call) error {
		if newest = append(newest, c); len(newest) >= 2*n+pageRows {
			newest = slices.Clone(newest[len(newest)-n:])
		}
		return nil
	}))
	if errors.Is(fault, ErrUnusable) || ctx.Err() != nil {
		return fault // before the first call: a scan can answer instead
	}
	newest = newest[max(len(newest)-n, 0):]
	slices.Reverse(newest)
	err := errFull
	if len(newest) < n {
		err = q.walk(ctx, backwards, func(c *calls.Call, _ *row) error {
			if newest = append(newest, c); len(newest) == n {
				return errFull
			}
			return nil
		})
	}
	if err != nil && err != errFull {
		return err
	}
	for _, c := range slices.Backward(newest) {
		if err := yield(c); err != nil {
			return err
		}
	}
	return fault
}
