package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
)

// batch is what one transaction takes up.
type batch struct {
	records        int
	rows           []row
	terms, amounts []pair
	seen           map[sighting]struct{}
	spans          map[int64]span
	opened, closed []logfile.Position // intents
	lost           []match
	settled        []settlement

	last struct { // the last record
		seq  uint64
		at   logfile.Position
		line []byte
	}
}

// settlement is where a record stands that may settle the outcome of a call.
type settlement struct {
	call int64 // key of its id, as in the table ids
	seq  uint64
	at   logfile.Position
}

// span says from when to when the calls of some records are.
type span struct{ low, high int64 }

func newBatch() *batch { return &batch{spans: map[int64]span{}, seen: map[sighting]struct{}{}} }

func (b *batch) add(r row, terms, amounts []pair) {
	b.rows = append(b.rows, r)
	b.terms = append(b.terms, terms...)
	b.amounts = append(b.amounts, amounts...)
	r.sightings(func(s sighting) { b.seen[s] = struct{}{} })
	b.widen(r.ord, r.time)
}

// addLost adds a call that never got an outcome.
func (b *batch) addLost(c *calls.Call, intent logfile.Position) {
	ord := int64(c.Lost)
	b.lost = append(b.lost, match{ord: ord, intent: intent})
	b.widen(ord, micros(c.Time()))
}

func (b *batch) widen(ord, time int64) {
	s, ok := b.spans[ord>>spanShift]
	if !ok {
		s = span{time, time}
	}
	b.spans[ord>>spanShift] = span{min(s.low, time), max(s.high, time)}
}

// mark notes how far the batch goes.
func (b *batch) mark(seq uint64, at logfile.Position, line []byte) {
	b.records++
	b.last.seq, b.last.at, b.last.line = seq, at, append(b.last.line[:0], line...)
}

// write puts a batch into the tables, within a transaction.
func (d *database) write(ctx context.Context, b *batch) error {
	if err := d.writeRows(ctx, b.rows); err != nil {
		return err
	}
	if err := d.writeIDs(ctx, b.terms); err != nil {
		return err
	}
	if err := d.writeAmounts(ctx, b.amounts); err != nil {
		return err
	}
	if err := d.writeSeen(ctx, b.seen); err != nil {
		return err
	}
	for n, s := range b.spans {
		const text = "INSERT INTO spans VALUES (?, ?, ?) ON CONFLICT (span) DO UPDATE SET low = min(low, excluded.low), high = max(high, excluded.high)"
		if err := d.exec(ctx, text, n, s.low, s.high); err != nil {
			return err
		}
	}
	if err := d.writeOpen(ctx, b); err != nil {
		return err
	}
	if err := d.writeLost(ctx, b.lost); err != nil {
		return err
	}
	if err := d.writeSettled(ctx, b.settled); err != nil || b.records == 0 {
		return err
	}
	return d.writeMark(ctx, b)
}

// manyRows is how many rows one command inserts at most: a command costs more than a row, and between two of them others get the
// processor.
const manyRows = 32

// insert inserts rows, of width values each, by as few commands as may be.
func (d *database) insert(ctx context.Context, into string, width int, values []any) error {
	row := "(" + strings.Repeat(", ?", width)[2:] + ")"
	for some := range slices.Chunk(values, manyRows*width) {
		if err := d.exec(ctx, into+" VALUES "+row+strings.Repeat(", "+row, len(some)/width-1), some...); err != nil {
			return err
		}
		d.pace(ctx)
	}
	return nil
}

func (d *database) writeRows(ctx context.Context, rows []row) error {
	values := make([]any, 0, len(rows)*(8+len(columns)))
	for i := range rows {
		r := &rows[i]
		values = append(values, r.ord, r.time, int64(r.intent.Segment), r.intent.Offset, int64(r.ended.Segment), r.ended.Offset, r.low, r.high)
		values = append(values, r.columns[:]...)
	}
	return d.insert(ctx, "INSERT OR REPLACE INTO calls", 8+len(columns), values)
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
	return d.insert(ctx, "INSERT OR IGNORE INTO ids", 3, values)
}

func (d *database) writeAmounts(ctx context.Context, pairs []pair) error {
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.ord, b.ord)) })
	values := make([]any, 0, 2*len(pairs))
	for _, p := range pairs {
		values = append(values, p.key, p.ord)
	}
	return d.insert(ctx, "INSERT OR IGNORE INTO amounts", 2, values)
}

