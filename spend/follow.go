package spend

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// HoldAct holds an act as a whole, because keys of it that are on record cannot be compared: each call of it is refused as held by the
// call with these. AcceptAct ends that.
func (m *Memory) HoldAct(act, call string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.acts[act] = call
}

// AcceptAct releases an act that HoldAct holds, and reports whether it was held.
func (m *Memory) AcceptAct(act string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, held := m.acts[act]
	delete(m.acts, act)
	return held
}

// Conflicts returns an error that names each hard cap which counts otherwise by these rules than it did so far: what was used of it would be
// lost. A cap that was removed, or stood in no rules since the start, counts as long as its period lasts.
func (m *Memory) Conflicts(r *Rules, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var problems []error
	for _, c := range r.Caps() {
		for id, cc := range m.caps.all {
			if id.name == c.Name && id.definition != c.Definition && cc.hard && (cc.followed || !cc.ended(now)) {
				problems = append(problems, fmt.Errorf("cap %q counts %s, and what it has counted would be lost: give the cap that counts %s another name",
					c.Name, id.definition, c.Definition))
			}
		}
	}
	return errors.Join(problems...)
}

// Turned returns the caps of rules that were hard so far and are soft in them, or the other way round.
func (m *Memory) Turned(r *Rules) (turned []*Cap) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range r.Caps() {
		if known := m.caps.all[capID{c.Name, c.Definition}]; known != nil && known.hard != c.Hard {
			turned = append(turned, c)
		}
	}
	return turned
}

// Follow makes the caps of rules known, as counted from now on, and returns those that were not known. Their counts begin at zero: see
// [Memory.Count]. Caps that these rules do not have are dropped when their period is over.
func (m *Memory) Follow(r *Rules, now time.Time) (fresh []*Cap) {
	m.mu.Lock()
	defer m.mu.Unlock()
	kept := map[capID]bool{}
	for _, c := range r.Caps() {
		id := capID{c.Name, c.Definition}
		kept[id] = true
		if m.caps.all[id] == nil {
			fresh = append(fresh, c)
		}
		cc := m.caps.of(c, now)
		cc.hard, cc.followed = c.Hard, true
		if c.Each != EachCall {
			m.caps.turn(cc, c, now)
		}
	}
	m.places.dropIdle()
	for id, cc := range m.caps.all {
		if cc.followed = kept[id]; !cc.followed && (cc.ended(now) || len(cc.now.counts) == 0) {
			m.caps.drop(cc)
		}
	}
	return fresh
}

// ended reports whether the newest period has ended in every zone.
func (cc *capCounts) ended(now time.Time) bool {
	begins, err := time.Parse(time.DateOnly, cc.now.label)
	ends := begins.AddDate(0, 0, 2)
	if err != nil {
		begins, err = time.Parse(yearMonth, cc.now.label)
		ends = begins.AddDate(0, 1, 1)
	}
	return err == nil && now.After(ends)
}

func (all *caps) drop(cc *capCounts) {
	all.number -= len(cc.now.counts) + len(cc.before.counts)
	delete(all.all, cc.id)
}

// Count adds charges of caps that are new to a call of that time on record, which did not charge them. A call that is not known is one
// that was settled without returning a charge: it must be counted once only. CountedSince follows when all calls of a period are counted.
func (m *Memory) Count(call string, at time.Time, charges []Charge) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.calls[call]
	if e == nil || e.final() {
		e = new(entry) // it returns nothing
	}
	before := e.charges
	for _, ch := range charges {
		cc := m.caps.of(ch.Cap, at)
		if ch.Cap.Each == EachCall || slices.ContainsFunc(before, func(c charged) bool { return c.cap == cc }) {
			continue
		}
		ch.Period = ch.Cap.Period(at)
		e.charge(m.caps.recorded(cc, &ch), &ch)
	}
	e.sign(call)
}

// CountedSince says from when on a cap has counted, and whether it is hard.
func (m *Memory) CountedSince(c *Cap, since time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	cc := m.caps.of(c, since)
	cc.since, cc.hard = since, c.Hard
}
