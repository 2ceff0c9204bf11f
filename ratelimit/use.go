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
	Rate    Flow
	Left    float64 // calls that may go now
	Waiting int     // calls that wait for their turn
}

// share is how much of the burst is left.
func (u Use) share() float64 { return (u.Left - float64(u.Waiting)) / float64(u.Rate.Burst) }

// InUse returns the limits of which something is used up, the fullest first and up to a number of them, and how many there are in all.
func (l *Limiter) InUse(most int) (fullest []Use, all int) {
	now := time.Now()
	for counted, b := range l.counts.snapshot() {
		if u, used := b.use(now); used {
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

// snapshot returns the buckets that count now, so that calls do not wait while each is looked at.
func (c *counts) snapshot() map[key]*bucket {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.now)
}

// use returns how much of the bucket is used up; not if nothing is.
func (b *bucket) use(now time.Time) (u Use, used bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	u = Use{Name: b.name, Rate: b.rate, Left: b.tokens.TokensAt(now), Waiting: len(b.queue)}
	return u, u.Waiting > 0 || u.Left < float64(b.rate.Burst)-tokenSlack
}
