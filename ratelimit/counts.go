package ratelimit

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// key is what a bucket counts: for which limit, and what of a call that is.
type key struct {
	counting
	counted Subject
}

// counts keeps buckets by what they count, while rules come and go.
type counts struct {
	counters atomic.Pointer[sync.Map] // the buckets of a demand: *Demand to *counters; begun anew with each change of the rules

	mu    sync.Mutex
	made  uint64 // how many buckets
	rules *Rules // the newest; nil: none yet
	now   map[key]*bucket
	// gone are buckets of limits that the newest rules do not have: calls that began under the rules before are counted there.
	gone map[key]*bucket
}

func newCounts() *counts {
	c := &counts{now: map[key]*bucket{}, gone: map[key]*bucket{}}
	c.counters.Store(new(sync.Map))
	return c
}

// of returns the buckets of a demand, made where they are not there yet.
func (c *counts) of(d *Demand) *counters {
	known := c.counters.Load()
	if all, ok := known.Load(d); ok {
		return all.(*counters)
	}
	all := c.resolve(d)
	known.Store(d, all) // two racing calls resolve to the same buckets
	return all
}

func (c *counts) resolve(d *Demand) *counters {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := &counters{}
	for _, limit := range d.Limits {
		all.buckets = append(all.buckets, c.bucket(limit))
	}
	all.locks = slices.SortedFunc(slices.Values(all.buckets), func(a, b *bucket) int { return cmp.Compare(a.number, b.number) })
	return all
}

// bucket finds the bucket of a limit. One that the newest rules have too has their rate.
func (c *counts) bucket(l Limit) *bucket {
	k := key{counting{l.Name, setOf(l.Per)}, l.Counted}
	rate, among := l.Rate, c.gone
	if c.rules != nil {
		if newest, ok := c.rules.rate(k); ok {
			rate, among = newest, c.now
		}
	}
	b := among[k]
	if b == nil {
		c.made++
		b = newBucket(c.made, l.Name, rate)
		among[k] = b
	}
	return b
}

// follow has buckets filled as the rules say from now on. Those of which they have no limit any more are for calls of the rules before.
// Full ones are dropped, which loses nothing: so names that are no longer configured do not pile up.
func (c *counts) follow(rules *Rules) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counters.Store(new(sync.Map)) // first: a call that finds a dropped bucket looks for another one there, and waits for the lock
	c.rules, c.gone = rules, map[key]*bucket{}
	for k, b := range c.now {
		rate, stays := rules.rate(k)
		if !stays {
			c.gone[k] = b
		}
		if !stays || b.follow(rate) {
			delete(c.now, k)
		}
	}
}

// lock locks the buckets of a demand.
func (c *counts) lock(d *Demand) *counters {
	all := c.of(d)
	for !all.tryLock() { // the rules have changed just now, and so there are others
		all = c.of(d)
	}
	return all
}

// counters are the buckets that calls of one demand need: at most one of each rule, in the order of the rules, and one for the published
// quota last.
type counters struct {
	buckets []*bucket
	// locks are the same in the order in which all lock them, which the order of the rules does not change: so no two can wait for each other.
	locks []*bucket
}

func (c *counters) lock() {
	for _, b := range c.locks {
		b.mu.Lock()
	}
}

// tryLock locks them, unless one of them is not the one that counts any more.
func (c *counters) tryLock() bool {
	c.lock()
	if slices.ContainsFunc(c.buckets, func(b *bucket) bool { return b.dropped }) {
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

// look finds the bucket that holds w back longest, and for how long. For a nil w it asks as for a new call.
func (c *counters) look(now time.Time, w *waiter) (slowest *bucket, delay time.Duration) {
	for _, b := range c.buckets {
		if d := b.delay(now, b.ahead(w)); d > delay {
			slowest, delay = b, d
		}
	}
	return slowest, delay
}

func (c *counters) take(now time.Time) {
	for _, b := range c.buckets {
		b.take(now)
	}
}

// queue has w wait for one of the buckets; the others stay until it leaves.
func (c *counters) queue(w *waiter, at *bucket) {
	for _, b := range c.buckets {
		b.held++
	}
	at.join(w)
}

// leave ends the wait of w.
func (c *counters) leave(w *waiter) {
	for _, b := range c.buckets {
		b.held--
	}
	w.leave()
}
