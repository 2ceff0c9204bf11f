package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
)

// runner keeps a sink up with a log.
type runner struct {
	sink     Sink
	files    fs.FS
	batch    int                                          // records of a batch
	lines    bool                                         // batches have the lines
	apply    func(context.Context, *Batch) error          // Apply of the sink
	progress func(r *logfile.Record, at logfile.Position) // called for each record; may be nil
	pace     func(context.Context)                        // called after each record

	first  uint64 // of the log, as the sink knows it
	log    *logfile.Follower
	reader logfile.LineReader
	joiner *calls.Joiner
	at     logfile.Position            // of the record that the joiner was given last
	open   map[uint64]logfile.Position // of the intents that the joiner holds, by seq
	next   *Batch
	last   []byte // the line of the last record in it
}

// newRunner brings a sink to where the log in files, whose first record is given, can be followed from: it removes from it what the log does not
// have.
func newRunner(ctx context.Context, files fs.FS, first uint64, sink Sink, batch int) (*runner, error) {
	r := &runner{sink: sink, files: files, batch: batch, apply: sink.Apply, pace: func(context.Context) {}, reader: logfile.LineReader{Files: files}}
	if err := r.resume(ctx, first); err != nil {
		_ = r.reader.Close() // opened for reading: nothing can be lost
		return nil, err
	}
	return r, nil
}

func (r *runner) close() error {
	err := r.reader.Close()
	if r.log != nil {
		_ = r.log.Close()
	}
	return err
}

func (r *runner) resume(ctx context.Context, first uint64) error {
	s, err := r.sink.Standing(ctx)
	if err != nil {
		return err
	}
	if r.first = s.First; first < s.First {
		return fmt.Errorf("%w: it begins with record %d, the log with record %d", errMisfit, s.First, first)
	}
	from := Mark{Seq: first - 1}
	if len(s.Marks) > 0 && s.Marks[0].Seq >= first { // else it is new, or all of it was pruned meanwhile
		if from, err = r.stepBack(ctx, s.Marks); err != nil {
			return err
		}
	}
	r.log = logfile.FollowBehind(r.files, from.Seq, from.At)
	r.log.Brief = true
	if first == s.First {
		return r.load(ctx, from.Seq)
	}
	return r.prune(ctx, first, from.Seq)
}

// stepBack returns the newest mark that the log still has, and has the sink remove what is behind it.
func (r *runner) stepBack(ctx context.Context, marks []Mark) (Mark, error) {
	for i := range marks {
		if !marks[i].holds(&r.reader) {
			continue
		}
		if i == 0 {
			return marks[0], nil
		}
		return marks[i], r.sink.StepBack(ctx, marks[i])
	}
	return Mark{}, fmt.Errorf("%w: the last lines that it knows are not where they were", errMisfit)
}

// prune has the sink remove what the log no longer has. Nothing may be in the batch.
func (r *runner) prune(ctx context.Context, first, after uint64) error {
	if first == r.first {
		return nil
	}
	if err := r.sink.Prune(ctx, first); err != nil {
		return err
	}
	r.first = first
	return r.load(ctx, after)
}

// load begins the joiner with the calls that are open in the sink.
func (r *runner) load(ctx context.Context, after uint64) error {
	r.joiner = calls.NewJoiner(nil, r.ended)
	r.open = map[uint64]logfile.Position{}
	r.next = &Batch{After: after, Last: Mark{Seq: after}}
	s, err := r.sink.Standing(ctx)
	if err != nil {
		return err
	}
	for _, at := range s.Open {
		intent, err := readKind(&r.reader, at, logfile.KindIntent)
		if err != nil {
			return err
		}
		r.open[intent.Seq] = at
		if err := r.joiner.Add(intent); err != nil {
			return err
		}
	}
	return nil
}

// step takes up what is new in the log.
func (r *runner) step(ctx context.Context) error {
	first, err := logfile.FirstIn(r.files)
	if err != nil {
		return err
	}
	if err := r.prune(ctx, first, r.next.After); err != nil {
		return err
	}
	err = r.log.Read(func(record *logfile.Record, line []byte, at logfile.Position) error {
		if err := r.add(record, line, at); err != nil {
			return err
		}
		r.pace(ctx)
		if r.next.records() < r.batch {
			return ctx.Err()
		}
		return r.save(ctx)
	})
	if err != nil {
		return err
	}
	return r.save(ctx)
}

func (r *runner) add(record *logfile.Record, line []byte, at logfile.Position) error {
	if r.progress != nil {
		r.progress(record, at)
	}
	r.at = at
	if err := r.joiner.Add(record); err != nil {
		return err
	}
	switch {
	case record.Kind == logfile.KindIntent && record.Call != "":
		r.open[record.Seq] = at
	case isEvent(record):
		r.next.Events = append(r.next.Events, Event{record, at})
	}
	r.next.Last.Seq, r.next.Last.At, r.last = record.Seq, at, append(r.last[:0], line...)
	if r.lines {
		r.next.Lines = append(r.next.Lines, bytes.Clone(line))
	}
	return nil
}

// ended takes each call that ends with the record that the joiner was given.
func (r *runner) ended(c *calls.Call) error {
	e := Ended{Call: c}
	if c.Intent != nil {
		e.Intent = r.open[c.Intent.Seq]
		delete(r.open, c.Intent.Seq)
	}
	if c.Lost == 0 {
		e.End = r.at
	}
	r.next.Calls = append(r.next.Calls, e)
	return nil
}

// save has the sink take up the batch.
func (r *runner) save(ctx context.Context) error {
	b := r.next
	if b.records() == 0 {
		return nil
	}
	b.Last.Hash = sha256.Sum256(r.last)
	for _, seq := range slices.Sorted(maps.Keys(r.open)) {
		b.Open = append(b.Open, r.open[seq])
	}
	r.next = &Batch{After: b.Last.Seq, Last: Mark{Seq: b.Last.Seq}, Calls: make([]Ended, 0, len(b.Calls))}
	return r.apply(ctx, b)
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
