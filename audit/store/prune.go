package store

import (
	"context"
	"fmt"
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
	type mark struct {
		Mark
		hash []byte
	}
	err = each(ctx, d, func(m *mark) []any { return []any{&m.Seq, &m.At.Segment, &m.At.Offset, &m.hash} }, func(m *mark) error {
		if copy(m.Hash[:], m.hash) != len(m.Hash) {
			return errMisfit
		}
		s.Marks = append(s.Marks, m.Mark)
		return nil
	}, "SELECT seq, segment, offset, hash FROM marks ORDER BY seq DESC")
	if err == nil {
		s.Open, err = fetch(ctx, d, position, "SELECT segment, offset FROM open ORDER BY segment, offset")
	}
	return s, err
}

// execAll runs commands that all have the same arguments, by number.
func (d *database) execAll(ctx context.Context, args []any, texts ...string) error {
	for _, text := range texts {
		if err := d.exec(ctx, text, args...); err != nil {
			return err
		}
	}
	return nil
}

// StepBack implements [Sink].
func (d *database) StepBack(ctx context.Context, to Mark) error {
	return d.transaction(ctx, func() error {
		err := d.execAll(ctx, []any{int64(to.Seq), int64(to.At.Segment), to.At.Offset, int64(to.Seq >> spanShift)},
			"INSERT OR IGNORE INTO open SELECT intent_segment, intent_offset FROM calls WHERE ord > ?1 AND intent_segment > 0",
			"INSERT OR IGNORE INTO open SELECT segment, offset FROM lost WHERE ord > ?1",
			"DELETE FROM open WHERE (segment, offset) > (?2, ?3)",
			"DELETE FROM calls WHERE ord > ?1",
			"DELETE FROM lost WHERE ord > ?1",
			"DELETE FROM ids WHERE span >= ?4 AND ord > ?1",
			"DELETE FROM events WHERE seq > ?1",
			"DELETE FROM marks WHERE seq > ?1",
			fmt.Sprintf("DELETE FROM blocks WHERE last >> %d > ?4", spanShift),
			fmt.Sprintf("DELETE FROM days WHERE last >> %d > ?4", spanShift),
		)
		if err != nil {
			return err
		}
		return d.spanAgain(ctx, int64(to.Seq>>spanShift))
	})
}

// pruneRows is how many rows one step of pruning takes at most: it goes in steps that delay no call.
const pruneRows = 8192

// Prune implements [Sink]. Rows of ids of the span that first is in may stay: they lead to no call.
func (d *database) Prune(ctx context.Context, first uint64) error {
	for _, some := range []struct{ table, key, gone string }{
		{"calls", "ord", "ord < ?"},
		{"ids", "span, key, ord", fmt.Sprintf("span < ? >> %d", spanShift)},
		{"days", "last, day", fmt.Sprintf("last < ? >> %d << %[1]d", spanShift)},
		{"blocks", "last", fmt.Sprintf("last < ? >> %d << %[1]d", spanShift)},
	} {
		for left := int64(1); left > 0; {
			text := fmt.Sprintf("DELETE FROM %s WHERE (%s) IN (SELECT %[2]s FROM %[1]s WHERE %[3]s LIMIT ?)", some.table, some.key, some.gone)
			if err := d.exec(ctx, text, int64(first), pruneRows); err != nil {
				return err
			}
			d.pace(ctx)
			var err error
			if left, err = d.number(ctx, "SELECT changes()"); err != nil {
				return err
			}
		}
	}
	defer d.ids.Purge()
	return d.transaction(ctx, func() error { return d.pruneRest(ctx, first) })
}

func (d *database) pruneRest(ctx context.Context, first uint64) error {
	if err := d.cutCrossing(ctx, first); err != nil {
		return err
	}
	if err := d.mergeAgain(ctx, first); err != nil {
		return err
	}
	if err := d.spanAgain(ctx, int64(first>>spanShift)); err != nil {
		return err
	}
	if err := d.pruneKinds(ctx); err != nil {
		return err
	}
	return d.execAll(ctx, []any{int64(first)},
		"DELETE FROM open WHERE segment < ?1",
		"DELETE FROM lost WHERE segment < ?1",
		"DELETE FROM events WHERE seq < ?1",
		"DELETE FROM marks WHERE seq < ?1",
		"UPDATE begin SET first = ?1",
	)
}

// cutCrossing makes new rows of the calls whose intent is gone, but not their outcome. They stay out of the sums: what they added to them is gone
// already, with the intent's segment, or never was there.
func (d *database) cutCrossing(ctx context.Context, first uint64) error {
	cut, err := fetch(ctx, d, (*row).columns, "SELECT "+rowColumns+" FROM calls INDEXED BY unsummed WHERE summed = 0 AND intent_segment > 0 AND intent_segment < ?", int64(first))
	if err != nil {
		return err
	}
	t := &rows{}
	for _, before := range cut {
		outcome, err := readKind(&d.lines, before.ended, logfile.KindOutcome)
		if err != nil {
			return err
		}
		r, k := newRow(&Ended{Call: &calls.Call{Outcome: outcome}, End: before.ended})
		if r.kind, err = d.idOf(ctx, k); err != nil {
			return err
		}
		r.merged = before.merged
		t.add(&r, &calls.Call{Outcome: outcome})
	}
	if err := d.writeRows(ctx, t, "INSERT OR REPLACE"); err != nil {
		return err
	}
	for _, b := range blocksOf(t.calls) {
		if err := d.blockAgain(ctx, b.last>>spanShift); err != nil {
			return err
		}
	}
	return nil
}

// spanAgain makes what is written by span again, from the rows of its calls.
func (d *database) spanAgain(ctx context.Context, span int64) error {
	if err := d.blockAgain(ctx, span); err != nil {
		return err
	}
	return d.sumAgain(ctx, span)
}

// pruneKinds removes the kinds that no call has.
func (d *database) pruneKinds(ctx context.Context) error {
	used := kindSet{}
	err := each(ctx, d, (*block).columns, func(b *block) error {
		for e, err := range entries(b.last>>spanShift, b.calls) {
			if err != nil {
				return err
			}
			used.add(e.kind)
		}
		return nil
	}, "SELECT "+blockColumns+" FROM blocks")
	if err != nil {
		return err
	}
	all, err := fetch(ctx, d, func(id *int64) []any { return []any{id} }, "SELECT id FROM kinds")
	if err != nil {
		return err
	}
	for _, id := range all {
		if used.has(id) {
			continue
		}
		if err := d.exec(ctx, "DELETE FROM kinds WHERE id = ?", id); err != nil {
			return err
		}
	}
	return nil
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
			ended, err := readRecord(&d.lines, r.ended)
			if err != nil {
				return err
			}
			if merged = max(merged, micros(ended.Time)); merged == r.merged {
				return nil // and all behind it are right
			}
			if err := d.exec(ctx, "UPDATE calls SET merged = ? WHERE ord = ?", merged, r.ord); err != nil {
				return err
			}
		}
		from = some[len(some)-1].ord + 1
	}
}
