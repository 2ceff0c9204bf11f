package store

import (
	"context"

	"fmt"
	"math"
	"time"

	"tollgate/audit/calls"
	"tollgate/internal/decimal"
)

// Report adds the calls that a filter chooses to a report, as [calls.Report.Add] of each of them does; customers is whether the report is by
// customer. Of the whole days of [Index.Zone] the sums in the index are added, which nothing proves: calls whose contribution may change are
// read, and those of days that are asked for in part. A filter of what the sums do not tell apart has all calls read. After an error the
// report is of no use.
func (x *Index) Report(ctx context.Context, f *calls.Filter, customers bool, report *calls.Report) error {
	if !inSums(f) {
		return x.Calls(ctx, f, report.Add)
	}
	r, err := x.reader(ctx)
	if err != nil {
		return err
	}
	defer r.close() // opened for reading: nothing can be lost
	days := wholeDays(f, r.zone)
	switch again, err := r.addSums(ctx, f, days, customers, report); {
	case err != nil:
		return r.failed(err)
	case again:
		return x.Report(ctx, f, customers, report)
	}
	for _, part := range days.parts(f, r.zone) {
		if err := r.addCalls(ctx, part.filter, part.from, report); err != nil {
			return err
		}
	}
	_, err = r.tail(ctx, math.MaxUint64, f.Passing(report.Add))
	return err
}

// Zone returns the zone whose days the index sums up.
func (x *Index) Zone(ctx context.Context) (*time.Location, error) {
	r, err := x.reader(ctx)
	if err != nil {
		return nil, err
	}
	return r.zone, r.close()
}

// inSums reports whether sums of kinds can answer a filter.
func inSums(f *calls.Filter) bool {
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
func (r *reader) addCalls(ctx context.Context, f *calls.Filter, from *source, report *calls.Report) error {
	q, err := r.query(ctx, f, from)
	if err != nil {
		return r.failed(err)
	}
	return q.walk(ctx, forwards, func(c *calls.Call, row *row) error {
		if from != nil && !row.crosses() && (c.Intent != nil || c.Refusal != nil) && (sums{}).addCall(row, c, r.zone) {
			return r.failed(fmt.Errorf("%w: the call that ended with record %d is said to be in no sum", errMisfit, row.ord))
		}
		return report.Add(c)
	})
}

// addSums adds the sums of days, unless the index has gone on since the reader was opened: the calls are read up to where it went then.
func (r *reader) addSums(ctx context.Context, f *calls.Filter, days dayRange, customers bool, report *calls.Report) (again bool, err error) {
	if days.low >= days.high {
		return false, nil
	}
	upTo := r.upTo.Seq
	err = r.transaction(ctx, "BEGIN", func() error {
		if err := r.begin(ctx); err != nil {
			return err
		}
		if again = r.upTo.Seq != upTo; again {
			return nil
		}
		if err := r.addTable(ctx, "days", "''", calls.ScopeTotal, f, days, report); err != nil || !customers {
			return err
		}
		return r.addTable(ctx, "customers", "customer", calls.ScopeCustomer, f, days, report)
	})
	return again, err
}

func (r *reader) addTable(ctx context.Context, table, customer string, scope calls.Scope, f *calls.Filter, days dayRange, report *calls.Report) error {
	for segment := int64(0); ; {
		next, err := r.number(ctx, "SELECT min(segment) FROM "+table+" WHERE segment > ?", segment)
		if err != nil || next == 0 {
			return err
		}
		segment = next
		s := statement{args: []any{days.low, days.high - 1, segment}}
		s.add("SELECT k.caller_text, k.operation, k.credential, k.account, k.effect, k.state, k.reason, k.currency, " + customer + ", price_from, calls, no_amount, d.unsummed, money FROM " + table + " AS d CROSS JOIN kinds AS k ON k.id = d.kind" +
			" WHERE d.segment = MOST AND d.day BETWEEN LOW AND HIGH")
		for _, c := range kindConditions(f) {
			s.add(" AND "+c.text, c.args...)
		}
		if err := r.addRows(ctx, &s, scope, report); err != nil {
			return err
		}
	}
}

func (r *reader) addRows(ctx context.Context, s *statement, scope calls.Scope, report *calls.Report) error {
	prepared, err := r.statement(ctx, s.String())
	if err != nil {
		return err
	}
	rows, err := prepared.QueryContext(ctx, s.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		e := calls.Entry{Key: calls.Key{Scope: scope}}
		var money string
		err := rows.Scan(&e.Caller, &e.Operation, &e.Credential, &e.Account, &e.Effect, &e.State, &e.Reason, &e.Currency, &e.Customer, &e.PriceFrom,
			&e.Calls, &e.NoAmount, &e.Unsummed, &money)
		if err != nil {
			return err
		}
		if e.Money, err = decimal.Parse(money); err != nil {
			return fmt.Errorf("%w: %w", errMisfit, err)
		}
		if err := report.AddEntry(&e); err != nil {
			return err
		}
	}
	return rows.Err()
}
