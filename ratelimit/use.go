package ratelimit

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Use is how much of a limit is used up at a moment.
type Use struct {
	Name    string
	Counted Subject // the calls as far as the limit counts them separately
	Terms   Terms
	Left    float64 // calls that may go now
	Waiting int     // calls that wait for their turn
}

// share is how much is left of what may go at once.
func (u Use) share() float64 {
	return (u.Left - float64(u.Waiting)) / float64(max(1, u.Terms.AtOnce()))
}

// InUse returns the limits of which something is used up, the fullest first and up to a number of them, and how many there are in all.
func (l *Limiter) InUse(most int) (fullest []Use, all int) {
	now := time.Now()
	for counted, m := range l.counts.snapshot() {
		if u, used := m.use(now); used {
			u.Counted = counted.counted
			fullest = append(fullest, u)
		}
	}
	slices.SortFunc(fullest, func(a, b Use) int {
		return cmp.Or(cmp.Compare(a.share(), b.share()), cmp.Compare(a.Name, b.Name), a.Counted.compare(b.Counted))
	})
	return fullest[:min(most, len(fullest))], len(fullest)
}

// compare orders subjects by their names.
func (s Subject) compare(other Subject) int {
	return slices.Compare([]string{s.Caller, s.Operation, s.Credential, s.Upstream}, []string{other.Caller, other.Operation, other.Credential, other.Upstream})
}

// snapshot returns the meters that count now, so that calls do not wait while each is looked at.
func (c *counts) snapshot() map[key]*meter {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.now)
}

// use returns how much of the limit is used up; not if nothing is.
func (m *meter) use(now time.Time) (u Use, used bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u = Use{Name: m.name, Terms: *m.terms, Left: m.count.free(now), Waiting: m.queue.length}
	return u, m.idleIn(now) > 0
}
