package inbox

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/audit/store"
	"tollgate/review/evidence"
)

// ErrNone is the error for an id of which the logs have no exception.
var ErrNone = errors.New("the logs have no such exception")

// Detail is an exception with what it concerns.
type Detail struct {
	*Exception
	Calls   []calls.Placed    // concerned, up to [maxConcerned]
	More    bool              // there are more
	History []*logfile.Record // events about it, the oldest first, up to the last [maxHistory]
	Missed  []Missed
}

const (
	maxConcerned = 20
	maxHistory   = 50
)

// One returns the exception that has an id. One that is over is found as long as its record is there.
func One(ctx context.Context, logs evidence.Logs, s *Scope, id ID) (*Detail, error) {
	d := &Detail{}
	scope := *s
	all := finder{scope: &scope, missed: &d.Missed, yield: func(e *Exception) {
		switch {
		case e.ID != id:
		case d.Exception == nil:
			d.Exception = e
		default:
			d.Count += e.Count
		}
	}}
	for _, l := range logs {
		if id.Log == "" || short(l.Name) == id.Log {
			one := all.of(l)
			one.look(ctx, id, d)
		}
	}
	if all.expiring(s.Expiring); d.Exception == nil {
		return nil, ErrNone
	}
	return d, nil
}

// look finds an exception of the log, and what it concerns.
func (f *finder) look(ctx context.Context, id ID, d *Detail) {
	var err error
	switch id.Kind {
	case Fault, Gap, Uncovered:
		f.files(ctx)
	case Unknown, Open, Repeat, CapFull:
		err = f.lookAtCall(ctx, id, d)
	case Burst:
		f.scope.Since, f.scope.Until = id.hour(), id.hour().Add(time.Hour)
		f.refusals(ctx)
	case Deprecated:
		err = f.lookAtMonth(ctx, id)
	case Expires:
		f.peers(ctx)
	case Freeze:
		err = f.lookAtFreeze(ctx, id, d)
	default:
		err = f.lookAtRecord(ctx, id, d)
	}
	if err == nil && d.Exception != nil {
		err = cmp.Or(f.history(ctx, d), f.concerned(ctx, d))
	}
	if err != nil && err != ErrNone {
		f.miss(PartEvents, time.Time{}, err)
	}
}

func (f *finder) lookAtMonth(ctx context.Context, id ID) error {
	month, err := time.Parse(monthLayout, id.Month)
	if err != nil {
		return err
	}
	f.scope.Since = nextMonth(month.AddDate(0, 0, -15).In(time.UTC), f.scope.Zone)
	f.scope.Until = nextMonth(f.scope.Since, f.scope.Zone)
	f.deprecated(ctx)
	return nil
}

// lookAtCall finds an exception about a call by its record.
func (f *finder) lookAtCall(ctx context.Context, id ID, d *Detail) error {
	r, err := f.record(id.Seq)
	if err != nil {
		return err
	}
	_, err = f.pages(ctx, &calls.Filter{Call: r.Call}, func(c calls.Placed) bool {
		e := f.exceptionOf(id, c.Call)
		if e == nil || e.ID != id {
			return true
		}
		if e.Over = settledBy(id.Kind, c.Call); e.Over != nil {
			e.Held, e.Unpriced = nil, false
		}
		f.add(e)
		return false
	})
	return err
}

// exceptionOf returns the exception of an id's kind that a call is or was; nil if it is none.
func (f *finder) exceptionOf(id ID, c *calls.Call) *Exception {
	switch {
	case id.Kind == Unknown && c.Outcome != nil && c.Outcome.Outcome == logfile.Unknown:
		return f.doubtful(Unknown, c, c.Outcome)
	case id.Kind == Open && c.Intent != nil:
		return f.doubtful(Open, c, c.Intent)
	case c.Refusal != nil:
		return f.refused(c)
	}
	return nil
}

