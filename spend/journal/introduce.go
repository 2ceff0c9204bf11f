package journal

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"tollgate/audit/logfile"
	"tollgate/spend"
)

// Introduce makes new caps count the calls on record of their period, and puts on record what that comes to, so that a start knows it.
// charges returns what a call on record takes of caps by the rules in force; what concerns other caps is left out. From now on calls must
// charge the caps themselves.
func (j *Journal) Introduce(ctx context.Context, fresh []*spend.Cap, charges func(intent *logfile.Record) []spend.Charge) error {
	if len(fresh) == 0 {
		return nil
	}
	now := j.o.Now()
	begins := now
	for _, c := range fresh {
		if at := c.PeriodBegins(now); at.Before(begins) {
			begins = at
		}
	}
	counted, since, err := j.callsSince(ctx, begins)
	if err != nil {
		return fmt.Errorf("counting what was spent before: %w", err)
	}
	for _, c := range fresh {
		from := c.PeriodBegins(now)
		if from.Before(since) {
			from = since
		}
		if err := j.introduce(ctx, c, from, j.count(c, from, counted, charges)); err != nil {
			return fmt.Errorf("cap %q: %w", c.Name, err)
		}
	}
	return nil
}

// count makes the ledger count the calls of a cap's period, and returns what they come to.
func (j *Journal) count(c *spend.Cap, from time.Time, calls []*logfile.Record, charges func(*logfile.Record) []spend.Charge) []logfile.CapCharge {
	sums := map[[3]string]*spend.Charge{}
	for _, r := range calls {
		if r.Time.Before(from) || charged(r, c) {
			continue
		}
		of := slices.DeleteFunc(charges(r), func(ch spend.Charge) bool { return ch.Cap.Name != c.Name || c.Each == spend.EachCall })
		j.o.Ledger.Count(r.Call, r.Time, of)
		for _, ch := range of {
			ch.Period = c.Period(r.Time)
			add(sums, ch)
		}
	}
	var all []logfile.CapCharge
	for _, ch := range sums {
		all = append(all, describe(ch))
	}
	slices.SortFunc(all, func(a, b logfile.CapCharge) int {
		return cmp.Or(strings.Compare(a.Counted, b.Counted), strings.Compare(a.Period, b.Period), strings.Compare(a.Currency, b.Currency))
	})
	return all
}

func add(sums map[[3]string]*spend.Charge, ch spend.Charge) {
	id := [3]string{ch.Counted, ch.Period, ch.Currency}
	if sum := sums[id]; sum != nil {
		sum.Amount = sum.Amount.Plus(ch.Amount)
		return
	}
	sums[id] = &ch
}

// charged reports whether a call on record has charged a cap itself.
func charged(r *logfile.Record, c *spend.Cap) bool {
	return r.Spending != nil && slices.ContainsFunc(r.Caps, func(ch logfile.CapCharge) bool { return ch.Cap == c.Name && ch.Definition == c.Definition })
}

// chargesPerRecord is how many have room in a line.
const chargesPerRecord = 64

// Turned puts on record the mode of caps that have counted in the other one, so that a start knows which are hard.
func (j *Journal) Turned(turned []*spend.Cap) error {
	for _, c := range turned {
		since := j.o.Ledger.Use(c, j.o.Now()).Since
		if err := j.o.Log.Queue(counts(c, since, nil)); err != nil {
			return fmt.Errorf("cap %q: %w", c.Name, err)
		}
		j.o.Ledger.CountedSince(c, since)
	}
	return nil
}

// introduce puts on record from when on a cap counts, and what it had counted then. Each record but the last says that more follows: a cap
// is known only with all of it.
func (j *Journal) introduce(ctx context.Context, c *spend.Cap, from time.Time, counted []logfile.CapCharge) error {
	for first := true; first || len(counted) > 0; first = false {
		n := min(len(counted), chargesPerRecord)
		r := counts(c, from, counted[:n])
		if counted = counted[n:]; len(counted) > 0 {
			r.Data[dataMore] = "true"
		}
		if err := j.o.Log.Event(ctx, r); err != nil {
			return err
		}
	}
	j.o.Ledger.CountedSince(c, from)
	return nil
}