func (d *database) writeSeen(ctx context.Context, seen map[sighting]struct{}) error {
	sorted := slices.SortedFunc(maps.Keys(seen), func(a, b sighting) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.block, b.block))
	})
	values := make([]any, 0, 2*len(sorted))
	for _, s := range sorted {
		values = append(values, s.key, s.block)
	}
	return d.insert(ctx, "INSERT OR IGNORE INTO seen", 2, values)
}

func (d *database) writeOpen(ctx context.Context, b *batch) error {
	for _, at := range b.opened {
		if err := d.exec(ctx, "INSERT INTO open VALUES (?, ?)", int64(at.Segment), at.Offset); err != nil {
			return err
		}
	}
	for _, at := range b.closed {
		if err := d.exec(ctx, "DELETE FROM open WHERE segment = ? AND offset = ?", int64(at.Segment), at.Offset); err != nil {
			return err
		}
	}
	return nil
}

// maxLost bounds the calls without outcome, which queries hold in memory. Tests lower it.
var maxLost int64 = calls.MaxOpen

func (d *database) writeLost(ctx context.Context, lost []match) error {
	for i := range lost {
		at := lost[i].intent
		if err := d.exec(ctx, "INSERT INTO lost VALUES (?, ?, ?)", lost[i].ord, int64(at.Segment), at.Offset); err != nil {
			return err
		}
	}
	if len(lost) == 0 {
		return nil
	}
	if n, err := d.number(ctx, "SELECT count(*) FROM lost"); err != nil || n <= maxLost {
		return err
	}
	return fmt.Errorf("%w: more than %d calls have no outcome, which no gateway leaves: verify the log", errMisfit, maxLost)
}

func (d *database) writeSettled(ctx context.Context, settled []settlement) error {
	for _, s := range settled {
		if err := d.exec(ctx, "INSERT OR IGNORE INTO settled VALUES (?, ?, ?, ?)", s.call, int64(s.seq), int64(s.at.Segment), s.at.Offset); err != nil {
			return err
		}
	}
	return nil
}

// settlements returns where records stand that may settle the outcome of a call, in order.
func (d *database) settlements(ctx context.Context, call string) ([]logfile.Position, error) {
	return fetch(ctx, d, position, "SELECT segment, offset FROM settled WHERE call = ? ORDER BY seq", hash48("call", call))
}

// keptMarks is how many transactions the index can go back. What a crash takes from a log is one commit, and fewer would do.
const keptMarks = 256

func (d *database) writeMark(ctx context.Context, b *batch) error {
	hash := sha256.Sum256(b.last.line)
	err := d.exec(ctx, "INSERT INTO marks VALUES (?, ?, ?, ?)", int64(b.last.seq), int64(b.last.at.Segment), b.last.at.Offset, hash[:])
	if err != nil {
		return err
	}
	return d.exec(ctx, "DELETE FROM marks WHERE seq <= (SELECT seq FROM marks ORDER BY seq DESC LIMIT 1 OFFSET ?)", keptMarks)
}

// mark says how far a log was indexed, and by which line one sees that it is still the same log.
type mark struct {
	seq  uint64
	at   logfile.Position
	hash []byte
}

// marks gives the marks, the last one first.
func (d *database) marks(ctx context.Context) ([]mark, error) {
	return fetch(ctx, d, func(m *mark) []any { return []any{&m.seq, &m.at.Segment, &m.at.Offset, &m.hash} },
		"SELECT seq, segment, offset, hash FROM marks ORDER BY seq DESC")
}

// holds says whether the log still has the line of a mark.
func (m *mark) holds(lines *logfile.LineReader) bool {
	line, err := lines.Line(m.at)
	if err != nil {
		return false
	}
	hash := sha256.Sum256(line)
	return string(hash[:]) == string(m.hash)
}

// openCalls gives the positions of intents without outcome, in order.
func (d *database) openCalls(ctx context.Context) ([]logfile.Position, error) {
	return fetch(ctx, d, position, "SELECT segment, offset FROM open ORDER BY segment, offset")
}

func position(at *logfile.Position) []any { return []any{&at.Segment, &at.Offset} }

// lostCalls gives the calls that never got an outcome, in order.
func (d *database) lostCalls(ctx context.Context) ([]match, error) {
	return fetch(ctx, d, func(f *match) []any { return []any{&f.ord, &f.intent.Segment, &f.intent.Offset} },
		"SELECT ord, segment, offset FROM lost ORDER BY ord, segment, offset")
}
