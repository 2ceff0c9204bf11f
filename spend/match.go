package spend

import (
	"cmp"
	"slices"
	"strings"
)

// matcher is a cap with the calls that it is for.
type matcher struct {
	cap                                         *Cap
	callers, credentials, customers, operations nameSet
	named                                       nameSet // callers that it is not for, of a cap that is for all others
	effect                                      string
	units                                       []Unit
	unpriced                                    Unpriced
}

// newMatcher returns one of checked settings.
func newMatcher(given CapConfig) matcher {
	match := given.Match
	m := matcher{
		cap: newCap(given), effect: cmp.Or(match.Effect, effectSpend), units: given.units(), unpriced: given.Unpriced,
		callers: newNameSet(match.Callers), credentials: newNameSet(match.Credentials), operations: newNameSet(match.Operations),
		customers: newNameSet(lower(match.Customers)),
	}
	if m.unpriced == (Unpriced{}) && !m.cap.Hard {
		m.unpriced.Do = CountUnpriced
	}
	return m
}

// lower returns ids as they are compared: without case.
func lower[T ~string](ids []T) []string {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = strings.ToLower(string(id))
	}
	return all
}

func (m *matcher) matches(s *Subject) bool {
	return m.effect == s.Effect && m.callers.has(s.Caller) && m.credentials.has(s.Credential) && m.operations.has(s.Operation) &&
		(m.named == nil || !m.named.has(s.Caller)) && (s.Unit == "" || slices.Contains(m.units, s.Unit)) && m.concerns(s)
}

// concerns reports whether the cap is for a customer of the call.
func (m *matcher) concerns(s *Subject) bool {
	if m.customers == nil || len(s.Customers) == 0 {
		return m.customer(s.Account)
	}
	return slices.ContainsFunc(s.Customers, func(p Part) bool { return m.customer(p.Customer) })
}

// customer reports whether the cap is for a customer. One that is not known may be any.
func (m *matcher) customer(id string) bool { return id == "" || m.customers.has(strings.ToLower(id)) }

// counts reports whether the cap counts such an act: where money comes back or none moves, only caps by count do.
func (m *matcher) counts(s *Subject) bool {
	return !m.cap.OfMoney() || !s.Free && s.Direction != Back && s.Direction != Set
}

// charge appends what a call takes of the cap.
func (m *matcher) charge(to []Charge, s *Subject) ([]Charge, error) {
	whole := Charge{Cap: m.cap, Amount: 1}
	if m.cap.OfMoney() {
		if err := m.price(&whole, s); err != nil {
			return to, err
		}
	}
	if m.cap.Per != PerCustomer && m.customers == nil {
		return append(to, m.counted(whole, s)), nil
	}
	return m.chargeCustomers(to, whole, s)
}

// price fills in what the act costs.
func (m *matcher) price(c *Charge, s *Subject) error {
	_, named := m.cap.Amounts[s.Price.Currency]
	switch assumed := m.unpriced.Assume; {
	case s.Priced && named:
		c.Amount, c.Currency = s.Price.Amount, s.Price.Currency
	case s.Priced && m.cap.Hard:
		return &UncountableError{Cap: m.cap.Name, Reason: NoCurrency, Currency: s.Price.Currency}
	case !s.Priced && assumed != (Price{}):
		c.Amount, c.Currency, c.Unpriced = assumed.Amount, assumed.Currency, true
	case s.Priced || m.unpriced.Do == CountUnpriced:
		c.Amount, c.Unpriced = 0, true
	default:
		return &UncountableError{Cap: m.cap.Name, Reason: NoPrice}
	}
	return nil
}

// counted returns a charge that is not counted by customer.
func (m *matcher) counted(c Charge, s *Subject) Charge {
	switch m.cap.Per {
	case PerCaller:
		c.Counted = s.Caller
	case PerCredential:
		c.Counted = s.Credential
	}
	return c
}

// chargeCustomers appends a charge for each customer, or one of the parts of all that the cap is for.
func (m *matcher) chargeCustomers(to []Charge, whole Charge, s *Subject) ([]Charge, error) {
	if len(s.Customers) == 0 {
		return m.chargePart(to, len(to), whole, whole.Amount, s, s.Account)
	}
	first := len(to)
	for _, part := range s.Customers {
		amount := whole.Amount
		if s.Divided && s.Priced && whole.Currency != "" {
			amount = part.Amount
		}
		var err error
		if to, err = m.chargePart(to, first, whole, amount, s, part.Customer); err != nil {
			return to, err
		}
	}
	return to, nil
}

// chargePart appends the charge of one customer, or adds it to the one that is counted together with it among those from first on.
func (m *matcher) chargePart(to []Charge, first int, whole Charge, amount Money, s *Subject, customer string) ([]Charge, error) {
	switch {
	case customer == "" && m.cap.Hard:
		return to, &UncountableError{Cap: m.cap.Name, Reason: NoCustomer}
	case !m.customer(customer):
		return to, nil
	}
	c := m.counted(whole, s)
	c.Amount = amount
	if m.cap.Per == PerCustomer {
		c.Counted = strings.ToLower(customer)
	}
	same := slices.IndexFunc(to[first:], func(o Charge) bool { return o.Counted == c.Counted })
	switch {
	case same < 0:
		return append(to, c), nil
	case s.Divided && s.Priced && c.Currency != "":
		to[first+same].Amount = to[first+same].Amount.Plus(amount)
	}
	return to, nil
}

// nameSet is a set of names; the nil set has all of them.
type nameSet map[string]struct{}

func newNameSet(names []string) nameSet {
	if len(names) == 0 {
		return nil
	}
	set := make(nameSet, len(names))
	for _, n := range names {
		set[n] = struct{}{}
	}
	return set
}

func (set nameSet) has(name string) bool {
	_, ok := set[name]
	return ok || set == nil
}
