package ratelimit

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// CalendarCount is what is counted of a limit by day or month in its period, as plain data.
type CalendarCount struct {
	Limit      string      `json:"limit"` // its name
	Per        []Dimension `json:"per,omitempty"`
	Caller     string      `json:"caller,omitempty"` // this and the next: what the limit counts separately
	Operation  string      `json:"operation,omitempty"`
	Credential string      `json:"credential,omitempty"`
	Upstream   string      `json:"upstream,omitempty"`
	Period     Period      `json:"period"`
	Zone       string      `json:"zone"`
	Ends       time.Time   `json:"ends"` // when the period does
	Calls      int         `json:"calls"`
}

// Calendars reports whether calls are counted by day or month.
func (l *Limiter) Calendars() bool {
	for k := range l.counts.newest().terms {
		if k.kind == Calendar {
			return true
		}
	}
	return false
}

// CalendarCounts returns what is counted by day or month.
func (l *Limiter) CalendarCounts() (all []CalendarCount) {
	now := time.Now()
	for k, m := range l.counts.snapshot() {
		if n, counted := m.calendarCount(now, k); counted {
			all = append(all, n)
		}
	}
	slices.SortFunc(all, func(a, b CalendarCount) int {
		return cmp.Or(strings.Compare(a.Limit, b.Limit), a.counted().compare(b.counted()))
	})
	return all
}

func (m *meter) calendarCount(now time.Time, k key) (n CalendarCount, counted bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.count.(*calendar)
	if !ok || c.rest(now) == 0 {
		return n, false
	}
	per := slices.DeleteFunc(Dimensions(), func(d Dimension) bool { return setOf([]Dimension{d})&k.per == 0 })
	return CalendarCount{
		Limit: m.name, Per: per, Caller: k.counted.Caller, Operation: k.counted.Operation, Credential: k.counted.Credential, Upstream: k.counted.Upstream,
		Period: c.terms.Period, Zone: c.terms.zone(), Ends: c.ends, Calls: c.calls,
	}, true
}

func (n *CalendarCount) counted() Subject {
	return Subject{Caller: n.Caller, Operation: n.Operation, Credential: n.Credential, Upstream: n.Upstream}
}

// Restore adds what was counted by day or month, as far as the rules in force still count so and the period goes on.
func (l *Limiter) Restore(counts []CalendarCount) {
	rules := l.counts.newest()
	for i := range counts {
		n := &counts[i]
		known := !slices.ContainsFunc(n.Per, func(d Dimension) bool { return !slices.Contains(Dimensions(), d) })
		if !known || n.Calls < 1 {
			continue
		}
		limit := &Limit{Name: n.Limit, Per: n.Per, Counted: n.counted(), Terms: Terms{Kind: Calendar}}
		terms, ok := rules.of(limit.count())
		if limit.Terms = terms; ok && terms.Period == n.Period && terms.zone() == n.Zone {
			l.counts.recall(limit, n.Ends, min(n.Calls, MaxQuota))
		}
	}
}

// Recall counts a call on record by day and month, as the rules in force count it.
func (l *Limiter) Recall(s Subject, at time.Time) {
	d := l.counts.newest().Of(s)
	for i := range d.Limits {
		if limit := &d.Limits[i]; limit.Kind == Calendar {
			_, ends := limit.In(at)
			l.counts.recall(limit, ends, 1)
		}
	}
}

// newest returns the rules in force.
func (c *counts) newest() *Rules {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rules == nil {
		return &Rules{demands: newDemandCache()}
	}
	return c.rules
}

// recall counts calls of the period that ends at a time.
func (c *counts) recall(l *Limit, ends time.Time, calls int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.meter(l)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count.(*calendar).recall(time.Now(), ends, calls)
}

// recall adds calls of the period that ends at a time, if that is the one of now, or one that was begun before the clock was set back.
func (c *calendar) recall(now, ends time.Time, calls int) {
	c.turn(now)
	if ends.After(c.ends) && ends.Sub(now) <= 2*c.terms.Period.longest() {
		c.ends = ends
	}
	if ends.Equal(c.ends) {
		c.calls += calls
	}
}
