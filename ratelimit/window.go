package ratelimit

import (
	"math"
	"slices"
	"time"
)

// windowSlots is how many slots a window has at most: calls that were sent within its 64th part share one, and all count as if sent with the
// last of them. So its memory is bounded for any quota.
const windowSlots = 64

// window is the count of a Window. It never lets through more than Terms.Calls in any period of the length Terms.Window. A call
// counts from when it is taken, and on until a window after it was sent, which may be much later: so it is known to have been sent, or
// counts as if it were sent now.
//
// While calls wait they go evenly spaced, since places that were taken at once also come free at once: callers that come in between
// would wait for a whole window.
type window struct {
	terms   *Terms
	pending int    // taken and not sent yet
	slots   []slot // of calls that were sent, the oldest first
	calls   int    // in slots
	newest  time.Time
	paced   time.Time // before this no call that waits goes
	slowing slowing
}

// slot is calls that were sent between two times.
type slot struct {
	first, last time.Time
	calls       int
}

func newWindow(t *Terms) *window { return &window{terms: t} }

// dropOver removes the slots that are over.
func (w *window) dropOver(now time.Time) {
	over := 0
	for over < len(w.slots) && !now.Before(w.slots[over].last.Add(w.terms.Window)) {
		w.calls -= w.slots[over].calls
		over++
	}
	if over > 0 {
		w.slots = slices.Delete(w.slots, 0, over)
	}
}

// room returns how many calls a window has room for now, and how long that window is: while the quota is slowed, fewer calls or longer.
func (w *window) room(now time.Time) (calls int, each time.Duration) {
	slowed := float64(w.terms.Calls) * w.slowing.factor(now)
	if slowed >= 1 {
		return int(slowed + tokenSlack), w.terms.Window
	}
	return 1, time.Duration(float64(w.terms.Window) / slowed)
}

func (w *window) free(now time.Time) float64 {
	w.dropOver(now)
	calls, each := w.room(now)
	used := w.pending + w.calls
	if used == 0 && each > w.terms.Window && now.Before(w.newest.Add(each)) {
		used = 1
	}
	if now.Before(w.slowing.until) {
		return float64(min(0, calls-used))
	}
	return float64(calls - used)
}

func (w *window) delay(now time.Time, n int, queued bool) time.Duration {
	if !queued && w.slowing.left == 0 && w.pending+w.calls+n <= w.terms.Calls { // as for most calls
		return 0
	}
	w.dropOver(now)
	calls, each := w.room(now)
	delay := max(w.place(now, n, calls, each), w.slowing.until.Sub(now), 0)
	if queued {
		first := max(w.place(now, 1, calls, each), w.slowing.until.Sub(now), w.paced.Sub(now), 0)
		delay = max(delay, first+time.Duration(n-1)*(each/time.Duration(calls)))
	}
	return delay
}

// place returns how long until the n-th call from now finds a place, when a window has so many and those before it go as early as they can:
// a place that is taken at once is free again a window later.
func (w *window) place(now time.Time, n, calls int, each time.Duration) time.Duration {
	before := time.Duration((n-1)/calls) * each
	missing := (n-1)%calls + 1 + w.pending + w.calls - calls
	if each > w.terms.Window && w.pending == 0 { // calls is 1, and its place may be taken longer than slots are kept
		return before + max(0, w.newest.Add(each).Sub(now))
	}
	for i := 0; missing > 0 && i < len(w.slots); i++ {
		if missing -= w.slots[i].calls; missing <= 0 {
			return before + w.slots[i].last.Add(each).Sub(now)
		}
	}
	if missing > 0 { // until one that is pending is sent, and a window
		return before + each
	}
	return before
}

func (w *window) take(now time.Time, queued bool) {
	w.pending++
	if queued {
		calls, each := w.room(now)
		w.paced = now.Add(each / time.Duration(calls))
	}
}

func (w *window) add(now time.Time) { w.take(now, false) }

// sent counts a call that was taken as sent now.
func (w *window) sent(now time.Time) {
	w.dropOver(now)
	w.pending = max(0, w.pending-1)
	w.newest = now
	w.calls++
	if last := len(w.slots) - 1; last >= 0 && now.Sub(w.slots[last].first) <= w.terms.Window/windowSlots {
		w.slots[last].last = now
		w.slots[last].calls++
		return
	}
	w.slots = append(w.slots, slot{now, now, 1})
}

func (w *window) rest(now time.Time) time.Duration {
	_, each := w.room(now)
	rest := max(w.newest.Add(each).Sub(now), w.slowing.over().Sub(now), 0)
	if w.pending > 0 {
		return max(rest, each)
	}
	return rest
}

func (w *window) follow(_ time.Time, t *Terms) { w.terms = t }

// How a window is slowed after the provider refused a call of it.
const (
	slowest      = 1.0 / 8
	recoveryTime = 16 * time.Second // from nothing to all of the quota
	longestPause = 30 * time.Second
)

// slowing is what is left of a window's calls after the provider refused one: the quota is used by others as well, or lower than was
// published. The zero value is all of them.
type slowing struct {
	left  float64   // at the time until; 0: all
	until time.Time // before this nothing goes
	last  time.Time // when the quota was halved last
}

// factor returns the part of the calls that may go.
func (s *slowing) factor(now time.Time) float64 {
	if s.left == 0 {
		return 1
	}
	return math.Min(1, s.left+max(0, now.Sub(s.until)).Seconds()/recoveryTime.Seconds())
}

// over returns when all calls may go again.
func (s *slowing) over() time.Time {
	if s.left == 0 {
		return time.Time{}
	}
	return s.until.Add(time.Duration((1 - s.left) * float64(recoveryTime)))
}

// throttled stops the window for a time, and halves what may go after it. Calls that were refused within one window halve it once: they
// were sent before the first refusal was known.
func (w *window) throttled(now time.Time, retryAfter time.Duration) {
	s := &w.slowing
	factor := s.factor(now)
	if s.last.IsZero() || !now.Before(s.last.Add(w.terms.Window)) {
		factor, s.last = math.Max(slowest, factor/2), now
	}
	pause := min(max(retryAfter, w.terms.Window), longestPause)
	if until := now.Add(pause); until.After(s.until) {
		s.until = until
	}
	s.left = factor
}
