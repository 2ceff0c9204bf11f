package review

import (
	"context"
	"time"

	"tollgate/audit/logfile"
	"tollgate/audit/store"
	"tollgate/internal/words"
	"tollgate/review/chart"
	"tollgate/review/evidence"
)

// logCoverage is what one of the logs covers.
type logCoverage struct {
	log *evidence.Log
	evidence.Coverage
}

func (v *periodView) coverage(ctx context.Context) error {
	for _, l := range v.logs {
		c, err := l.Coverage(ctx)
		if err != nil {
			return err
		}
		v.covered = append(v.covered, logCoverage{l, c})
	}
	return nil
}

// sentence says how far checkpoints cover the log.
func (c *logCoverage) sentence(v *periodView) []words.Part {
	id := "period.covered"
	switch {
	case len(c.Missing) > 0:
		id = "period.records_missing"
	case c.Covered == 0:
		id = "period.not_covered"
	}
	return v.words.Said(id, "Log", c.log.Name, "Covered", grouped(c.Covered), "At", at(c.CoveredAt, v.zone), "To", grouped(c.Last))
}

func at(t time.Time, zone *time.Location) string { return t.In(zone).Format("2006-01-02 15:04") }

// dayStates are what days of a log can be.
var dayStates = []struct {
	fill chart.Fill
	id   string
}{
	{chart.Whole, "period.day_covered"}, {chart.Uncovered, "period.day_uncovered"}, {chart.Gap, "period.day_gap"}, {chart.Absent, "period.day_pruned"},
	{chart.Nothing, "period.day_nothing"},
}

const (
	dayCovered = iota
	dayUncovered
	dayGap
	dayPruned
	dayNothing
)

// checkpointWithin is within which time a running gateway covers a record by a checkpoint.
const checkpointWithin = time.Minute

// state returns what the log has of a slot at a time: of several things the worst. Records that wait for the next checkpoint of a running
// gateway count as covered.
func (c *logCoverage) state(s slot, now time.Time) int {
	for _, m := range c.Missing {
		if m.After.Before(s.Until) && !m.Before.Before(s.Since) {
			return dayGap
		}
	}
	switch {
	case c.Begin.IsZero() || s.Since.After(c.End):
		return dayNothing
	case c.Pruned && s.Since.Before(c.Begin):
		return dayPruned
	case !s.Until.After(c.Begin):
		return dayNothing
	case !c.Uncovered.IsZero() && s.Until.After(c.Uncovered) && now.Sub(c.Uncovered) > checkpointWithin:
		return dayUncovered
	}
	return dayCovered
}

// has reports whether the log has records of a slot, or of before and after it.
func (c *logCoverage) has(s slot) bool {
	return !c.Begin.IsZero() && !s.Since.After(c.End) && s.Until.After(c.Begin)
}

// absent says why nothing is on record of a slot: it is in the future, outside the logs, or pruned; empty if it is on record.
func (v *periodView) absent(slot int) (why string, as chart.Fill) {
	of := v.slots[slot]
	if of.Since.After(v.now) {
		return v.words.Text("period.future"), chart.Nothing
	}
	why, as = v.words.Text("period.day_nothing"), chart.Nothing
	for i := range v.covered {
		switch c := &v.covered[i]; {
		case c.has(of):
			return "", ""
		case c.Pruned && of.Since.Before(c.Begin):
			why, as = v.words.Text("period.day_pruned"), chart.Absent
		}
	}
	return why, as
}

// happenings are what ticks of a log stand for.
var happenings = []struct {
	sign   chart.Sign
	id     string
	filter store.EventFilter
}{
	{chart.Down, "period.tick_start", store.EventFilter{Kind: logfile.KindStart}},
	{chart.Diamond, "period.tick_key", store.EventFilter{Kind: logfile.KindKey}},
	{chart.Ring, "period.tick_stalled", store.EventFilter{Event: logfile.EventLogStalled}},
}

// logStrips shows each log by day.
func (v *periodView) logStrips() (list []*chart.Drawing) {
	for i := range v.ticks {
		list = append(list, v.logStrip(&v.covered[i], i, v.ticks[i]))
	}
	return list
}

// countTicks counts what happened to each log.
func (v *periodView) countTicks(ctx context.Context) error {
	for _, l := range v.logs {
		ticks, err := v.ticksOf(ctx, l)
		if err != nil {
			return err
		}
		v.ticks = append(v.ticks, ticks)
	}
	return nil
}

// ticksOf counts what happened to a log, by slot and kind.
func (v *periodView) ticksOf(ctx context.Context, l *evidence.Log) (ticks [][]int, err error) {
	ticks = make([][]int, len(v.slots))
	for i := range ticks {
		ticks[i] = make([]int, len(happenings))
	}
	for kind := range happenings {
		f := happenings[kind].filter
		f.Since, f.Until = v.period.Since, v.period.Until
		err := evidence.Logs{l}.Events(ctx, &f, func(_ *evidence.Log, r *logfile.Record) error {
			ticks[v.slotOf(r.Time)][kind]++
			return ctx.Err()
		})
		if err != nil {
			return nil, err
		}
	}
	return ticks, nil
}

func (v *periodView) logStrip(c *logCoverage, i int, ticks [][]int) *chart.Drawing {
	s := &chart.Strip{Head: v.head("log", v.slotWord(), v.words.Text("period.column_state"))}
	s.ID, s.Title = "log-"+grouped(i), v.words.Text("period.log", "Log", c.log.Name, "By", v.by())
	for _, state := range dayStates {
		s.States = append(s.States, chart.Series{Fill: state.fill, Word: v.words.Text(state.id)})
	}
	for _, h := range happenings {
		s.Kinds = append(s.Kinds, chart.Kind{Sign: h.sign, Word: v.words.Text(h.id)})
		s.Columns = append(s.Columns, v.words.Text(h.id))
	}
	for i, one := range v.slots {
		day := chart.StripDay{Label: one.label, Name: one.name, State: c.state(one, v.now)}
		for _, n := range ticks[i] {
			day.Ticks = append(day.Ticks, count(uint64(n)))
		}
		s.Days = append(s.Days, day)
	}
	return s.Draw()
}
