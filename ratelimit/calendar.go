package ratelimit

import "time"

// calendar is the count of a Calendar: the calls of the period that began last. A clock that is set back does not begin a former period again,
// and one that was far ahead for a while does not have the count last until then.
type calendar struct {
	terms *Terms
	calls int
	ends  time.Time
}

// turn begins the period of now, where the one before is over.
func (c *calendar) turn(now time.Time) {
	left := c.ends.Sub(now)
	if left <= 0 {
		c.calls = 0
	}
	if left <= 0 || left > 2*c.terms.Period.longest() {
		_, c.ends = c.terms.In(now)
	}
}

func (c *calendar) free(now time.Time) float64 {
	c.turn(now)
	return float64(c.terms.Calls - c.calls)
}

// delay returns the time until the period ends, by the wall clock, where there is no room in it.
func (c *calendar) delay(now time.Time, n int, _ bool) time.Duration {
	if c.free(now) >= float64(n) {
		return 0
	}
	return c.ends.Sub(now)
}

func (c *calendar) take(now time.Time, _ bool) { c.add(now) }

func (c *calendar) add(now time.Time) {
	c.turn(now)
	c.calls++
}

func (c *calendar) rest(now time.Time) time.Duration {
	if c.turn(now); c.calls == 0 {
		return 0
	}
	return c.ends.Sub(now)
}

// follow goes on counting in the same period. Days and months of another zone, or months instead of days, begin at zero.
func (c *calendar) follow(_ time.Time, t *Terms) {
	if t.Period != c.terms.Period || t.zone() != c.terms.zone() {
		c.ends, c.calls = time.Time{}, 0
	}
	c.terms = t
}
