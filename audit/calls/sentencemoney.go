package calls

import (
	"fmt"
	"strings"

	"tollgate/audit/logfile"
	"tollgate/internal/text"
)

// spending writes which business act the call is, what it holds, costs and takes of caps, and what was in its way.
func (w *writer) spending(c *Call) {
	s := spendingOf(c.first())
	if s.Act != "" {
		w.say("It is the act %s%s.", quoted(s.Act), holds(s.Keys))
	}
	if p := s.Price; p != nil {
		w.say("Its price was %s %s at the most, known from the %s%s.", quoted(p.Amount), quoted(p.Currency), quoted(p.From), list(", as the gateway's call ", "", " showed", quotedIf(p.Call)))
	}
	for i := range s.Caps {
		w.say("%s", capText(&s.Caps[i]))
	}
	if s.Repeats != "" {
		w.say("It repeats the call %s on purpose.", quoted(s.Repeats))
	}
	for _, r := range c.records() {
		if r != nil {
			w.hindrances(spendingOf(r), r)
		}
	}
	if released := len(spendingOf(c.outcome()).Released); released > 0 {
		w.say("As a part failed, %s held no more.", text.Are(released, "key"))
	}
}

// holds returns what an act holds.
func holds(groups []logfile.ActKeys) string {
	var texts []string
	for _, g := range groups {
		window := "while it is in flight or unknown"
		if g.Window > 0 {
			window = "for " + windowText(g.Window) + " after success"
		}
		texts = append(texts, text.Count(len(g.MACs), "key")+" "+window)
	}
	return list(", which holds ", ", ", "", texts...)
}

// units are what a window is said in, in seconds.
var units = [...]struct {
	seconds int64
	name    string
}{{24 * 60 * 60, "day"}, {60 * 60, "hour"}, {60, "minute"}, {1, "second"}}

// windowText returns a number of seconds in the greatest unit of which it is a multiple.
func windowText(seconds int64) string {
	for _, unit := range units {
		if seconds%unit.seconds == 0 {
			return text.Count(seconds/unit.seconds, unit.name)
		}
	}
	return "" // seconds are multiples of one
}

func capText(c *logfile.CapCharge) string {
	assumed := ""
	if c.Unpriced {
		assumed = ", an amount that the cap assumes, since the price is not known"
	}
	return fmt.Sprintf("It takes %s of the cap %s%s%s.", list("", " ", "", quotedIf(c.Amount), quotedIf(c.Currency)), quoted(c.Cap),
		list(" (", ", ", ")", quotedIf(c.Counted), quotedIf(c.Period)), assumed)
}

// unpriced is the reason of a refusal because of a cap that needs a price, where the price is not known.
const unpriced = "unpriced"

// hindrances writes what refused the call, or would have: an outcome has what a guard in shadow mode found.
func (w *writer) hindrances(s *logfile.Spending, r *logfile.Record) {
	would := ""
	if r.Kind != logfile.KindRefusal {
		would = ", which would have refused it"
	}
	if s.HeldBy != "" {
		w.say("What it is about is held by the call %s%s.", quoted(s.HeldBy), would)
	}
	if len(s.CapsFull) == 0 {
		return
	}
	caps := "Caps without room for it"
	if r.Reason == unpriced {
		caps = "Caps that could not be kept, since its price was not known"
	}
	w.say("%s%s: %s.", caps, would, quoted(strings.Join(s.CapsFull, ", ")))
}

// money writes the amounts of the call, and what it moved.
func (w *writer) money(c *Call) {
	amounts, unsummed := c.Amounts()
	var texts []string
	for _, a := range amounts {
		if a.From == "" { // the price has a sentence of its own
			texts = append(texts, fmt.Sprintf("%s %s (%s of the %s)", a.Value, a.Currency, quoted(a.Field), map[bool]string{true: "answer", false: "request"}[a.Answer]))
		}
	}
	if len(texts) > 0 {
		w.say("Amounts: %s.", strings.Join(texts, ", "))
	}
	if unsummed > 0 {
		w.say("%s in no sum: no plain decimals, in an unknown unit, or left out of the records.", text.Are(unsummed, "amount"))
	}
	figure, known := c.Money()
	switch {
	case !c.mayHaveMoved():
	case !known:
		w.say("It %s; how much is not on record.", movedText(c.State(), "money"))
	default:
		w.say("It %s, as the %s says.", movedText(c.State(), fmt.Sprintf("%s %s", figure.Value, figure.Currency)), figure.From)
	}
}

// movedText returns how a call that ended so moved its money.
func movedText(state, money string) string {
	switch state {
	case logfile.Succeeded:
		return "moved " + money
	case logfile.Partial:
		return "moved " + money + " in part"
	}
	return "may have moved " + money
}
