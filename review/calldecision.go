package review

import (
	"net/url"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/internal/text"
)

// decisionPanel says what was decided, by which plan, limits and caps, and what the call's act costs and holds.
func (v *callView) decisionPanel() panel {
	b := v.box("call.decision")
	if v.Refusal != nil {
		b.word("call.decided", "call.refused")
		v.reason(b, v.Refusal)
		b.add("call.status", fact{Value: text.NotZero(v.Refusal.Status), Code: true})
	} else {
		b.word("call.decided", "call.allowed")
	}
	if plan := v.Plan(); plan != "" {
		b.link("call.plan", plan, "/access?"+url.Values{"plan": {plan}}.Encode())
	}
	v.limits(b)
	v.act(b)
	return b.panel
}

func (v *callView) limits(b *box) {
	waited := int64(0)
	for _, r := range v.Records() {
		waited = max(waited, r.WaitedMicros)
	}
	if waited > 0 {
		b.add("call.waited", fact{Word: milliseconds(waited)})
	}
	for _, r := range v.Records() {
		if r.Limited == nil {
			continue
		}
		b.value("call.limit", r.Limit)
		if r.LimitFrom == "fleet" || r.LimitFrom == "share" {
			b.word("call.limit_from", "call.limit_"+r.LimitFrom)
		}
		for _, name := range r.WouldRefuse {
			b.value("call.limit_shadow", name)
		}
	}
}

// act adds the business act: what it holds and costs, and what was in its way.
func (v *callView) act(b *box) {
	for _, r := range v.Records() {
		s := r.Spending
		if s == nil {
			continue
		}
		b.value("call.act", s.Act)
		v.price(b, s.Price)
		for i := range s.Caps {
			v.charge(b, &s.Caps[i])
		}
		b.callLink("call.repeats", s.Repeats)
		b.callLink("call.held_by", s.HeldBy)
		for _, name := range s.CapsFull {
			b.value("call.cap_full", name)
		}
	}
	if figure, known := v.Money(); known {
		b.add("call.money", fact{Word: money(figure.Currency, figure.Value), More: v.words.Text("call.money_" + v.charged())})
	}
}

func (v *callView) price(b *box, p *logfile.Price) {
	if p == nil {
		return
	}
	more := v.meaning("call.price_from_" + p.From)
	b.add("call.price", fact{Value: money(p.Currency, p.Amount), More: more})
	b.callLink("call.price_call", p.Call)
}

// charge adds what the call takes of a cap. What its act does not move is given back when it ends.
func (v *callView) charge(b *box, c *logfile.CapCharge) {
	value := c.Cap
	for _, part := range []string{c.Counted, c.Period} {
		if part != "" {
			value += " · " + part
		}
	}
	b.value("call.cap", value)
	amount := fact{Value: money(c.Currency, c.Amount), More: v.words.Text("call.cap_" + v.charged())}
	if c.Unpriced {
		amount.More = v.words.Text("call.cap_assumed")
	}
	b.add("call.cap_takes", amount)
}

// charged returns whether the money that the call held was used, given back, or is held, as messages end.
func (v *callView) charged() string {
	switch v.State() {
	case logfile.Succeeded, logfile.Partial:
		return "used"
	case logfile.Failed, logfile.NotSent, calls.Refused:
		return "returned"
	}
	return "held"
}
