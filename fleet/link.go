package fleet

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"tollgate/internal/setting"
)

// link is a connection to one process of Redis, on which round trips follow each other.
type link struct {
	c       *Client
	wire    *wire
	at      setting.Endpoint
	token   string // what the row of this member calls the connection
	loaded  map[*Script]bool
	counted string // the last question that counted, as the row has it; guarded by the client
	again   chan struct{}
	ctx     context.Context
	fail    context.CancelCauseFunc
	unwatch func() bool
}

func newLink(c *Client, w *wire, at setting.Endpoint) *link {
	l := &link{c: c, wire: w, at: at, token: token(), loaded: map[*Script]bool{}, again: make(chan struct{}, 1)}
	l.ctx, l.fail = context.WithCancelCause(context.Background())
	l.unwatch = context.AfterFunc(l.ctx, func() { w.guard.Close() }) // what waits for an answer ends
	return l
}

// ask asks a question of this package, on this connection and no other.
func (l *link) ask(ctx context.Context, q *Question, patience time.Duration) (any, error) {
	a := &asked{q: q, inner: true, done: make(chan struct{})}
	l.c.mu.Lock()
	l.c.push(a)
	l.c.mu.Unlock()
	return l.c.await(ctx, a, patience)
}

// batch is the questions of one round trip.
type batch struct {
	questions []*asked
	epoch     uint64 // they are for
	counted   string // the last question before them that counted, as the row has it
}

// pump makes round trips until the connection has ended.
func (l *link) pump() {
	for {
		b := l.next()
		if len(b.questions) == 0 {
			return
		}
		if err := l.roundTrip(b); err != nil {
			l.fail(err)
		}
	}
}

// next returns the questions of the next round trip, as soon as there are some; none when the connection has ended.
func (l *link) next() batch {
	for {
		if l.ctx.Err() != nil {
			return batch{}
		}
		if b := l.pick(); len(b.questions) > 0 {
			return b
		}
		select {
		case <-l.c.wake:
		case <-l.ctx.Done():
		}
	}
}

// pick takes questions from the queue, and numbers them.
func (l *link) pick() (b batch) {
	c := l.c
	c.mu.Lock()
	defer c.mu.Unlock()
	taken, complete := 0, len(c.missing) == 0
	for _, a := range c.queue {
		if len(b.questions) == maxBatch {
			break
		}
		taken++
		switch {
		case a.stage == ended || a.stage == late:
		case a.q.Complete && !complete:
			a.end(nil, ErrIncomplete)
		default:
			c.number++
			a.stage, a.number = sent, c.number
			b.questions = append(b.questions, a)
		}
	}
	c.queue = append(c.queue[:0], c.queue[taken:]...)
	clear(c.queue[len(c.queue) : len(c.queue)+taken])
	if len(b.questions) > 0 {
		c.trip = time.Now()
	}
	b.epoch, b.counted = c.epoch.number, l.counted
	return b
}

// roundTrip sends questions, and takes in the answers. After an error the connection is not to be used again.
func (l *link) roundTrip(b batch) error {
	ctx, cancel := context.WithTimeout(l.ctx, tripLimit)
	defer cancel()
	l.wire.guard.scan.begin()
	begun, pipe := time.Now(), l.wire.conn.Pipeline()
	commands := make([]*redis.Cmd, len(b.questions))
	for i, args := range l.commands(b) {
		commands[i] = redis.NewCmd(ctx, args...)
		_ = pipe.Process(ctx, commands[i]) // puts it into the pipeline
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	took := time.Since(begun)
	if l.c.o.Observe != nil {
		l.c.o.Observe(took, len(b.questions))
	}
	return l.land(b.questions, commands, took)
}

// commands makes the commands of questions. Of those that count, each names the one before it: it is not done where that one was not.
func (l *link) commands(b batch) [][]any {
	commands := make([][]any, len(b.questions))
	keys, counted := [2]string{l.c.base + "epoch", l.c.base + "member:" + l.c.o.Name}, b.counted
	for i, a := range b.questions {
		head := [4]any{b.epoch, l.token, a.number, ""}
		if a.q.Counts {
			head[3], counted = counted, strconv.FormatUint(a.number, 10)
		}
		commands[i] = a.q.Script.command(a.again || !l.loaded[a.q.Script], keys, head, a.q.Args)
		l.loaded[a.q.Script] = true
	}
	return commands
}

// land brings the answers to those who asked.
func (l *link) land(questions []*asked, commands []*redis.Cmd, took time.Duration) (broke error) {
	var reports []func()
	var again []*asked
	outcomes := make([]outcome, len(questions))
	for i, a := range questions {
		outcomes[i] = l.outcome(a, commands[i])
	}
	c := l.c
	c.mu.Lock()
	c.trip = time.Time{}
	c.counts = counts{c.counts.trips + 1, c.counts.questions + uint64(len(questions)), took}
	for i, a := range questions {
		o := outcomes[i]
		undone := o.verdict == missing || o.verdict == unordered
		if broke == nil && (o.verdict == broken || undone && a.again) { // sent with its source, after one that was done
			broke = o.err
		}
		switch {
		case broke != nil:
			c.lose(a, broke)
		case undone && a.stage == sent:
			a.again, a.stage = true, waiting
			again = append(again, a)
		default:
			reports = append(reports, l.conclude(a, o))
		}
	}
	if broke == nil {
		c.queue = append(again, c.queue...)
	} else {
		endAll(again, errUndone)
	}
	c.mu.Unlock()
	for _, f := range reports {
		if f != nil {
			f()
		}
	}
	return broke
}

// endAll answers all who still wait; the lock is held.
func endAll(questions []*asked, err error) {
	for _, a := range questions {
		a.end(nil, err)
	}
}

// outcome is what an answer says of its question.
type outcome struct {
	verdict verdict
	reply   any
	err     error
}

// outcome reads an answer, and has the asker's check look at it.
func (l *link) outcome(a *asked, command *redis.Cmd) (o outcome) {
	o.verdict, o.reply, o.err = judge(a.number, command.Val(), command.Err())
	if o.verdict == answered && a.q.Check != nil {
		if err := a.q.Check(o.reply); err != nil {
			o.verdict, o.err = broken, fmt.Errorf("an answer to %q that makes no sense: %w", a.q.Script.name, err)
		}
	}
	o.err = explain(o.err)
	return o
}

// conclude ends a question whose fate is known; the lock is held. It returns what is to be called without it.
func (l *link) conclude(a *asked, o outcome) (report func()) {
	if a.stage == late {
		report = func() { a.settle(o.verdict == answered) }
		a.stage = ended
	}
	if a.q.Counts && (o.verdict == answered || o.verdict == failed) {
		l.counted = strconv.FormatUint(a.number, 10)
	}
	switch o.verdict {
	case answered:
		a.end(o.reply, nil)
	case failed:
		a.end(nil, because(fmt.Errorf("script %q: %w", a.q.Script.name, o.err)))
	case stale:
		l.stale()
		a.end(nil, errOldEpoch)
	default:
		a.end(nil, errUndone)
	}
	return report
}

// stale notes that the epoch has to be entered again; the lock is held.
func (l *link) stale() {
	select {
	case l.again <- struct{}{}:
	default:
	}
}

// close ends the connection, after the pump has ended.
func (l *link) close() {
	l.fail(errors.New("closed"))
	l.unwatch()
	l.wire.close()
}
