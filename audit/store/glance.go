package store

import (
	"context"
	"errors"
	"time"

	"tollgate/audit/calls"
)

var callerColumn, reasonColumn = columnNamed("caller"), columnNamed("reason")

var errNotInKinds = errors.New("kinds of calls do not answer the filter")

// Glance calls yield for the calls that ended and that a filter chooses: first for those that the index does not have yet, in their order, and then for
// the others, the newest end first. Of these it reads no lines: their times, callers and reasons are what the index says, which nothing compares with
// the log. The filter must be one that sums can answer, see [InSums], and none by state, which settlements change.
func (x *Index) Glance(ctx context.Context, f *calls.Filter, yield func(at time.Time, caller, reason string) error) error {
	if !InSums(f) || f.State != "" {
		return errNotInKinds
	}
	r, err := x.reader(ctx)
	if err != nil {
		return err
	}
	defer r.close() // opened for reading: nothing can be lost
	err = r.tail(ctx, f.Passing(func(c *calls.Call) error {
		if c.Refusal == nil && c.Outcome == nil {
			return nil
		}
		return yield(c.Time(), c.Caller(), c.Reason())
	}))
	if err != nil {
		return err
	}
	q, err := r.query(ctx, f, nil)
	if err != nil {
		return r.failed(err)
	}
	return q.glance(ctx, yield)
}

// glance calls yield for the calls that the index has.
func (q *query) glance(ctx context.Context, yield func(at time.Time, caller, reason string) error) error {
	var found []row
	for n := 1; q.low <= q.high; n = min(2*n, maxBlocks) {
		blocks, err := q.blocks(ctx, backwards, n)
		if err != nil {
			return q.failed(err)
		}
		for i := range blocks {
			if found, err = q.choose(ctx, found[:0], &blocks[i], backwards); err != nil {
				return q.failed(err)
			}
			if err := q.glanceAt(ctx, found, yield); err != nil {
				return err
			}
		}
		if len(blocks) < n {
			return nil
		}
		q.high = firstOf(blocks[len(blocks)-1].span()) - 1
	}
	return nil
}

func (q *query) glanceAt(ctx context.Context, found []row, yield func(at time.Time, caller, reason string) error) error {
	if len(found) == 0 {
		return nil
	}
	if err := q.complete(ctx, found); err != nil {
		return q.failed(err)
	}
	for i := range found {
		r := &found[i]
		if r.time < q.since || r.time > q.until {
			continue
		}
		k, err := q.kind(ctx, r.kind)
		if err != nil {
			return q.failed(err)
		}
		caller, _ := k[callerColumn].(string)
		reason, _ := k[reasonColumn].(string)
		if err := yield(timeOf(r.time), caller, reason); err != nil {
			return err
		}
	}
	return ctx.Err()
}
