package evidence

import (
	"context"
	"sync"
	"time"

	"tollgate/audit/calls"
	"tollgate/internal/moment"
)

// Days calls add for what the calls that a filter chooses add to the totals of reports, see [calls.Entry], with the start of their day in a
// zone, in no order: from the index's sums of days where there is one, see [store.Index.Days].
func (s Logs) Days(ctx context.Context, f *calls.Filter, zone *time.Location, add func(day time.Time, e *calls.Entry) error) error {
	for _, l := range s {
		if err := l.days(ctx, f, zone, add); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) days(ctx context.Context, f *calls.Filter, zone *time.Location, add func(day time.Time, e *calls.Entry) error) error {
	if l.Index != nil {
		return l.Index.Days(ctx, f, zone, add)
	}
	source := l.Source()
	refunds := sync.OnceValues(func() (calls.Refunds, error) { return calls.ReadRefunds(ctx, source) })
	return source.Calls(ctx, f, func(c *calls.Call) error {
		year, month, date := c.Time().In(zone).Date()
		day := moment.StartOfDay(year, month, date, zone)
		return calls.AddEntries(c, refunds, func(e *calls.Entry) error {
			if e.Scope == calls.ScopeCustomer {
				return nil
			}
			e.Scope, e.Customer = calls.ScopeTotal, ""
			return add(day, e)
		})
	})
}

// report adds the calls of a log to a report.
func (l *Log) report(ctx context.Context, f *calls.Filter, customers bool, report *calls.Report) error {
	if l.Index != nil {
		return l.Index.Report(ctx, f, customers, report)
	}
	return l.Source().Calls(ctx, f, report.Add)
}
