// Package moment reads times, ages, months and time zones as people write them: in flags of commands and in addresses of pages.
package moment

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones by name, also in a container that has no files of them
)

// Zone returns a time zone by its name. It knows the names of the IANA database; the host's own zone is none, so that a command means
// the same everywhere.
func Zone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, fmt.Errorf("%q is no time zone; they have names such as UTC, Asia/Shanghai, Europe/Berlin", name)
	}
	return zone, nil
}

// Age reads a duration, also in days of 24 hours: "90m", "7d".
func Age(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil && n < 100_000 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	if age, err := time.ParseDuration(text); err == nil && age >= 0 {
		return age, nil
	}
	return 0, fmt.Errorf("%q is no age such as 24h, 30m or 7d", text)
}

// Month returns the first instant of a month in a zone and that of the next: "2026-10", "last" (the one that has ended), "this".
func Month(text string, now time.Time, zone *time.Location) (since, until time.Time, err error) {
	year, month, _ := now.In(zone).Date()
	switch text {
	case "this":
	case "last":
		month--
	default:
		t, err := time.Parse("2006-01", text)
		if err != nil {
			return since, until, fmt.Errorf("%q is no month: want one such as 2026-10, last, or this", text)
		}
		year, month = t.Year(), t.Month()
	}
	return StartOfDay(year, month, 1, zone), StartOfDay(year, month+1, 1, zone), nil
}

// wallLayouts are times without an offset, as people write them and as the tables show them.
var wallLayouts = [...]string{"2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999"}

// Parse reads a date, a time or an age; "" is the zero time. What has no offset is in the zone; a date is its first
// instant.
func Parse(text string, now time.Time, zone *time.Location) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if age, err := Age(text); err == nil {
		return now.Add(-age), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return StartOfDay(t.Year(), t.Month(), t.Day(), zone), nil
	}
	for _, layout := range wallLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return onTheClock(t, zone)
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither an age (24h, 7d) nor a time (2026-01-31, 2026-01-31T15:04:05Z); times without an offset are in --zone", text)
}

// onTheClock returns the instant at which a clock in the zone shows what wall, which is in UTC, shows.
func onTheClock(wall time.Time, zone *time.Location) (time.Time, error) {
	switch instants := showing(wall, zone); len(instants) {
	case 1:
		return instants[0], nil
	case 0:
		return time.Time{}, fmt.Errorf("no clock in %s shows %s: it is set forward past it; write an offset, as %s",
			zone, wall.Format(time.DateTime), near(wall, zone).Format(time.RFC3339))
	default:
		return time.Time{}, fmt.Errorf("clocks in %s show %s twice, as they are set back: say %s or %s",
			zone, wall.Format(time.DateTime), instants[0].Format(time.RFC3339), instants[1].Format(time.RFC3339))
	}
}

// showing returns the instants, in order, at which a clock in the zone shows what wall, which is in UTC, shows: one, or none
// or two where clocks are changed.
func showing(wall time.Time, zone *time.Location) []time.Time {
	before, after := near(wall, zone).ZoneBounds()
	var instants []time.Time
	for _, t := range [...]time.Time{before.Add(-time.Second), near(wall, zone), after} {
		_, offset := t.In(zone).Zone()
		t = wall.Add(-time.Duration(offset) * time.Second).In(zone)
		if _, is := t.Zone(); is == offset && !slices.ContainsFunc(instants, t.Equal) {
			instants = append(instants, t)
		}
	}
	slices.SortFunc(instants, time.Time.Compare)
	return instants
}

// near is at most one change of the clocks away from what wall shows.
func near(wall time.Time, zone *time.Location) time.Time {
	return time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), zone)
}

// StartOfDay returns the first instant of a day: not midnight everywhere, since in some zones clocks are changed then.
func StartOfDay(year int, month time.Month, day int, zone *time.Location) time.Time {
	midnight := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	if instants := showing(midnight, zone); len(instants) > 0 {
		return instants[0]
	}
	t := near(midnight, zone)
	before, after := t.ZoneBounds()
	if t.Format(time.DateOnly) < midnight.Format(time.DateOnly) {
		return after
	}
	return before
}
