package calls

import (
	"tollgate/audit/logfile"
	"tollgate/internal/text"
)

// spending writes which business act the call is, what it holds, costs and takes of caps, and what was in its way.
func (w *writer) spending(c *Call, v values) {
	s := spendingOf(c.first())
	w.say(v, "act")
	for _, g := range s.Keys {
		w.say(values{"Count": len(g.MACs), "Window": w.window(g.Window)}, "holds_for", "holds")
	}
	if p := s.Price; p != nil {
		w.say(values{"Price": quotedMoney(p.Amount, p.Currency), "From": w.noun("from", p.From), "Call": p.Call}, "price_call", "price")
	}
	for _, charge := range s.Caps {
		w.say(values{"Amount": quotedMoney(charge.Amount, charge.Currency), "Cap": w.with(charge.Cap, charge.Counted, charge.Period)}, "cap")
		if charge.Unpriced {
			w.say(nil, "cap_assumed")
		}
	}
	w.say(v, "repeats")
	for _, r := range c.records() {
		if r != nil {
			w.hindrances(spendingOf(r), r)
		}
	}
	w.count(len(spendingOf(c.outcome()).Released), "released")
}

func quotedMoney(amount, currency string) composed {
	if currency == "" {
		return composed(text.Grouped(quoted(amount)))
	}
	return composed(quoted(currency) + " " + text.Grouped(quoted(amount)))
}

// unpriced is the reason of a refusal because of a cap that needs a price, where the price is not known.
const unpriced = "unpriced"

// hindrances writes what refused the call, or would have: an outcome has what a guard in shadow mode found.
func (w *writer) hindrances(s *logfile.Spending, r *logfile.Record) {
	v := values{"Call": s.HeldBy, "Caps": w.quotes(s.CapsFull...)}
	held, full := "held", "caps_full"
	switch {
	case r.Kind != logfile.KindRefusal:
		held, full = "held_shadow", "caps_full_shadow"
	case r.Reason == unpriced:
		full = "caps_unpriced"
	}
	w.say(v, held)
	w.say(v, full)
}

// money writes the amounts of the call, and what it moved.
func (w *writer) money(c *Call) {
	amounts, unsummed := c.Amounts()
	var texts []string
	for _, a := range amounts {
		id := "sentence.amount_request"
		if a.Answer {
			id = "sentence.amount_answer"
		}
		if a.From == "" { // the price has a sentence of its own
			texts = append(texts, w.words.Text(id, "Amount", a.Currency+" "+text.Grouped(a.Value), "Field", quoted(a.Field)))
		}
	}
	w.say(values{"Amounts": w.list("semicolon", texts...)}, "amounts")
	w.count(unsummed, "unsummed")
	w.moved(c)
}

// moved writes what money the call moved.
func (w *writer) moved(c *Call) {
	if !c.mayHaveMoved() {
		return
	}
	v := values{}
	if figure, known := c.Money(); known {
		v = values{"Amount": composed(figure.Currency + " " + text.Grouped(figure.Value)), "From": w.noun("from", figure.From)}
	}
	switch c.State() {
	case logfile.Succeeded:
		w.say(v, "moved", "moved_some")
	case logfile.Partial:
		w.say(v, "moved_part", "moved_part_some")
	default:
		w.say(v, "may_have_moved", "may_have_moved_some")
	}
}
