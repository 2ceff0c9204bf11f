package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
)

var _ Sink = (*database)(nil)

// Apply implements [Sink].
func (d *database) Apply(ctx context.Context, b *Batch) error {
	return d.transaction(ctx, "BEGIN IMMEDIATE", func() error {
		last, err := d.number(ctx, "SELECT coalesce((SELECT max(seq) FROM marks), first - 1) FROM begin")
		if err != nil {
			return err
		}
		if uint64(last) != b.After {
			return fmt.Errorf("%w: it goes up to record %d, not %d", ErrNotNext, last, b.After)
		}
		return d.write(ctx, b)
	})
}

func (d *database) write(ctx context.Context, b *Batch) error {
	t, err := d.tables(ctx, b)
	if err != nil {
		return err
	}
	for _, write := range []func() error{
		func() error { return d.insert(ctx, "INSERT OR ROLLBACK INTO calls VALUES", callColumns, t.calls, "") },
		func() error { return d.writeIDs(ctx, t.ids) },
		func() error { return d.writeAmounts(ctx, t.amounts) },
		func() error { return d.writeSpans(ctx, t.spans) },
		func() error { return d.writePlans(ctx, t.plans) },
		func() error { return d.writeSums(ctx, t.sums) },
		func() error { return d.writeOpen(ctx, b) },
		func() error { return d.writeLost(ctx, t.lost) },
		func() error { return d.writeEvents(ctx, b.Events) },
		func() error { return d.writeMark(ctx, &b.Last) },
	} {
		if err := write(); err != nil {
			return err
		}
	}
	return nil
}

// rows are what a batch adds to the tables.
type rows struct {
	calls, lost  []any
	ids, amounts []pair
	spans        map[int64]span
	plans        map[string][]span // by plan: runs of calls by ord
	sums         sums
}

// pair is a row of the tables ids and amounts.
type pair struct{ key, ord int64 }

// span is a range, both ends included.
type span struct{ low, high int64 }

func (d *database) tables(ctx context.Context, b *Batch) (*rows, error) {
	n := len(b.Calls)
	t := &rows{calls: make([]any, 0, n*callColumns), ids: make([]pair, 0, 4*n), spans: map[int64]span{}, plans: map[string][]span{}, sums: sums{}}
	merged, err := d.number(ctx, "SELECT coalesce((SELECT merged FROM calls ORDER BY ord DESC LIMIT 1), ?)", micros(time.Time{}))
	if err != nil {
		return nil, err
	}
	for i := range b.Calls {
		e := &b.Calls[i]
		ord := int64(e.Order())
		t.widen(ord, micros(e.Time()))
		if e.Lost != 0 {
			t.lost = append(t.lost, ord, int64(e.Intent.Segment), e.Intent.Offset)
			continue
		}
		r, k, amounts := newRow(e)
		if r.kind, err = d.idOf(ctx, k); err != nil {
			return nil, err
		}
		r.placed(e, merged)
		merged = r.merged
		if !r.crosses() && t.sums.addCall(&r, e.Call, d.zone) {
			r.summed = 1
		}
		t.add(&r, e.Call, amounts)
	}
	return t, nil
}

func (t *rows) add(r *row, c *calls.Call, amounts []int64) {
	t.calls = append(t.calls, r.values()...)
	for _, key := range idKeys(c) {
		t.ids = append(t.ids, pair{key, r.ord})
	}
	for _, key := range amounts {
		t.amounts = append(t.amounts, pair{key, r.ord})
	}
	if plan := c.Plan(); plan != "" {
		t.plans[plan] = joinRun(t.plans[plan], span{r.ord, r.ord})
	}
}

// widen has the span of a call reach to its time.
func (t *rows) widen(ord, time int64) {
	s, ok := t.spans[ord>>spanShift]
	if !ok {
		s = span{time, time}
	}
	t.spans[ord>>spanShift] = span{min(s.low, time), max(s.high, time)}
}

// planGap is how far apart two calls of one run of a plan may be: so many calls of other plans may be read for each of it.
const planGap = 64

// joinRun adds a run behind others of the same plan.
func joinRun(runs []span, next span) []span {
	if n := len(runs); n > 0 && next.low-runs[n-1].high <= planGap {
		runs[n-1].high = next.high
		return runs
	}
	return append(runs, next)
}

// manyRows is how many rows one command inserts at most: a command costs more than a row, and between two of them others get the
// processor.
const manyRows = 32

// insert inserts rows, of width values each, by as few commands as may be.
func (d *database) insert(ctx context.Context, into string, width int, values []any, conflict string) error {
	row := "(" + strings.Repeat(", ?", width)[2:] + ")"
	for some := range slices.Chunk(values, manyRows*width) {
		if err := d.exec(ctx, into+" "+row+strings.Repeat(", "+row, len(some)/width-1)+conflict, some...); err != nil {
			return err
		}
		d.pace(ctx)
	}
	return nil
}

