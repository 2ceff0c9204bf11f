package freezes

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"tollgate/freeze"
)

// overflow is the id of the freeze of all calls that is in force while the fleet has more freezes than fit. Each member has its own, and
// uploads none.
const overflow = "f-00000000"

// maxProblems is how many problems of a version are named.
const maxProblems = 20

// grace is how long a freeze whose time is over is kept in Redis, for members whose clocks are behind.
const grace = 10 * time.Minute

// merge puts in force what is lacking here, and lifts what has ended. Changes is how many of those made here Redis knows by now.
func (f *Freezes) merge(reply any, changes uint64) {
	r, err := parse(reply)
	if err != nil { // it was checked
		return
	}
	f.mutex.Lock()
	p := f.plan(r)
	f.mutex.Unlock()
	if err := f.Switch.Begin(p.begin...); err != nil { // an operator has frozen meanwhile
		p.problem("%v", err)
		p.begin, p.unclear = nil, true
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.uploaded, f.uploadedAs, f.problems = changes, r.version, few(p.problems)
	for _, e := range p.over {
		f.end(e)
	}
	f.record(p.begin, p.lift)
	f.merged = r.version
	if p.unclear {
		f.merged = 0
	}
	if p.again {
		f.beats = rereadBeats
	}
	f.apply()
	f.wake()
}

// few leaves out problems of which there are too many to read.
func few(problems []string) []string {
	if more := len(problems) - maxProblems; more > 0 {
		return append(slices.Clip(problems[:maxProblems]), fmt.Sprintf("and %d more of freezes in Redis", more))
	}
	return problems
}

// record puts on record what was begun, and lifts what has ended. The mutex is held.
func (f *Freezes) record(begun []freeze.Freeze, lift []end) {
	if len(begun)+len(lift) == 0 {
		return
	}
	for _, e := range lift {
		f.lifting[e.ID] = e
	}
	f.later(func(ctx context.Context) {
		_ = f.Switch.Record(ctx, begun...) // Maintain tries it again
		for i := range begun {
			f.brought(freeze.Began, &begun[i], begun[i].By)
		}
		for _, e := range lift {
			of, err := f.Switch.Lift(ctx, e.ID, e.By, e.Reason)
			f.lifted(&of, e, err)
		}
	})
}

func (f *Freezes) brought(happened freeze.Happening, of *freeze.Freeze, by string) {
	if f.Brought != nil {
		f.Brought(happened, of, by)
	}
}

// lifted notes what has come of lifting a freeze. One that is in force still is tried again at the next heartbeat.
func (f *Freezes) lifted(of *freeze.Freeze, e end, err error) {
	if err == nil {
		f.brought(freeze.Ended, of, e.By)
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if err == nil {
		f.budget.AllowN(f.Now(), 1) // what failed is tried again, and costs nothing
	}
	delete(f.lifting, e.ID)
	switch {
	case err != nil && f.Switch.Gate().Set().Find(e.ID) != nil:
		f.merged = 0
	case err == nil && e.ID != overflow && e.By != freeze.Expired:
		f.lifts = append(f.lifts[max(0, len(f.lifts)-maxLifts+1):], lift{e, of.String(), f.Now()})
	}
}

// lift is a freeze that another member has lifted.
type lift struct {
	end
	freeze string
	at     time.Time // by this member's clock
}

// Lifts of this long ago, and no more, are named.
const (
	liftsNamed = time.Hour
	maxLifts   = 8
)

// Lifts returns the freezes that were lifted here over Redis of late, and by whom.
func (f *Freezes) Lifts() (all []string) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for _, l := range f.lifts {
		if f.Now().Sub(l.at) < liftsNamed {
			all = append(all, fmt.Sprintf("%s, was lifted over Redis by %s: the log of that member has a record of it, unless someone else wrote to Redis", l.freeze, l.By))
		}
	}
	return all
}

// plan is what is to be done to have what Redis has.
type plan struct {
	begin    []freeze.Freeze
	lift     []end
	over     []end // of freezes that Redis need not keep any more
	problems []string
	unclear  bool // not all of it can be done
	again    bool // there may be more to do at the next heartbeat
}

// plan returns what is to be done after an answer. The mutex is held.
func (f *Freezes) plan(r *listing) *plan {
	p, own := new(plan), f.Switch.Gate().Set()
	ended := p.readEnds(r.ended, own)
	for id, e := range ended {
		if mine := own.Find(id); mine != nil && !f.isLifting(id) {
			f.planLift(p, e, mine)
		}
	}
	for _, e := range r.freezes {
		_, over := ended[e.id]
		_, known := f.ended.by[e.id]
		if !over && !known {
			f.planFreeze(p, e, own, r.time)
		}
	}
	slices.SortFunc(p.begin, func(a, b freeze.Freeze) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) })
	f.fit(p, own, r.count)
	return p
}

