package gateway

// Use is what calls under way have taken of what they share, beside the bounds in force. After a reload with smaller bounds it may be more.
type Use struct {
	Calls, MaxCalls             int64
	HeaderBytes, MaxHeaderBytes int64
	BodyBytes, MaxBodyBytes     int64
}

// Use returns what is in use now. Calls that the gateway makes itself are not among them.
func (g *Gateway) Use() Use {
	g.ledger.mutex.Lock()
	defer g.ledger.mutex.Unlock()
	taken, most := &g.ledger.all[everyone].taken, &g.ledger.most[everyone]
	return Use{
		Calls: taken[places], MaxCalls: most[places],
		HeaderBytes: taken[headerBytes], MaxHeaderBytes: most[headerBytes],
		BodyBytes: taken[firstBytes] + taken[bodyBytes], MaxBodyBytes: most[firstBytes] + most[bodyBytes],
	}
}
