package evidence

import (
	"context"
	"maps"
	"math"
	"slices"

	"tollgate/audit/calls"
	"tollgate/audit/store"
)

// Sums are the sums of the calls that a filter chooses.
type Sums struct {
	*calls.Report        // nil: there are none
	OfDays        bool   // figures are sums of days that indexes hold, which nothing compares with the log
	Cut           bool   // time was up: calls behind Log and To are not in the sums
	Log           string // the log that was read when time was up
	To            uint64 // the record up to which its calls were read; 0: none was
}

// Indexed reports whether each log has an index.
func (s Logs) Indexed() bool {
	return !slices.ContainsFunc(s, func(l *Log) bool { return l.Index == nil })
}

// InSums reports whether the sums of indexes can answer a filter.
func (s Logs) InSums(f *calls.Filter) bool { return store.InSums(f) && s.Indexed() }

// Sums returns the sums of the calls that a filter chooses: by the sums of indexes where those have them, and otherwise by the calls. When the
// deadline of the context passes, they are what was summed up until then.
func (s Logs) Sums(ctx context.Context, f *calls.Filter) (Sums, error) {
	sums := s.newSums(ctx)
	for _, l := range s {
		sums.Log = l.Name
		if done, err := sums.ended(ctx, sums.add(ctx, l, f)); done {
			return sums, err
		}
	}
	return sums, nil
}

// SumsOf returns the sums of calls.
func (s Logs) SumsOf(ctx context.Context, placed []calls.Placed) (Sums, error) {
	sums := s.newSums(ctx)
	for _, p := range placed {
		sums.Log, sums.To = p.Log, 0
		if done, err := sums.ended(ctx, sums.Report.Add(p.Call)); done {
			return sums, err
		}
	}
	return sums, nil
}

func (s Logs) newSums(ctx context.Context) Sums {
	return Sums{Report: calls.NewReport(nil, func() (calls.Refunds, error) { return s.refunds(ctx) })}
}

// ended reports whether an error ends the adding up; that time is up is no error.
func (s *Sums) ended(ctx context.Context, err error) (done bool, fault error) {
	if err != nil && ctx.Err() == context.DeadlineExceeded {
		s.Cut, err = true, nil
		return true, nil
	}
	return err != nil, err
}

func (s *Sums) add(ctx context.Context, l *Log, f *calls.Filter) error {
	if s.To = 0; l.Index != nil && store.InSums(f) {
		s.OfDays = true
		err := l.Index.Report(ctx, f, false, s.Report)
		if err != nil {
			s.Report = nil // what was added to it is of no order
		}
		return err
	}
	return l.Source().Calls(ctx, f, func(c *calls.Call) error {
		if err := s.Report.Add(c); err != nil {
			return err
		}
		if ended := c.Order(); ended != math.MaxUint64 {
			s.To = ended
		}
		return nil
	})
}

// refunds returns the refunds that callers have read, through whichever gateway.
func (s Logs) refunds(ctx context.Context) (calls.Refunds, error) {
	all := calls.Refunds{}
	for _, l := range s {
		refunds, err := calls.ReadRefunds(ctx, l.Source())
		if err != nil {
			return nil, err
		}
		maps.Copy(all, refunds)
	}
	return all, nil
}

// Known returns values that calls of the log have had, up to a number of each: by the keys of a map whose values are members of the index, see
// [store.Index.Known]. A log without an index has none.
func (l *Log) Known(ctx context.Context, limit int, members map[string]string) map[string][]string {
	if l.Index == nil {
		return nil
	}
	found, err := l.Index.Known(ctx, limit, slices.Collect(maps.Values(members))...)
	if err != nil {
		return nil // the page itself shows what is wrong with the index
	}
	known := make(map[string][]string, len(members))
	for name, member := range members {
		known[name] = found[member]
	}
	return known
}
