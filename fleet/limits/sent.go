package limits

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"tollgate/fleet"
	"tollgate/ratelimit"
)

func isLate(err error) bool { return errors.Is(err, fleet.ErrLate) }

// held is the calls that Redis has counted in windows and that have not been sent yet.
type held struct {
	mu    sync.Mutex
	last  int64
	calls map[int64]*heldCall // by ticket
}

// heldCall keeps the place of a call that is not sent yet from running out. Its place is moved on at half of the window, again and again.
type heldCall struct {
	l    *Limiter
	d    *ratelimit.Demand
	each time.Duration

	mu     sync.Mutex
	at     int64     // when it has its place, by the clock of Redis; 0: that is not known
	placed time.Time // and by this machine's
	timer  *time.Timer
	ended  bool
}

// promptly is how long after it was granted a call may be sent without its place being moved: half of the margin of windows.
const promptly = 25 * time.Millisecond

// add notes a call that was granted, and returns its ticket; 0: it has no window.
func (h *held) add(l *Limiter, d *ratelimit.Demand, at int64) int64 {
	c := &heldCall{l: l, d: d, at: at, placed: time.Now()}
	for i := range d.Limits {
		if limit := &d.Limits[i]; limit.Kind == ratelimit.Window && (c.each == 0 || limit.Window < c.each) {
			c.each = limit.Window
		}
	}
	if c.each == 0 {
		return 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.calls == nil {
		h.calls = map[int64]*heldCall{}
	}
	h.last++
	h.calls[h.last] = c
	c.timer = time.AfterFunc(c.each/2, c.hold)
	return h.last
}

func (h *held) take(ticket int64) *heldCall {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.calls[ticket]
	delete(h.calls, ticket)
	return c
}

// stop ends the timers.
func (h *held) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.calls {
		c.end()
	}
	clear(h.calls)
}

// hold moves the place on while the call is not sent.
func (c *heldCall) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.move()
		c.timer.Reset(c.each / 2)
	}
}

func (c *heldCall) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	c.timer.Stop()
}

// sent moves the call's place to now, if sending took a while.
func (c *heldCall) sent() {
	c.end()
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.placed) > promptly {
		c.move()
	}
}

// move asks Redis to move the place to now; the lock is held. What cannot be moved is reported as another call.
func (c *heldCall) move() {
	l := c.l
	q := &fleet.Question{
		Script: sentScript,
		Args:   []any{l.view.Load().fleet, l.facts.of(c.d).windows, strconv.FormatInt(c.at, 10)},
		Counts: true,
		Check:  func(reply any) error { return c.moved(reply) },
		Fate: func(applied bool) {
			if !applied {
				l.owed.windows(c.d)
			}
		},
	}
	c.at, c.placed = 0, time.Now()
	l.tasks.Go(func() { _ = l.askAtLeisure(q) })
}

// moved notes the place that Redis has moved the call to.
func (c *heldCall) moved(reply any) error {
	at, ok := reply.(int64)
	if !ok {
		return errors.New("no time in the answer")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
	return nil
}

// windows notes a call in the windows of a demand, of which nothing else is owed.
func (o *owed) windows(d *ratelimit.Demand) {
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range d.Limits {
		if limit := &d.Limits[i]; limit.Kind == ratelimit.Window {
			o.put(&debt{limit: limit, calls: 1, first: now, slots: []slot{{now, now, 1}}})
		}
	}
}

// Sent says that an allowed call has been sent just now, or has ended without that.
func (l *Limiter) Sent(d *ratelimit.Demand, v *ratelimit.Verdict) {
	l.local.Sent(d, v)
	if c := l.held.take(v.Ticket); c != nil && v.Ticket != 0 {
		c.sent()
	}
}

// Throttled says that the provider has refused a call as one too many, and after what time it may be tried again. All members slow down.
func (l *Limiter) Throttled(d *ratelimit.Demand, retryAfter time.Duration) {
	l.local.Throttled(d, retryAfter)
	windows := l.facts.of(d).windows
	if windows == "" {
		return
	}
	q := &fleet.Question{Script: throttledScript, Args: []any{l.view.Load().fleet, windows, strconv.FormatInt(microseconds(retryAfter), 10)}}
	_, _ = l.client.Ask(context.Background(), q) // without Redis each member slows down by what it meets
}
