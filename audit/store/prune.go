package store

import (
	"context"
	"time"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
)

// Standing implements [Sink].
func (d *database) Standing(ctx context.Context) (s Standing, err error) {
	if err := d.check(ctx); err != nil {
		return s, err
	}
	first, err := d.number(ctx, "SELECT first FROM begin")
	if err != nil {
		return s, err
	}
	s.First = uint64(first)
	if s.Marks, err = d.marks(ctx); err != nil {
		return s, err
	}
	s.Open, err = fetch(ctx, d, position, "SELECT segment, offset FROM open ORDER BY segment, offset")
	return s, err
}

// StepBack implements [Sink]. What stays in amounts and spans leads to no call.
func (d *database) StepBack(ctx context.Context, to Mark) error {
	seq, segment := []any{int64(to.Seq)}, []any{int64(to.At.Segment)}
	return d.transaction(ctx, "BEGIN IMMEDIATE", func() error {
		err := d.execAll(ctx,
			command{"INSERT OR IGNORE INTO open SELECT intent_segment, intent_offset FROM calls WHERE ord > ? AND intent_segment > 0", seq},
			command{"INSERT OR IGNORE INTO open SELECT segment, offset FROM lost WHERE ord > ?", seq},
			command{"DELETE FROM open WHERE (segment, offset) > (?, ?)", []any{segment[0], to.At.Offset}},
			command{"DELETE FROM calls WHERE ord > ?", seq},
			command{"DELETE FROM lost WHERE ord > ?", seq},
			command{"DELETE FROM ids WHERE span >= ? AND ord > ?", []any{int64(to.Seq >> spanShift), seq[0]}},
			command{"DELETE FROM plans WHERE low > ?", seq},
			command{"UPDATE plans SET high = min(high, ?)", seq},
			command{"DELETE FROM events WHERE seq > ?", seq},
			command{"DELETE FROM marks WHERE seq > ?", seq},
			command{"DELETE FROM days WHERE segment >= ?", segment},
			command{"DELETE FROM customers WHERE segment >= ?", segment},
		)
		if err != nil {
			return err
		}
		return d.sumSegment(ctx, to.At.Segment)
	})
}

// sumSegment sums up again the calls that ended in the last segment, from their lines.
func (d *database) sumSegment(ctx context.Context, segment uint64) error {
	for from := int64(segment); ; {
		some, err := fetch(ctx, d, (*row).columns, "SELECT "+rowColumns+" FROM calls WHERE ord >= ? AND summed = 1 ORDER BY ord LIMIT ?", from, pageRows)
		if err != nil || len(some) == 0 {
			return err
		}
		s := sums{}
		for i := range some {
			c, err := d.read(ctx, &some[i])
			if err != nil {
				return err
			}
			s.addCall(&some[i], c, d.zone)
		}
		if err := d.writeSums(ctx, s); err != nil {
			return err
		}
		from = some[len(some)-1].ord + 1
	}
}

// pruneRows is how many rows one step of pruning takes at most, more or less: it goes in steps that delay no call.
const pruneRows = 2 << spanShift

// Prune implements [Sink]. Rows of ids of the span that first is in may stay: they lead to no call.
func (d *database) Prune(ctx context.Context, first uint64) error {
	for _, table := range []struct {
		least, remove string
		step, end     int64
	}{
		{"SELECT min(ord) FROM calls", "DELETE FROM calls WHERE ord < ?", pruneRows, int64(first)},
		{"SELECT min(span) FROM ids", "DELETE FROM ids WHERE span < ?", pruneRows >> spanShift, int64(first >> spanShift)},
	} {
		least, err := d.number(ctx, table.least)
		if err != nil {
			return err
		}
		for at := least; at < table.end; {
			at = min(at+table.step, table.end)
			if err := d.exec(ctx, table.remove, at); err != nil {
				return err
			}
			d.pace(ctx)
		}
	}
	for _, prune := range []func() error{
		func() error { return d.exec(ctx, "DELETE FROM amounts WHERE ord < ?", int64(first)) },
		func() error { return d.pruneSums(ctx, "days", first) },
		func() error { return d.pruneSums(ctx, "customers", first) },
		func() error {
			return d.transaction(ctx, "BEGIN IMMEDIATE", func() error { return d.pruneRest(ctx, first) })
		},
		func() error { return d.pruneKinds(ctx) },
	} {
		if err := prune(); err != nil {
			return err
		}
		d.pace(ctx)
	}
	return nil
}

