package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"tollgate/audit/calls"
)

// Report adds the calls that a filter chooses to a report, as [calls.Report.Add] of each of them does; customers is whether the report is by
// customer. Of whole days (see [Index.InZone]) the sums in the index are added, which nothing proves: calls whose contribution may change are
// read, and those of days that are asked for in part. A filter of what the sums do not tell apart has all calls read. After an error the
// report is of no use.
func (x *Index) Report(ctx context.Context, f *calls.Filter, customers bool, report *calls.Report) error {
	addSum := func(_ int64, e *calls.Entry) error { return report.AddEntry(e) }
	return x.sumUp(ctx, f, nil, customers, addSum, report.Add)
}

// Days calls add for what the calls that a filter chooses add to the totals of reports, see [calls.Entry], with the start of their day in a
// zone, in no order. It finds them as [Index.Report] does; days of another zone than that of the index have all calls read.
func (x *Index) Days(ctx context.Context, f *calls.Filter, zone *time.Location, add func(day time.Time, e *calls.Entry) error) error {
	starts := map[int64]time.Time{}
	addSum := func(day int64, e *calls.Entry) error {
		if e.Scope == calls.ScopeCustomer {
			return nil
		}
		if starts[day].IsZero() {
			starts[day] = startOf(day, zone)
		}
		e.Scope, e.Customer = calls.ScopeTotal, ""
		return add(starts[day], e)
	}
	refunds := sync.OnceValues(func() (calls.Refunds, error) { return calls.ReadRefunds(ctx, x) })
	return x.sumUp(ctx, f, zone, false, addSum, func(c *calls.Call) error {
		return calls.AddEntries(c, refunds, func(e *calls.Entry) error { return addSum(dayOf(c.Time().In(zone)), e) })
	})
}

// Zone returns the zone whose days the index sums up.
func (x *Index) Zone(ctx context.Context) (*time.Location, error) {
	r, err := x.reader(ctx)
	if err != nil {
		return nil, err
	}
	return r.zone, r.close()
}

// sumUp calls addSum for the sums of days that have calls which a filter chooses, and addCall for the calls that are in none of them. A zone is
// that of the days; nil if they do not matter.
func (x *Index) sumUp(ctx context.Context, f *calls.Filter, zone *time.Location, customers bool, addSum func(day int64, e *calls.Entry) error, addCall func(*calls.Call) error) error {
	if !InSums(f) {
		return x.Calls(ctx, f, addCall)
	}
	r, err := x.snapshot(ctx)
	if err != nil {
		return err
	}
	defer r.close() // opened for reading: nothing can be lost
	days := dayRange{}
	if zone == nil || zone.String() == r.zone.String() {
		days = wholeDays(f, r.zone)
	}
	var stopped error
	err = r.readSums(ctx, f, days, zone != nil, customers, func(day int64, e *calls.Entry) error {
		stopped = addSum(day, e)
		return stopped
	})
	if err != nil {
		return cmp.Or(stopped, r.failed(err))
	}
	if err := r.exec(ctx, "COMMIT"); err != nil {
		return r.failed(err)
	}
	for _, part := range days.parts(f, r.zone) {
		if err := r.addCalls(ctx, part, addCall); err != nil {
			return err
		}
	}
	return r.tail(ctx, f.Passing(addCall))
}

// InSums reports whether sums of kinds can answer a filter.
func InSums(f *calls.Filter) bool {
	return f.MinAmount == nil && f.MaxAmount == nil && f.Plan == "" && f.Last == 0 &&
		!slices.ContainsFunc(ids[:], func(i id) bool { return i.filter(f) != "" })
}

// dayRange are the days from low to before high.
type dayRange struct{ low, high int64 }

func wholeDays(f *calls.Filter, zone *time.Location) dayRange {
	days := dayRange{math.MinInt64, math.MaxInt64}
	if !f.Since.IsZero() {
		if days.low = dayOf(f.Since.In(zone)); !startOf(days.low, zone).Equal(f.Since) {
			days.low++
		}
	}
	if !f.Until.IsZero() {
		days.high = dayOf(f.Until.In(zone))
	}
	return days
}

// part is a part of the calls that a filter chooses: all of them, or those that sums do not have.
type part struct {
	filter   *calls.Filter
	unsummed bool
}

// parts are the calls that a filter chooses and sums do not have.
func (d dayRange) parts(f *calls.Filter, zone *time.Location) []part {
	if d.low >= d.high {
		return []part{{f, false}}
	}
	before, within, behind := *f, *f, *f
	list := []part{{&within, true}}
	if d.low != math.MinInt64 {
		within.Since = startOf(d.low, zone)
		if before.Until = within.Since; !within.Since.Equal(f.Since) {
			list = append(list, part{&before, false})
		}
	}
	if d.high != math.MaxInt64 {
		within.Until = startOf(d.high, zone)
		if behind.Since = within.Until; !within.Until.Equal(f.Until) {
			list = append(list, part{&behind, false})
		}
	}
	return list
}

