package store

import (
	"context"
	"fmt"
	"math"
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
	addSum := func(day int64, e *calls.Entry) error {
		if e.Scope == calls.ScopeCustomer {
			return nil
		}
		e.Scope, e.Customer = calls.ScopeTotal, ""
		return add(startOf(day, zone), e)
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
	if err := r.readSums(ctx, f, days, customers, addSum); err != nil {
		return r.failed(err)
	}
	if err := r.exec(ctx, "COMMIT"); err != nil {
		return r.failed(err)
	}
	for _, part := range days.parts(f, r.zone) {
		if err := r.addCalls(ctx, part.filter, part.from, addCall); err != nil {
			return err
		}
	}
	return r.tail(ctx, f.Passing(addCall))
}

// InSums reports whether sums of kinds can answer a filter.
func InSums(f *calls.Filter) bool {
	rest := *f
	return f.MinAmount == nil && f.MaxAmount == nil && f.Plan == "" && f.Last == 0 && len((&query{filter: &rest}).ids()) == 0
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

// part is a part of the calls that a filter chooses, and what they are read from: nil: by the filter.
type part struct {
	filter *calls.Filter
	from   *source
}

// parts are the calls that a filter chooses and sums do not have.
func (d dayRange) parts(f *calls.Filter, zone *time.Location) []part {
	if d.low >= d.high {
		return []part{{f, nil}}
	}
	before, within, behind := *f, *f, *f
	list := []part{{&within, &unsummed}}
	if d.low != math.MinInt64 {
		within.Since = startOf(d.low, zone)
		if before.Until = within.Since; !within.Since.Equal(f.Since) {
			list = append(list, part{&before, nil})
		}
	}
	if d.high != math.MaxInt64 {
		within.Until = startOf(d.high, zone)
		if behind.Since = within.Until; !within.Until.Equal(f.Until) {
			list = append(list, part{&behind, nil})
		}
	}
	return list
}

// addCalls adds the calls that ended and match.
func (r *reader) addCalls(ctx context.Context, f *calls.Filter, from *source, add func(*calls.Call) error) error {
	q, err := r.query(ctx, f, from)
	if err != nil {
		return r.failed(err)
	}
	return q.walk(ctx, forwards, func(c *calls.Call, row *row) error {
		if from != nil && !row.crosses() && (c.Intent != nil || c.Refusal != nil) && (sums{}).addCall(row, c, r.zone) {
			return r.failed(fmt.Errorf("%w: the call that ended with record %d is said to be in no sum", errMisfit, row.ord))
		}
		return add(c)
	})
}

// readSums calls add for the sums of days.
func (r *reader) readSums(ctx context.Context, f *calls.Filter, days dayRange, customers bool, add func(day int64, e *calls.Entry) error) error {
	if days.low >= days.high {
		return nil
	}
	since, until := timeBounds(f.Since, f.Until)
	text := "SELECT d.day, k.caller_text, k.operation, k.credential, k.account, k.effect, k.state, k.reason, k.currency, d.totals, iif(?, d.customers, '[]')" +
		" FROM spans AS p CROSS JOIN days AS d ON d.span = p.span CROSS JOIN kinds AS k ON k.id = d.kind" +
		" WHERE p.high >= ? AND p.low <= ? AND d.day BETWEEN ? AND ?"
	args := []any{customers, since, until, days.low, days.high - 1}
	for _, c := range kindConditions(f) {
		text, args = text+" AND "+c.text, append(args, c.args...)
	}
	type sums struct {
		calls.Key
		day               int64
		totals, customers string
	}
	columns := func(s *sums) []any {
		return []any{&s.day, &s.Caller, &s.Operation, &s.Credential, &s.Account, &s.Effect, &s.State, &s.Reason, &s.Currency, &s.totals, &s.customers}
	}
	return each(ctx, r.database, columns, func(s *sums) error {
		addOne := func(e *calls.Entry) error {
			s.Key.Scope, s.Key.Customer, s.Key.PriceFrom = e.Scope, e.Customer, e.PriceFrom
			e.Key = s.Key
			return add(s.day, e)
		}
		if err := readSums(s.totals, addOne); err != nil {
			return err
		}
		return readSums(s.customers, addOne)
	}, text, args...)
}
