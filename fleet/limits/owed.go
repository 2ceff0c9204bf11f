package limits

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tollgate/fleet"
	"tollgate/ratelimit"
)

// owed is the calls that this member has let through without Redis and not reported yet, by limit.
type owed struct {
	mu        sync.Mutex
	debts     map[string]*debt // by key
	some      atomic.Bool      // there are some
	reporting atomic.Bool
}

// debt is what is owed of one limit.
type debt struct {
	limit *ratelimit.Limit
	calls int // of a calendar also less than none: so many were counted and did not go
	first time.Time
	lost  *int64 // of a bucket: what it had lost when it was seen last before the first of the calls; nil: it was not seen
	slots []slot // of a window
	begin int64  // of a calendar, in microseconds: only calls of this period are owed
}

// slot is calls that came between two times. All count as if they came with the last.
type slot struct {
	first, last time.Time
	calls       int
}

const slotsOfWindow = 32 // as in common.lua

// add notes a call that this member's share has let through.
func (o *owed) add(l *Limiter, d *ratelimit.Demand, v ratelimit.Verdict) {
	if !v.Allowed {
		return
	}
	now, fleetNow := time.Now(), l.facts.now()
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range d.Limits {
		limit := &d.Limits[i]
		if limit.Shadow && slices.Contains(v.Shadow, limit.Name) {
			continue
		}
		fresh := &debt{limit: limit, calls: 1, first: now, lost: l.seen.lost(limit)}
		switch limit.Kind {
		case ratelimit.Window:
			fresh.slots = []slot{{now, now, 1}}
		case ratelimit.Calendar:
			begins, _ := limit.In(fleetNow)
			fresh.begin = begins.UnixMicro()
		}
		o.put(fresh)
	}
}

// rollBack notes that a call did not go which the calendars of a demand have counted.
func (o *owed) rollBack(d *ratelimit.Demand, a *takeReply) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range d.Limits {
		if limit := &d.Limits[i]; limit.Kind == ratelimit.Calendar && !a.limits[i].over {
			begins, _ := limit.In(time.UnixMicro(a.at))
			o.put(&debt{limit: limit, calls: -1, first: time.Now(), begin: begins.UnixMicro()})
		}
	}
}

// put adds a debt to what is owed already; the lock is held.
func (o *owed) put(d *debt) {
	if o.debts == nil {
		o.debts = map[string]*debt{}
	}
	o.some.Store(true)
	key := d.limit.Key()
	was := o.debts[key]
	if was == nil || was.begin < d.begin {
		o.debts[key] = d
		return
	}
	if d.begin < was.begin { // of a period that is over
		return
	}
	was.calls += d.calls
	if d.first.Before(was.first) {
		was.first, was.lost = d.first, d.lost
	}
	for _, s := range d.slots {
		was.slots = withSlot(was.slots, s, was.limit.Window)
	}
}

// withSlot adds calls to those of a window, without those that are over.
func withSlot(slots []slot, s slot, window time.Duration) []slot {
	slots = slices.DeleteFunc(slots, func(old slot) bool { return s.last.Sub(old.last) > window })
	if i := len(slots) - 1; i >= 0 && s.last.Sub(slots[i].first) < window/slotsOfWindow {
		slots[i].calls += s.calls
		if s.last.After(slots[i].last) {
			slots[i].last = s.last
		}
		return slots
	}
	return append(slots, s)
}

// of takes out what is owed of the limits of a demand.
func (o *owed) of(d *ratelimit.Demand) (out []*debt) {
	if !o.some.Load() {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range d.Limits {
		key := d.Limits[i].Key()
		if debt := o.debts[key]; debt != nil {
			out = append(out, debt)
			delete(o.debts, key)
		}
	}
	o.some.Store(len(o.debts) > 0)
	return out
}

// most takes out what is owed of a number of limits.
func (o *owed) most(limits int) (out []*debt) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for key, debt := range o.debts {
		if len(out) == limits {
			break
		}
		out = append(out, debt)
		delete(o.debts, key)
	}
	o.some.Store(len(o.debts) > 0)
	return out
}

// back puts back what was taken out and did not arrive.
func (o *owed) back(debts []*debt) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, d := range debts {
		o.put(d)
	}
}

// calls is how many calls are owed of a calendar in the period that began then.
func (o *owed) calls(l *ratelimit.Limit, begins time.Time) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	if d := o.debts[l.Key()]; d != nil && d.begin == begins.UnixMicro() {
		return d.calls
	}
	return 0
}

// report is a debt as the scripts read it: common.lua says what the members mean.
type report struct {
	Limit fact       `json:"l"`
	Calls int        `json:"n"`
	Age   int64      `json:"a"`
	Lost  *int64     `json:"o,omitempty"`
	Slots [][2]int64 `json:"p,omitempty"`
	Begin int64      `json:"s,omitempty"`
}

func (d *debt) report(c *factCache) report {
	now := time.Now()
	r := report{Limit: c.fact(d.limit, c.now()), Calls: d.calls, Age: microseconds(now.Sub(d.first)), Lost: d.lost, Begin: d.begin}
	for _, s := range d.slots {
		r.Slots = append(r.Slots, [2]int64{max(0, now.Sub(s.last).Microseconds()), int64(s.calls)})
	}
	return r
}

// reportsOf are reports for the limits of a demand, in the order of its limits.
func reportsOf(l *Limiter, d *ratelimit.Demand, debts []*debt) []any {
	out := make([]any, len(d.Limits))
	for i := range d.Limits {
		out[i] = false
		for _, debt := range debts {
			if debt.limit.Key() == d.Limits[i].Key() {
				out[i] = debt.report(l.facts)
			}
		}
	}
	return out
}

const reportsAtOnce = 64

// report reports all that is owed. One report is under way at a time.
func (l *Limiter) report() {
	if !l.owed.some.Load() || !l.owed.reporting.CompareAndSwap(false, true) {
		return
	}
	l.tasks.Go(func() {
		defer l.owed.reporting.Store(false)
		for debts := l.owed.most(reportsAtOnce); len(debts) > 0; debts = l.owed.most(reportsAtOnce) {
			if l.reportSome(debts) != nil {
				return
			}
		}
	})
}

func (l *Limiter) reportSome(debts []*debt) error {
	var reports []report
	for _, d := range debts {
		reports = append(reports, d.report(l.facts))
	}
	q := &fleet.Question{Script: reportScript, Args: []any{l.view.Load().fleet, text(reports)}, Counts: true, Fate: func(applied bool) {
		if applied {
			l.seen.reported(debts)
		} else {
			l.owed.back(debts)
		}
	}}
	err := l.askAtLeisure(q)
	if err == nil {
		l.seen.reported(debts)
	}
	return err
}

// askAtLeisure asks a question that no call waits for. Its Fate is called also where Redis was not asked.
func (l *Limiter) askAtLeisure(q *fleet.Question) error {
	_, err := l.client.Ask(context.Background(), q)
	if err != nil && !isLate(err) {
		q.Fate(false)
	}
	return err
}