// addCalls calls add for the calls of a part that ended.
func (r *reader) addCalls(ctx context.Context, p part, add func(*calls.Call) error) error {
	var only func(entry) bool
	if p.unsummed {
		only = func(e entry) bool { return !e.summed }
	}
	q, err := r.query(ctx, p.filter, only)
	if err != nil {
		return r.failed(err)
	}
	return q.walk(ctx, forwards, func(c *calls.Call, row *row) error {
		if p.unsummed && !row.crosses() && (c.Intent != nil || c.Refusal != nil) && (sums{}).addCall(row, c, r.zone) {
			return r.failed(fmt.Errorf("%w: the call that ended with record %d is said to be in no sum", errMisfit, row.ord))
		}
		return add(c)
	})
}

// readSums calls add for the sums of days, added up; byDay is whether days are kept apart.
func (r *reader) readSums(ctx context.Context, f *calls.Filter, days dayRange, byDay, customers bool, add func(day int64, e *calls.Entry) error) error {
	if days.low >= days.high {
		return nil
	}
	q, err := r.query(ctx, f, nil)
	if err != nil {
		return err
	}
	type lists struct {
		day               int64
		totals, customers sql.RawBytes
	}
	t := totals{}
	err = each(ctx, r.database, func(l *lists) []any { return []any{&l.day, &l.totals, &l.customers} }, func(l *lists) error {
		if !byDay {
			l.day = 0
		}
		if l.day != t.day {
			if err := t.flush(ctx, r, add); err != nil {
				return err
			}
			t.day = l.day
		}
		if err := eachSum(l.totals, q.ofKinds(t.add)); err != nil {
			return err
		}
		return eachSum(l.customers, q.ofKinds(func(s *savedSum) error { // nearly as many as calls: there is little to add up
			n, err := s.sum()
			if err != nil {
				return err
			}
			return r.addEntry(ctx, l.day, calls.Key{Scope: scopes[s.scope], Customer: string(s.customer), PriceFrom: string(s.priceFrom)}, s.kind, &n, add)
		}))
	}, "SELECT day, totals, iif(?, customers, x'') FROM days WHERE day BETWEEN ? AND ?", customers, days.low, days.high-1)
	if err != nil {
		return err
	}
	return t.flush(ctx, r, add)
}

// ofKinds returns a function that calls fn for sums of the query's kinds.
func (q *query) ofKinds(fn func(*savedSum) error) func(*savedSum) error {
	return func(s *savedSum) error {
		if q.kinds != nil && !q.kinds.has(s.kind) {
			return nil
		}
		return fn(s)
	}
}

// addEntry calls add for a sum, as an entry of reports; the kind of its key is still to be set.
func (r *reader) addEntry(ctx context.Context, day int64, k calls.Key, kind int64, n *sum, add func(day int64, e *calls.Entry) error) error {
	key, err := r.key(ctx, kind)
	if err != nil {
		return err
	}
	key.Scope, key.Customer, key.PriceFrom = k.Scope, k.Customer, k.PriceFrom
	return add(day, &calls.Entry{Key: key, Money: n.money, Calls: n.calls, NoAmount: n.noAmount, Unsummed: n.unsummed})
}

// maxFroms is more than package calls has of where prices come from.
const maxFroms = 16

// totals adds up sums of a day that are not by customer, by kind, scope and where the price comes from.
type totals struct {
	day    int64
	list   []total
	from   []string                        // where prices come from
	places [maxFroms * len(scopes)][]int32 // in the list, one more, by where the price comes from and scope, and then by kind
}

type total struct {
	kind        int64
	from, scope byte
	sum
}

func (t *totals) add(s *savedSum) error {
	n, err := s.sum()
	from := slices.Index(t.from, string(s.priceFrom))
	if from < 0 {
		from, t.from = len(t.from), append(t.from, string(s.priceFrom))
	}
	if err != nil || len(s.customer) > 0 || s.kind >= maxKind || from >= maxFroms {
		return cmp.Or(err, errSums)
	}
	places := &t.places[from*len(scopes)+int(s.scope)]
	if more := int(s.kind) + 1 - len(*places); more > 0 {
		*places = append(*places, make([]int32, more)...)
	}
	if at := (*places)[s.kind]; at > 0 {
		t.list[at-1].addSum(n, len(s.priceFrom) > 0)
		return nil
	}
	t.list = append(t.list, total{s.kind, byte(from), s.scope, n})
	(*places)[s.kind] = int32(len(t.list))
	return nil
}

// flush calls add for the totals, and begins again.
func (t *totals) flush(ctx context.Context, r *reader, add func(day int64, e *calls.Entry) error) error {
	for i := range t.list {
		n := &t.list[i]
		t.places[int(n.from)*len(scopes)+int(n.scope)][n.kind] = 0
		if err := r.addEntry(ctx, t.day, calls.Key{Scope: scopes[n.scope], PriceFrom: t.from[n.from]}, n.kind, &n.sum, add); err != nil {
			return err
		}
	}
	t.list = t.list[:0]
	return nil
}
