package inbox

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/audit/store"
	"tollgate/internal/source"
)

// Reasons of refusals that are exceptions each: see docs/errors.md.
const (
	reasonHeld = "act_held"
	reasonFull = "cap_full"
)

// refusals looks at what was refused in the period.
func (f *finder) refusals(ctx context.Context) {
	counts := newBursts(f.scope.Zone)
	f.connections(ctx, counts)
	filter := &calls.Filter{Decision: logfile.Refused, Since: f.scope.Since, Until: f.scope.Until}
	var reached time.Time
	var err error
	if f.Index != nil {
		reached, err = f.glance(ctx, filter, counts)
	} else {
		reached, err = f.pages(ctx, filter, func(c calls.Placed) bool {
			f.addRefused(c)
			counts.settled(c.Time())
			counts.addCall(c)
			return true
		})
	}
	if err != nil {
		f.miss(PartRefusals, reached, err)
	}
	f.addBursts(counts)
}

// glance counts the refusals of callers by what the index says of them, and reads the others: those that are exceptions by themselves, and of peers that
// proved no caller those of the hours with as many for one reason as a burst has. It returns how far all were read.
func (f *finder) glance(ctx context.Context, filter *calls.Filter, counts *bursts) (reached time.Time, err error) {
	for _, reason := range []string{reasonHeld, reasonFull} {
		if reached, err = f.pages(ctx, withReason(filter, reason), f.addRefused); err != nil {
			return reached, err
		}
	}
	unproven := counts.unproven()
	err = f.Index.Glance(ctx, filter, func(at time.Time, caller, reason string) error {
		reached = at
		counts.settled(at)
		unproven.settled(at)
		if caller != "" {
			counts.add(at, who{caller: caller}, reason, count{1, 1})
		} else {
			unproven.add(at, who{}, reason, count{1, 1})
		}
		return nil
	})
	f.evicted += unproven.evicted
	if err != nil {
		return reached, err
	}
	return f.readUnproven(ctx, filter, unproven.busy(), counts)
}

// readUnproven counts the calls of peers that proved no caller, of some hours, by source. After an error it returns how far it was.
func (f *finder) readUnproven(ctx context.Context, filter *calls.Filter, busy []hourKey, counts *bursts) (reached time.Time, err error) {
	for _, key := range busy {
		hour := withReason(filter, key.reason)
		hour.Since, hour.Until = later(time.Unix(key.hour, 0), filter.Since), time.Unix(key.hour+3600, 0)
		if hour.Until.After(filter.Until) {
			hour.Until = filter.Until
		}
		_, err := f.pages(ctx, hour, func(c calls.Placed) bool {
			if c.Caller() == "" {
				counts.addCall(c)
			}
			return true
		})
		if err != nil {
			return hour.Until, err
		}
	}
	return reached, nil
}

func withReason(f *calls.Filter, reason string) *calls.Filter {
	with := *f
	with.Reason = reason
	return &with
}

func (f *finder) addRefused(c calls.Placed) (more bool) {
	if e := f.refused(c.Call); e != nil {
		f.add(e)
	}
	return true
}

// summaryDelay is how long a summary may wait for the log to take it.
const summaryDelay = 24 * time.Hour

// connections counts refusals of no call, such as handshakes, and those that have no record of their own. A summary is counted in the hour in
// which it begins: it is of a minute.
func (f *finder) connections(ctx context.Context, counts *bursts) {
	filter := store.EventFilter{Kind: logfile.KindRefusal, Since: f.scope.Since, Until: f.scope.Until}
	err := f.read(ctx, filter, func(r *logfile.Record) { counts.add(r.Time, whoOf(r.Caller, r.Source), r.Reason, count{n: 1}) })
	if err == nil {
		filter.Kind, filter.Until = logfile.KindRefusals, filter.Until.Add(summaryDelay)
		err = f.read(ctx, filter, func(r *logfile.Record) {
			if !f.inPeriod(began(r)) {
				return
			}
			for _, c := range r.Counts {
				counts.add(began(r), whoIn(&c), c.Reason, count{n: c.Count})
			}
		})
	}
	if err != nil {
		f.miss(PartConnections, time.Time{}, err)
	}
}

// began returns when a summary begins.
func began(r *logfile.Record) time.Time {
	if r.Since.IsZero() || r.Since.After(r.Time) {
		return r.Time
	}
	return r.Since
}

// refused returns the exception that a refused call is by itself; nil if it is none.
func (f *finder) refused(c *calls.Call) *Exception {
	switch c.Reason() {
	case reasonHeld:
		return f.ofCall(Repeat, c, c.Refusal)
	case reasonFull:
		e := f.ofCall(CapFull, c, c.Refusal)
		if s := c.Refusal.Spending; s != nil && len(s.CapsFull) > 0 {
			e.Name = s.CapsFull[0]
		}
		return e
	}
	return nil
}

