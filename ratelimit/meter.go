package ratelimit

import (
	"sync"
	"time"
)

// meter is the count of one limit, and the calls that wait for it.
type meter struct {
	number uint64 // no other meter has it
	name   string

	// mu makes looking at several meters and taking from all of them one step. The time of every use is read while it is held, so that no
	// count sees it step back.
	mu      sync.Mutex
	terms   *Terms // that hold now; replaced, never changed
	count   count
	queue   queue
	held    int  // by calls that wait, here or for another of their meters
	dropped bool // another meter counts, or will
}

// count is what a kind of limit remembers of the calls so far.
type count interface {
	// free returns how many calls can go now; negative where more have gone than there was room for.
	free(now time.Time) float64
	// delay returns how long until the n-th call from now can go, if they all go as early as they can; 0: it can go now. queued says that
	// calls wait.
	delay(now time.Time, n int, queued bool) time.Duration
	// take counts a call, whether or not delay finds room for it.
	take(now time.Time, queued bool)
	// add counts a call that was allowed elsewhere.
	add(now time.Time)
	// rest returns how long until nothing is counted any more, if no call comes; 0: nothing is.
	rest(now time.Time) time.Duration
	// follow counts by other terms of the same kind from now on.
	follow(now time.Time, t *Terms)
}

func newCount(t *Terms) count {
	switch t.Kind {
	case Window:
		return newWindow(t)
	case Calendar:
		return &calendar{terms: t}
	}
	return newTokens(t)
}

func newMeter(number uint64, name string, t Terms) *meter {
	t.field = t.makeField(name)
	return &meter{number: number, name: name, terms: &t, count: newCount(&t)}
}

// follow counts by other terms from now on. What was counted stays, but for what a smaller burst has no room for. It reports whether the
// meter was dropped instead, since nothing is counted and no call holds it.
func (m *meter) follow(t Terms) (dropped bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if m.dropped = m.held == 0 && m.count.rest(now) == 0; m.dropped || t.same(*m.terms) {
		return m.dropped
	}
	t.field = t.makeField(m.name)
	m.terms = &t
	m.count.follow(now, &t)
	m.queue.notifyFirst() // it can go at another time
	return false
}

// left returns how many calls can go that no other has a claim to go before; negative when more wait than can go.
func (m *meter) left(now time.Time) float64 { return m.count.free(now) - float64(m.queue.length) }

// delay returns how long a call has to wait here when ahead others go first, if no others come.
func (m *meter) delay(now time.Time, ahead int) time.Duration {
	return m.count.delay(now, ahead+1, m.queue.length > 0)
}

// refuses reports whether a call that would have to wait so long is refused. The next day or month is never waited for.
func (m *meter) refuses(delay, maxWait time.Duration) bool {
	return delay > maxWait || delay > 0 && m.terms.Kind == Calendar
}

// take counts a call of a caller.
func (m *meter) take(now time.Time, caller string) {
	m.count.take(now, m.queue.length > 0)
	m.queue.charge(caller)
}

// idleIn returns how long until no call waits and nothing is counted.
func (m *meter) idleIn(now time.Time) time.Duration {
	if m.queue.length == 0 {
		return m.count.rest(now)
	}
	return m.count.rest(now) + m.terms.durationOf(float64(m.queue.length))
}
