package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/internal/pace"
)

// Seq returns the number of the last record that is in the index, if it can be used.
func (x *Index) Seq(ctx context.Context) (uint64, error) {
	r, err := x.reader(ctx)
	if err != nil {
		return 0, err
	}
	return r.upTo.Seq, r.close()
}

// reader answers one query.
type reader struct {
	*database
	index *Index
	upTo  Mark // how far the index goes
	open  []logfile.Position
	lost  []row

	behind func() calls.Settlements // in records that the index does not have yet
}

// reader opens the index and reports what keeps it from being used.
func (x *Index) reader(ctx context.Context) (*reader, error) {
	r, err := x.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.exec(ctx, "COMMIT"); err != nil {
		return nil, errors.Join(r.failed(err), r.close())
	}
	return r, nil
}

// snapshot returns a reader in a transaction. When the database is replaced before it is known to be open as a whole, the new one is opened.
func (x *Index) snapshot(ctx context.Context) (*reader, error) {
	for {
		path, err := target(x.file)
		if err != nil {
			return nil, unusable(x.file, err)
		}
		r, err := x.openReader(ctx, path)
		if now, gone := target(x.file); gone == nil && now == path {
			return r, err
		}
		if err == nil {
			_ = r.close() // of what is no more
		}
	}
}

func (x *Index) openReader(ctx context.Context, path string) (*reader, error) {
	d, err := connect(ctx, x.log, path, "ro", reading)
	if err != nil {
		return nil, unusable(x.file, err)
	}
	r := &reader{database: d, index: x}
	r.behind = sync.OnceValue(r.settledBehind)
	if err = d.exec(ctx, "BEGIN"); err == nil {
		err = r.begin(ctx)
	}
	if err != nil {
		return nil, errors.Join(r.failed(err), r.close())
	}
	return r, nil
}

func (r *reader) failed(err error) error { return unusable(r.index.file, err) }

// begin reads how far the index goes, and checks that it fits the log.
func (r *reader) begin(ctx context.Context) error {
	s, err := r.Standing(ctx)
	if err != nil {
		return err
	}
	r.open = s.Open
	if err := r.index.kinds.load(ctx, r.database); err != nil {
		return err
	}
	r.lost, err = fetch(ctx, r.database, func(l *row) []any { return []any{&l.ord, &l.intent.Segment, &l.intent.Offset} },
		"SELECT ord, segment, offset FROM lost ORDER BY ord, segment, offset")
	if err != nil {
		return err
	}
	first, err := logfile.FirstIn(r.index.log)
	if err != nil {
		return err
	}
	if first != s.First {
		return fmt.Errorf("%w: it begins with record %d, the log with record %d", errMisfit, s.First, first)
	}
	r.upTo = Mark{Seq: first - 1}
	if len(s.Marks) == 0 {
		return nil
	}
	if r.upTo = s.Marks[0]; !r.upTo.holds(&r.lines) {
		return fmt.Errorf("%w: record %d is not the one that was indexed", errMisfit, r.upTo.Seq)
	}
	return nil
}

// tail reads what the index does not have yet from the log, and calls yield for the calls that ended there, and then for those that are open.
func (r *reader) tail(ctx context.Context, yield func(*calls.Call) error) error {
	j := calls.NewJoiner(nil, func(c *calls.Call) error {
		if err := r.settle(ctx, c); err != nil { // by a record before the outcome, too, which no gateway writes
			return r.failed(err)
		}
		return yield(c)
	})
	open, err := r.openIntents(ctx)
	if err != nil {
		return r.failed(err)
	}
	for _, intent := range open {
		if err := j.Add(intent); err != nil {
			return err
		}
	}
	log := logfile.FollowBehind(r.index.log, r.upTo.Seq, r.upTo.At)
	defer log.Close() // opened for reading: nothing can be lost
	err = log.Read(func(record *logfile.Record, _ []byte, _ logfile.Position) error {
		pace.Step(ctx)
		return cmp.Or(ctx.Err(), j.Add(record))
	})
	if err != nil {
		return err
	}
	return j.End()
}