// who is the peer that was refused: a proven caller, or else a network.
type who struct{ caller, source string }

func whoOf(caller, address string) who {
	if caller != "" {
		return who{caller: caller}
	}
	return who{source: source.Parse(address).String()}
}

// whoIn returns the peer of a line of a summary.
func whoIn(c *logfile.Count) who {
	if c.Caller != "" {
		return who{caller: c.Caller}
	}
	return who{source: cmp.Or(c.Source, logfile.Other)}
}

func (w who) String() string {
	if w.caller != "" {
		return short(callerMark + w.caller)
	}
	return short(sourceMark + w.source)
}

// hourKey is what refusals are counted by.
type hourKey struct {
	hour int64 // when it begins, in seconds since 1970
	who
	reason string
}

// count is a number of refusals, and of those among them that are calls.
type count struct{ n, calls uint64 }

// bursts counts refusals by hour, peer and reason, in a bounded memory.
type bursts struct {
	zone    *time.Location
	counts  map[hourKey]count
	max     int
	done    int64  // hours from this one on are complete; 0: none is known to be
	evicted uint64 // refusals in counts that were evicted
}

// maxCounts bounds the counts of a log that are in memory at a time.
const maxCounts = 20_000

func newBursts(zone *time.Location) *bursts {
	return &bursts{zone: zone, counts: map[hourKey]count{}, max: maxCounts}
}

func (b *bursts) add(t time.Time, w who, reason string, more count) {
	key := hourKey{hourOf(t, b.zone), who{short(w.caller), short(w.source)}, short(reason)}
	if _, known := b.counts[key]; !known && len(b.counts) >= b.max {
		b.evict()
	}
	sum := b.counts[key]
	b.counts[key] = count{sum.n + min(more.n, ^sum.n), sum.calls + more.calls} // numbers of summaries may be any
}

func (b *bursts) addCall(c calls.Placed) {
	b.add(c.Time(), whoOf(c.Caller(), c.Refusal.Source), c.Reason(), count{1, 1})
}

// unproven returns counts without their sources, of peers that proved no caller.
func (b *bursts) unproven() *bursts {
	all := newBursts(b.zone)
	for key, sum := range b.counts {
		if key.caller == "" {
			all.add(time.Unix(key.hour, 0), who{}, key.reason, count{n: sum.n})
		}
	}
	return all
}

// busy returns the counts that are of as many as a burst has, and of some calls; the latest first.
func (b *bursts) busy() (list []hourKey) {
	for key, sum := range b.counts {
		if sum.n >= BurstSize && sum.calls > 0 {
			list = append(list, key)
		}
	}
	slices.SortFunc(list, func(a, b hourKey) int {
		return cmp.Or(cmp.Compare(b.hour, a.hour), strings.Compare(a.reason, b.reason))
	})
	return list
}

// hourOf returns when the clock hour of a time begins. Zones are whole seconds apart, not whole hours.
func hourOf(t time.Time, zone *time.Location) int64 {
	_, offset := t.In(zone).Zone()
	clock := t.Unix() + int64(offset)
	return clock - ((clock%3600)+3600)%3600 - int64(offset)
}

// settled notes that no refusal comes any more of hours that end two hours behind a time or later, since refusals come the newest first.
func (b *bursts) settled(reached time.Time) {
	b.done = hourOf(reached, b.zone) + int64(3*time.Hour/time.Second)
}

// evict makes room: counts of complete hours that are no bursts say nothing any more; then go the smallest ones.
func (b *bursts) evict() {
	for key, sum := range b.counts {
		if b.done > 0 && key.hour >= b.done && sum.n < BurstSize {
			delete(b.counts, key)
		}
	}
	if len(b.counts) <= b.max*3/4 {
		return
	}
	sizes := make([]uint64, 0, len(b.counts))
	for _, sum := range b.counts {
		sizes = append(sizes, sum.n)
	}
	slices.Sort(sizes)
	middle := sizes[len(sizes)/2]
	for key, sum := range b.counts {
		if sum.n <= middle && len(b.counts) > b.max/2 {
			b.evicted += min(sum.n, ^b.evicted)
			delete(b.counts, key)
		}
	}
}

func (f *finder) addBursts(b *bursts) {
	f.evicted += b.evicted
	for key, sum := range b.counts {
		if sum.n < BurstSize {
			continue
		}
		hour := time.Unix(key.hour, 0).UTC()
		f.add(&Exception{
			ID:   ID{Kind: Burst, Log: short(f.Name), Hour: hour.Format(hourLayout), Reason: key.reason, Who: key.who.String()},
			Time: hour, Count: sum.n, Recorded: sum.calls, Subject: Subject{Caller: key.caller, Source: key.source, Reason: key.reason},
		})
	}
}
