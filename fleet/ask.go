package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	maxQueue = 4096 // questions that wait for a round trip
	maxBatch = 512  // questions of a round trip
)

var (
	errStopped  = errors.New("this member has stopped")
	errFull     = fmt.Errorf("%w: too many questions wait", ErrAway)
	errSlow     = fmt.Errorf("%w: it answers slowly", ErrAway)
	errNotSent  = fmt.Errorf("%w: no round trip began in time", ErrAway)
	errUndone   = fmt.Errorf("%w: it did not have the script", ErrAway)
	errOldEpoch = fmt.Errorf("%w: its data is of another epoch", ErrJoining)
)

// stage is how far a question has come.
type stage int

const (
	waiting stage = iota
	sent
	late  // sent, and its asker has gone; its fate is still to be reported
	ended // its asker has been answered, and nothing more is to be done
)

// asked is a question on its way. All but q and inner belong to the client's lock until done is closed, or the asker has left.
type asked struct {
	q      *Question
	inner  bool // of this package; asked also while the parts are joining
	done   chan struct{}
	stage  stage
	number uint64 // of its last round trip
	again  bool   // it has been sent before, and was not done
	reply  any
	err    error
}

// Ask asks a question, and returns what the script returned, as Redis shows it: int64, string, []any, nil.
func (c *Client) Ask(ctx context.Context, q *Question) (reply any, err error) {
	a := &asked{q: q, done: make(chan struct{})}
	patience, err := c.enqueue(a)
	if err != nil {
		return nil, err
	}
	return c.await(ctx, a, patience)
}

// await waits for the answer, at most as long as the patience.
func (c *Client) await(ctx context.Context, a *asked, patience time.Duration) (any, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-a.done:
	case <-timer.C:
		c.leave(a, nil)
	case <-ctx.Done():
		c.leave(a, ctx.Err())
	}
	return a.reply, a.err
}

// enqueue puts a question of others at the end of the queue, or returns why it is not asked.
func (c *Client) enqueue(a *asked) (patience time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	patience = c.settings.Patience
	switch {
	case c.phase != up:
		return 0, c.why
	case a.q.Patience == 0 && c.slow():
		return 0, errSlow
	case len(c.queue) >= maxQueue:
		return 0, errFull
	case a.q.Complete && len(c.missing) > 0:
		return 0, ErrIncomplete
	}
	if a.q.Patience != 0 {
		patience = min(a.q.Patience, MaxPatience)
	}
	c.push(a)
	return patience, nil
}

func (c *Client) push(a *asked) {
	c.queue = append(c.queue, a)
	c.nudge()
}

func (c *Client) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// leave ends the wait of an asker. A question that was not sent will not be; of one that counts, the fate is reported later.
func (c *Client) leave(a *asked, cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case a.stage == waiting && cause == nil:
		a.stage, a.err = ended, errNotSent
	case a.stage == waiting:
		a.stage, a.err = ended, cause
	case a.stage == sent:
		a.err = ErrLate
		if cause != nil {
			a.err = fmt.Errorf("%w: %w", ErrLate, cause)
		}
		a.stage = ended
		if a.q.Counts {
			a.stage = late
		}
	}
}

// end answers an asker who still waits; the lock is held.
func (a *asked) end(reply any, err error) {
	if a.stage == waiting || a.stage == sent {
		a.stage, a.reply, a.err = ended, reply, err
		close(a.done)
	}
}

// because returns an [ErrAway] with a reason. Of the reason the text counts alone: it may be that something else was late.
func because(why error) error {
	return fmt.Errorf("%w: %s", ErrAway, strings.ReplaceAll(why.Error(), ErrAway.Error()+": ", ""))
}

// lose takes a question that was sent on a connection that has ended; the lock is held. What was done is to be found out, if it matters.
func (c *Client) lose(a *asked, err error) {
	if !a.q.Counts {
		a.end(nil, fmt.Errorf("%w: %v", ErrLate, err))
		return
	}
	if a.stage == sent {
		a.stage, a.err = late, fmt.Errorf("%w: %v", ErrLate, err)
		close(a.done)
	}
	c.lost = append(c.lost, a)
}

// settleLost reports the fate of lost questions.
func (c *Client) settleLost(applied func(*asked) bool) {
	c.mu.Lock()
	lost := c.lost
	c.lost = nil
	c.mu.Unlock()
	for _, a := range lost {
		a.settle(applied(a))
	}
}

func (a *asked) settle(applied bool) {
	if a.q.Fate != nil {
		a.q.Fate(applied)
	}
}

// retreat leaves the phase in which questions are sent. Those that wait are not asked.
func (c *Client) retreat(to phase, why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == up {
		c.since = time.Now()
	}
	c.phase = to
	if why == ErrJoining {
		c.why = why
	} else if why != nil {
		c.why = because(why)
	}
	c.queue = slices.DeleteFunc(c.queue, func(a *asked) bool {
		if a.inner && to != away {
			return false
		}
		a.end(nil, c.why)
		return true
	})
}
