package limits

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"tollgate/fleet"
	"tollgate/ratelimit"
)

// Asker asks Redis: a [fleet.Client].
type Asker interface {
	Ask(ctx context.Context, q *fleet.Question) (reply any, err error)
}

// Limiter counts calls for all members of a fleet. It has the methods of a [ratelimit.Limiter] that the gateway calls, and is a part of
// the fleet's client. It is safe for concurrent use.
type Limiter struct {
	client  Asker
	local   *ratelimit.Limiter // this member's share
	members atomic.Int64       // among whom limits are shared out
	facts   *factCache
	view    atomic.Pointer[view]
	lines   lines
	held    held
	owed    owed
	seen    seen
	tasks   sync.WaitGroup // questions that no call waits for
}

// New returns a limiter that asks through a client, and whose share is one of so many members: local, which nothing else may take from.
func New(client Asker, local *ratelimit.Limiter, members int) *Limiter {
	l := &Limiter{client: client, local: local, facts: newFactCache()}
	l.view.Store(newView(fleet.Epoch{}, members, nil))
	l.lines.places = ratelimit.NewPlaces()
	l.Divide(members)
	return l
}

// Divide makes the share of this member one of so many, from now on.
func (l *Limiter) Divide(members int) {
	l.members.Store(int64(max(1, members)))
	l.local.Divide(members)
}

// Follow makes calls be counted by these rules from now on.
func (l *Limiter) Follow(rules *ratelimit.Rules) {
	l.local.Follow(rules)
	l.facts.follow(rules)
}

// Waiting is how many calls wait at this moment.
func (l *Limiter) Waiting() int { return l.lines.places.Taken() + l.local.Waiting() }

// Wait waits for questions that no call waits for. No call and no heartbeat may come any more.
func (l *Limiter) Wait() {
	l.held.stop()
	l.tasks.Wait()
}

// Take asks for one call, as [ratelimit.Limiter.Take] does: of Redis, or of this member's share where Redis cannot be asked and no limit of
// the call demands that it is.
func (l *Limiter) Take(ctx context.Context, d *ratelimit.Demand) (ratelimit.Verdict, error) {
	if err := ctx.Err(); err != nil {
		return ratelimit.Verdict{}, err
	}
	if len(d.Limits) == 0 {
		return ratelimit.Verdict{Allowed: true}, nil
	}
	c := &call{l: l, d: d, start: time.Now()}
	return c.take(ctx)
}

// call is a call that is being decided on.
type call struct {
	l     *Limiter
	d     *ratelimit.Demand
	start time.Time
	place *place // in a line, while it waits
}

// left is for how long the call may still wait.
func (c *call) left() time.Duration { return max(0, c.d.MaxWait-time.Since(c.start)) }

func (c *call) take(ctx context.Context) (v ratelimit.Verdict, err error) {
	if full := c.l.lines.behind(c); full != nil {
		return *full, nil
	}
	defer c.leave()
	for {
		asks, sleep := c.l.lines.turn(c)
		decided := false
		switch {
		case asks:
			v, decided, err = c.ask(ctx)
		case sleep == 0:
			slowest, delay := c.l.lines.standing(c)
			v, decided = refusal(c.d, slowest, delay), true
		default:
			err = c.sleep(ctx, sleep)
		}
		if err != nil || decided {
			return c.waited(v), err
		}
	}
}

// waited notes for how long a call stood in a line.
func (c *call) waited(v ratelimit.Verdict) ratelimit.Verdict {
	if c.place != nil {
		v.Waited = time.Since(c.start)
	}
	return v
}

// sleep waits for a time, or until the call is the first of its line, or its caller leaves.
func (c *call) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-c.place.wake:
	case <-timer.C:
	}
	return nil
}

// leave ends the call's wait. The last of a line takes its entry out of the queue in Redis.
func (c *call) leave() {
	if entry := c.l.lines.leave(c); entry != nil {
		c.l.takeOut(lineKey{entry.Key(), c.d.Subject.Caller}, entry)
	}
}

// takeOut takes an entry out of the queue of a limit. If Redis cannot be asked now, that is done with the next heartbeat.
func (l *Limiter) takeOut(key lineKey, limit *ratelimit.Limit) {
	q := &fleet.Question{Script: leaveScript, Args: []any{l.view.Load().fleet, text(l.facts.fact(limit, l.facts.now())), key.caller}}
	l.tasks.Go(func() {
		if _, err := l.client.Ask(context.Background(), q); err != nil {
			l.lines.leaveBehind(key, limit)
		}
	})
}

