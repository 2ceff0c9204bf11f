package limits

import (
	"encoding/json"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"tollgate/ratelimit"
)

// fact is a limit as the scripts read it: common.lua says what the members mean.
type fact struct {
	Key    string  `json:"k"`
	Kind   string  `json:"t"`
	Shadow bool    `json:"x,omitempty"`
	Rate   float64 `json:"r,omitempty"`
	Burst  int     `json:"b,omitempty"`
	Calls  int     `json:"q,omitempty"`
	Window int64   `json:"w,omitempty"`
	Start  int64   `json:"s,omitempty"`
	End    int64   `json:"e,omitempty"`
}

var kinds = map[ratelimit.Kind]string{ratelimit.Bucket: "bucket", ratelimit.Window: "window", ratelimit.Calendar: "calendar"}

// fact describes a limit at a time of Redis, by the newest rules.
func (c *factCache) fact(l *ratelimit.Limit, now time.Time) (f fact) {
	f, t := fact{Key: l.Key(), Kind: kinds[l.Kind], Shadow: l.Shadow}, l.Terms
	if rules := c.rules.Load(); rules != nil {
		t = rules.Newest(l)
	}
	switch l.Kind {
	case ratelimit.Bucket:
		f.Rate, f.Burst = t.Rate.PerSecond, t.Rate.Burst
	case ratelimit.Window:
		f.Calls, f.Window = t.Calls, t.Window.Microseconds()
	case ratelimit.Calendar:
		begins, ends := t.In(now)
		f.Calls, f.Start, f.End = t.Calls, begins.UnixMicro(), ends.UnixMicro()
	}
	return f
}

// facts are the limits of a demand as the scripts read them.
type facts struct {
	all     string // JSON
	windows string // JSON of the windows among them; empty: there are none

	since, until int64 // the time for which they hold, in microseconds of Redis; until is 0 if they always do
}

// factCache keeps facts by demand.
type factCache struct {
	rules atomic.Pointer[ratelimit.Rules] // the newest; nil: none yet
	known atomic.Pointer[sync.Map]        // *ratelimit.Demand to *facts, begun again with each change of the rules
	ahead atomic.Int64                    // nanoseconds by which the clock of Redis is ahead of this machine's
}

func newFactCache() *factCache {
	c := &factCache{}
	c.known.Store(new(sync.Map))
	return c
}

// follow describes limits by other rules from now on.
func (c *factCache) follow(rules *ratelimit.Rules) {
	c.rules.Store(rules) // first: what is known from now on is by these
	c.known.Store(new(sync.Map))
}

// now is about the time of Redis.
func (c *factCache) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// learn sets the clock by an answer of Redis.
func (c *factCache) learn(microseconds int64) {
	c.ahead.Store(int64(time.Until(time.UnixMicro(microseconds))))
}

func (c *factCache) of(d *ratelimit.Demand) *facts {
	known := c.known.Load()
	if f, ok := known.Load(d); ok && f.(*facts).holds(c) {
		return f.(*facts)
	}
	f := c.facts(d, c.now())
	known.Store(d, f)
	return f
}

func (f *facts) holds(c *factCache) bool {
	if f.until == 0 {
		return true
	}
	now := c.now().UnixMicro()
	return f.since <= now && now < f.until
}

func (c *factCache) facts(d *ratelimit.Demand, now time.Time) *facts {
	var all, windows []fact
	f := &facts{}
	for i := range d.Limits {
		one := c.fact(&d.Limits[i], now)
		if one.End != 0 {
			f.since = max(f.since, one.Start)
		}
		if one.End != 0 && (f.until == 0 || one.End < f.until) {
			f.until = one.End
		}
		all = append(all, one)
		if one.Kind == "window" {
			windows = append(windows, one)
		}
	}
	f.all = text(all)
	if windows != nil {
		f.windows = text(windows)
	}
	return f
}

// text writes JSON of what this package made of numbers and names.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // a NaN or infinite rate, which rules never have
	}
	return string(b)
}

// microseconds rounds up, so that a wait is never too short.
func microseconds(d time.Duration) int64 { return int64(math.Ceil(float64(d) / 1e3)) }
