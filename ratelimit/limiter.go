package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// Limiter decides whether calls may go now, wait, or are refused. It is safe for concurrent use and starts no goroutine.
type Limiter struct {
	maxWait    time.Duration
	maxWaiting int64
	plans      *planCache
	buckets    *bucketSet
	arrivals   atomic.Uint64
	waiting    atomic.Int64
}

// New makes a limiter whose buckets are full. The error joins every problem of the settings.
func New(c Config) (*Limiter, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("limits: %w", err)
	}
	set := &bucketSet{published: c.Published, buckets: make(map[bucketKey]*bucket)}
	for _, r := range c.Rules {
		set.rules = append(set.rules, newMatcher(r))
	}
	return &Limiter{maxWait: time.Duration(c.MaxWait), maxWaiting: maxWaiting, plans: newPlanCache(), buckets: set}, nil
}

func (l *Limiter) plan(s Subject) *plan { return l.plans.get(s.known(), l.buckets.resolve) }

// Waiting is how many calls wait at this moment.
func (l *Limiter) Waiting() int { return int(l.waiting.Load()) }

// ErrUnavailable says that the calls so far cannot be counted. A [Limiter] never returns it; one that is shared by several
// processes may.
var ErrUnavailable = errors.New("the limits cannot be counted")

// Take asks for one call: it takes a token from every bucket that s needs, waiting for them if it must and may, or from
// none. The error is that of ctx when the caller has left, and no token is taken then; being over a limit is no error but
// a [Verdict].
func (l *Limiter) Take(ctx context.Context, s Subject) (Verdict, error) {
	if err := ctx.Err(); err != nil {
		return Verdict{}, err
	}
	p := l.plan(s)
	if len(p.buckets) == 0 {
		return Verdict{Allowed: true}, nil
	}
	p.lock()
	start := time.Now()
	slowest, delay := p.look(start, nil)
	if delay == 0 {
		defer p.unlock()
		return p.allow(start), nil
	}
	w, full := l.queue(slowest, delay)
	if w == nil {
		defer p.unlock()
		v := refuse(slowest, delay)
		v.QueueFull = full
		return v, nil
	}
	p.unlock()
	defer l.waiting.Add(-1)
	return l.wait(ctx, p, w, start)
}

// queue lets a call wait for b, if it may.
func (l *Limiter) queue(b *bucket, delay time.Duration) (w *waiter, full bool) {
	if delay > l.maxWait {
		return nil, false
	}
	if l.waiting.Add(1) > l.maxWaiting {
		l.waiting.Add(-1)
		return nil, true
	}
	w = &waiter{seq: l.arrivals.Add(1), wake: make(chan struct{}, 1)}
	b.join(w)
	w.notify() // it looks again at once and sets its own timer
	return w, false
}

// wait lets a queued call wait until it can go, its time is up, or its caller leaves.
func (l *Limiter) wait(ctx context.Context, p *plan, w *waiter, start time.Time) (Verdict, error) {
	deadline := start.Add(l.maxWait)
	timer := time.NewTimer(l.maxWait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
		case <-w.wake:
		case <-timer.C:
		}
		v, again, err := p.retry(ctx, w, start, deadline)
		if err != nil || again == 0 {
			return v, err
		}
		timer.Reset(again)
	}
}

// retry looks again for a call that waits. It either ends the wait or says after what time to look again; the call is
// woken earlier when it becomes the first of its queue.
func (p *plan) retry(ctx context.Context, w *waiter, start, deadline time.Time) (v Verdict, again time.Duration, err error) {
	p.lock()
	defer p.unlock()
	if err := ctx.Err(); err != nil { // before taking anything: who has left needs no token
		w.leave()
		return Verdict{}, 0, err
	}
	now := time.Now()
	slowest, delay := p.look(now, w)
	switch {
	case delay == 0:
		w.leave()
		v = p.allow(now)
	case !now.Before(deadline):
		w.leave()
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

// Limit is one limit that applies to a call.
type Limit struct {
	Name string
	Per  []Dimension // what it counts separately
	Rate Flow
}

// Limits gives the limits that apply to s, in the order of the rules with a published quota last; none for a call that
// nothing limits.
func (l *Limiter) Limits(s Subject) []Limit {
	var limits []Limit
	for _, b := range l.plan(s).buckets {
		limits = append(limits, Limit{Name: b.name, Per: slices.Clone(b.per), Rate: b.rate})
	}
	return limits
}
