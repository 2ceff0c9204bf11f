package inbox

import (
	"fmt"
	"testing"
	"time"
)

// TestHours: refusals are counted by the clock of the reader's zone, also where it is no whole hours from UTC, and where clocks are changed.
func TestHours(t *testing.T) {
	for _, c := range []struct{ zone, time, want string }{
		{"UTC", "2026-10-03T04:59:59Z", "2026-10-03T04:00:00Z"},
		{"Asia/Shanghai", "2026-10-03T04:59:59Z", "2026-10-03T04:00:00Z"},
		{"Asia/Kolkata", "2026-10-03T04:29:59Z", "2026-10-03T03:30:00Z"},
		{"Asia/Kolkata", "2026-10-03T04:30:00Z", "2026-10-03T04:30:00Z"},
		{"Asia/Kathmandu", "2026-10-03T04:14:00Z", "2026-10-03T03:15:00Z"},
		{"Europe/Berlin", "2026-10-25T00:59:00Z", "2026-10-25T00:00:00Z"}, // 02:59, and once more an hour later
		{"Europe/Berlin", "2026-10-25T01:59:00Z", "2026-10-25T01:00:00Z"},
		{"Australia/Lord_Howe", "2026-10-03T15:40:00Z", "2026-10-03T15:00:00Z"}, // clocks went forward by half an hour, to UTC+11
		{"UTC", "1969-12-31T23:10:00Z", "1969-12-31T23:00:00Z"},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		at, _ := time.Parse(time.RFC3339, c.time)
		if got := time.Unix(hourOf(at, zone), 0).UTC().Format(time.RFC3339); got != c.want {
			t.Errorf("%s in %s: %s, want %s", c.time, c.zone, got, c.want)
		}
	}
}

// TestEvict: with more peers than there is room for, bursts stay, complete hours go without a loss, and what else goes is counted.
func TestEvict(t *testing.T) {
	b := newBursts(time.UTC)
	b.max = 100
	start := time.Date(2026, 10, 3, 23, 30, 0, 0, time.UTC)
	b.add(start, who{source: "192.0.2.1"}, "no_grant", count{50, 50})
	for i := range 300 {
		at := start.Add(-time.Duration(i) * 10 * time.Minute)
		b.settled(at)
		b.add(at, who{source: fmt.Sprint("10.0.0.", i)}, "no_grant", count{1, 1})
	}
	if len(b.counts) > b.max || b.evicted != 0 {
		t.Errorf("%d counts, %d refusals evicted: the hours of the first ones were complete", len(b.counts), b.evicted)
	}
	for i := range 300 {
		b.add(start, who{source: fmt.Sprint("10.0.1.", i)}, "no_grant", count{1, 1})
		b.add(start, who{source: fmt.Sprint("10.0.2.", i)}, "no_grant", count{1, 1})
	}
	if len(b.counts) > b.max || b.counts[hourKey{hourOf(start, time.UTC), who{source: "192.0.2.1"}, "no_grant"}].n != 50 {
		t.Errorf("%d counts, and the burst is gone", len(b.counts))
	}
	b.done = 0
	for i := range 300 {
		b.add(start, who{source: fmt.Sprint("10.0.3.", i)}, "no_grant", count{1, 1})
	}
	if b.evicted == 0 || len(b.counts) > b.max {
		t.Errorf("%d counts, %d refusals evicted", len(b.counts), b.evicted)
	}
}
