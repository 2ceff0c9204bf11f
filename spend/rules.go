package spend

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"
	_ "time/tzdata" // zones by name, also in a container that has no files of them

	"tollgate/internal/setting"
	"tollgate/internal/words"
)

// Direction is which way money goes by an act.
type Direction string

// The directions. An act whose direction is not known counts as Out.
const (
	Out  Direction = "out"
	Back Direction = "back"
	Set  Direction = "set" // an act that moves nothing by itself, such as a new budget
)

// Subject is a call that caps are asked about.
type Subject struct {
	Caller     string
	Credential string
	Account    string // of the credential; empty: not known
	Operation  string
	Effect     string // of the operation

	Direction Direction // of the act; empty: not known
	Unit      Unit      // of the act; empty: not known
	Free      bool      // the act is known to cost nothing, such as a renewal that is not paid at once
	Priced    bool      // Price is known
	Price     Price
	Customers []Part // whose money moves; none: that of Account
	Divided   bool   // the customers' parts are known; else each is charged the whole price
}

// Part is what an act costs of one customer.
type Part struct {
	Customer string
	Amount   Money // in the currency of the price
}

// Rules say what guard and caps there are. They never change, and know nothing of calls so far.
type Rules struct {
	shadow  bool
	windows map[string]setting.Duration
	matched []matcher
}

// NewRules returns rules. The error joins every problem of the settings.
func NewRules(c Config) (*Rules, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	r := &Rules{shadow: c.Guard.Mode == Shadow, windows: c.Guard.Windows}
	var named []string
	for _, given := range c.Caps {
		named = append(named, given.Match.Callers...)
		r.matched = append(r.matched, newMatcher(given))
	}
	for _, given := range c.CapsDefault {
		given.Per = cmp.Or(given.Per, PerCaller)
		m := newMatcher(given)
		m.named = newNameSet(named)
		r.matched = append(r.matched, m)
	}
	return r, nil
}

// Shadow reports whether the guard holds nothing back.
func (r *Rules) Shadow() bool { return r.shadow }

// Window returns how long an act is held after success, which is the given time if nothing else is configured.
func (r *Rules) Window(act string, usual time.Duration) time.Duration {
	if d, ok := r.windows[act]; ok {
		return time.Duration(d)
	}
	return usual
}

// Caps returns all caps, in the order in which they are asked.
func (r *Rules) Caps() []*Cap {
	all := make([]*Cap, len(r.matched))
	for i := range r.matched {
		all[i] = r.matched[i].cap
	}
	return all
}

// LongestPeriod returns how long a period of the caps can be; 0 if none has periods.
func (r *Rules) LongestPeriod() (longest time.Duration) {
	for _, m := range r.matched {
		switch m.cap.Each {
		case EachDay:
			longest = max(longest, setting.Day)
		case EachMonth:
			longest = max(longest, 31*setting.Day)
		}
	}
	return longest
}

// Counts reports whether some cap counts calls of an effect.
func (r *Rules) Counts(effect string) bool {
	return slices.ContainsFunc(r.matched, func(m matcher) bool { return m.effect == effect })
}

// Of returns the rules of one of the caps alone.
func (r *Rules) Of(c *Cap) *Rules {
	one := &Rules{}
	for i := range r.matched {
		if r.matched[i].cap == c {
			one.matched = append(one.matched, r.matched[i])
		}
	}
	return one
}

// Matching returns the caps that apply to a call, whatever it costs.
func (r *Rules) Matching(s *Subject) (all []*Cap) {
	for i := range r.matched {
		if m := &r.matched[i]; m.matches(s) {
			all = append(all, m.cap)
		}
	}
	return all
}

// NeedsPrice reports whether the price of a call is to be read before it is charged: a cap of money applies, and it is not known.
func (r *Rules) NeedsPrice(s *Subject) bool {
	return !s.Priced && slices.ContainsFunc(r.matched, func(m matcher) bool { return m.cap.OfMoney() && m.counts(s) && m.matches(s) })
}

// Charges appends what a call takes of caps. Their periods are those of the ledger. The error is an [*UncountableError].
func (r *Rules) Charges(to []Charge, s *Subject) ([]Charge, error) {
	for i := range r.matched {
		m := &r.matched[i]
		if !m.matches(s) || !m.counts(s) {
			continue
		}
		var err error
		if to, err = m.charge(to, s); err != nil {
			return to, err
		}
	}
	return to, nil
}

// Reason is why a hard cap cannot count a call, which is refused for that.
type Reason string

// The reasons.
const (
	NoPrice    Reason = "price"    // it is not known
	NoCurrency Reason = "currency" // the cap does not name it
	NoCustomer Reason = "customer" // whose money moves is not known
)

// UncountableError is the refusal of a call that a hard cap cannot count.
type UncountableError struct {
	Cap      string
	Reason   Reason
	Currency string // of NoCurrency
}

func (e *UncountableError) Error() string { return e.Message().String() }

// Message returns the text.
func (e *UncountableError) Message() words.Message {
	capName := strconv.Quote(e.Cap)
	switch {
	case e.Reason == NoPrice:
		return words.Say("error.cap.no_price", "Cap", capName)
	case e.Reason == NoCurrency && e.Currency == "":
		return words.Say("error.cap.no_currency", "Cap", capName)
	case e.Reason == NoCurrency:
		return words.Say("error.cap.other_currency", "Cap", capName, "Currency", fmt.Sprintf("%.3s", e.Currency))
	}
	return words.Say("error.cap.customer", "Cap", capName)
}
