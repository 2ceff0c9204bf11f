package ratelimit

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// Limiter counts calls and decides whether they may go now, wait, or are refused, by rules that may change. It is safe for
// concurrent use and starts no goroutine.
type Limiter struct {
	maxWaiting int64
	counts     *counts
	arrivals   atomic.Uint64
	waiting    atomic.Int64
}

// NewLimiter returns a limiter that has counted no call yet: all its buckets are full.
func NewLimiter() *Limiter { return &Limiter{maxWaiting: maxWaiting, counts: newCounts()} }

// Follow makes rules the newest ones. The count of a limit stays if its name and what it counts by stay, with the new rate from now on, for
// calls that wait as well. A fuller bucket is cut to the new burst, an emptier one fills up from where it is. Limits that
// are new begin full, and the counts of those that are gone are for calls of the rules before, and then forgotten.
func (l *Limiter) Follow(rules *Rules) { l.counts.follow(rules) }

// Waiting is how many calls wait at this moment.
func (l *Limiter) Waiting() int { return int(l.waiting.Load()) }

// ErrUnavailable says that the calls so far cannot be counted. A [Limiter] never returns it; one that is shared by several
// processes may.
var ErrUnavailable = errors.New("the limits cannot be counted")

// Take asks for one call: it takes a token from every bucket that d needs, waiting for them if it must and may, or from
// none. The error is that of ctx when the caller has left, and no token is taken then; being over a limit is no error but
// a [Verdict].
func (l *Limiter) Take(ctx context.Context, d *Demand) (Verdict, error) {
	if err := ctx.Err(); err != nil {
		return Verdict{}, err
	}
	if len(d.Limits) == 0 {
		return Verdict{Allowed: true}, nil
	}
	c := l.counts.lock(d)
	start := time.Now()
	slowest, delay := c.look(start, nil)
	if delay == 0 {
		defer c.unlock()
		return c.allow(start), nil
	}
	w, full := l.queue(d, c, slowest, delay)
	if w == nil {
		defer c.unlock()
		v := refuse(slowest, delay)
		v.QueueFull = full
		return v, nil
	}
	c.unlock()
	defer l.waiting.Add(-1)
	return c.wait(ctx, w, start, d.MaxWait)
}

// queue lets a call wait for b, if it may.
func (l *Limiter) queue(d *Demand, c *counters, b *bucket, delay time.Duration) (w *waiter, full bool) {
	if delay > d.MaxWait {
		return nil, false
	}
	if l.waiting.Add(1) > l.maxWaiting {
		l.waiting.Add(-1)
		return nil, true
	}
	w = &waiter{seq: l.arrivals.Add(1), wake: make(chan struct{}, 1)}
	c.queue(w, b)
	w.notify() // it looks again at once and sets its own timer
	return w, false
}

// wait lets a queued call wait until it can go, its time is up, or its caller leaves.
func (c *counters) wait(ctx context.Context, w *waiter, start time.Time, most time.Duration) (Verdict, error) {
	deadline := start.Add(most)
	timer := time.NewTimer(most)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
		case <-w.wake:
		case <-timer.C:
		}
		v, again, err := c.retry(ctx, w, start, deadline)
		if err != nil || again == 0 {
			return v, err
		}
		timer.Reset(again)
	}
}

// retry looks again for a call that waits. It either ends the wait or says after what time to look again; the call is
// woken earlier when it becomes the first of its queue.
func (c *counters) retry(ctx context.Context, w *waiter, start, deadline time.Time) (v Verdict, again time.Duration, err error) {
	c.lock()
	defer c.unlock()
	if err := ctx.Err(); err != nil { // before taking anything: who has left needs no token
		c.leave(w)
		return Verdict{}, 0, err
	}
	now := time.Now()
	slowest, delay := c.look(now, w)
	switch {
	case delay == 0:
		c.leave(w)
		v = c.allow(now)
	case !now.Before(deadline):
		c.leave(w)
		v = refuse(slowest, delay)
	default:
		if slowest != w.at {
			w.leave()
			slowest.join(w)
		}
		again = deadline.Sub(now)
		if slowest.ahead(w) == 0 {
			again = min(again, delay)
		}
		return Verdict{}, again, nil
	}
	v.Waited = now.Sub(start)
	return v, 0, nil
}
