package ratelimit

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// slowed is the published quotas that were slowed and may not be back yet.
type slowed struct {
	mu     sync.Mutex
	meters map[*meter]Subject
}

// Throttled is called when the provider has refused a call since there were too many. For all calls that share its published quota nothing
// goes for the time that the answer asks for, at least a window and at most 30 seconds. After that half of the quota goes, but not less than an
// eighth, and a sixteenth of it more with each second. A call without a published quota slows nothing.
func (l *Limiter) Throttled(d *Demand, retryAfter time.Duration) {
	m, w := l.published(d)
	if m == nil {
		return
	}
	w.throttled(time.Now(), retryAfter)
	m.mu.Unlock()
	l.slowed.mu.Lock()
	defer l.slowed.mu.Unlock()
	if l.slowed.meters == nil {
		l.slowed.meters = map[*meter]Subject{}
	}
	l.slowed.meters[m] = d.Limits[len(d.Limits)-1].Counted
}

// Slowed is a published quota that is slowed since the provider refused a call of it.
type Slowed struct {
	Counted Subject // whose calls of which operation
	Factor  float64 // the part of the quota that goes now; 0: nothing goes
}

// Slowed returns the quotas that are slowed now.
func (l *Limiter) Slowed() (all []Slowed) {
	now := time.Now()
	l.slowed.mu.Lock()
	defer l.slowed.mu.Unlock()
	for m, counted := range l.slowed.meters {
		if factor := m.factor(now); factor < 1 {
			all = append(all, Slowed{counted, factor})
		} else {
			delete(l.slowed.meters, m)
		}
	}
	slices.SortFunc(all, func(a, b Slowed) int { return cmp.Or(cmp.Compare(a.Factor, b.Factor), a.Counted.compare(b.Counted)) })
	return all
}

func (m *meter) factor(now time.Time) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &m.count.(*window).slowing
	if now.Before(s.until) {
		return 0
	}
	return s.factor(now)
}
