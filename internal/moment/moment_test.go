package moment

import (
	"strings"
	"testing"
	"time"
)

var zones = []string{
	"UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia", "America/Havana", "Asia/Beirut",
	"America/Asuncion", "Africa/Cairo", "Atlantic/Azores", "America/Scoresbysund", "Pacific/Kiritimati", "Africa/Casablanca", "Europe/Volgograd",
}

// TestDaysBeginOnce: the first instant of each day is of that day or, where a zone left it out, of a later one; the
// instant before is of an earlier one. Days follow one another without gap or overlap.
func TestDaysBeginOnce(t *testing.T) {
	for _, name := range zones {
		zone, err := Zone(name)
		if err != nil {
			t.Fatal(err)
		}
		before := time.Time{}
		for day := time.Date(2009, 12, 28, 0, 0, 0, 0, time.UTC); day.Year() < 2027; day = day.AddDate(0, 0, 1) {
			begin := StartOfDay(day.Year(), day.Month(), day.Day(), zone)
			date, first := day.Format(time.DateOnly), begin.In(zone).Format(time.DateOnly)
			if last := begin.Add(-1).In(zone).Format(time.DateOnly); first < date || last >= date {
				t.Errorf("%s: %s begins at %v, behind %s", name, date, begin.In(zone), last)
			}
			if first != date && !(name == "Pacific/Apia" && date == "2011-12-30") {
				t.Errorf("%s: %s begins on %s", name, date, first)
			}
			if begin.Before(before) {
				t.Errorf("%s: %s begins before the day before", name, date)
			}
			before = begin
		}
	}
}

func TestMonths(t *testing.T) {
	now := time.Date(2026, 12, 31, 20, 0, 0, 0, time.UTC) // in Shanghai January has begun
	for _, c := range []struct{ month, zone, since, until string }{
		{"2026-10", "UTC", "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"},
		{"2026-10", "Asia/Shanghai", "2026-09-30T16:00:00Z", "2026-10-31T16:00:00Z"},
		{"2026-03", "Europe/Berlin", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z"},
		{"2026-12", "America/New_York", "2026-12-01T05:00:00Z", "2027-01-01T05:00:00Z"},
		{"2024-02", "UTC", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"},
		{"last", "UTC", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"},
		{"this", "UTC", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		{"last", "Asia/Shanghai", "2026-11-30T16:00:00Z", "2026-12-31T16:00:00Z"}, // December, of the year before
		{"this", "Asia/Shanghai", "2026-12-31T16:00:00Z", "2027-01-31T16:00:00Z"},
		{"2017-10", "America/Asuncion", "2017-10-01T04:00:00Z", "2017-11-01T03:00:00Z"}, // set forward at midnight of the first
	} {
		zone, err := Zone(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		since, until, err := Month(c.month, now, zone)
		if err != nil || since.UTC().Format(time.RFC3339) != c.since || until.UTC().Format(time.RFC3339) != c.until {
			t.Errorf("%s in %s is %v to %v, %v", c.month, c.zone, since.UTC(), until.UTC(), err)
		}
	}
}

func TestMoments(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC)
	for _, c := range []struct{ text, zone, want string }{
		{"24h", "Asia/Shanghai", "2026-03-03T05:06:07.000000008Z"}, {"7d", "UTC", "2026-02-25T05:06:07.000000008Z"}, {"0s", "UTC", "2026-03-04T05:06:07.000000008Z"},
		{"2026-01-31", "Asia/Shanghai", "2026-01-30T16:00:00Z"}, {"2026-01-31 15:04", "Asia/Shanghai", "2026-01-31T07:04:00Z"},
		{"2026-01-31T15:04:05.006", "Asia/Shanghai", "2026-01-31T07:04:05.006Z"}, {"2026-01-31 15:04:05", "UTC", "2026-01-31T15:04:05Z"},
		{"2026-01-31T15:04:05+01:00", "Asia/Shanghai", "2026-01-31T14:04:05Z"},
		{"2026-03-29 01:59", "Europe/Berlin", "2026-03-29T00:59:00Z"}, {"2026-03-29 03:00", "Europe/Berlin", "2026-03-29T01:00:00Z"},
		{"2026-03-29 02:30", "Europe/Berlin", "no clock"}, {"2026-10-25 02:30", "Europe/Berlin", "twice"}, {"2026-10-25 02:00", "Europe/Berlin", "twice"},
		{"2026-10-25 01:59:59.9", "Europe/Berlin", "2026-10-24T23:59:59.9Z"}, {"2026-10-25 03:00", "Europe/Berlin", "2026-10-25T02:00:00Z"},
		{"2026-11-01 01:30", "America/New_York", "twice"}, {"2011-12-30 12:00", "Pacific/Apia", "no clock"},
		{"2026-04-05 01:45", "Australia/Lord_Howe", "twice"}, {"2026-10-04 02:15", "Australia/Lord_Howe", "no clock"}, // by half an hour
		{"2020-12-27 01:30", "Europe/Volgograd", "twice"}, // for good
		{"yesterday", "UTC", "neither"}, {"2026-02-30", "UTC", "neither"}, {"-3h", "UTC", "neither"}, {"2026-01", "UTC", "neither"}, {"99999999d", "UTC", "neither"},
	} {
		zone, err := Zone(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Parse(c.text, now, zone)
		if text := got.UTC().Format(time.RFC3339Nano); err == nil && text != c.want || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q in %s is %s, %v; want %s", c.text, c.zone, text, err, c.want)
		}
	}
}

// FuzzOnTheClock: what a time without an offset means is what a clock of the zone shows then.
func FuzzOnTheClock(f *testing.F) {
	f.Add(int64(1_774_749_600), uint8(2))
	f.Add(int64(1_792_891_800), uint8(2))
	f.Add(int64(-3_000_000_000), uint8(7))
	f.Fuzz(func(t *testing.T, unix int64, at uint8) {
		zone, err := Zone(zones[int(at)%len(zones)])
		if err != nil {
			t.Fatal(err)
		}
		const span = 1 << 33 // some 270 years around 1970
		instant := time.Unix(unix%span, 0).In(zone)
		wall := time.Date(instant.Year(), instant.Month(), instant.Day(), instant.Hour(), instant.Minute(), instant.Second(), 0, time.UTC)
		found := false
		for _, got := range showing(wall, zone) {
			if got.In(zone).Format(time.DateTime) != wall.Format(time.DateTime) {
				t.Errorf("%v is said to show %v", got.In(zone), wall)
			}
			found = found || got.Equal(instant)
		}
		if !found {
			t.Errorf("%v is not among those that show %v", instant, wall)
		}
	})
}

// FuzzMoment: a time in the flags of the audit commands is one moment for every reader, and an age lies in the past.
func FuzzMoment(f *testing.F) {
	for _, seed := range []string{"", "24h", "-1h", "2026-01-31", "2026-01-31T15:04", "2026-01-31T15:04:05.5+08:00", "2026-02-30", "1e3s", "0", "9999999h", "7d", "2026-01-31 15:04:05.006", "2026-01-31T24:00:00Z"} {
		f.Add(seed)
	}
	now := time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Parse(text, now, time.UTC)
		if err != nil || text == "" {
			if !got.IsZero() {
				t.Errorf("%q: %v, %v", text, got, err)
			}
			return
		}
		if age, err := Age(text); err == nil {
			if got.After(now) || now.Sub(got) != age {
				t.Errorf("the age %q is the time %v", text, got)
			}
			return
		}
		if len(text) < len("2026-01-31") || got.Format("2006-01-02") != text[:10] {
			t.Errorf("%q is the time %v", text, got)
		}
	})
}