// writeIDs sorts the rows, so that those which come to stand next to each other are written together. So do the others.
func (d *database) writeIDs(ctx context.Context, pairs []pair) error {
	slices.SortFunc(pairs, func(a, b pair) int {
		return cmp.Or(cmp.Compare(a.ord>>spanShift, b.ord>>spanShift), cmp.Compare(a.key, b.key), cmp.Compare(a.ord, b.ord))
	})
	values := make([]any, 0, 3*len(pairs))
	for _, p := range pairs {
		values = append(values, p.ord>>spanShift, p.key, p.ord)
	}
	return d.insert(ctx, "INSERT OR IGNORE INTO ids VALUES", 3, values, "")
}

func (d *database) writeAmounts(ctx context.Context, pairs []pair) error {
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.ord, b.ord)) })
	values := make([]any, 0, 2*len(pairs))
	for _, p := range pairs {
		values = append(values, p.key, p.ord)
	}
	return d.insert(ctx, "INSERT OR IGNORE INTO amounts VALUES", 2, values, "")
}

func (d *database) writeSpans(ctx context.Context, spans map[int64]span) error {
	for n, s := range spans {
		const text = "INSERT INTO spans VALUES (?, ?, ?) ON CONFLICT (span) DO UPDATE SET low = min(low, excluded.low), high = max(high, excluded.high)"
		if err := d.exec(ctx, text, n, s.low, s.high); err != nil {
			return err
		}
	}
	return nil
}

// writePlans joins the first run of each plan with the last one that is there. Runs of one plan do not overlap.
func (d *database) writePlans(ctx context.Context, plans map[string][]span) error {
	for plan, runs := range plans {
		last, err := fetch(ctx, d, func(s *span) []any { return []any{&s.low, &s.high} }, "SELECT low, high FROM plans WHERE plan = ? ORDER BY low DESC LIMIT 1", plan)
		if err != nil {
			return err
		}
		for _, run := range joinRun(last, runs[0])[max(len(last)-1, 0):] {
			runs[0] = run
		}
		for _, run := range runs {
			const text = "INSERT INTO plans VALUES (?, ?, ?) ON CONFLICT (plan, low) DO UPDATE SET high = max(high, excluded.high)"
			if err := d.exec(ctx, text, plan, run.low, run.high); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *database) writeOpen(ctx context.Context, b *Batch) error {
	for _, at := range b.Opened {
		if err := d.exec(ctx, "INSERT INTO open VALUES (?, ?)", int64(at.Segment), at.Offset); err != nil {
			return err
		}
	}
	for _, at := range b.Closed {
		if err := d.exec(ctx, "DELETE FROM open WHERE segment = ? AND offset = ?", int64(at.Segment), at.Offset); err != nil {
			return err
		}
	}
	return nil
}

// maxLost bounds the calls without outcome, which queries hold in memory. Tests lower it.
var maxLost int64 = calls.MaxOpen

func (d *database) writeLost(ctx context.Context, lost []any) error {
	if len(lost) == 0 {
		return nil
	}
	if err := d.insert(ctx, "INSERT INTO lost VALUES", 3, lost, ""); err != nil {
		return err
	}
	if n, err := d.number(ctx, "SELECT count(*) FROM lost"); err != nil || n <= maxLost {
		return err
	}
	return fmt.Errorf("%w: more than %d calls have no outcome, which no gateway leaves: verify the log", errMisfit, maxLost)
}

func (d *database) writeEvents(ctx context.Context, events []Event) error {
	var values []any
	for _, e := range events {
		values = append(values, int64(e.Seq), string(e.Event), subjectKey(e.Subject), micros(e.Time), int64(e.At.Segment), e.At.Offset)
	}
	return d.insert(ctx, "INSERT INTO events VALUES", 6, values, "")
}

// keptMarks is how many transactions the index can step back. What a crash takes from a log is one commit, and fewer would do.
const keptMarks = 256

func (d *database) writeMark(ctx context.Context, m *Mark) error {
	return d.execAll(ctx,
		command{"INSERT INTO marks VALUES (?, ?, ?, ?)", []any{int64(m.Seq), int64(m.At.Segment), m.At.Offset, m.Hash[:]}},
		command{"DELETE FROM marks WHERE seq <= (SELECT seq FROM marks ORDER BY seq DESC LIMIT 1 OFFSET ?)", []any{keptMarks}},
	)
}

// marks returns the marks, the last one first.
func (d *database) marks(ctx context.Context) ([]Mark, error) {
	type marked struct {
		Mark
		hash []byte
	}
	all, err := fetch(ctx, d, func(m *marked) []any { return []any{&m.Seq, &m.At.Segment, &m.At.Offset, &m.hash} },
		"SELECT seq, segment, offset, hash FROM marks ORDER BY seq DESC")
	marks := make([]Mark, len(all))
	for i, m := range all {
		if marks[i] = m.Mark; copy(marks[i].Hash[:], m.hash) != len(marks[i].Hash) {
			return nil, errMisfit
		}
	}
	return marks, err
}

func position(at *logfile.Position) []any { return []any{&at.Segment, &at.Offset} }
