package ratelimit

import (
	"testing"
	"testing/synctest"
	"time"

	"tollgate/internal/setting"
)

func calendarOf(q Quota, zone string) Config {
	return Config{MaxWait: setting.Duration(time.Minute), Rules: []Rule{{Name: "app", Per: []Dimension{ByCaller}, Quota: q, Zone: zone}}}
}

// TestPeriods: days and months begin at midnight of the zone, whatever its clocks do.
func TestPeriods(t *testing.T) {
	for _, c := range []struct {
		period           Period
		zone             string
		at, begins, ends string
	}{
		{Day, DefaultZone, "2026-11-30T15:59:59Z", "2026-11-29T16:00:00Z", "2026-11-30T16:00:00Z"},
		{Day, DefaultZone, "2026-11-30T16:00:00Z", "2026-11-30T16:00:00Z", "2026-12-01T16:00:00Z"},
		{Month, DefaultZone, "2026-11-30T15:59:59Z", "2026-10-31T16:00:00Z", "2026-11-30T16:00:00Z"},
		{Month, DefaultZone, "2026-12-31T16:00:00Z", "2026-12-31T16:00:00Z", "2027-01-31T16:00:00Z"},
		{Day, "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"}, // 23 hours long
		{Day, "Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"}, // 25 hours long
		{Month, "UTC", "2028-02-29T23:59:59.999Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"},
	} {
		at, _ := time.Parse(time.RFC3339Nano, c.at)
		begins, _ := time.Parse(time.RFC3339, c.begins)
		ends, _ := time.Parse(time.RFC3339, c.ends)
		zone, err := loadZone(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		terms := Terms{Kind: Calendar, Period: c.period, Zone: zone}
		if gotBegins, gotEnds := terms.In(at); !gotBegins.Equal(begins) || !gotEnds.Equal(ends) {
			t.Errorf("%s of %s at %s: %v until %v", c.period, c.zone, c.at, gotBegins, gotEnds)
		}
	}
}

// TestCalendarQuota: what is used up is refused at once, with the time until the next period, and never waited for.
func TestCalendarQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which begins on 2000-01-01 at midnight in UTC, eight in the morning in Shanghai
		l := mustNew(t, calendarOf(Quota{3, Day}, ""))
		a := Subject{Caller: "a"}
		for i := range 3 {
			if v := take(t, l, a); !v.Allowed || v.Remaining != 2-i || v.Reset != 16*time.Hour {
				t.Errorf("call %d: %+v", i, v)
			}
		}
		if v := take(t, l, a); v.Allowed || v.RetryAfter != 16*time.Hour || v.Limit != "app" || v.Terms.String() != "3/day" {
			t.Errorf("beyond the quota: %+v", v)
		}
		if v := take(t, l, Subject{Caller: "b"}); !v.Allowed {
			t.Errorf("another caller: %+v", v)
		}
		time.Sleep(16*time.Hour - time.Second)
		if v := take(t, l, a); v.Allowed || v.Waited != 0 || v.RetryAfter != time.Second {
			t.Errorf("a second before the next day, with a minute to wait: %+v", v)
		}
		time.Sleep(time.Second)
		if v := take(t, l, a); !v.Allowed || v.Remaining != 2 || v.Reset != 24*time.Hour {
			t.Errorf("the next day: %+v", v)
		}
	})
}

// TestCalendarWhileWaiting: a call that waits for a rate takes nothing of a quota until it goes, and is refused when that is used up meanwhile.
func TestCalendarWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := calendarOf(Quota{2, Month}, "UTC")
		c.Rules[0].Per = nil
		c.Rules = append(c.Rules, Rule{Name: "slow", Callers: []string{"slow"}, Rate: 0.1, Burst: 1})
		l := mustNew(t, c)
		take(t, l, Subject{Caller: "slow"})
		waiting := make(chan Verdict)
		go func() { waiting <- takeInBackground(t, l, Subject{Caller: "slow"}) }()
		synctest.Wait()
		if v := take(t, l, Subject{Caller: "b"}); !v.Allowed {
			t.Fatalf("the call that waits has taken of the quota: %+v", v)
		}
		if v := <-waiting; v.Allowed || v.Limit != "app" || v.Waited > 10*time.Second {
			t.Errorf("%+v, want refused by the quota", v)
		}
	})
}

