package ratelimit

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestHeaders(t *testing.T) {
	for _, c := range []struct {
		verdict        Verdict
		policy, fields string
	}{
		{Verdict{Allowed: true, Limit: "a", Terms: &Terms{Rate: Flow{10, 2}}, Remaining: 1, Reset: 100 * time.Millisecond}, `"a";q=10;w=1`, `"a";r=1;t=1`},
		{Verdict{Allowed: true, Limit: "a", Terms: &Terms{Rate: Flow{10, 20}}, Remaining: 20}, `"a";q=20;w=2`, `"a";r=20;t=0`},
		{Verdict{Limit: "b", Terms: &Terms{Rate: Flow{0.1, 1}}, RetryAfter: 9001 * time.Millisecond, Reset: 9001 * time.Millisecond}, `"b";q=1;w=10`, `"b";r=0;t=10`},
		{Verdict{Limit: "b", Terms: &Terms{Rate: Flow{0.5, 3}}, Reset: time.Second}, `"b";q=3;w=6`, `"b";r=0;t=1`},
		{Verdict{Limit: "b", Terms: &Terms{Rate: Flow{3, 4}}, Reset: time.Second}, `"b";q=6;w=2`, `"b";r=0;t=1`},
		{Verdict{Limit: "day", Terms: &Terms{Rate: Flow{MinPerSecond, 1}}}, `"day";q=1;w=86400`, `"day";r=0;t=0`},
		{Verdict{Limit: "q", Terms: terms(publishedTerms(20)), Remaining: 3, Reset: 1050 * time.Millisecond}, `"q";q=20;w=1`, `"q";r=3;t=2`},
		{Verdict{Limit: "q", Terms: terms(publishedTerms(0.1))}, `"q";q=1;w=10`, `"q";r=0;t=0`},
		{Verdict{Limit: "d", Terms: &Terms{Kind: Calendar, Calls: 7, Period: Day}}, `"d";q=7;w=86400`, `"d";r=0;t=0`},
		{Verdict{Limit: "m", Terms: &Terms{Kind: Calendar, Calls: 7, Period: Month}}, `"m";q=7;w=2678400`, `"m";r=0;t=0`},
	} {
		if policy, left := c.verdict.Fields(); policy != c.policy || left != c.fields {
			t.Errorf("%+v: %s and %s, want %s and %s", c.verdict, policy, left, c.policy, c.fields)
		}
	}
}

func TestRetryAfterSeconds(t *testing.T) {
	for d, want := range map[time.Duration]int{
		0: 1, -time.Second: 1, 1: 1, time.Second: 1, time.Second + 1: 2, 1999 * time.Millisecond: 2, time.Hour: 3600,
	} {
		if got := RetryAfterSeconds(d); got != want {
			t.Errorf("%v: %d, want %d", d, got, want)
		}
	}
	if got := RetryAfterSeconds(1<<63 - 1); got < 9_000_000_000 {
		t.Errorf("the longest time is %d seconds", got)
	}
}

func TestTightestLimitIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := mustNew(t, Config{Rules: []Rule{
			{Name: "wide", Rate: 10, Burst: 10}, {Name: "tight", Rate: 1, Burst: 3}, {Name: "wider", Rate: 100, Burst: 100},
		}})
		if v := take(t, l, Subject{}); v.Limit != "tight" || v.Remaining != 2 || v.Reset != time.Second || v.Terms.Rate != (Flow{1, 3}) {
			t.Errorf("%+v", v)
		}
	})
}

func terms(t Terms) *Terms { return &t }