// record returns a record by its number.
func (f *finder) record(seq uint64) (*logfile.Record, error) {
	files, err := logfile.List(f.FS)
	if err != nil {
		return nil, err
	}
	segments := logfile.Segments(files)
	i, found := slices.BinarySearchFunc(segments, seq, func(s logfile.File, seq uint64) int { return cmp.Compare(s.First, seq) })
	if !found {
		i--
	}
	if i < 0 {
		return nil, ErrNone
	}
	segment, err := logfile.Open(f.FS, segments[i].Name)
	if err != nil {
		return nil, err
	}
	defer segment.Close() // opened for reading: nothing can be lost
	line, err := segment.Find(seq)
	if err != nil || line == nil {
		return nil, cmp.Or(err, ErrNone)
	}
	r := new(logfile.Record)
	return r, logfile.ParseLine(line, r)
}

// lookAtRecord finds an exception that an event, a start or a key shows.
func (f *finder) lookAtRecord(ctx context.Context, id ID, d *Detail) error {
	r, err := f.record(id.Seq)
	if err != nil {
		return err
	}
	e := f.shown(id.Kind, r)
	if e == nil {
		return ErrNone
	}
	if code := endOf[id.Kind]; code != "" {
		e.Over, err = f.endedBy(ctx, r, code)
	}
	if id.Kind == Stalled && e.Over != nil {
		e.Weight = Hygiene
	}
	f.add(e)
	return err
}

// endOf is the code of the event that ends what an event of a kind begins. A start ends it, too.
var endOf = map[Kind]logfile.EventCode{
	Stalled: logfile.EventLogRecovered, CopyFails: logfile.EventCopyRecovered, Paused: logfile.EventCredentialResumed,
}

// shown returns the exception of a kind that a record shows; nil if it shows none.
func (f *finder) shown(kind Kind, r *logfile.Record) *Exception {
	switch {
	case kind == Unsigned && r.Kind == logfile.KindStart && r.Unsigned > 0:
		return f.unsigned(r)
	case kind == KeyLost && r.Kind == logfile.KindKey && r.KeyLost:
		return f.byRecord(KeyLost, r)
	case kind == Loss && r.Event == logfile.EventLossAccepted, kind == CopyFails && r.Event == logfile.EventCopyFailing:
		return f.named(kind, r)
	case kind == Stalled && r.Event == logfile.EventLogStalled:
		return f.byRecord(kind, r)
	case kind == Paused && r.Event == logfile.EventCredentialPaused:
		return f.pause(r)
	}
	return nil
}

// endedBy returns the first record behind r that ends what it began: an event of a code about the same, or a start.
func (f *finder) endedBy(ctx context.Context, r *logfile.Record, code logfile.EventCode) (end *logfile.Record, err error) {
	for _, filter := range []store.EventFilter{{Event: code, Subject: r.Subject}, {Kind: logfile.KindStart}} {
		err = cmp.Or(err, f.read(ctx, filter, func(later *logfile.Record) {
			ends := later.Seq > r.Seq && (later.Kind == logfile.KindStart || pauseOf(later) == pauseOf(r))
			if ends && (end == nil || later.Seq < end.Seq) {
				end = later
			}
		}))
	}
	return end, err
}

// lookAtFreeze finds a freeze, in force or not.
func (f *finder) lookAtFreeze(ctx context.Context, id ID, d *Detail) error {
	if err := cmp.Or(f.starts(ctx), f.freezes(ctx)); err != nil || d.Exception != nil {
		return err
	}
	var e *Exception
	err := f.read(ctx, store.EventFilter{Event: logfile.EventFrozen}, func(r *logfile.Record) {
		for i := range r.Freezes {
			if one := &r.Freezes[i]; short(one.ID) == id.Name && r.Data["freeze"] == one.ID {
				e = f.frozen(r, one)
			}
		}
	})
	if err != nil || e == nil {
		return err
	}
	err = f.read(ctx, store.EventFilter{Event: logfile.EventUnfrozen, Subject: e.Record.Subject}, func(r *logfile.Record) {
		if r.Data["freeze"] == e.Frozen.ID {
			e.Over = r
		}
	})
	f.add(e)
	return err
}
