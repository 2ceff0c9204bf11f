package inbox

import (
	"context"
	"time"

	"tollgate/audit/calls"
	"tollgate/internal/moment"
	"tollgate/review/evidence"
)

// deprecated finds operations that end and are in use: from the sums of days, for each month of the period.
func (f *finder) deprecated(ctx context.Context) {
	for since := f.scope.Since; since.Before(f.scope.Until); {
		until := nextMonth(since, f.scope.Zone)
		if until.After(f.scope.Until) {
			until = f.scope.Until
		}
		if err := f.deprecatedIn(ctx, since, until); err != nil {
			f.miss(PartDeprecated, time.Time{}, err)
			return
		}
		since = until
	}
}

// nextMonth returns when the month of a time ends.
func nextMonth(t time.Time, zone *time.Location) time.Time {
	year, month, _ := t.In(zone).Date()
	return moment.StartOfDay(year, month+1, 1, zone)
}

func (f *finder) deprecatedIn(ctx context.Context, since, until time.Time) error {
	filter := &calls.Filter{Deprecated: true, Since: since, Until: until}
	report, err := evidence.Logs{f.Log}.Report(ctx, filter, calls.ByCaller, calls.ByOperation)
	if err != nil {
		return err
	}
	counts := map[[2]string]uint64{} // groups are by currency, too
	for _, g := range report.Groups() {
		counts[[2]string{g.Names[0], g.Names[1]}] += g.Calls
	}
	year, month, _ := since.In(f.scope.Zone).Date()
	begin := moment.StartOfDay(year, month, 1, f.scope.Zone)
	for of, n := range counts {
		f.yield(&Exception{
			ID:   ID{Kind: Deprecated, Name: short(of[1]), Caller: short(of[0]), Month: begin.Format(monthLayout)},
			Time: begin, Count: n, Subject: Subject{Kind: Deprecated, Weight: Hygiene, Caller: of[0], Operation: of[1]},
		})
	}
	return nil
}
