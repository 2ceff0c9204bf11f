package limits

import (
	"slices"
	"sync"
	"time"

	"tollgate/ratelimit"
)

// lines are the calls of this process that wait, by the limit that holds them back and by caller. The first of a line asks Redis.
type lines struct {
	places *ratelimit.Places

	mu   sync.Mutex
	of   map[lineKey]*callerLine
	left map[lineKey]*ratelimit.Limit // entries in Redis of lines that are gone
}

type lineKey struct{ limit, caller string }

// callerLine is calls of one caller that wait for one limit, in the order in which they came.
type callerLine struct {
	key   lineKey
	limit *ratelimit.Limit
	calls []*place
	entry bool          // the queue in Redis has an entry for it
	asks  time.Time     // when the first is to ask; zero: at once
	pace  time.Duration // between two of them, as Redis said last
}

// place is a call's place in a line.
type place struct {
	line *callerLine   // nil: it has left
	wake chan struct{} // says that it is the first now; room for one, so that no sender waits
	free bool          // its place among all that wait is free again
}

func (p *place) first() bool { return p.line.calls[0] == p }

func (p *place) notify() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// wait is how long until the n-th call of the line, counted from 0, goes.
func (ln *callerLine) wait(n int) time.Duration {
	return max(0, time.Until(ln.asks)) + time.Duration(n)*ln.pace
}

// behind queues a call behind those of its caller that wait for one of its limits: it must not overtake them. It returns a refusal if that
// would take too long.
func (l *lines) behind(c *call) *ratelimit.Verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.of) == 0 {
		return nil
	}
	for i := range c.d.Limits {
		if ln := l.of[lineKey{c.d.Limits[i].Key(), c.d.Subject.Caller}]; ln != nil {
			return l.join(c, ln, i)
		}
	}
	return nil
}

// join puts a call at the end of a line, or returns a refusal; the lock is held.
func (l *lines) join(c *call, ln *callerLine, limit int) *ratelimit.Verdict {
	wait := ln.wait(len(ln.calls))
	v := refusal(c.d, limit, wait)
	if len(ln.calls) > 0 && wait > c.left() {
		return &v
	}
	if c.place == nil && !l.places.Take(c.d.Subject.Caller) {
		v.QueueFull = true
		return &v
	}
	if c.place == nil {
		c.place = &place{wake: make(chan struct{}, 1)}
	}
	c.place.line = ln
	ln.calls = append(ln.calls, c.place)
	return nil
}

// wait makes a call wait as an answer says, or decides that it is refused.
func (l *lines) wait(c *call, a *takeReply) (v ratelimit.Verdict, refused bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	limit := &c.d.Limits[a.slowest]
	ln := l.line(lineKey{limit.Key(), c.d.Subject.Caller}, limit)
	ln.entry = ln.entry || a.registered
	if c.place == nil || c.place.line != ln {
		l.part(c, true)
		if refusal := l.join(c, ln, a.slowest); refusal != nil {
			l.tidy(ln)
			return *refusal, true
		}
	}
	ln.pace = a.pace
	if c.place.first() {
		ln.asks = time.Now().Add(min(a.delay, longestWait))
	}
	return v, false
}

// longestWait is after what time the first of a line asks again at the latest: take.lua's longest.
const longestWait = time.Second

func (l *lines) line(key lineKey, limit *ratelimit.Limit) *callerLine {
	ln := l.of[key]
	if ln == nil {
		if l.of == nil {
			l.of = map[lineKey]*callerLine{}
		}
		_, left := l.left[key]
		delete(l.left, key)
		ln = &callerLine{key: key, limit: limit, entry: left}
		l.of[key] = ln
	}
	return ln
}

// turn reports whether a call is to ask now, and if not how long it has to wait: 0 means that its time is up.
func (l *lines) turn(c *call) (asks bool, sleep time.Duration) {
	if c.place == nil {
		return true, 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	left := c.left()
	if !c.place.first() {
		return false, left
	}
	sleep = min(left, time.Until(c.place.line.asks))
	return sleep <= 0, sleep
}

// standing is the limit that a call waits for, and how long it would have to.
func (l *lines) standing(c *call) (limit int, delay time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ln := c.place.line
	if ln == nil {
		return 0, time.Second
	}
	limit = slices.IndexFunc(c.d.Limits, func(limit ratelimit.Limit) bool { return limit.Key() == ln.key.limit })
	return max(0, limit), max(time.Millisecond, ln.wait(slices.Index(ln.calls, c.place)))
}

// entry is the number of the limit, from 1, in whose queue the call has its line's entry; 0: in none.
func (l *lines) entry(c *call) int {
	if c.place == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	ln := c.place.line
	if !ln.entry || !c.place.first() {
		return 0
	}
	return 1 + slices.IndexFunc(c.d.Limits, func(limit ratelimit.Limit) bool { return limit.Key() == ln.key.limit })
}

// granted notes that Redis has taken out the entry of a call that goes. The next of its line asks at once.
func (l *lines) granted(c *call) {
	if c.place == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.place.first() {
		c.place.line.entry, c.place.line.asks = false, time.Time{}
	}
}

// leave ends the wait of a call. It returns the limit in whose queue an entry is left over.
func (l *lines) leave(c *call) *ratelimit.Limit {
	if c.place == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !c.place.free {
		c.place.free = true
		l.places.Leave(c.d.Subject.Caller)
	}
	return l.part(c, false)
}

// part takes a call out of its line; the lock is held. moved: Redis has taken out its entry. It returns the limit whose entry is left over.
func (l *lines) part(c *call, moved bool) *ratelimit.Limit {
	if c.place == nil || c.place.line == nil {
		return nil
	}
	ln, first := c.place.line, c.place.first()
	c.place.line = nil
	ln.calls = slices.DeleteFunc(ln.calls, func(p *place) bool { return p == c.place })
	if first && moved {
		ln.entry, ln.asks = false, time.Time{}
	}
	if first && len(ln.calls) > 0 {
		ln.calls[0].notify()
	}
	return l.tidy(ln)
}

// tidy drops a line in which no call stands; the lock is held. It returns its limit if there is an entry of it in the queue.
func (l *lines) tidy(ln *callerLine) *ratelimit.Limit {
	if len(ln.calls) > 0 {
		return nil
	}
	delete(l.of, ln.key)
	if ln.entry {
		return ln.limit
	}
	return nil
}

// leaveBehind notes an entry that could not be taken out of the queue in Redis, unless another line has it now.
func (l *lines) leaveBehind(key lineKey, limit *ratelimit.Limit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ln := l.of[key]; ln != nil {
		ln.entry = true
		return
	}
	if l.left == nil {
		l.left = map[lineKey]*ratelimit.Limit{}
	}
	l.left[key] = limit
}

// takeLeft returns the entries that were left behind, and removes them.
func (l *lines) takeLeft() map[lineKey]*ratelimit.Limit {
	l.mu.Lock()
	defer l.mu.Unlock()
	left := l.left
	l.left = nil
	return left
}
