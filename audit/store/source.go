package store

import (
	"context"
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
	if f.Last > 0 {
		page, _, fault := x.Pager("").Page(ctx, f, calls.Cursor{}, f.Last)
		for _, p := range slices.Backward(page) {
			if err := yield(p.Call); err != nil {
				return err
			}
		}
		return fault
	}
	r, err := x.reader(ctx)
	if err != nil {
		return err
	}
	defer r.close() // opened for reading: nothing can be lost
	q, err := r.query(ctx, f, nil)
	if err != nil {
		return r.failed(err)
	}
	if err := q.walk(ctx, forwards, func(c *calls.Call, _ *row) error { return yield(c) }); err != nil {
		return err
	}
	return r.tail(ctx, f.Passing(yield))
}
