package review

import (
	"testing"
	"time"

	"tollgate/internal/moment"
)

func TestParsePeriod(t *testing.T) {
	for _, c := range []struct{ text, zone, since, until string }{
		{"2026", "UTC", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		{"2026-10", "Asia/Shanghai", "2026-09-30T16:00:00Z", "2026-10-31T16:00:00Z"},
		{"2026-12", "UTC", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		{"2024-02", "UTC", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"},
		{"2026-10-25", "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"}, // clocks are set back
		{"2026-10-03..2026-10-09", "UTC", "2026-10-03T00:00:00Z", "2026-10-10T00:00:00Z"},
		{"2026-10-03..2026-10-03", "UTC", "2026-10-03T00:00:00Z", "2026-10-04T00:00:00Z"},
		{"2026-12-31..2027-01-01", "UTC", "2026-12-31T00:00:00Z", "2027-01-02T00:00:00Z"},
		{"2017-10", "America/Asuncion", "2017-10-01T04:00:00Z", "2017-11-01T03:00:00Z"}, // no midnight on the first
	} {
		zone, err := moment.Zone(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		p, err := ParsePeriod(c.text, zone)
		if since, until := p.Since.UTC().Format(time.RFC3339), p.Until.UTC().Format(time.RFC3339); err != nil || p.Text != c.text || since != c.since || until != c.until {
			t.Errorf("%s in %s: %s to %s, %v", c.text, c.zone, since, until, err)
		}
	}
	for _, text := range []string{
		"", "..", "2026-13", "2026-02-30", "26", "2026-1", "2026-10-09..2026-10-03", "2026-10..2026-11", "2026-10-03..", "..2026-10-03", "2026-10-03...2026-10-04",
		"2026-10-03..2026-10-04..2026-10-05", " 2026", "last", "\u202e2026",
	} {
		if p, err := ParsePeriod(text, time.UTC); err == nil || len(err.Error()) > 250 || p != (Period{}) {
			t.Errorf("%q is the period %v, %v", text, p, err)
		}
	}
}

// FuzzParsePeriod: a period is whole days, and its text has nothing that addresses have to escape.
func FuzzParsePeriod(f *testing.F) {
	for _, text := range []string{"2026", "2026-10", "2026-10-03", "2026-10-03..2026-10-09", "2026-10-09..2026-10-03", "..", "0000", "9999-12-31"} {
		f.Add(text, true)
	}
	berlin, err := moment.Zone("Europe/Berlin")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string, inUTC bool) {
		zone := berlin
		if inUTC {
			zone = time.UTC
		}
		p, err := ParsePeriod(text, zone)
		if err != nil {
			return
		}
		first, last := p.Since.In(zone), p.Until.Add(-1).In(zone)
		if !p.Since.Before(p.Until) || p.Text != text || first.Add(-1).In(zone).Day() == first.Day() || p.Until.In(zone).Day() == last.Day() {
			t.Errorf("%q is from %v to before %v", text, p.Since, p.Until)
		}
		days, err := ParsePeriod(first.Format(time.DateOnly)+".."+last.Format(time.DateOnly), zone)
		if err != nil || !days.Since.Equal(p.Since) || !days.Until.Equal(p.Until) {
			t.Errorf("%q is from %v to before %v; by its days from %v to before %v, %v", text, p.Since, p.Until, days.Since, days.Until, err)
		}
		for _, r := range text {
			if (r < '0' || r > '9') && r != '-' && r != '.' {
				t.Errorf("%q is a period", text)
			}
		}
	})
}
