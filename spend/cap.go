package spend

import (
	"maps"
	"slices"
	"strings"
	"time"

	"tollgate/internal/setting"
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
		return period{at.Format(yearMonth), c.midnight(year, month+1, 1)}
	}
	return period{at.Format(time.DateOnly), c.midnight(year, month, day+1)}
}

// Period returns the label of the period in which a time lies; a cap of each call has none.
func (c *Cap) Period(at time.Time) string {
	if c.Each == EachCall {
		return ""
	}
	return c.period(at).label
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
	return c.midnight(year, month, day)
}

// midnight returns when a day begins. Where clocks are put forward at midnight, [time.Date] may return a time of the evening before.
func (c *Cap) midnight(year int, month time.Month, day int) time.Time {
	t := time.Date(year, month, day, 0, 0, 0, 0, c.Zone)
	if hour, minute, _ := t.Clock(); hour >= 12 {
		t = t.Add(setting.Day - time.Duration(hour)*time.Hour - time.Duration(minute)*time.Minute)
	}
	return t
}
