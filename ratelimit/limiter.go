package ratelimit

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"time"
)

// Limiter counts calls and decides whether they may go now, wait, or are refused, by rules that may change. It is safe for
// concurrent use and starts no goroutine.
type Limiter struct {
	counts   *counts
	arrivals atomic.Uint64
	places   *Places
	slowed   slowed
}

// NewLimiter returns a limiter that has counted no call yet.
func NewLimiter() *Limiter { return &Limiter{places: NewPlaces(), counts: newCounts()} }

// Follow makes rules the newest ones. The count of a limit stays if its name and what it counts by stay, by the new terms from now on, for
// calls that wait as well. A fuller bucket is cut to the new burst, an emptier one fills up from where it is. Limits that
// are new begin full, and the counts of those that are gone are for calls of the rules before, and then dropped.
func (l *Limiter) Follow(rules *Rules) { l.counts.follow(rules) }

// Divide holds every limit to an nth of what the rules say, from now on: see [Terms.Divided].
func (l *Limiter) Divide(n int) { l.counts.divide(max(n, 1)) }

// Waiting is how many calls wait at this moment.
func (l *Limiter) Waiting() int { return l.places.Taken() }

// ErrUnavailable says that the calls so far cannot be counted. A [Limiter] never returns it; one that is shared by several
// processes may.
var ErrUnavailable = errors.New("the limits cannot be counted")

// newcomer stands behind all other calls of its caller.
const newcomer = math.MaxUint64

// Take asks for one call: every limit of d counts it, after a wait if it must and may, or none does. The error is that of ctx when the
// caller has left, and nothing is counted then; being over a limit is no error but a [Verdict]. A call that was allowed must be followed by
// [Limiter.Sent].
func (l *Limiter) Take(ctx context.Context, d *Demand) (Verdict, error) {
	if err := ctx.Err(); err != nil {
		return Verdict{}, err
	}
	if len(d.Limits) == 0 {
		return Verdict{Allowed: true}, nil
	}
	c := l.counts.lock(d)
	start := time.Now()
	slowest, delay := c.look(start, arrival{d.Subject.Caller, newcomer})
	if delay == 0 {
		defer c.unlock()
		return c.allow(start, d), nil
	}
	w, full := l.queue(d, c, slowest, delay)
	if w == nil {
		defer c.unlock()
		v := c.refuse(slowest, delay)
		v.QueueFull = full
		return v, nil
	}
	c.unlock()
	defer l.places.Leave(w.caller)
	return c.wait(ctx, d, w, start)
}

// Count counts a call that was allowed elsewhere. It never waits, and counts also where there is no room, but that a bucket is in no debt for
// it. It must be followed by [Limiter.Sent], as one that was taken.
func (l *Limiter) Count(d *Demand) {
	if len(d.Limits) == 0 {
		return
	}
	c := l.counts.lock(d)
	defer c.unlock()
	now := time.Now()
	for _, m := range c.locks {
		m.count.add(now)
	}
}

// Sent is called once for each call that was allowed: when its first bytes were written, or when it ended without that. Until then it has
// its place in a window, however long that takes, and from now on for the length of the window.
func (l *Limiter) Sent(d *Demand, _ *Verdict) {
	if m, w := l.published(d); m != nil {
		defer m.mu.Unlock()
		w.sent(time.Now())
	}
}

// published locks the meter of a demand's published quota and returns it with its window; nil: there is none.
func (l *Limiter) published(d *Demand) (*meter, *window) {
	for d.published() {
		c := l.counts.of(d)
		c.published.mu.Lock()
		if !c.published.dropped {
			return c.published, c.window
		}
		c.published.mu.Unlock()
	}
	return nil, nil
}

// queue lets a call wait for m, if it may.
func (l *Limiter) queue(d *Demand, c *counters, m *meter, delay time.Duration) (w *waiter, full bool) {
	if m.refuses(delay, d.MaxWait) {
		return nil, false
	}
	if !l.places.Take(d.Subject.Caller) {
		return nil, true
	}
	w = &waiter{arrival: arrival{d.Subject.Caller, l.arrivals.Add(1)}, wake: make(chan struct{}, 1)}
	c.queue(w, m)
	w.notify() // it looks again at once and sets its own timer
	return w, false
}

// wait lets a queued call wait until it can go, its time is up, or its caller leaves.
func (c *counters) wait(ctx context.Context, d *Demand, w *waiter, start time.Time) (Verdict, error) {
	timer := time.NewTimer(d.MaxWait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
		case <-w.wake:
		case <-timer.C:
		}
		v, again, err := c.retry(ctx, d, w, start)
		if err != nil || again == 0 {
			return v, err
		}
		timer.Reset(again)
	}
}

// longestLook is after what time the first call of a queue looks again at the latest: a quota that is slowed comes back by itself.
const longestLook = time.Second

// retry looks again for a call that waits. It either ends the wait or says after what time to look again; the call is
// woken earlier when it becomes the first of its queue.
func (c *counters) retry(ctx context.Context, d *Demand, w *waiter, start time.Time) (v Verdict, again time.Duration, err error) {
	c.lock()
	defer c.unlock()
	if err := ctx.Err(); err != nil { // before taking anything: who has left needs no token
		c.leave(w)
		return Verdict{}, 0, err
	}
	now := time.Now()
	left := start.Add(d.MaxWait).Sub(now)
	slowest, delay := c.look(now, w.arrival)
	switch {
	case delay == 0:
		c.leave(w)
		v = c.allow(now, d)
	case left <= 0 || slowest.refuses(delay, math.MaxInt64):
		c.leave(w)
		v = c.refuse(slowest, delay)
	default:
		if slowest != w.at {
			w.leave()
			slowest.join(w)
		}
		if slowest.queue.ahead(w.caller, w.seq) == 0 {
			left = min(left, delay, longestLook)
		}
		return Verdict{}, left, nil
	}
	v.Waited = now.Sub(start)
	return v, 0, nil
}
