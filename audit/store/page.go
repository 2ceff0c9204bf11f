package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"sort"
	"time"

	"tollgate/audit/calls"
)

// Pager returns a [calls.Pager] of the index, whose log has a name. As with [Index.Calls], what the index does not have yet is read from the log,
// and after an error that wraps [ErrUnusable] the pager of a [calls.Scan] can answer instead: it goes on from the same cursors.
func (x *Index) Pager(log string) calls.Pager { return pager{x, log} }

type pager struct {
	*Index
	log string
}

// Page implements [calls.Pager].
func (p pager) Page(ctx context.Context, f *calls.Filter, after calls.Cursor, n int) ([]calls.Placed, calls.Cursor, error) {
	if n < 1 {
		return nil, after, nil
	}
	if len(p.log) > calls.MaxLogName {
		return nil, after, fmt.Errorf("log %.80q: a name has at most %d bytes", p.log, calls.MaxLogName)
	}
	r, err := p.reader(ctx)
	if err != nil {
		return nil, after, err
	}
	defer r.close() // opened for reading: nothing can be lost
	b := &pageBuilder{reader: r, log: p.log, filter: f, after: after, n: n}
	fault := b.newest(ctx)
	if errors.Is(fault, ErrUnusable) || errors.Is(fault, context.Canceled) || errors.Is(fault, context.DeadlineExceeded) {
		return nil, after, fault
	}
	examined, err := b.older(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return b.page, examined, err
	case err != nil:
		return nil, after, err
	}
	return b.page, after.Next(b.page), fault
}

// pageBuilder looks for one page.
type pageBuilder struct {
	*reader
	log    string
	filter *calls.Filter
	after  calls.Cursor
	n      int
	page   []calls.Placed
}

// newest begins the page with the calls that are open, and those that ended behind what the index has, as far as they stand behind the cursor.
func (b *pageBuilder) newest(ctx context.Context) error {
	merged, err := b.mergedAt(ctx, int64(b.upTo.Seq))
	if err != nil {
		return b.failed(err)
	}
	end := calls.Cursor{Merged: merged, Log: b.log, Order: b.upTo.Seq + 1, Seq: 1}
	if b.after.Reached(end) {
		return nil
	}
	s := calls.NewPageScan(b.log, b.filter, b.after, b.n, merged)
	err = b.tail(ctx, s.Add)
	if b.page, err = s.Page(err); err == nil {
		b.after = end // for what is older
	}
	return err
}

var errFull = errors.New("enough")

// older adds to the page the calls that the index has. It returns the cursor behind those that it has examined.
func (b *pageBuilder) older(ctx context.Context) (examined calls.Cursor, err error) {
	if examined = b.after; len(b.page) == b.n {
		return examined, nil
	}
	q, err := b.query(ctx, b.filter, nil)
	if err == nil {
		err = b.bound(ctx, q)
	}
	if err != nil {
		return examined, b.failed(err)
	}
	begun, seen := q.high, (*calls.Call)(nil)
	q.seen = func(c *calls.Call) { seen = c }
	err = q.walk(ctx, backwards, func(c *calls.Call, r *row) error {
		merged := timeOf(r.merged)
		if c.Lost != 0 {
			// The call was seen: a deadline that passes now must not leave it out.
			if merged, err = b.mergedAt(context.WithoutCancel(ctx), r.ord); err != nil {
				return b.failed(err)
			}
		}
		p := calls.Placed{Call: c, Log: b.log, Merged: merged}
		if !b.after.Before(&p) {
			return nil
		}
		if b.page = append(b.page, p); len(b.page) == b.n {
			return errFull
		}
		return nil
	})
	if err == errFull {
		return examined, nil
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = cmp.Or(b.place(ctx, &examined, q.high, q.high < begun, seen), err)
	}
	return examined, err
}

// place sets the cursor behind the calls that a walk has examined: all behind a record, if it got that far, and the one that it has seen last.
func (b *pageBuilder) place(ctx context.Context, examined *calls.Cursor, high int64, far bool, seen *calls.Call) (err error) {
	switch {
	case seen != nil && seen.Order() <= uint64(high):
		*examined = calls.Cursor{Log: b.log, Order: seen.Order(), Seq: seen.Seq()}
	case far:
		*examined = calls.Cursor{Log: b.log, Order: uint64(high) + 1, Seq: 1}
	default:
		return nil
	}
	examined.Merged, err = b.mergedAt(context.WithoutCancel(ctx), int64(examined.Order))
	return b.failed(err)
}

// bound has a query begin at the cursor.
func (b *pageBuilder) bound(ctx context.Context, q *query) (fault error) {
	if b.after.Seq == 0 || b.after.Order == math.MaxUint64 { // before the first call, or behind an open one
		return nil
	}
	if b.after.Log == b.log {
		q.high = int64(min(uint64(q.high), b.after.Order))
		if b.after.Seq == 1 { // behind all calls of that place
			q.high = min(q.high, int64(b.after.Order)-1)
		}
		return nil
	}
	// The running maximum never decreases.
	behind := sort.Search(int(max(q.high, 0)), func(ord int) bool {
		merged, err := b.mergedAt(ctx, int64(ord)+1)
		fault = cmp.Or(fault, err)
		return merged.After(b.after.Merged)
	})
	q.high = min(q.high, int64(behind))
	return fault
}

// mergedAt returns the running maximum of the times at which calls ended, up to a record.
func (d *database) mergedAt(ctx context.Context, ord int64) (time.Time, error) {
	merged, err := d.number(ctx, "SELECT coalesce((SELECT merged FROM calls WHERE ord <= ? ORDER BY ord DESC LIMIT 1), ?)", ord, micros(time.Time{}))
	return timeOf(merged), err
}

// timeOf returns a time from its microseconds.
func timeOf(micros int64) time.Time { return time.UnixMicro(micros).UTC() }
