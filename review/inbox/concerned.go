package inbox

import (
	"cmp"
	"context"
	"slices"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/audit/store"
)

// history adds the events about an exception.
func (f *finder) history(ctx context.Context, d *Detail) error {
	subject, match := d.Call, func(*logfile.Record) bool { return true }
	switch d.Kind {
	case Paused:
		subject, match = d.Record.Subject, func(r *logfile.Record) bool { return r.Data["caller"] == d.Caller }
	case CopyFails:
		subject = d.Record.Subject
	case Freeze:
		subject, match = d.Frozen.Subject.String(), func(r *logfile.Record) bool { return r.Data["freeze"] == d.Frozen.ID }
	}
	if subject == "" {
		for _, r := range []*logfile.Record{d.Record, d.Over} {
			if r != nil {
				d.History = append(d.History, r)
			}
		}
		return nil
	}
	return f.read(ctx, store.EventFilter{Subject: subject}, func(r *logfile.Record) {
		if match(r) {
			if d.History = append(d.History, r); len(d.History) > maxHistory {
				d.History = slices.Delete(d.History, 0, 1)
			}
		}
	})
}

// concerned adds the calls that an exception is about.
func (f *finder) concerned(ctx context.Context, d *Detail) error {
	filter := d.Filter(f.scope)
	if d.Call != "" {
		filter = &calls.Filter{Call: d.Call}
	}
	if filter == nil || d.Kind == Burst && d.Recorded == 0 {
		return nil
	}
	_, err := f.pages(ctx, filter, func(p calls.Placed) bool {
		if d.Source != "" && whoOf(p.Caller(), first(p.Call).Source).String() != d.ID.Who {
			return true
		}
		if d.More = len(d.Calls) == maxConcerned; !d.More {
			d.Calls = append(d.Calls, p)
		}
		return !d.More
	})
	if len(d.Calls) > 0 && d.Kind == Repeat {
		err = cmp.Or(err, f.holder(ctx, d, d.Calls[0].Refusal))
	}
	return err
}

// holder adds the call for which a repeat was refused.
func (f *finder) holder(ctx context.Context, d *Detail, r *logfile.Record) error {
	if r == nil || r.Spending == nil || r.HeldBy == "" {
		return nil
	}
	page, _, err := f.Pager().Page(ctx, &calls.Filter{Call: r.HeldBy}, calls.Cursor{}, 1)
	d.Calls = append(d.Calls, page...)
	return err
}

// first returns the first record of a call.
func first(c *calls.Call) *logfile.Record { return cmp.Or(c.Intent, c.Refusal, c.Outcome) }
