package ratelimit

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// restarted is a limiter that knows what another one says that was counted, as it stands in a file.
func restarted(t *testing.T, from ruled, c Config) ruled {
	t.Helper()
	text, err := json.Marshal(from.CalendarCounts())
	if err != nil {
		t.Fatal(err)
	}
	var counts []CalendarCount
	if err := json.Unmarshal(text, &counts); err != nil {
		t.Fatal(err)
	}
	l := mustNew(t, c)
	l.Restore(counts)
	return l
}

// TestCalendarCountsOutliveAStart, as long as the rules count so and the period goes on.
func TestCalendarCountsOutliveAStart(t *testing.T) {
	for name, c := range map[string]struct {
		next Config
		wait time.Duration
		left float64
	}{
		"the same":          {calendarOf(Quota{10, Day}, ""), 0, 7},
		"fewer":             {calendarOf(Quota{2, Day}, DefaultZone), 0, -1},
		"the next day":      {calendarOf(Quota{10, Day}, ""), 24 * time.Hour, 10},
		"months":            {calendarOf(Quota{10, Month}, ""), 0, 10},
		"days of elsewhere": {calendarOf(Quota{10, Day}, "UTC"), 0, 10},
		"a bucket":          {perCaller(1, 5, 0), 0, 5},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := mustNew(t, calendarOf(Quota{10, Day}, ""))
			for range 3 {
				take(t, l, Subject{Caller: "a", Operation: "x", Quota: 3})
			}
			take(t, l, Subject{Caller: "b"})
			time.Sleep(c.wait)
			next := restarted(t, l, c.next)
			if left := next.meters(Subject{Caller: "a"})[0].left(time.Now()); left != c.left {
				t.Errorf("%s: %v are left, want %v", name, left, c.left)
			}
		})
	}
}

// TestRestoreAdds: calls that went meanwhile are not lost.
func TestRestoreAdds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := calendarOf(Quota{10, Day}, "")
		l, next := mustNew(t, c), mustNew(t, c)
		take(t, l, Subject{Caller: "a"})
		take(t, next, Subject{Caller: "a"})
		next.Restore(l.CalendarCounts())
		if counts := next.CalendarCounts(); len(counts) != 1 || counts[0].Calls != 2 {
			t.Errorf("%+v", counts)
		}
	})
}

// TestRestoreIsBounded: what is no count of a calendar changes nothing.
func TestRestoreIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := calendarOf(Quota{10, Day}, "")
		l := mustNew(t, c)
		take(t, l, Subject{Caller: "a"})
		good := l.CalendarCounts()[0]
		for _, change := range []func(*CalendarCount){
			func(n *CalendarCount) { n.Per = []Dimension{"weather"} },
			func(n *CalendarCount) { n.Per = nil },
			func(n *CalendarCount) { n.Limit = "other" },
			func(n *CalendarCount) { n.Calls = 0 },
			func(n *CalendarCount) { n.Calls = -5 },
			func(n *CalendarCount) { n.Ends = n.Ends.AddDate(1, 0, 0) },
			func(n *CalendarCount) { n.Ends = time.Time{} },
		} {
			n := good
			change(&n)
			next := mustNew(t, c)
			next.Restore([]CalendarCount{n})
			if counts := next.CalendarCounts(); len(counts) > 0 {
				t.Errorf("%+v is restored as %+v", n, counts)
			}
		}
	})
}

// TestRecall counts calls on record: those of the period of now.
func TestRecall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := mustNew(t, calendarOf(Quota{10, Day}, ""))
		now := time.Now()
		for _, at := range []time.Time{now, now.Add(-time.Hour), now.Add(-9 * time.Hour), now.AddDate(0, 0, -1), now.AddDate(0, -1, 0)} { // the day is eight hours old
			l.Recall(Subject{Caller: "a", Operation: "x"}, at)
		}
		if counts := l.CalendarCounts(); len(counts) != 1 || counts[0].Calls != 2 || counts[0].Caller != "a" || counts[0].Operation != "" {
			t.Errorf("%+v", counts)
		}
		if !l.Calendars() || mustNew(t, perCaller(1, 1, 0)).Calendars() || NewLimiter().Calendars() {
			t.Error("whether there are calendars is not known")
		}
	})
}

// TestCalendarCountsInOrder: the same counts are the same text.
func TestCalendarCountsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := mustNew(t, calendarOf(Quota{10, Day}, ""))
		for _, caller := range []string{"c", "a", "b"} {
			take(t, l, Subject{Caller: caller})
		}
		counts := l.CalendarCounts()
		if !slices.IsSortedFunc(counts, func(a, b CalendarCount) int { return a.counted().compare(b.counted()) }) || len(counts) != 3 {
			t.Errorf("%+v", counts)
		}
	})
}
