package review

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"tollgate/audit/calls"
	"tollgate/internal/moment"
	"tollgate/review/evidence"
)

// periodView makes the page of a period.
type periodView struct {
	*request
	logs   evidence.Logs
	period Period
	slots  []slot
	filter calls.Filter

	do       func(work func())       // does a piece of work, and rests behind it where that is asked for
	progress func(done, total int64) // nil: of no interest

	periodData
}

// slot is a day of a period, or several that are drawn as one.
type slot struct {
	Since, Until time.Time
	label        string // beneath a bar
	name         string
}

// Bounds of slots.
const (
	mostDays   = 62  // longer periods are drawn by weeks
	mostWeeks  = 400 // days: longer ones by months
	mostMonths = 10 * 366
	maxPeriod  = 200 * 366 * 24 * time.Hour
)

// slotsOf returns the slots of a period, from its first to its last, without gaps.
func slotsOf(p Period) (slots []slot) {
	days := int(p.Until.Sub(p.Since).Hours()+12) / 24
	for at := p.Since; at.Before(p.Until); {
		next, layout, short := slotAt(at, days)
		if next.After(p.Until) {
			next = p.Until
		}
		name := at.Format(layout)
		if days > mostDays && days <= mostWeeks {
			name += " – " + next.Add(-1).Format(layout)
		}
		slots, at = append(slots, slot{at, next, at.Format(short), name}), next
	}
	return slots
}

// slotAt returns where a slot ends that begins at a time, in a period of so many days, and the layouts of its name and of its label.
func slotAt(at time.Time, days int) (next time.Time, name, label string) {
	year, month, day := at.Date()
	begin := func(year int, month time.Month, day int) time.Time {
		return moment.StartOfDay(year, month, day, at.Location())
	}
	switch {
	case days <= mostDays:
		return begin(year, month, day+1), time.DateOnly, "2"
	case days <= mostWeeks:
		return begin(year, month, day+7-(int(at.Weekday())+6)%7), time.DateOnly, "01-02" // the next Monday
	case days <= mostMonths:
		return begin(year, month+1, 1), "2006-01", "2006-01"
	}
	return begin(year+1, 1, 1), "2006", "2006"
}

// slotOf returns the index of the slot that has a time of the period.
func (v *periodView) slotOf(t time.Time) int {
	i, found := slices.BinarySearchFunc(v.slots, t, func(s slot, t time.Time) int { return cmp.Compare(s.Since.UnixNano(), t.UnixNano()) })
	if found {
		return i
	}
	return max(0, i-1)
}

// title names the period: a month in words, and else its days.
func (v *periodView) title() string {
	if t, err := time.Parse("2006-01", v.period.Text); err == nil {
		return v.words.Text("period.month", "Year", t.Year(), "Month", v.words.Text(fmt.Sprintf("period.month_%d", int(t.Month()))))
	}
	from, to := v.period.Since.Format(time.DateOnly), v.period.Until.Add(-1).Format(time.DateOnly)
	switch {
	case from == to:
		return v.words.Text("period.day", "Day", from)
	case len(v.period.Text) == len("2026"):
		return v.words.Text("period.year", "Year", v.period.Text)
	}
	return v.words.Text("period.days", "From", from, "To", to)
}

// neighbours returns the periods before and behind, as addresses name them; empty for the future, and beyond the years that addresses name.
func (v *periodView) neighbours() (before, after string) {
	before, after = periodsBeside(v.period.Text)
	if v.period.Until.After(v.now) {
		after = ""
	}
	return before, after
}

func periodsBeside(text string) (before, after string) {
	for _, p := range periodLayouts {
		if t, err := time.Parse(p.layout, text); err == nil {
			return named(t.AddDate(-p.years, -p.months, -p.days), p.layout), named(t.AddDate(p.years, p.months, p.days), p.layout)
		}
	}
	first, last, err := periodDays(text)
	if err != nil {
		return "", ""
	}
	n := int(last.Sub(first).Hours()/24) + 1
	return daysNamed(first.AddDate(0, 0, -n), first.AddDate(0, 0, -1)), daysNamed(last.AddDate(0, 0, 1), last.AddDate(0, 0, n))
}

func named(t time.Time, layout string) string {
	if t.Year() < 1 || t.Year() > 9999 {
		return ""
	}
	return t.Format(layout)
}

func daysNamed(first, last time.Time) string {
	from, to := named(first, time.DateOnly), named(last, time.DateOnly)
	if from == "" || to == "" {
		return ""
	}
	return from + ".." + to
}
