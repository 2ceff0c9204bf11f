package gateway

import (
	"strings"

	"tollgate/signing"
)

// match is step 3: method and path to exactly one operation. Only what every parser reads in the same way is matched.
func (c *call) match() *Refusal {
	var err error
	if c.path, err = signing.ParsePath(c.rawPath); err != nil {
		return refusal(ambiguousPath, "%v", err)
	}
	operation, params, ok := c.route.Router.Match(c.request.Method, c.path)
	if !ok {
		return c.unmatched()
	}
	if c.query, err = signing.ParseQuery(c.rawQuery); err != nil {
		return refusal(ambiguousQuery, "%v", err)
	}
	c.operation, c.params, c.upstream = operation, params, c.route.Upstreams[operation]
	return nil
}

func (c *call) unmatched() *Refusal {
	if methods := c.route.Router.Methods(c.path); len(methods) > 0 {
		return refusal(unknownOperation, "this path is served for %s only", strings.Join(methods, ", "))
	}
	return refusal(unknownOperation, "no operation of this listener has this path")
}
