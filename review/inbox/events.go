package inbox

import (
	"cmp"
	"context"
	"time"

	"tollgate/audit/logfile"
	"tollgate/audit/store"
	"tollgate/freeze"
)

// events looks at events, and at records of the log itself.
func (f *finder) events(ctx context.Context) {
	for _, look := range []func(context.Context) error{f.starts, f.keys, f.losses, f.stalls, f.copies, f.pauses, f.freezes} {
		if err := look(ctx); err != nil {
			f.miss(PartEvents, time.Time{}, err)
			return
		}
	}
}

// starts finds starts behind a crash. Others need the last one: it ends pauses and calls.
func (f *finder) starts(ctx context.Context) error {
	return f.read(ctx, store.EventFilter{Kind: logfile.KindStart}, func(r *logfile.Record) {
		f.start, f.lastStart = r, r.Seq
		if r.Unsigned > 0 && f.inPeriod(r.Time) {
			f.add(f.unsigned(r))
		}
	})
}

func (f *finder) unsigned(r *logfile.Record) *Exception {
	e := f.byRecord(Unsigned, r)
	e.Count = r.Unsigned
	return e
}

func (f *finder) keys(ctx context.Context) error {
	filter := store.EventFilter{Kind: logfile.KindKey, Since: f.scope.Since, Until: f.scope.Until}
	return f.read(ctx, filter, func(r *logfile.Record) {
		if r.KeyLost {
			f.add(f.byRecord(KeyLost, r))
		}
	})
}

func (f *finder) losses(ctx context.Context) error {
	filter := store.EventFilter{Event: logfile.EventLossAccepted, Since: f.scope.Since, Until: f.scope.Until}
	return f.read(ctx, filter, func(r *logfile.Record) { f.add(f.named(Loss, r)) })
}

// named returns an exception about the subject of an event.
func (f *finder) named(kind Kind, r *logfile.Record) *Exception {
	e := f.byRecord(kind, r)
	e.Name = r.Subject
	return e
}

// stalls finds when the log took no intents. A start ends a stall, too.
func (f *finder) stalls(ctx context.Context) error {
	var over []*logfile.Record
	err := f.read(ctx, store.EventFilter{Event: logfile.EventLogRecovered}, func(r *logfile.Record) { over = append(over, r) })
	if err != nil {
		return err
	}
	filter := store.EventFilter{Event: logfile.EventLogStalled, Since: f.scope.Since, Until: f.scope.Until}
	return f.read(ctx, filter, func(r *logfile.Record) {
		for len(over) > 0 && over[0].Seq < r.Seq {
			over = over[1:]
		}
		e := f.byRecord(Stalled, r)
		if len(over) > 0 {
			e.Over = over[0]
		}
		if e.Over != nil || r.Seq < f.lastStart {
			e.Weight = Hygiene
		}
		f.add(e)
	})
}

// copies finds the places that checkpoints do not reach now. The gateway says so again behind a start.
func (f *finder) copies(ctx context.Context) error {
	since, err := f.lastOf(ctx, logfile.EventCopyRecovered, func(r *logfile.Record) string { return r.Subject })
	if err != nil {
		return err
	}
	return f.read(ctx, store.EventFilter{Event: logfile.EventCopyFailing}, func(r *logfile.Record) {
		if r.Seq > max(since[r.Subject], f.lastStart) {
			f.add(f.named(CopyFails, r))
			since[r.Subject] = ^uint64(0) // once
		}
	})
}

// maxNames bounds what names of records are remembered for.
const maxNames = 10_000

// lastOf returns the last event of a code by what it is about.
func (f *finder) lastOf(ctx context.Context, event logfile.EventCode, about func(*logfile.Record) string) (map[string]uint64, error) {
	last := map[string]uint64{}
	err := f.read(ctx, store.EventFilter{Event: event}, func(r *logfile.Record) {
		if name := about(r); len(last) < maxNames || last[name] > 0 {
			last[name] = max(last[name], r.Seq)
		}
	})
	return last, err
}

// pauseOf is what a pause is about: a credential, and a caller if it is for one only.
func pauseOf(r *logfile.Record) string { return r.Subject + "\x00" + r.Data["caller"] }

// pauses finds the pauses in force: those that neither an event nor a start ended. One that is prolonged has an event each time.
func (f *finder) pauses(ctx context.Context) error {
	resumed, err := f.lastOf(ctx, logfile.EventCredentialResumed, pauseOf)
	if err != nil {
		return err
	}
	pauses, order := map[string]*Exception{}, []*Exception{}
	err = f.read(ctx, store.EventFilter{Event: logfile.EventCredentialPaused}, func(r *logfile.Record) {
		of := pauseOf(r)
		switch before := pauses[of]; {
		case r.Seq < max(resumed[of], f.lastStart):
		case before != nil:
			before.Record, before.Until = r, dataTime(r, "until")
		case len(order) < maxNames:
			pauses[of] = f.pause(r)
			order = append(order, pauses[of])
		}
	})
	for _, e := range order {
		f.add(e)
	}
	return err
}

func (f *finder) pause(r *logfile.Record) *Exception {
	e := f.named(Paused, r)
	e.Caller, e.Until = r.Data["caller"], dataTime(r, "until")
	return e
}

// dataTime returns a time of an event's data; the zero time if there is none.
func dataTime(r *logfile.Record, name string) time.Time {
	t, _ := time.Parse(time.RFC3339, r.Data[name]) // the zero time
	return t
}

// freezes finds the freezes in force: those of the last record that states them.
func (f *finder) freezes(ctx context.Context) error {
	last, err := f.lastFreezes(ctx)
	if err != nil || last == nil {
		return err
	}
	for i := range last.Freezes {
		if one := &last.Freezes[i]; one.Until.IsZero() || one.Until.After(f.scope.Now) {
			f.add(f.frozen(last, one))
		}
	}
	return nil
}

func (f *finder) frozen(r *logfile.Record, one *freeze.Freeze) *Exception {
	e := f.byRecord(Freeze, r)
	e.ID = ID{Kind: Freeze, Log: short(f.Name), Name: short(cmp.Or(one.ID, one.Subject.String()))}
	e.Of, e.Name, e.Reason, e.Time, e.Until, e.Frozen = string(one.Kind), one.Name, one.Reason, one.Since, one.Until, one
	return e
}

// lastFreezes returns the last record that states which freezes are in force; nil if there is none.
func (f *finder) lastFreezes(ctx context.Context) (last *logfile.Record, err error) {
	last = f.start
	for _, code := range []logfile.EventCode{logfile.EventFrozen, logfile.EventUnfrozen, logfile.EventFreezes} {
		err := f.read(ctx, store.EventFilter{Event: code}, func(r *logfile.Record) {
			if last == nil || r.Seq > last.Seq {
				last = r
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return last, nil
}