// TestCalendarNeverStepsBack: a clock that is set back begins no former day again.
func TestCalendarNeverStepsBack(t *testing.T) {
	zone := time.UTC
	c := &calendar{terms: &Terms{Kind: Calendar, Calls: 2, Period: Day, Zone: zone}}
	day := time.Date(2026, 11, 30, 12, 0, 0, 0, zone)
	c.take(day, false)
	c.take(day.Add(24*time.Hour), false) // set ahead
	c.take(day, false)                   // and back
	if c.free(day) != 0 || c.delay(day, 1, false) != 36*time.Hour {
		t.Errorf("%v are free, for %v", c.free(day), c.delay(day, 1, false))
	}
	if c.free(day.Add(48*time.Hour)) != 2 {
		t.Error("the day after does not begin")
	}
}

// TestCalendarFollows: another number holds at once, another kind of period begins at zero.
func TestCalendarFollows(t *testing.T) {
	for name, c := range map[string]struct {
		next Config
		left float64
	}{
		"the same":           {calendarOf(Quota{10, Day}, ""), 7},
		"more":               {calendarOf(Quota{100, Day}, DefaultZone), 97},
		"fewer":              {calendarOf(Quota{2, Day}, ""), -1},
		"months":             {calendarOf(Quota{10, Month}, ""), 10},
		"days of elsewhere":  {calendarOf(Quota{10, Day}, "UTC"), 10},
		"a rate, and bursts": {perCaller(1, 5, 0), 5},
	} {
		synctest.Test(t, func(t *testing.T) {
			before := calendarOf(Quota{10, Day}, "")
			l := mustNew(t, before)
			for range 3 {
				take(t, l, Subject{Caller: "a"})
			}
			next := l.following(t, c.next)
			if left := next.meters(Subject{Caller: "a"})[0].left(time.Now()); left != c.left {
				t.Errorf("%s: %v are left, want %v", name, left, c.left)
			}
			begins := c.left > 3 && c.left != 7 && c.left != 97
			if names := Reset(before, c.next); (len(names) == 1) != begins {
				t.Errorf("%s: begin at zero: %v", name, names)
			}
		})
	}
}

func TestQuotaText(t *testing.T) {
	for _, text := range []string{"1/day", "1000/day", "20000/month", "1000000000/month"} {
		var q Quota
		if err := q.UnmarshalText([]byte(text)); err != nil || q.String() != text {
			t.Errorf("%s: %v, %v", text, q, err)
		}
	}
	for _, text := range []string{"", "day", "/day", "0/day", "01/day", "-1/day", "+1/day", "1.5/day", "1e3/day", "1/days", "1/Day", "1/week", "1 /day", "1/day ", "1000000001/day", "99999999999999999999/day", "1/day/day"} {
		var q Quota
		if err := q.UnmarshalText([]byte(text)); err == nil || q != (Quota{}) {
			t.Errorf("%q is read as %v", text, q)
		}
	}
}

// FuzzQuota holds the reading of quotas against what is written of them.
func FuzzQuota(f *testing.F) {
	for _, seed := range []string{"1000/day", "20000/month", "01/day", "1/week", "1000000001/day"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var q Quota
		if err := q.UnmarshalText([]byte(text)); err == nil && (q.String() != text || q.Calls < 1 || q.Calls > MaxQuota || (Rule{Name: "a", Quota: q}).check() != nil) {
			t.Errorf("%q is read as %+v", text, q)
		}
	})
}

// TestCalendarClock: a clock that is set back does not begin a period again, and one that was wrong for a while is no reason to refuse calls
// until that time comes.
func TestCalendarClock(t *testing.T) {
	zone, err := loadZone("UTC")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, zone)
	c := &calendar{terms: &Terms{Kind: Calendar, Calls: 3, Period: Day, Zone: zone}}
	left := func(at time.Time) float64 {
		c.add(at)
		return c.free(at)
	}
	for i, step := range []struct {
		at   time.Time
		left float64
	}{
		{at, 2}, {at.Add(12 * time.Hour), 2}, {at, 1}, {at.Add(12 * time.Hour), 0}, // a day that is not begun twice
		{at.AddDate(4, 0, 0), 2}, {at.AddDate(0, 0, 1), 1}, {at.AddDate(0, 0, 2), 2},
	} {
		if n := left(step.at); n != step.left {
			t.Errorf("step %d: %v calls are left, want %v", i, n, step.left)
		}
	}
}
