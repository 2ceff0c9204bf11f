package spend

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Cap is the definition of a cap in force. Of one that is read from a record only Name and Definition are known.
type Cap struct {
	Name string
	// Definition says in a few words what the cap counts by, its period, zone and currencies. Counts of one definition do not go on under
	// another.
	Definition string
	Hard       bool
	Per        Per
	Each       Each
	Zone       *time.Location   // of a day or month
	Amounts    map[string]Money // the most, by currency; nil: the cap counts calls
	Calls      Money            // the most, of a cap that counts calls
}

// Limit returns the most that the cap has of a currency, and of calls where the currency is empty.
func (c *Cap) Limit(currency string) Money {
	if c.Amounts == nil {
		return c.Calls
	}
	return c.Amounts[currency]
}

// OfMoney reports whether the cap counts money, and not calls.
func (c *Cap) OfMoney() bool { return c.Amounts != nil }

// define writes the definition.
func (c *Cap) define(units []Unit) {
	words := []string{"per", string(c.Per), "each", string(c.Each)}
	if c.Zone != nil {
		words = append(words, "in", c.Zone.String())
	}
	what := "calls"
	if c.OfMoney() {
		what = strings.Join(slices.Sorted(maps.Keys(c.Amounts)), "+")
	}
	words = append(words, "of", what)
	for _, u := range slices.Sorted(slices.Values(units)) {
		words = append(words, string(u))
	}
	c.Definition = strings.Join(words, " ")
}

const yearMonth = "2006-01" // of labels of months; those of days are time.DateOnly

// period is a day or a month.
type period struct {
	label string
	ends  time.Time
}

// period returns the period in which a time lies. Labels of later periods are greater.
func (c *Cap) period(at time.Time) period {
	at = at.In(c.Zone)
	year, month, day := at.Date()
	if c.Each == EachMonth {
		return period{at.Format(yearMonth), time.Date(year, month+1, 1, 0, 0, 0, 0, c.Zone)}
	}
	return period{at.Format(time.DateOnly), time.Date(year, month, day+1, 0, 0, 0, 0, c.Zone)}
}

// PeriodBegins returns when the period begins in which a time lies; of a cap of each call the time itself.
func (c *Cap) PeriodBegins(at time.Time) time.Time {
	if c.Each == EachCall {
		return at
	}
	year, month, day := at.In(c.Zone).Date()
	if c.Each == EachMonth {
		day = 1
	}
	return time.Date(year, month, day, 0, 0, 0, 0, c.Zone)
}