// planLift adds the end of a freeze that is in force here. A freeze whose time is over by the clock of another member is not by this one's.
func (f *Freezes) planLift(p *plan, e end, mine *freeze.Freeze) {
	switch {
	case e.By == freeze.Expired && (mine.Until.IsZero() || f.Now().Before(mine.Until)):
		p.problem("%s is over by what Redis says, and not by the clock of this gateway: it stays in force here. Set clocks by NTP, or lift it here", mine)
	case f.affordable() <= len(p.lift):
		p.problem("%s waits for its end: too many freezes of the fleet began and ended of late", mine)
	default:
		p.lift = append(p.lift, e)
		return
	}
	p.unclear = true
}

// affordable returns how many changes others may bring now.
func (f *Freezes) affordable() int { return int(f.budget.TokensAt(f.Now())) }

func (f *Freezes) isLifting(id string) bool {
	_, ok := f.lifting[id]
	return ok
}

func (p *plan) problem(format string, args ...any) {
	p.problems = append(p.problems, fmt.Sprintf(format, args...))
}

// readEnds reads the ends of freezes. What is in force and has an end that cannot be read stays so, and is not confirmed to be lifted.
func (p *plan) readEnds(all []entry, own *freeze.Set) map[string]end {
	ended := map[string]end{}
	for _, e := range all {
		one, err := e.end()
		if err != nil {
			p.problem("the end of freeze %.40q in Redis cannot be read (%v): it stays in force where it is, until it is lifted there", e.id, err)
			p.unclear = p.unclear || own.Find(e.id) != nil
			continue
		}
		ended[e.id] = one
	}
	return ended
}

// planFreeze adds what follows of a freeze in Redis that has not ended. One that cannot be read stops all calls.
func (f *Freezes) planFreeze(p *plan, e entry, own *freeze.Set, redis time.Time) {
	one, err := e.freeze()
	now, mine := f.Now(), own.Find(e.id)
	switch {
	case err != nil && !freeze.IsID(e.id):
		p.problem("%.40q in Redis is no freeze; no gateway writes so", e.id)
		return
	case err != nil:
		p.problem("freeze %s in Redis cannot be read (%v): all calls are stopped, until it is lifted", e.id, err)
		one = freeze.Freeze{ID: e.id, Subject: freeze.Subject{Kind: freeze.All}, Reason: "a freeze of the fleet cannot be read", Since: now, By: "fleet"}
	case mine != nil && (mine.Subject != one.Subject || !mine.Until.Equal(one.Until)):
		p.problem("%s, is in force here, and Redis has another one of that id: %s", mine, &one)
	case one.Until.IsZero():
	case now.After(one.Until.Add(grace)) && redis.After(one.Until.Add(grace)):
		p.over = append(p.over, end{e.id, freeze.Expired, "", now.UTC().Round(time.Second)})
		return
	case !now.Before(one.Until):
		if mine == nil && redis.Before(one.Until) { // it holds at members whose clocks are as that of Redis
			p.problem("%s, does not hold here: its time is over by the clock of this gateway, and not by that of Redis. Set both by NTP", &one)
			p.unclear = true
		}
		return
	}
	if mine == nil && e.id != overflow {
		one.Since = now.Add(one.Since.Sub(now)) // the same time, and a reading of the monotonic clock: a clock that is set ahead does not end it
		p.begin = append(p.begin, one)
	}
}

// fit stops all calls while there are more freezes than a member can hold, more have come than may at a time, or Redis takes no more.
func (f *Freezes) fit(p *plan, own *freeze.Set, count int) {
	there := own.Find(overflow) != nil
	room := freeze.Max - len(own.List())
	if !there {
		room = max(0, room-1) // the last place is for the freeze of all calls
	}
	affordable := f.affordable()
	fitting := min(room, len(p.begin), affordable)
	all := count < maxListed && fitting == len(p.begin)
	p.again = affordable < min(room, len(p.begin)+1)
	p.begin = p.begin[:fitting]
	f.budget.AllowN(f.Now(), fitting)
	switch {
	case !all:
		f.stopAll(p, own, count)
	case there && !f.isLifting(overflow) && affordable > fitting:
		p.lift = append(p.lift, end{ID: overflow, By: "fleet", Reason: "all freezes of the fleet fit again"})
	}
}

// stopAll stops all calls, since not all freezes are in force.
func (f *Freezes) stopAll(p *plan, own *freeze.Set, count int) {
	p.problem("the fleet has %d freezes, and a gateway holds %d, and takes %d new ones at a time: all calls are stopped, until all fit", count, freeze.Max-1, maxChanges)
	switch {
	case own.Find(overflow) != nil:
	case len(own.List()) == freeze.Max:
		p.unclear = true
	default:
		p.begin = append(p.begin, freeze.Freeze{
			ID: overflow, Subject: freeze.Subject{Kind: freeze.All}, Reason: "the fleet has more freezes than a gateway can hold", Since: f.Now(), By: "fleet",
		})
	}
}
