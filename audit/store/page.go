package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"time"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
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
	if errors.Is(fault, ErrUnusable) || ctx.Err() != nil {
		return nil, after, cmp.Or(ctx.Err(), fault)
	}
	if err := b.older(ctx); err != nil {
		return nil, after, err
	}
	return b.page, after.Next(b.page, p.log, b.end), fault
}

// pageBuilder looks for one page.
type pageBuilder struct {
	*reader
	log    string
	filter *calls.Filter
	after  calls.Cursor
	n      int

	end    uint64 // the record as of which the calls are
	merged time.Time
	page   []calls.Placed
}

// errEnd ends the reading of a log.
var errEnd = errors.New("the record is behind the end")

// newest begins the page with the calls that are open, and those that ended behind what the index has, as far as they stand behind the cursor.
func (b *pageBuilder) newest(ctx context.Context) error {
	kept := calls.Last[calls.Placed]{N: b.n, Yield: func(p calls.Placed) error {
		b.page = append(b.page, p)
		return nil
	}}
	add := func(c *calls.Call) error {
		c = c.AsOf(b.end)
		p := calls.Placed{Call: c, Log: b.log, Merged: calls.Merged(b.merged, c)}
		if !isOpen(c.Order()) {
			b.merged = p.Merged
		}
		if !b.after.Before(&p) || !b.filter.Match(c) {
			return nil
		}
		return kept.Add(p)
	}
	err := b.readNewest(ctx, add)
	_ = kept.Flush() // Yield returns no error
	slices.Reverse(b.page)
	return err
}

// readNewest sets the end and calls add for the calls that are open as of it, or that ended behind what the index has, in the order of
// [calls.Call.Order].
func (b *pageBuilder) readNewest(ctx context.Context, add func(*calls.Call) error) (err error) {
	if b.merged, err = b.mergedAt(ctx, int64(b.upTo.Seq)); err != nil {
		return b.failed(err)
	}
	end, begun := b.after.Ends[b.log]
	if b.end = end; begun && end < b.upTo.Seq {
		b.asOf = end
		return b.openAsOf(ctx, add)
	}
	if !begun {
		b.end = math.MaxUint64
	}
	last, err := b.tail(ctx, b.end, add)
	if !begun {
		b.end = last
	}
	b.asOf = b.end
	return err
}

// isOpen reports whether a [calls.Call.Order] is that of open calls.
func isOpen(order uint64) bool { return order == math.MaxUint64 }

// openAsOf calls add for the calls that began and did not end up to the end, which the index has.
func (b *pageBuilder) openAsOf(ctx context.Context, add func(*calls.Call) error) error {
	open, err := b.openIntents(ctx)
	if err != nil {
		return b.failed(err)
	}
	at, err := b.endedBehind(ctx, int64(b.end))
	if err != nil {
		return b.failed(err)
	}
	for _, at := range at {
		intent, err := readKind(&b.lines, at, logfile.KindIntent)
		if err != nil {
			return b.failed(err)
		}
		open = append(open, intent)
	}
	slices.SortFunc(open, func(p, q *logfile.Record) int { return cmp.Compare(p.Seq, q.Seq) })
	for _, intent := range open {
		if intent.Seq > b.end {
			continue
		}
		if err := add(&calls.Call{Intent: intent}); err != nil {
			return err
		}
	}
	return nil
}

// endedBehind returns where the intents stand of calls that ended behind a record and may have begun before it.
func (b *pageBuilder) endedBehind(ctx context.Context, end int64) (all []logfile.Position, err error) {
	for _, l := range b.lost {
		if l.ord > end {
			all = append(all, l.intent)
		}
	}
	const columns, began = "SELECT intent_segment, intent_offset FROM calls ", " AND back > 0 AND ord - back <= ?"
	soon, err := fetch(ctx, b.database, position, columns+"WHERE ord > ? AND ord <= ?"+began, end, end+longCall, end)
	if err != nil {
		return nil, err
	}
	late, err := fetch(ctx, b.database, position, columns+"INDEXED BY long WHERE ord > ? AND back > "+strconv.Itoa(longCall)+began, end+longCall, end)
	return slices.Concat(all, soon, late), err
}

// older adds to the page the calls that the index has.
func (b *pageBuilder) older(ctx context.Context) error {
	if len(b.page) == b.n {
		return nil
	}
	q, err := b.query(ctx, b.filter, nil)
	if err == nil {
		err = b.bound(ctx, q)
	}
	if err != nil {
		return b.failed(err)
	}
	err = q.walk(ctx, backwards, func(c *calls.Call, r *row) error {
		p := calls.Placed{Call: c, Log: b.log, Merged: timeOf(r.merged)}
		if c.Lost != 0 {
			if p.Merged, err = b.mergedAt(ctx, r.ord); err != nil {
				return b.failed(err)
			}
		}
		if !b.after.Before(&p) {
			return nil
		}
		if b.page = append(b.page, p); len(b.page) == b.n {
			return errFull
		}
		return nil
	})
	if err == errFull {
		return nil
	}
	return err
}

// bound has a query begin at the cursor.
func (b *pageBuilder) bound(ctx context.Context, q *query) error {
	q.high = min(q.high, int64(min(b.end, math.MaxInt64)))
	switch {
	case b.after.Seq == 0 || isOpen(b.after.Order):
		return nil
	case b.after.Log == b.log:
		q.high = min(q.high, int64(b.after.Order))
		return nil
	}
	// The running maximum never decreases.
	var fault error
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
