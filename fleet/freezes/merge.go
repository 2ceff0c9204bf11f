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

// grace is how long a freeze whose time is over is kept in Redis, for members whose clocks are behind.
const grace = 10 * time.Minute

// merge puts in force what is lacking here, and has lifted what has ended. Changes is how many of those made here Redis knows by now.
func (f *Freezes) merge(reply any, changes uint64) {
	r, err := parse(reply)
	if err != nil { // it was checked
		return
	}
	f.mutex.Lock()
	p := f.plan(r)
	f.mutex.Unlock()
	if err := f.Switch.Begin(p.begin...); err != nil { // someone has frozen meanwhile
		p.problems, p.unclear = append(p.problems, err.Error()), true
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.told, f.toldAs, f.problems = changes, r.version, p.problems
	for _, e := range p.over {
		f.end(e)
	}
	f.record(p.begin, p.lift)
	f.merged = r.version
	if p.unclear {
		f.merged = 0
	}
	f.apply()
	f.wake()
}

// record has logged what was begun, and lifted what has ended. The mutex is held.
func (f *Freezes) record(begun []freeze.Freeze, lift []end) {
	if len(begun)+len(lift) == 0 {
		return
	}
	for _, e := range lift {
		f.lifting[e.ID] = true
	}
	f.later(func(ctx context.Context) {
		_ = f.Switch.Record(ctx, begun...) // Maintain tries it again
		for _, e := range lift {
			_, err := f.Switch.Lift(ctx, e.ID, e.By, e.Reason)
			f.lifted(e.ID, err)
		}
	})
}

// lifted notes what has come of lifting a freeze. One that is in force still is tried again at the next heartbeat.
func (f *Freezes) lifted(id string, err error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	delete(f.lifting, id)
	if err != nil && f.Switch.Gate().Set().Find(id) != nil {
		f.merged = 0
	}
}

// plan is what is to be done to have what Redis has.
type plan struct {
	begin    []freeze.Freeze
	lift     []end
	over     []end // of freezes that Redis need not keep any more
	problems []string
	unclear  bool // not all of it can be done
}

// plan returns what is to be done after an answer. The mutex is held.
func (f *Freezes) plan(r *answer) *plan {
	p, own := new(plan), f.Switch.Gate().Set()
	ended := p.readEnds(r.ended)
	for id, e := range ended {
		if own.Find(id) != nil && !f.lifting[id] {
			p.lift = append(p.lift, e)
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

func (p *plan) readEnds(all []entry) map[string]end {
	ended := map[string]end{}
	for _, e := range all {
		one, err := e.end()
		if err != nil {
			p.problems = append(p.problems, fmt.Sprintf("the end of freeze %.40q in Redis cannot be read (%v): it stays in force where it is", e.id, err))
			continue
		}
		ended[e.id] = one
	}
	return ended
}

// planFreeze adds what follows of a freeze in Redis that has not ended. One that cannot be read stops all calls.
func (f *Freezes) planFreeze(p *plan, e entry, own *freeze.Set, redis time.Time) {
	one, err := e.freeze()
	now := f.Now()
	switch {
	case err != nil && !freeze.IsID(e.id):
		p.problems = append(p.problems, fmt.Sprintf("%.40q in Redis is no freeze; no gateway writes so", e.id))
	case err != nil:
		p.problems = append(p.problems, fmt.Sprintf("freeze %s in Redis cannot be read (%v): all calls are stopped, until it is lifted", e.id, err))
		one = freeze.Freeze{ID: e.id, Subject: freeze.Subject{Kind: freeze.All}, Reason: "a freeze of the fleet cannot be read", Since: now, By: "fleet"}
	case !one.Until.IsZero() && now.After(one.Until.Add(grace)) && redis.After(one.Until.Add(grace)):
		p.over = append(p.over, end{e.id, freeze.Expired, "", now.UTC().Round(time.Second)})
		return
	case !one.Until.IsZero() && !now.Before(one.Until):
		return
	}
	if freeze.IsID(e.id) && own.Find(e.id) == nil && e.id != overflow {
		p.begin = append(p.begin, one)
	}
}

// fit has all calls stopped while there are more freezes than a member can hold.
func (f *Freezes) fit(p *plan, own *freeze.Set, count int) {
	room, there := freeze.Max-len(own.List()), own.Find(overflow) != nil
	if count <= maxListed && len(p.begin) <= room {
		if there && !f.lifting[overflow] {
			p.lift = append(p.lift, end{ID: overflow, By: "fleet", Reason: "all freezes of the fleet fit again"})
		}
		return
	}
	p.problems = append(p.problems, fmt.Sprintf("the fleet has %d freezes, and a gateway holds %d: all calls are stopped, until some are lifted", count, freeze.Max))
	if there {
		p.begin = p.begin[:min(room, len(p.begin))]
		return
	}
	if room == 0 {
		p.unclear = true
		p.begin = nil
		return
	}
	p.begin = append(p.begin[:min(room-1, len(p.begin))], freeze.Freeze{
		ID: overflow, Subject: freeze.Subject{Kind: freeze.All}, Reason: "the fleet has more freezes than a gateway can hold", Since: f.Now(), By: "fleet",
	})
}
