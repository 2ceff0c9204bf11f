package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"tollgate/audit/calls"
)

var _ Sink = (*database)(nil)

// Apply implements [Sink].
func (d *database) Apply(ctx context.Context, b *Batch) error {
	return d.transaction(ctx, func() error {
		last, err := d.number(ctx, "SELECT coalesce((SELECT max(seq) FROM marks), first - 1) FROM begin")
		if err != nil {
			return err
		}
		if uint64(last) != b.After {
			return fmt.Errorf("%w: it goes up to record %d, not %d", ErrNotNext, last, b.After)
		}
		t, err := d.rowsOf(ctx, b)
		if err != nil {
			return err
		}
		if err := d.writeNew(ctx, b, t); err != nil {
			return err
		}
		return d.writeRest(ctx, b, t.lost)
	})
}

// rows are what calls add to the tables.
type rows struct {
	calls []row
	lost  []any
	ids   []idRow
	sums  sums
}

// idRow is a row of the table ids, whose span follows from ord.
type idRow struct{ key, ord int64 }

func (d *database) rowsOf(ctx context.Context, b *Batch) (*rows, error) {
	t := &rows{calls: make([]row, 0, len(b.Calls)), ids: make([]idRow, 0, 4*len(b.Calls)), sums: sums{}}
	last, err := d.mergedAt(ctx, int64(b.After))
	if err != nil {
		return nil, err
	}
	merged := micros(last)
	for i := range b.Calls {
		e := &b.Calls[i]
		if e.Lost != 0 {
			t.lost = append(t.lost, int64(e.Lost), int64(e.Intent.Segment), e.Intent.Offset)
			continue
		}
		r, k := newRow(e)
		if r.kind, err = d.idOf(ctx, k); err != nil {
			return nil, err
		}
		merged = max(merged, micros(e.Ended()))
		r.merged = merged
		if !r.crosses() && t.sums.addCall(&r, e.Call, d.zone) {
			r.summed = 1
		}
		t.add(&r, e.Call)
	}
	return t, nil
}

func (t *rows) add(r *row, c *calls.Call) {
	t.calls = append(t.calls, *r)
	for key := range idKeys(c) {
		t.ids = append(t.ids, idRow{key, r.ord})
	}
	if plan := c.Plan(); plan != "" { // once a span
		t.ids = append(t.ids, idRow{planKey(plan), r.ord >> spanShift << spanShift})
	}
}

// writeRows writes calls and their ids.
func (d *database) writeRows(ctx context.Context, t *rows, insert string) error {
	values := make([]any, 0, callColumns*len(t.calls))
	for i := range t.calls {
		values = append(values, t.calls[i].values()...)
	}
	if err := d.insert(ctx, insert+" INTO calls VALUES", callColumns, values); err != nil {
		return err
	}
	// Rows that come to stand next to each other are written together.
	slices.SortFunc(t.ids, func(a, b idRow) int {
		return cmp.Or(cmp.Compare(a.ord>>spanShift, b.ord>>spanShift), cmp.Compare(a.key, b.key), cmp.Compare(a.ord, b.ord))
	})
	ids := make([]any, 0, 3*len(t.ids))
	for _, id := range slices.Compact(t.ids) {
		ids = append(ids, id.ord>>spanShift, id.key, id.ord)
	}
	return d.insert(ctx, "INSERT OR IGNORE INTO ids VALUES", 3, ids)
}

// writeNew writes what a batch has of calls, by span, and compacts what earlier batches have written of the spans that are complete now.
func (d *database) writeNew(ctx context.Context, b *Batch, t *rows) error {
	if err := d.writeRows(ctx, t, "INSERT OR ROLLBACK"); err != nil {
		return err
	}
	blocks, last := blocksOf(t.calls), map[int64]int64{}
	for _, b := range blocks {
		last[b.last>>spanShift] = b.last
	}
	if err := d.writeBlocks(ctx, blocks); err != nil {
		return err
	}
	if err := d.writeSums(ctx, t.sums, last); err != nil {
		return err
	}
	if begun := int64(b.After >> spanShift); begun < int64(b.Last.Seq>>spanShift) {
		return d.compact(ctx, begun)
	}
	return nil
}

// manyRows is how many rows one command inserts at most: a command costs more than a row, and between two of them others get the
// processor.
const manyRows = 32

// insert inserts rows, of width values each, by as few commands as may be.
func (d *database) insert(ctx context.Context, into string, width int, values []any) error {
	row := "(" + strings.Repeat(", ?", width)[2:] + ")"
	for some := range slices.Chunk(values, manyRows*width) {
		if err := d.exec(ctx, into+" "+row+strings.Repeat(", "+row, len(some)/width-1), some...); err != nil {
			return err
		}
		d.pace(ctx)
	}
	return nil
}

// maxLost bounds the calls without outcome, which queries hold in memory. Tests lower it.
var maxLost int64 = calls.MaxOpen

// keptMarks is how many transactions the index can step back. What a crash takes from a log is one commit, and fewer would do.
const keptMarks = 256

// writeRest writes what a batch has besides calls that ended.
func (d *database) writeRest(ctx context.Context, b *Batch, lost []any) error {
	if err := d.exec(ctx, "DELETE FROM open"); err != nil {
		return err
	}
	var open, events []any
	for _, at := range b.Open {
		open = append(open, int64(at.Segment), at.Offset)
	}
	for _, e := range b.Events {
		events = append(events, int64(e.Seq), eventText(e.Kind, e.Event), subjectKey(e.Subject), micros(e.Time), int64(e.At.Segment), e.At.Offset)
	}
	for _, c := range []struct {
		into   string
		width  int
		values []any
	}{{"open", 2, open}, {"lost", 3, lost}, {"events", 6, events}, {"marks", 4, []any{int64(b.Last.Seq), int64(b.Last.At.Segment), b.Last.At.Offset, b.Last.Hash[:]}}} {
		if err := d.insert(ctx, "INSERT INTO "+c.into+" VALUES", c.width, c.values); err != nil {
			return err
		}
	}
	if err := d.exec(ctx, "DELETE FROM marks WHERE seq <= (SELECT seq FROM marks ORDER BY seq DESC LIMIT 1 OFFSET ?)", keptMarks); err != nil || len(lost) == 0 {
		return err
	}
	if n, err := d.number(ctx, "SELECT count(*) FROM lost"); err != nil || n <= maxLost {
		return err
	}
	return fmt.Errorf("%w: more than %d calls have no outcome, which no gateway leaves: verify the log", errMisfit, maxLost)
}
