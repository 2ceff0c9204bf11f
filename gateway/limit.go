package gateway

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"tollgate/http1"
	"tollgate/ratelimit"
)

// limit is step 8: within all rates, or after a short wait.
func (c *call) limit() *Refusal {
	var err error
	c.verdict, err = c.Limiter.Take(c.request.Context(), c.demand)
	switch {
	case errors.Is(err, ratelimit.ErrUnavailable):
		return c.countsUnknown(err)
	case err != nil:
		return c.gone("error.now.left_waiting")
	}
	if !c.verdict.Allowed {
		r := refusal(overLimit, "error.limit", "Limit", strconv.Quote(c.verdict.Limit), "Terms", c.verdict.Terms)
		r.RetryAfter = c.verdict.RetryAfter
		return r
	}
	c.unsent.Store(true)
	if c.request.Context().Err() != nil {
		return c.gone("error.now.left")
	}
	return nil
}

// sent reports to the limiter that the call has been sent, or has ended without that. Only the first time counts.
func (c *call) sent() {
	if c.unsent.CompareAndSwap(true, false) {
		c.Limiter.Sent(c.demand, &c.verdict)
	}
}

// slowDown slows all calls that share the call's quota, when the provider refused the call since there were too many.
func (c *call) slowDown(a *answer) {
	if a == nil || a.response.Status != http.StatusTooManyRequests {
		return
	}
	c.warn("the provider says that there are too many calls; those of this quota are slowed", a.result.ErrorCode)
	c.Limiter.Throttled(c.demand, retryAfter(a.response.Header, c.ended()))
}

// longestRetryAfter is more than any limiter waits.
const longestRetryAfter = time.Hour

// retryAfter reads a Retry-After (RFC 9110, section 10.2.3), in seconds or as a date; 0 if there is none, or it is not clear.
func retryAfter(header http1.Fields, now time.Time) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, longestRetryAfter)
	}
	if date, err := http.ParseTime(value); err == nil {
		return min(max(date.Sub(now), 0), longestRetryAfter)
	}
	return 0
}

// countsUnknown refuses a call of which it is not known how many came before it.
func (c *call) countsUnknown(err error) *Refusal {
	c.warn("the limits cannot be counted; the call is not sent", err.Error())
	r := later(countsUnknown, "error.now.counts")
	r.Inside = err.Error()
	return r
}
