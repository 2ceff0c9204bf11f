package review

import (
	"fmt"
	"strings"
	"time"

	"tollgate/internal/moment"
)

// Period is a range of whole days as addresses name it.
type Period struct {
	Text         string // as [ParsePeriod] read it
	Since, Until time.Time
}

// periodLayouts are periods of one word, and how many years, months and days each has.
var periodLayouts = [...]struct {
	layout              string
	years, months, days int
}{{"2006", 1, 0, 0}, {"2006-01", 0, 1, 0}, {time.DateOnly, 0, 0, 1}}

// ParsePeriod returns the period that a text names in a zone: a year "2026", a month "2026-10", a day "2026-10-03", or the days from one
// to another, both included: "2026-10-03..2026-10-09".
func ParsePeriod(text string, zone *time.Location) (Period, error) {
	first, last, err := periodDays(text)
	if err != nil {
		return Period{}, err
	}
	since, until, err := moment.Days(first, last, zone)
	if err != nil {
		return Period{}, err
	}
	return Period{text, since, until}, nil
}

// periodDays returns the first day and the last, in UTC.
func periodDays(text string) (first, last time.Time, err error) {
	from, to, days := strings.Cut(text, "..")
	if days {
		if first, err = time.Parse(time.DateOnly, from); err == nil {
			last, err = time.Parse(time.DateOnly, to)
		}
		if err == nil {
			return first, last, nil
		}
	}
	for _, p := range periodLayouts {
		if first, err = time.Parse(p.layout, text); err == nil {
			return first, first.AddDate(p.years, p.months, p.days-1), nil
		}
	}
	return first, last, fmt.Errorf("%.40q is no period such as 2026, 2026-10, 2026-10-03 or 2026-10-03..2026-10-09", text)
}
