package store

import (
	"context"
	"errors"
	"fmt"
	"os"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
)

// indexer takes up a log's records.
type indexer struct {
	*database
	lines logfile.LineReader
	first uint64 // of the log, as the index knows it
	saved mark   // up to where the database goes

	joiner *calls.Joiner
	seq    uint64                        // of the last record that the joiner was given
	now    logfile.Position              // of the record that it is given
	open   map[uint64]logfile.Position   // of the intents that it holds, by seq
	stored map[logfile.Position]struct{} // those in the table open
	batch  *batch
}

// openIndexer opens a database and brings it to a state from which the log, whose first record is given, can be followed.
func openIndexer(ctx context.Context, dir, path string, first uint64, set pragmas) (*indexer, error) {
	d, err := connect(ctx, path, "rw", set)
	if err != nil {
		return nil, err
	}
	w := &indexer{database: d, lines: logfile.LineReader{Files: os.DirFS(dir)}}
	if err := w.resume(ctx, first); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *indexer) close() error { return errors.Join(w.lines.Close(), w.database.close()) }

func (w *indexer) resume(ctx context.Context, first uint64) error {
	if err := w.check(ctx); err != nil {
		return err
	}
	known, err := w.number(ctx, "SELECT first FROM begin")
	if err != nil {
		return err
	}
	if w.first = uint64(known); first < w.first {
		return fmt.Errorf("%w: it begins with record %d, the log with record %d", errMisfit, w.first, first)
	}
	if err := w.rollBackTo(ctx, first); err != nil {
		return err
	}
	if first == w.first {
		return w.load(ctx)
	}
	return w.prune(ctx, first)
}

// rollBackTo finds how far the log is as it was indexed, and takes back what is beyond.
func (w *indexer) rollBackTo(ctx context.Context, first uint64) error {
	marks, err := w.marks(ctx)
	if err != nil {
		return err
	}
	if len(marks) == 0 || marks[0].seq < first { // new, or all of it was pruned meanwhile
		w.saved = mark{seq: first - 1}
		return nil
	}
	for i := range marks {
		if !marks[i].holds(&w.lines) {
			continue
		}
		if w.saved = marks[i]; i == 0 {
			return nil
		}
		return w.transaction(ctx, "BEGIN IMMEDIATE", func() error { return w.rollBack(ctx, &marks[i]) })
	}
	return fmt.Errorf("%w: the last lines that it knows are not where they were", errMisfit)
}

// rollBack undoes what is behind a mark: calls that ended there are open again if they had begun before. What stays in the
// other tables makes a query look at a line more, no more than that.
func (w *indexer) rollBack(ctx context.Context, m *mark) error {
	for _, command := range []struct {
		text string
		args []any
	}{
		{"INSERT OR IGNORE INTO open SELECT intent_segment, intent_offset FROM calls WHERE ord > ? AND intent_segment > 0", []any{int64(m.seq)}},
		{"INSERT OR IGNORE INTO open SELECT segment, offset FROM lost WHERE ord > ?", []any{int64(m.seq)}},
		{"DELETE FROM open WHERE (segment, offset) > (?, ?)", []any{int64(m.at.Segment), m.at.Offset}},
		{"DELETE FROM calls WHERE ord > ?", []any{int64(m.seq)}},
		{"DELETE FROM lost WHERE ord > ?", []any{int64(m.seq)}},
		{"DELETE FROM settled WHERE seq > ?", []any{int64(m.seq)}},
		{"DELETE FROM marks WHERE seq > ?", []any{int64(m.seq)}},
	} {
		if err := w.exec(ctx, command.text, command.args...); err != nil {
			return err
		}
	}
	return nil
}

// load gives the joiner the calls that were open when the database was last written.
func (w *indexer) load(ctx context.Context) error {
	w.joiner = calls.NewJoiner(nil, w.ended)
	w.open, w.stored, w.seq = map[uint64]logfile.Position{}, map[logfile.Position]struct{}{}, w.saved.seq
	w.batch = newBatch()
	at, err := w.openCalls(ctx)
	if err != nil {
		return err
	}
	for _, at := range at {
		r, err := readKind(&w.lines, at, logfile.KindIntent)
		if err != nil {
			return err
		}
		w.open[r.Seq], w.stored[at] = at, struct{}{}
		if err := w.joiner.Add(r); err != nil {
			return err
		}
	}
	return nil
}

// readRecord reads a line back.
func readRecord(lines *logfile.LineReader, at logfile.Position) (*logfile.Record, error) {
	line, err := lines.Line(at)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMisfit, err)
	}
	r := new(logfile.Record)
	if err := logfile.ParseLine(line, r); err != nil {
		return nil, fmt.Errorf("%w: at %v: %w", errMisfit, at, err)
	}
	return r, nil
}

// readKind reads a line back that must be a record of a kind.
func readKind(lines *logfile.LineReader, at logfile.Position, kind logfile.Kind) (*logfile.Record, error) {
	r, err := readRecord(lines, at)
	if err == nil && r.Kind != kind {
		err = fmt.Errorf("%w: at %v stands a record of the kind %q, not %q", errMisfit, at, r.Kind, kind)
	}
	return r, err
}

// add takes the next record.
func (w *indexer) add(r *logfile.Record, line []byte, at logfile.Position) error {
	w.now, w.seq = at, r.Seq
	if err := w.joiner.Add(r); err != nil {
		return err
	}
	if r.Kind == logfile.KindIntent && r.Call != "" {
		w.open[r.Seq] = at
	}
	if calls.MaySettle(r) {
		w.batch.settled = append(w.batch.settled, settlement{hash48("call", r.Subject), r.Seq, at})
	}
	w.batch.mark(r.Seq, at, line)
	return nil
}

