package inbox

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/review/evidence"
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

// TestBusyHours: an index counts the refusals of callers, and those of peers that proved none are read where there may be a burst. Both find
// what the log itself says.
func TestBusyHours(t *testing.T) {
	w := newWriter(t)
	w.refuse(25, "shop", "no_grant", in(0))
	w.refuse(19, "shop", "over_limit", in(5))
	w.refuse(12, "192.0.2.7", "bad_signature", in(10))  // and 8 more in a summary
	w.refuse(5, "192.0.2.8", "bad_signature", in(15))   // not so many
	w.refuse(12, "198.51.100.1", "expired_key", in(20)) // of two sources
	w.refuse(12, "198.51.100.2", "expired_key", in(25))
	w.refuse(19, "shop", "bad_signature", in(30))
	w.refuse(1, "shop", "act_held", in(40))
	w.summary(in(12), logfile.Count{Source: "192.0.2.7", Reason: "bad_signature", Count: 8})
	w.Close()
	want := []string{"repeat access 1 shop PayOrders", "burst access 1 192.0.2.7 bad_signature x20", "burst access 1 shop no_grant x25"}
	for kind, log := range bothWays(t, w.dir) {
		rows := slices.DeleteFunc(rowsOf(Find(t.Context(), evidence.Logs{log}, scopeOf(t))), func(row string) bool { return !strings.Contains(row, " access ") })
		slices.Sort(rows[min(len(rows), 1):])
		if !slices.Equal(rows, want) {
			t.Errorf("%s: %q, want %q", kind, rows, want)
		}
	}
}
