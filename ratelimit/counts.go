package ratelimit

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// key is what a meter counts: for which limit, and what of a call that is.
type key struct {
	counting
	counted Subject
}

func (l *Limit) count() key { return key{counting{l.Name, setOf(l.Per), l.Kind}, l.Counted} }

// counts keeps meters by what they count, while rules come and go.
type counts struct {
	counters atomic.Pointer[sync.Map] // the meters of a demand: *Demand to *counters; replaced with each change of the rules

	mu      sync.Mutex
	made    uint64 // how many meters
	members int    // among whom each limit is divided
	rules   *Rules // the newest; nil: none yet
	now     map[key]*meter
	// gone are meters of limits that the newest rules do not have: calls that began under the rules before are counted there.
	gone map[key]*meter
}

func newCounts() *counts {
	c := &counts{members: 1, now: map[key]*meter{}, gone: map[key]*meter{}}
	c.counters.Store(new(sync.Map))
	return c
}

// of returns the meters of a demand, made where they are not there yet.
func (c *counts) of(d *Demand) *counters {
	known := c.counters.Load()
	if all, ok := known.Load(d); ok {
		return all.(*counters)
	}
	all := c.resolve(d)
	known.Store(d, all) // two racing calls resolve to the same meters
	return all
}

func (c *counts) resolve(d *Demand) *counters {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := &counters{}
	for i := range d.Limits {
		limit := &d.Limits[i]
		m := c.meter(limit)
		all.locks = append(all.locks, m)
		if limit.Shadow {
			all.shadows = append(all.shadows, m)
		} else {
			all.meters = append(all.meters, m)
		}
		if w, ok := m.count.(*window); ok {
			all.published, all.window = m, w
		}
	}
	slices.SortFunc(all.locks, func(a, b *meter) int { return cmp.Compare(a.number, b.number) })
	return all
}

// meter finds the meter of a limit. One that the newest rules have too has their terms.
func (c *counts) meter(l *Limit) *meter {
	k := l.count()
	terms, among := l.Terms, c.gone
	if c.rules != nil {
		if newest, ok := c.rules.of(k); ok {
			terms, among = newest, c.now
		}
	}
	m := among[k]
	if m == nil {
		c.made++
		m = newMeter(c.made, l.Name, terms.Divided(c.members))
		among[k] = m
	}
	return m
}

// follow counts calls as the rules say from now on. Those counts of which they have no limit any more are for calls of the rules before.
func (c *counts) follow(rules *Rules) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rules, c.gone = rules, map[key]*meter{}
	c.apply()
}

// divide counts calls by an nth of what the rules say.
func (c *counts) divide(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.members != n {
		c.members = n
		c.apply()
	}
}

// apply brings the newest terms to all meters. Those that count nothing are dropped, which loses nothing: so names that are no longer
// configured do not pile up.
func (c *counts) apply() {
	c.counters.Store(new(sync.Map)) // first: a call that finds a dropped meter looks for another one there, and waits for the lock
	for k, m := range c.now {
		terms, stays := c.rules.of(k)
		if !stays {
			c.gone[k] = m
		}
		if !stays || m.follow(terms.Divided(c.members)) {
			delete(c.now, k)
		}
	}
}

// lock locks the meters of a demand.
func (c *counts) lock(d *Demand) *counters {
	all := c.of(d)
	for !all.tryLock() { // the rules have changed just now, and so there are others
		all = c.of(d)
	}
	return all
}

// counters are the meters that calls of one demand need: at most one of each rule, in the order of the rules, and one for the published
// quota last.
type counters struct {
	meters  []*meter
	shadows []*meter // of limits in shadow mode
	// locks are both in the order in which all lock them, which the order of the rules does not change: so no two can wait for each other.
	locks []*meter
	// published is the one of the published quota, and window its count; nil: there is none.
	published *meter
	window    *window
}

func (c *counters) lock() {
	for _, b := range c.locks {
		b.mu.Lock()
	}
}

// tryLock locks them and reports whether it did: not if one of them is not the one that counts any more.
func (c *counters) tryLock() bool {
	c.lock()
	if slices.ContainsFunc(c.locks, func(b *meter) bool { return b.dropped }) {
		c.unlock()
		return false
	}
	return true
}

func (c *counters) unlock() {
	for _, b := range c.locks {
		b.mu.Unlock()
	}
}

// look finds the meter that holds a call back longest, and for how long.
func (c *counters) look(now time.Time, a arrival) (slowest *meter, delay time.Duration) {
	for _, m := range c.meters {
		if d := m.delay(now, m.queue.ahead(a.caller, a.seq)); d > delay {
			slowest, delay = m, d
		}
	}
	return slowest, delay
}

// queue makes w wait for one of the meters; the others stay until it leaves.
func (c *counters) queue(w *waiter, at *meter) {
	for _, m := range c.locks {
		m.held++
	}
	at.join(w)
}

// leave ends the wait of w.
func (c *counters) leave(w *waiter) {
	for _, m := range c.locks {
		m.held--
	}
	w.leave()
}

// allow counts a call everywhere and reports on the limit that it is then nearest to.
func (c *counters) allow(now time.Time, d *Demand) Verdict {
	v := Verdict{Allowed: true, Shadow: c.shadow(now, d)}
	for _, m := range c.meters {
		m.take(now, d.Subject.Caller)
	}
	var tightest *meter
	var least float64
	for _, m := range c.meters {
		if left := m.left(now); tightest == nil || left < least {
			tightest, least = m, left
		}
	}
	if tightest != nil {
		v.decidedBy(tightest)
		v.Remaining, v.Reset = max(0, int(math.Floor(least+tokenSlack))), tightest.idleIn(now)
	}
	return v
}

// shadow counts a call by the limits that hold back none, and returns those that would have refused it. These do not count it, and those by
// which it would have waited owe what it takes.
func (c *counters) shadow(now time.Time, d *Demand) (refused []string) {
	for _, m := range c.shadows {
		if m.refuses(m.delay(now, 0), d.MaxWait) {
			refused = append(refused, m.name)
		} else {
			m.take(now, d.Subject.Caller)
		}
	}
	return refused
}

func (c *counters) refuse(m *meter, delay time.Duration) (v Verdict) {
	v.decidedBy(m)
	v.RetryAfter, v.Reset = delay, delay
	return v
}