// alone decides on a call without Redis, and notes that it is to be reported.
func (c *call) alone(ctx context.Context, why error) (v ratelimit.Verdict, decided bool, err error) {
	v, err = c.without(ctx, why)
	c.l.owed.add(c.l, c.d, v)
	return v, true, err
}

// ask asks Redis once. The call is not decided if it has to wait.
func (c *call) ask(ctx context.Context) (v ratelimit.Verdict, decided bool, err error) {
	if why := c.l.view.Load().young(c.d); why != nil {
		return c.alone(ctx, why)
	}
	for range 2 {
		q := c.question()
		_, err = c.l.client.Ask(ctx, &q.Question)
		switch {
		case err != nil:
			v, err = c.unanswered(ctx, q, err)
			return v, true, err
		case q.answer.what != otherPeriod:
			v, decided = c.decide(q)
			return v, decided, nil
		}
		c.l.owed.back(q.reported)
		c.l.facts.learn(q.answer.now) // this machine's clock said another day or month
	}
	return c.alone(ctx, errClocks)
}

var errClocks = fmt.Errorf("%w: its clock and this machine's do not agree on the day", fleet.ErrAway)

// decide goes by an answer.
func (c *call) decide(q *question) (v ratelimit.Verdict, decided bool) {
	a := &q.answer
	c.l.seen.note(c.d, a)
	switch a.what {
	case granted:
		c.l.local.Count(c.d)
		c.l.lines.granted(c)
		v = a.allowed(c.d)
		v.Ticket = c.l.held.add(c.l, c.d, a.at)
		return v, true
	case refused:
		return refusal(c.d, a.slowest, a.delay), true
	}
	return c.l.lines.wait(c, a)
}

// unanswered decides on a call whose question has failed. One that was asked may have been carried out.
func (c *call) unanswered(ctx context.Context, q *question, why error) (v ratelimit.Verdict, err error) {
	if !isLate(why) {
		q.settle(false)
	}
	v, err = c.without(ctx, why)
	q.passed(v)
	return v, err
}

// without decides on a call that Redis has not decided on.
func (c *call) without(ctx context.Context, why error) (v ratelimit.Verdict, err error) {
	if err := ctx.Err(); err != nil {
		return v, err
	}
	for i := range c.d.Limits {
		if limit := &c.d.Limits[i]; limit.Without == ratelimit.Refuse && !limit.Shadow {
			return v, fmt.Errorf("%w: limit %q is counted over Redis only: %w", ratelimit.ErrUnavailable, limit.Name, why)
		}
	}
	switch over := c.l.usedUp(c.d); {
	case over != nil:
		v = *over
	case c.place == nil:
		v, err = c.l.local.Take(ctx, c.d)
	default:
		v, err = c.rest(ctx)
	}
	v.From = ratelimit.FromShare
	return v, err
}

// usedUp refuses a call for which a calendar has no room, by what this member has seen of it: of what was left then each member has an
// even part.
func (l *Limiter) usedUp(d *ratelimit.Demand) *ratelimit.Verdict {
	for i := range d.Limits {
		limit := &d.Limits[i]
		if limit.Kind != ratelimit.Calendar || limit.Shadow {
			continue
		}
		now := l.facts.now()
		begins, ends := limit.In(now)
		all := l.seen.calls(limit, now.Sub(begins))
		if int64(l.owed.calls(limit, begins)) >= (int64(limit.Calls)-all)/l.members.Load() {
			v := refusal(d, i, ends.Sub(now))
			return &v
		}
	}
	return nil
}

// rest makes a call that has waited already wait for this member's share as long as it still may.
func (c *call) rest(ctx context.Context) (v ratelimit.Verdict, err error) {
	slowest, delay := c.l.lines.standing(c)
	c.leave()
	within, cancel := context.WithTimeout(ctx, c.left())
	defer cancel()
	v, err = c.l.local.Take(within, c.d)
	if err != nil && ctx.Err() == nil {
		v, err = refusal(c.d, slowest, delay), nil
	}
	v.Waited = time.Since(c.start)
	return v, err
}
