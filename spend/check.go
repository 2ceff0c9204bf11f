package spend

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"tollgate/internal/setting"
)

// DefaultZone is where days and months of the provider's bills begin, on both sites.
const DefaultZone = "Asia/Shanghai"

// The bounds that [NewRules] holds settings to.
const (
	MaxCalls      = 1_000_000_000 // of a cap by count
	MaxWindow     = 366 * setting.Day
	MaxCurrencies = 16
	maxNameLength = 64
)

// newCap returns a cap of checked settings.
func newCap(given CapConfig) *Cap {
	c := &Cap{
		Name: given.Name, Hard: given.Mode != Soft, Per: cmp.Or(given.Per, PerNone), Each: given.Each,
		Amounts: maps.Clone(given.Amount), Calls: Money(given.Count),
	}
	if c.Each != EachCall {
		c.Zone, _ = loadZone(cmp.Or(given.Zone, DefaultZone)) // it was checked
	}
	c.define(given.units())
	return c
}

// units returns what counts.
func (c CapConfig) units() []Unit {
	switch {
	case len(c.Units) > 0:
		return c.Units
	case c.Amount != nil:
		return []Unit{Cash}
	}
	return []Unit{Budget, Cash, Coupon}
}

func loadZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("zone %.70q is not known: want a name such as %q", name, DefaultZone)
	}
	return zone, nil
}

func (c Config) check() error {
	problems := []error{c.Guard.check()}
	seen := make(map[string]bool)
	add := func(list string, i int, given CapConfig, err error) {
		if seen[given.Name] {
			err = errors.Join(err, errors.New("another cap has this name"))
		}
		seen[given.Name] = true
		if err != nil {
			problems = append(problems, fmt.Errorf("%s[%d] (%.70q): %w", list, i, given.Name, err))
		}
	}
	for i, given := range c.Caps {
		add("caps", i, given, given.Check())
	}
	for i, given := range c.CapsDefault {
		err := given.Check()
		if len(given.Match.Callers) > 0 {
			err = errors.Join(err, errors.New("match.callers: it is for the callers that no cap names; remove it"))
		}
		add("caps_default", i, given, err)
	}
	return errors.Join(problems...)
}

func (g Guard) check() error {
	var problems []error
	if g.Mode != "" && g.Mode != Enforce && g.Mode != Shadow {
		problems = append(problems, fmt.Errorf("guard: unknown mode %q: want enforce or shadow", g.Mode))
	}
	for _, act := range slices.Sorted(maps.Keys(g.Windows)) {
		if d := time.Duration(g.Windows[act]); d < 0 || d > MaxWindow {
			problems = append(problems, fmt.Errorf("guard: the window of %.70q is %v: must be from 0 to %v", act, g.Windows[act], setting.Duration(MaxWindow)))
		}
	}
	return errors.Join(problems...)
}

// Check returns every problem of a cap that shows in it alone.
func (c CapConfig) Check() error {
	return errors.Join(c.checkName(), c.checkWords(), c.checkTime(), c.checkAmount(), c.checkUnpriced())
}

func (c CapConfig) checkName() error {
	if c.Name == "" || len(c.Name) > maxNameLength {
		return fmt.Errorf("name %.70q: must have from 1 to %d characters", c.Name, maxNameLength)
	}
	if i := slices.IndexFunc([]byte(c.Name), func(b byte) bool { return !isNameByte(b) }); i >= 0 {
		return fmt.Errorf(`name %q: only letters, digits, "-", "_" and "." are allowed`, c.Name)
	}
	for _, names := range [][]string{c.Match.Callers, c.Match.Credentials, c.Match.Operations, lower(c.Match.Customers)} {
		if slices.Contains(names, "") {
			return errors.New("match: an empty name in a list")
		}
	}
	return nil
}

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.'
}

func (c CapConfig) checkWords() error {
	problems := []error{
		word("per", c.Per, "", PerNone, PerCaller, PerCredential, PerCustomer), word("each", c.Each, EachCall, EachDay, EachMonth),
		word("mode", c.Mode, "", Hard, Soft), word("match.effect", c.Match.Effect, "", effectSpend, effectWrite),
		word("unpriced", c.Unpriced.Do, "", RefuseUnpriced, CountUnpriced),
	}
	for i, u := range c.Units {
		problems = append(problems, word("units", u, Cash, Coupon, Budget))
		if slices.Contains(c.Units[:i], u) {
			problems = append(problems, fmt.Errorf("units: %q is listed twice", u))
		}
	}
	return errors.Join(problems...)
}

func word[T ~string](key string, have T, choices ...T) error {
	if slices.Contains(choices, have) {
		return nil
	}
	return fmt.Errorf("%s: unknown word %q", key, have)
}

func (c CapConfig) checkTime() error {
	switch _, err := loadZone(cmp.Or(c.Zone, DefaultZone)); {
	case c.Each == EachCall && c.Zone != "":
		return errors.New("zone: a single call has no day or month that could begin in a zone; remove it")
	case c.Each == EachCall && c.Amount == nil:
		return errors.New("each: a count of calls needs a day or a month")
	default:
		return err
	}
}

func (c CapConfig) checkAmount() error {
	switch {
	case (c.Amount == nil) == (c.Count == 0):
		return errors.New("want either amount or count: the most money, or the most calls")
	case c.Amount == nil && (c.Count < 0 || c.Count > MaxCalls):
		return fmt.Errorf("count %d: must be from 1 to %d", c.Count, MaxCalls)
	case c.Amount != nil && (len(c.Amount) == 0 || len(c.Amount) > MaxCurrencies):
		return fmt.Errorf("amount: want from 1 to %d currencies", MaxCurrencies)
	case c.Amount != nil && c.Match.Effect == effectWrite:
		return errors.New("match.effect: calls with the effect write move no money; cap them by count")
	case c.Amount != nil && slices.Contains(c.Units, Budget):
		return errors.New("units: a budget is no money that moves; cap it by count")
	}
	for _, currency := range slices.Sorted(maps.Keys(c.Amount)) {
		if !currencyExpr.MatchString(currency) {
			return fmt.Errorf("amount: %.20q is no currency: want three capital letters, such as CNY", currency)
		}
		if m := c.Amount[currency]; m < 0 || m > MaxMoney {
			return fmt.Errorf("amount: %s must be from 0 to %v", currency, MaxMoney)
		}
	}
	return nil
}

func (c CapConfig) checkUnpriced() error {
	u := c.Unpriced
	_, named := c.Amount[u.Assume.Currency]
	switch {
	case u == (Unpriced{}):
		return nil
	case c.Amount == nil:
		return errors.New("unpriced: a count of calls needs no price; remove it")
	case u.Do != "" && u.Assume != (Price{}):
		return errors.New("unpriced: want either a word or an assumed price")
	case u.Do == RefuseUnpriced && c.Mode == Soft:
		return errors.New("unpriced: a soft cap refuses nothing; remove it, or assume a price")
	case u.Do == CountUnpriced && c.Mode != Soft:
		return errors.New("unpriced: what has no amount would pass a hard cap; refuse it, or assume a price")
	case u.Do == "" && !named:
		return fmt.Errorf("unpriced: the cap has no amount in %s", u.Assume.Currency)
	case u.Assume.Amount < 0 || u.Assume.Amount > MaxMoney:
		return fmt.Errorf("unpriced: the assumed price must be from 0 to %v", MaxMoney)
	}
	return nil
}