// counts is the record of a cap that counts from then on.
func counts(c *spend.Cap, from time.Time, counted []logfile.CapCharge) *logfile.Record {
	mode := spend.Soft
	if c.Hard {
		mode = spend.Hard
	}
	return &logfile.Record{
		Kind: logfile.KindEvent, Event: logfile.EventCapCounted, Subject: c.Name, Detail: "the cap counts from now on; with what calls before take of it",
		Data:     map[string]string{dataDefinition: c.Definition, dataMode: string(mode), dataSince: from.UTC().Format(time.RFC3339)},
		Spending: &logfile.Spending{Caps: counted},
	}
}

// introduced takes a cap that is new, with what it had counted.
func (f *fold) introduced(r *logfile.Record) error {
	since, err := time.Parse(time.RFC3339, r.Data[dataSince])
	if err != nil || r.Subject == "" {
		return errors.New("it does not say since when a cap counts")
	}
	id := r.Subject + " " + r.Data[dataDefinition]
	if r.Spending != nil {
		f.partial[id] = append(f.partial[id], r.Caps...)
	}
	if r.Data[dataMore] != "" {
		return nil
	}
	c, err := claimOf(&logfile.Record{Spending: &logfile.Spending{Caps: f.partial[id]}}, "", r.Time)
	if err != nil {
		return err
	}
	delete(f.partial, id)
	f.ledger.CountedSince(&spend.Cap{Name: r.Subject, Definition: r.Data[dataDefinition], Hard: r.Data[dataMode] != string(spend.Soft)}, since)
	f.ledger.Record(c) // for no call: it returns nothing
	f.ledger.Settle("", spend.Settlement{Outcome: logfile.Succeeded, At: r.Time})
	return nil
}

// callsSince returns the intents of the calls on record since a time that may have changed something, and the time of the first record that was read.
func (j *Journal) callsSince(ctx context.Context, begins time.Time) (calls []*logfile.Record, first time.Time, err error) {
	segments, err := j.since(os.DirFS(j.o.Dir), j.o.Now().Sub(begins))
	if err != nil {
		return nil, first, err
	}
	last := j.o.Log.Status().DurableSeq
	follower := logfile.NewFollower(j.o.Dir, segments[0].First)
	defer func() { err = errors.Join(err, follower.Close()) }()
	open := map[string]*logfile.Record{}
	err = follower.Lines(func(l *logfile.Line) error {
		if l.Seq > last {
			return errEnough
		}
		if err := ctx.Err(); err != nil || !first.IsZero() && !changes(l.Text) {
			return err
		}
		r, err := l.Record()
		if err != nil {
			return err
		}
		if first.IsZero() {
			first = r.Time
		}
		keepChanging(open, r)
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return slices.SortedFunc(maps.Values(open), func(a, b *logfile.Record) int { return cmp.Compare(a.Seq, b.Seq) }), first, err
}

const effectRead = "read"

// changes reports whether a line may be of a call that writes or spends, or settles one.
func changes(line []byte) bool {
	return !bytes.Contains(line, []byte(`,"effect":"`+effectRead+`"`))
}

// keepChanging keeps the intents of calls that write or spend, until it is known that nothing came of them.
func keepChanging(open map[string]*logfile.Record, r *logfile.Record) {
	gone := func(outcome string) bool { return outcome == logfile.Failed || outcome == logfile.NotSent }
	switch {
	case r.Kind == logfile.KindIntent && r.Effect != effectRead:
		open[r.Call] = r
	case r.Kind == logfile.KindOutcome && gone(r.Outcome):
		delete(open, r.Call)
	case r.Event == logfile.EventResolved && gone(r.Data[dataOutcome]):
		delete(open, r.Subject)
	}
}
