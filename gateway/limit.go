package gateway

import (
	"errors"

	"tollgate/ratelimit"
)

// limit is step 7: within all rates, or after a short wait.
func (c *call) limit() *Refusal {
	var err error
	c.verdict, err = c.Limiter.Take(c.request.Context(), c.demand)
	switch {
	case errors.Is(err, ratelimit.ErrUnavailable):
		return c.countsUnknown("the limits cannot be counted", err)
	case err != nil:
		return c.gone("the caller left while the call waited for its turn")
	}
	if !c.verdict.Allowed {
		r := refusal(overLimit, "limit %q (%s) is reached", c.verdict.Limit, c.verdict.Terms)
		r.RetryAfter = c.verdict.RetryAfter
		return r
	}
	c.unsent.Store(true)
	if c.request.Context().Err() != nil {
		return c.gone("the caller left before the call was sent")
	}
	return nil
}

// sent tells the limits that the call has been sent, or has ended without that. Only the first time counts.
func (c *call) sent() {
	if c.unsent.CompareAndSwap(true, false) {
		c.Limiter.Sent(c.demand, &c.verdict)
	}
}

// countsUnknown refuses a call whose limits, or whose signature, cannot be compared with the calls before it.
func (c *call) countsUnknown(what string, err error) *Refusal {
	c.warn(what+"; the call is not sent", err.Error())
	return later(countsUnknown, "%s now, so the call was not sent", what)
}