// openIntents returns the intents of the calls that are open in the index.
func (r *reader) openIntents(ctx context.Context) (open []*logfile.Record, err error) {
	for _, at := range r.open {
		intent, err := readKind(&r.lines, at, logfile.KindIntent)
		if err != nil {
			return nil, err
		}
		open = append(open, intent)
	}
	if len(open) == 0 {
		return nil, nil
	}
	return open, r.index.ended.check(ctx, r, open)
}

// read makes a call of its lines, which must be those that the row says, and the row must be that of the call.
func (d *database) read(ctx context.Context, r *row) (*calls.Call, error) {
	var c calls.Call
	if r.ended.Segment == 0 {
		c.Lost = uint64(r.ord)
	}
	for _, at := range [...]logfile.Position{r.intent, r.ended} {
		if at.Segment == 0 {
			continue
		}
		record, err := readRecord(&d.lines, at)
		if err != nil {
			return nil, err
		}
		switch record.Kind {
		case logfile.KindIntent:
			c.Intent = record
		case logfile.KindRefusal:
			c.Refusal = record
		case logfile.KindOutcome:
			c.Outcome = record
		}
	}
	if !r.is(&c) {
		return nil, fmt.Errorf("%w: the lines at %v and %v are not those of the call that ended with record %d", errMisfit, r.intent, r.ended, r.ord)
	}
	if c.Lost != 0 {
		return &c, nil
	}
	k, err := d.kind(ctx, r.kind)
	if err == nil && !r.holds(&c, k) {
		err = fmt.Errorf("%w: what it says of the call that ended with record %d is not what its lines say", errMisfit, r.ord)
	}
	return &c, err
}

// is reports whether a call is the one that the row stands for.
func (r *row) is(c *calls.Call) bool {
	intent, ended := c.Intent != nil, c.Outcome != nil || c.Refusal != nil
	if intent != (r.intent.Segment != 0) || ended != (r.ended.Segment != 0) || !intent && !ended || c.Order() != uint64(r.ord) {
		return false
	}
	return !intent || c.Refusal == nil && c.Seq() < c.Order() && (c.Outcome == nil || c.Outcome.Call == c.Intent.Call)
}

// holds reports whether what a row and its kind say of a call follows from that.
func (r *row) holds(c *calls.Call, k *kind) bool {
	want, kind := newRow(&Ended{c, r.intent, r.ended})
	want.kind, want.summed, want.merged = r.kind, r.summed, max(r.merged, micros(c.Ended()))
	return *r == want && *k == kind
}

// settle adds the record that settles the outcome of a call, if there is one.
func (r *reader) settle(ctx context.Context, c *calls.Call) error {
	if c.State() != logfile.Unknown {
		return nil
	}
	at, err := fetch(ctx, r.database, position, "SELECT segment, offset FROM events WHERE subject = ? AND event = ? AND seq <= ? ORDER BY seq",
		subjectKey(c.ID()), string(logfile.EventResolved), int64(r.upTo.Seq))
	if err != nil {
		return err
	}
	settled := calls.Settlements{}
	for _, at := range at {
		event, err := readKind(&r.lines, at, logfile.KindEvent)
		if err != nil {
			return err
		}
		settled.Add(event)
	}
	if c.Settle(settled); c.Settled == nil {
		c.Settle(r.behind())
	}
	return nil
}

// settledBehind reads what settles outcomes in records that the index does not have yet. A fault there is no error: tail meets it.
func (r *reader) settledBehind() calls.Settlements {
	settled, log := calls.Settlements{}, logfile.FollowBehind(r.index.log, r.upTo.Seq, r.upTo.At)
	defer log.Close() // opened for reading: nothing can be lost
	_ = settled.AddFrom(log)
	return settled
}
