package bsssim

import "maps"

// allHandlers maps operation names, v2 and v1, to what acts on the state. What is not here answers emptily.
func allHandlers() map[string]handler {
	all := make(map[string]handler)
	for _, part := range []map[string]handler{
		orderHandlers(), resourceHandlers(), fundHandlers(), couponHandlers(), quotaHandlers(), customerHandlers(), enterpriseHandlers(),
		priceHandlers(), billHandlers(),
	} {
		maps.Copy(all, part)
	}
	return all
}
