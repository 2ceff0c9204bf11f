package gateway

import (
	"errors"
	"fmt"

	"tollgate/spend"
)

// price is step 7: what the act costs, where a cap of money counts it and the request does not say. Where that cannot be known the rules
// of the caps decide.
func (c *call) price() *Refusal {
	s := c.spending
	if s == nil || s.act == nil || !c.Gateway.Plan().Spend.NeedsPrice(&s.subject) {
		return nil
	}
	price, read, err := c.readPrice()
	if err != nil {
		s.unpriced = err.Error()
		return nil
	}
	s.setPrice(price, string(s.act.PriceFrom), read)
	return nil
}

// errUnsigned is why nothing can be read for a call.
var errUnsigned = errors.New("the gateway has no credential for the call")

// readPrice reads it by one call of the gateway's own, whose id it returns too.
func (c *call) readPrice() (p spend.Price, read string, err error) {
	if c.decision.Credential == nil {
		return p, "", errUnsigned
	}
	query, err := c.spending.act.PriceQuery(c.operation.Site, &c.facts.Request)
	if err != nil {
		return p, "", err
	}
	found, refused := c.Gateway.ask(c.request.Context(), c.Plan, &lookup{
		of: c.id, identity: c.identity, upstream: c.upstream, granted: c.decision.Credential, query: query,
	})
	if refused != nil {
		return p, found.Call, fmt.Errorf("call %s: %s", found.Call, refused.recorded())
	}
	if p, err = c.spending.act.ReadPrice(&found.Result, found.Body); err != nil {
		c.spending.priceError = found.Result.ErrorCode
		err = fmt.Errorf("call %s: %w", found.Call, err)
	}
	return p, found.Call, err
}