// ended is given each call that ends with the record that the joiner was given.
func (w *indexer) ended(c *calls.Call) error {
	var intent logfile.Position
	if c.Intent != nil {
		intent = w.open[c.Intent.Seq]
		delete(w.open, c.Intent.Seq)
	}
	if c.Lost != 0 {
		w.batch.addLost(c, intent)
		return nil
	}
	w.batch.add(newRow(c, intent, w.now))
	return nil
}

// take gives the batch, completed, and begins another one.
func (w *indexer) take() *batch {
	b := w.batch
	now := make(map[logfile.Position]struct{}, len(w.open))
	for _, at := range w.open {
		now[at] = struct{}{}
		if _, known := w.stored[at]; !known {
			b.opened = append(b.opened, at)
		}
	}
	for at := range w.stored {
		if _, still := now[at]; !still {
			b.closed = append(b.closed, at)
		}
	}
	w.stored, w.batch = now, newBatch()
	return b
}

// save writes a batch in one transaction. Another process must not have written meanwhile.
func (w *indexer) save(ctx context.Context, b *batch) error {
	if b.records == 0 {
		return nil
	}
	err := w.transaction(ctx, "BEGIN IMMEDIATE", func() error {
		saved, err := w.number(ctx, "SELECT max(seq) FROM marks")
		if err != nil {
			return err
		}
		if saved != 0 && uint64(saved) != w.saved.seq {
			return errors.New("another process writes it")
		}
		return w.write(ctx, b)
	})
	if err == nil {
		w.saved = mark{seq: b.last.seq, at: b.last.at}
	}
	return err
}

// pruneSpans is how many spans one step of pruning takes: it goes in steps that delay no call.
const pruneSpans = 2

// prune removes what is of records before first, which the log has no more, and what remains of calls that had their
// intent there: for whoever reads the log they are outcomes without one. Nothing may be in the batch.
func (w *indexer) prune(ctx context.Context, first uint64) error {
	if first == w.first {
		return nil
	}
	if err := w.pruneCalls(ctx, first); err != nil {
		return err
	}
	err := w.transaction(ctx, "BEGIN IMMEDIATE", func() error { return w.pruneRest(ctx, first) })
	if err != nil {
		return err
	}
	w.first = first
	return w.load(ctx)
}

// pruneCalls removes what is of records before first, step by step. Rows of ids and seen of the span and the block that first is in
// may stay: they lead to no call.
func (w *indexer) pruneCalls(ctx context.Context, first uint64) error {
	for _, table := range []struct {
		least, remove string
		step, end     int64
	}{
		{"SELECT min(ord) FROM calls", "DELETE FROM calls WHERE ord < ?", pruneSpans << spanShift, int64(first)},
		{"SELECT min(span) FROM ids", "DELETE FROM ids WHERE span < ?", pruneSpans, int64(first >> spanShift)},
	} {
		least, err := w.number(ctx, table.least)
		if err != nil {
			return err
		}
		for at := least; at < table.end; {
			at = min(at+table.step, table.end)
			if err := w.exec(ctx, table.remove, at); err != nil {
				return err
			}
			w.pace(ctx)
		}
	}
	if err := w.pruneSeen(ctx, int64(first>>blockShift)); err != nil {
		return err
	}
	return w.exec(ctx, "DELETE FROM amounts WHERE ord < ?", int64(first))
}

// pruneSeen removes the blocks before one, value by value.
func (w *indexer) pruneSeen(ctx context.Context, block int64) error {
	keys, err := fetch(ctx, w.database, func(key *int64) []any { return []any{key} }, "WITH RECURSIVE keys (key) AS (SELECT min(key) FROM seen UNION ALL"+
		" SELECT (SELECT min(seen.key) FROM seen WHERE seen.key > keys.key) FROM keys WHERE keys.key IS NOT NULL) SELECT key FROM keys WHERE key IS NOT NULL")
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := w.exec(ctx, "DELETE FROM seen WHERE key = ? AND block < ?", key, block); err != nil {
			return err
		}
		w.pace(ctx)
	}
	return nil
}

func (w *indexer) pruneRest(ctx context.Context, first uint64) error {
	b, err := w.crossing(ctx, first)
	if err != nil {
		return err
	}
	if err := w.write(ctx, b); err != nil {
		return err
	}
	for _, command := range []struct {
		text string
		arg  uint64
	}{
		{"DELETE FROM open WHERE segment < ?", first},
		{"DELETE FROM lost WHERE segment < ?", first},
		{"DELETE FROM settled WHERE seq < ?", first},
		{"DELETE FROM marks WHERE seq < ?", first},
		{"DELETE FROM spans WHERE span < ?", first >> spanShift},
		{"UPDATE begin SET first = ?", first},
	} {
		if err := w.exec(ctx, command.text, int64(command.arg)); err != nil {
			return err
		}
	}
	return nil
}

// crossing makes new rows of the calls whose intent is gone, but not their outcome.
func (w *indexer) crossing(ctx context.Context, first uint64) (*batch, error) {
	b := newBatch()
	ended, err := fetch(ctx, w.database, position, "SELECT segment, offset FROM calls INDEXED BY crossing WHERE intent_segment > 0 AND intent_segment <> segment"+
		" AND intent_segment < ?", int64(first))
	if err != nil {
		return nil, err
	}
	for _, at := range ended {
		r, err := readKind(&w.lines, at, logfile.KindOutcome)
		if err != nil {
			return nil, err
		}
		b.add(newRow(&calls.Call{Outcome: r}, logfile.Position{}, at))
	}
	return b, nil
}
