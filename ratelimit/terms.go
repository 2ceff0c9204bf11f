package ratelimit

import (
	"fmt"
	"math"
	"time"
)

// Kind is how a limit counts.
type Kind uint8

const (
	// Bucket counts by tokens that come back evenly.
	Bucket Kind = iota
	// Window counts the calls that were sent in a time before now.
	Window
	// Calendar counts the calls of a day or a month.
	Calendar
)

// Terms are what a limit lets through.
type Terms struct {
	Kind   Kind
	Rate   Flow           // of a Bucket
	Calls  int            // of a Window or Calendar: at most so many
	Window time.Duration  // of a Window: in any time as long as this
	Period Period         // of a Calendar: in each of these
	Zone   *time.Location // of a Calendar: where its periods begin
	field  string         // the RateLimit-Policy of a limit of these terms; empty: not made yet
}

// windowMargin is how much longer a call counts in a window than the provider counts it: what it takes to arrive may differ by so much from
// call to call without the provider seeing more than its quota.
const windowMargin = 50 * time.Millisecond

// publishedTerms are those of a published quota, in calls a second. The provider counts in seconds of which only it knows when they begin.
// So no second of any phase may see more than the quota: 0049.
func publishedTerms(quota float64) Terms {
	quota = min(max(quota, MinPerSecond), MaxPerSecond)
	if quota < 1 {
		return Terms{Kind: Window, Calls: 1, Window: time.Duration(float64(time.Second)/quota) + windowMargin}
	}
	return Terms{Kind: Window, Calls: int(quota), Window: time.Second + windowMargin}
}

// AtOnce returns how many calls can go at once when none came before.
func (t *Terms) AtOnce() int {
	if t.Kind == Bucket {
		return t.Rate.Burst
	}
	return t.Calls
}

// PerSecond returns how many calls a second go in the long run, but for what the margin of a window costs; 0 for a Calendar.
func (t *Terms) PerSecond() float64 {
	if t.Kind == Window {
		return float64(t.Calls) / (t.Window - windowMargin).Seconds()
	}
	return t.Rate.PerSecond
}

// durationOf returns how long so many calls take that go at the pace of a bucket or a window.
func (t *Terms) durationOf(calls float64) time.Duration {
	if t.Kind == Window {
		return Flow{PerSecond: float64(t.Calls) / t.Window.Seconds()}.durationOf(calls)
	}
	return t.Rate.durationOf(calls)
}

// Divided returns the terms of each of n limiters that together let through what one does by t. Of a calendar quota that is smaller than
// n each has none.
func (t Terms) Divided(n int) Terms {
	t.field = ""
	switch t.Kind {
	case Bucket:
		t.Rate = Flow{t.Rate.PerSecond / float64(n), max(1, t.Rate.Burst/n)}
	case Window:
		if t.Calls < n {
			t.Calls, t.Window = 1, t.Window*time.Duration(n)/time.Duration(t.Calls)
		} else {
			t.Calls /= n
		}
	case Calendar:
		t.Calls /= n
	}
	return t
}

// same reports whether two terms are equal. Zones of one name are.
func (t Terms) same(other Terms) bool {
	sameZone := t.zone() == other.zone()
	t.Zone, other.Zone, t.field, other.field = nil, nil, "", ""
	return sameZone && t == other
}

func (t *Terms) zone() string {
	if t.Zone == nil {
		return ""
	}
	return t.Zone.String()
}

// String writes the terms as the configuration and the provider do: "10/s", "5/min", "1000/day".
func (t *Terms) String() string {
	if t.Kind == Calendar {
		return Quota{t.Calls, t.Period}.String()
	}
	perSecond := t.PerSecond()
	if perSecond >= 1 {
		return fmt.Sprintf("%g/s", math.Round(perSecond*100)/100)
	}
	return fmt.Sprintf("%g/min", math.Round(perSecond*60*100)/100)
}

// makeField returns the RateLimit-Policy of a limit with a name: see [Verdict.Fields].
func (t *Terms) makeField(name string) string {
	calls, seconds := t.policy()
	return field(name, "q", calls, "w", seconds)
}

// policy is how many calls are let through in how many seconds: the least number of whole seconds in which the burst comes back, or the
// window, or the longest that the period can be.
func (t *Terms) policy() (calls, seconds int64) {
	switch t.Kind {
	case Window:
		return int64(t.Calls), wholeSeconds(t.Window - windowMargin)
	case Calendar:
		return int64(t.Calls), int64(t.Period.longest() / time.Second)
	}
	w := math.Max(1, math.Ceil(float64(t.Rate.Burst)/t.Rate.PerSecond-tokenSlack))
	return int64(math.Max(float64(t.Rate.Burst), math.Floor(t.Rate.PerSecond*w+tokenSlack))), int64(w)
}