// pruneSums removes the sums of the segments before first, day by day.
func (d *database) pruneSums(ctx context.Context, table string, first uint64) error {
	type day struct{ segment, day int64 }
	for {
		next, err := fetch(ctx, d, func(d *day) []any { return []any{&d.segment, &d.day} }, "SELECT segment, day FROM "+table+" WHERE segment < ? ORDER BY segment, day LIMIT 1", int64(first))
		if err != nil || len(next) == 0 {
			return err
		}
		if err := d.exec(ctx, "DELETE FROM "+table+" WHERE segment = ? AND day = ?", next[0].segment, next[0].day); err != nil {
			return err
		}
		d.pace(ctx)
	}
}

func (d *database) pruneRest(ctx context.Context, first uint64) error {
	if err := d.cutCrossing(ctx, first); err != nil {
		return err
	}
	if err := d.mergeAgain(ctx, first); err != nil {
		return err
	}
	seq := []any{int64(first)}
	return d.execAll(ctx,
		command{"DELETE FROM open WHERE segment < ?", seq},
		command{"DELETE FROM lost WHERE segment < ?", seq},
		command{"DELETE FROM events WHERE seq < ?", seq},
		command{"DELETE FROM marks WHERE seq < ?", seq},
		command{"DELETE FROM plans WHERE high < ?", seq},
		command{"DELETE FROM spans WHERE span < ?", []any{int64(first >> spanShift)}},
		command{"UPDATE begin SET first = ?", seq},
	)
}

// cutCrossing makes new rows of the calls whose intent is gone, but not their outcome.
func (d *database) cutCrossing(ctx context.Context, first uint64) error {
	cut, err := fetch(ctx, d, (*row).columns, "SELECT "+rowColumns+" FROM calls INDEXED BY crossing WHERE intent_segment > 0 AND intent_segment <> segment"+
		" AND intent_segment < ?", int64(first))
	if err != nil {
		return err
	}
	t := &rows{spans: map[int64]span{}, plans: map[string][]span{}}
	for i := range cut {
		if err := d.cut(ctx, &cut[i], t); err != nil {
			return err
		}
	}
	if err := d.writeIDs(ctx, t.ids); err != nil {
		return err
	}
	if err := d.writeAmounts(ctx, t.amounts); err != nil {
		return err
	}
	if err := d.writeSpans(ctx, t.spans); err != nil {
		return err
	}
	return d.insert(ctx, "INSERT OR REPLACE INTO calls VALUES", callColumns, t.calls, "")
}

// cut adds the row of a call without its intent. It stays out of the sums: what it added to them is gone already, with the intent's segment, or
// never was there.
func (d *database) cut(ctx context.Context, before *row, t *rows) error {
	outcome, err := readKind(&d.lines, before.ended, logfile.KindOutcome)
	if err != nil {
		return err
	}
	e := &Ended{Call: &calls.Call{Outcome: outcome}, End: before.ended}
	r, k, amounts := newRow(e)
	if r.kind, err = d.idOf(ctx, k); err != nil {
		return err
	}
	r.merged, r.late = before.merged, before.late
	t.widen(r.ord, r.time)
	t.add(&r, e.Call, amounts)
	return d.exec(ctx, "INSERT INTO plans SELECT ?1, ?2, ?2 WHERE ?1 <> '' AND NOT "+inPlan("?1", "?2"), e.Plan(), r.ord)
}

// mergeAgain takes what was pruned out of the running maximum of the times at which calls ended.
func (d *database) mergeAgain(ctx context.Context, first uint64) error {
	merged := micros(time.Time{})
	for from := int64(first); ; {
		some, err := fetch(ctx, d, (*row).columns, "SELECT "+rowColumns+" FROM calls WHERE ord >= ? ORDER BY ord LIMIT ?", from, pageRows)
		if err != nil || len(some) == 0 {
			return err
		}
		for _, r := range some {
			ended := r.merged - r.late
			if merged = max(merged, ended); merged == r.merged {
				return nil // and all behind it are right
			}
			if err := d.exec(ctx, "UPDATE calls SET merged = ?, late = ? WHERE ord = ?", merged, merged-ended, r.ord); err != nil {
				return err
			}
		}
		from = some[len(some)-1].ord + 1
	}
}

// pruneKinds removes the kinds that no call is of.
func (d *database) pruneKinds(ctx context.Context) error {
	defer d.ids.Purge()
	last, err := d.number(ctx, "SELECT max(id) FROM kinds")
	if err != nil {
		return err
	}
	for from := int64(0); from <= last; from += pruneRows {
		const text = "DELETE FROM kinds WHERE id BETWEEN ? AND ? AND NOT EXISTS (SELECT 1 FROM calls WHERE calls.kind = kinds.id)"
		if err := d.exec(ctx, text, from, from+pruneRows-1); err != nil {
			return err
		}
		d.pace(ctx)
	}
	return nil
}
