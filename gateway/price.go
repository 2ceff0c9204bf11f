package gateway

// price is step 7: what the act costs, where a cap counts it.
func (c *call) price() *Refusal { return nil }
