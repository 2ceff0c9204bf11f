package logfile

import "strconv"

// MaxActKeys is how many keys an act may have.
const MaxActKeys = 256

// spending writes the members of [Spending].
func (e *encoder) spending(s *Spending) {
	if s == nil {
		return
	}
	e.str(`,"act":`, s.Act)
	e.actKeys(s.Keys)
	if p := s.Price; p != nil {
		e.b = append(e.b, `,"price":{"amount":`...)
		e.text(p.Amount)
		e.str(`,"currency":`, p.Currency)
		e.str(`,"from":`, p.From)
		e.str(`,"call":`, p.Call)
		e.b = append(e.b, '}')
	}
	e.chargeList(s.Caps)
	e.str(`,"repeats":`, s.Repeats)
	e.str(`,"for":`, s.For)
	listOf(e, `,"act_released":[`, s.Released, e.keys, func(position *int) { e.b = strconv.AppendInt(e.b, int64(*position), 10) })
	e.str(`,"held_by":`, s.HeldBy)
	e.list(`,"caps_full":[`, s.CapsFull, e.charges)
}

// actKeys writes groups of keys until there are as many keys as may be written.
func (e *encoder) actKeys(groups []ActKeys) {
	left := e.keys
	listOf(e, `,"act_keys":[`, groups, e.keys, func(g *ActKeys) {
		n := e.bound(len(g.MACs), left)
		left -= n
		e.b = append(e.b, '{')
		start := len(e.b)
		e.num(`,"window_s":`, g.Window)
		e.list(`,"macs":[`, g.MACs[:n], n)
		e.closeObject(start)
	})
}

func (e *encoder) chargeList(charges []CapCharge) {
	listOf(e, `,"caps":[`, charges, e.charges, func(c *CapCharge) {
		e.b = append(e.b, `{"cap":`...)
		e.text(c.Cap)
		e.str(`,"definition":`, c.Definition)
		e.str(`,"counted":`, c.Counted)
		e.str(`,"period":`, c.Period)
		e.str(`,"amount":`, c.Amount)
		e.str(`,"currency":`, c.Currency)
		e.flag(`,"unpriced":true`, c.Unpriced)
		e.b = append(e.b, '}')
	})
}
