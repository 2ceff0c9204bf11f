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
		return c.countsUnknown(err)
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

// countsUnknown refuses a call of which it is not known how many came before it.
func (c *call) countsUnknown(err error) *Refusal {
	c.warn("the limits cannot be counted; the call is not sent", err.Error())
	r := later(countsUnknown, "the limits cannot be counted now, so the call was not sent")
	r.Inside = err.Error()
	return r
}
