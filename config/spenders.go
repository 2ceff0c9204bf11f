package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tollgate/catalog"
	"tollgate/grants"
	"tollgate/spend"
	"tollgate/upstream"
)

// spendGrant is an operation that spends and that a grant lets a caller call.
type spendGrant struct {
	grant     *grants.Grant
	operation *catalog.Operation
	currency  string // of its upstream; empty: not known
}

// spendGrants are all of them, by upstream and operation.
func (b *builder) spendGrants() (all []spendGrant) {
	for _, u := range b.config.Upstreams {
		for _, o := range b.operations[u.Name] {
			if o.Effect != catalog.Spend || !b.table.Covers(u.Name, o.Name) {
				continue
			}
			for _, caller := range b.callerNames {
				for _, i := range b.table.Allowing(caller, u.Name, o.Name) {
					all = append(all, spendGrant{&b.config.Grants[i], o, cmp.Or(u.Currency(), catalog.Currency(u.Catalog))})
				}
			}
		}
	}
	return all
}

// act returns the act of the operation; one of which nothing is known where it has none.
func (s *spendGrant) act() catalog.Act {
	if s.operation.Act == nil {
		return catalog.Act{}
	}
	return *s.operation.Act
}

// spenders looks at what callers may spend.
type spenders struct {
	*builder
	rules       *spend.Rules
	spendGrants []spendGrant
}

// checkKeep refuses to lose records that say what is held and used.
func (m *spenders) checkKeep() {
	longest, of := longestHeld(m.config.Upstreams, m.operations, m.table, m.rules)
	if longest == 0 || m.Failed("audit.keep") {
		return
	}
	if err := m.file.Audit.CheckKeep(longest); err != nil {
		m.problem("audit.keep", "", "%v (%s)", err, of)
	}
}

// LongestHeld returns for how long the records of calls say what is held or used: the longest window of an act that a caller may do, or period
// of a cap.
func (c *Config) LongestHeld() (time.Duration, error) {
	operations, err := c.Operations()
	if err != nil {
		return 0, err
	}
	table, problems := c.GrantTable(operations)
	if len(problems) > 0 {
		return 0, errors.New(problems[0].Message)
	}
	rules, err := spend.NewRules(c.Spend)
	if err != nil {
		return 0, err
	}
	longest, _ := longestHeld(c.Upstreams, operations, table, rules)
	return longest, nil
}

// longestHeld returns the same, and what it is of.
func longestHeld(
	upstreams []*upstream.Config, operations map[string][]*catalog.Operation, table *grants.Table, rules *spend.Rules,
) (longest time.Duration, of string) {
	longest, of = rules.LongestPeriod(), "the longest period of caps"
	for _, u := range upstreams {
		for _, o := range operations[u.Name] {
			if o.Act == nil || !table.Covers(u.Name, o.Name) {
				continue
			}
			for _, k := range o.Act.Keys {
				if window := rules.Window(o.Act.Name, k.Window); window > longest {
					longest, of = window, "the window of the act "+o.Act.Name
				}
			}
		}
	}
	return longest, of
}

// notes notes what nothing bounds, and what is bounded in another way than it seems.
func (m *spenders) notes() {
	m.noteUncapped()
	m.noteCurrencies()
	m.noteUnguarded()
}

// shownUncapped is how many callers and operations of each a note names.
const shownUncapped = 5

// noteUncapped notes which callers may spend what no cap counts.
func (m *spenders) noteUncapped() {
	of := map[string][]string{}
	for i := range m.spendGrants {
		s := &m.spendGrants[i]
		if act := s.act(); act.Direction != catalog.Back && !slices.Contains(of[s.grant.Caller], s.operation.Name) && !m.capped(s) {
			of[s.grant.Caller] = append(of[s.grant.Caller], s.operation.Name)
		}
	}
	var callers []string
	for _, caller := range sortedNames(of) {
		callers = append(callers, fmt.Sprintf("%s (%s)", caller, some(of[caller], ", ")))
	}
	if len(callers) > 0 {
		m.note("no cap counts what these callers may spend: %s; caps_default bounds each caller that no cap names", some(callers, "; "))
	}
}

// some joins the first of some names.
func some(names []string, between string) string {
	if more := len(names) - shownUncapped; more > 0 {
		names = append(slices.Clip(names[:shownUncapped]), fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, between)
}

// capped reports whether caps count what is spent, whichever customer it is for.
func (m *spenders) capped(s *spendGrant) bool {
	act := s.act()
	counts := func(c *spend.Cap) bool { return !c.OfMoney() || act.Direction != catalog.Set }
	for _, customers := range s.customers() {
		subject := m.subject(s)
		subject.Customers = customers
		if !slices.ContainsFunc(m.rules.Matching(&subject), counts) {
			return false
		}
	}
	return true
}

// anyCustomer stands for a customer that no cap names: it is no id.
const anyCustomer = "*"

// customers returns for whom calls can be: each customer of the grant alone, or any, or the account alone of the credential.
func (s *spendGrant) customers() (each [][]spend.Part) {
	for _, id := range s.grant.Customers {
		each = append(each, []spend.Part{{Customer: string(id)}})
	}
	names := slices.ContainsFunc(s.operation.Request, func(f catalog.Field) bool { return f.Kind == catalog.FieldCustomer })
	switch {
	case each != nil:
	case names:
		each = append(each, []spend.Part{{Customer: anyCustomer}})
	default:
		each = append(each, nil)
	}
	return each
}

// subject returns a call as caps see it.
func (m *spenders) subject(s *spendGrant) spend.Subject {
	act := s.act()
	subject := spend.Subject{
		Caller: s.grant.Caller, Credential: s.grant.Credential, Operation: s.operation.Name, Effect: s.operation.Effect.String(),
		Direction: spend.Direction(act.Direction), Unit: spend.Unit(act.Unit),
	}
	if c := m.credentials[s.grant.Credential]; c != nil {
		subject.Account = string(c.DomainID)
	}
	return subject
}

// noteCurrencies notes hard caps that refuse all that an upstream's calls cost, since they do not name its currency.
func (m *spenders) noteCurrencies() {
	noted := map[string]bool{}
	for i := range m.spendGrants {
		s := &m.spendGrants[i]
		subject := m.subject(s)
		if act := s.act(); s.currency == "" || act.Direction != catalog.Out {
			continue
		}
		for _, c := range m.rules.Matching(&subject) {
			if _, named := c.Amounts[s.currency]; c.Hard && c.OfMoney() && !named && !noted[c.Name+s.currency] {
				noted[c.Name+s.currency] = true
				m.note("cap %s has no amount in %s, the currency of upstream %s: it refuses what is paid in it", c.Name, s.currency, s.grant.Upstream)
			}
		}
	}
}

// noteUnguarded notes declared endpoints that spend, that do not say what makes two calls the same act.
func (m *spenders) noteUnguarded() {
	for _, u := range m.config.Upstreams {
		var names []string
		for _, o := range m.operations[u.Name] {
			if o.Site == "" && o.Effect == catalog.Spend && o.Act == nil {
				names = append(names, o.Name)
			}
		}
		if len(names) > 0 {
			m.note("upstream %s: nothing keeps calls of %s from spending twice, since these endpoints have no `act`", u.Name, some(names, ", "))
		}
	}
}
