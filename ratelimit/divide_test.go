package ratelimit

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestDivided: what n limiters let through by an nth each is never more than one does, but that each bucket holds at least one token.
func TestDivided(t *testing.T) {
	for _, c := range []struct {
		terms Terms
		n     int
		want  Terms
	}{
		{Terms{Kind: Bucket, Rate: Flow{10, 8}}, 4, Terms{Kind: Bucket, Rate: Flow{2.5, 2}}},
		{Terms{Kind: Bucket, Rate: Flow{10, 3}}, 4, Terms{Kind: Bucket, Rate: Flow{2.5, 1}}},
		{Terms{Kind: Window, Calls: 20, Window: time.Second}, 3, Terms{Kind: Window, Calls: 6, Window: time.Second}},
		{Terms{Kind: Window, Calls: 4, Window: time.Second}, 4, Terms{Kind: Window, Calls: 1, Window: time.Second}},
		{Terms{Kind: Window, Calls: 3, Window: 3 * time.Second}, 4, Terms{Kind: Window, Calls: 1, Window: 4 * time.Second}},
		{Terms{Kind: Window, Calls: 1, Window: 10 * time.Second}, 64, Terms{Kind: Window, Calls: 1, Window: 640 * time.Second}},
		{Terms{Kind: Calendar, Calls: 1000}, 3, Terms{Kind: Calendar, Calls: 333}},
		{Terms{Kind: Calendar, Calls: 2}, 3, Terms{Kind: Calendar}},
	} {
		if got := c.terms.Divided(c.n); got != c.want {
			t.Errorf("%+v among %d: %+v, want %+v", c.terms, c.n, got, c.want)
		}
		if got := c.terms.Divided(1); got != c.terms {
			t.Errorf("%+v among one: %+v", c.terms, got)
		}
	}
}

// TestDivide: limits are held to a share from now on, by rules of now and of later, and to all again.
func TestDivide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Config{Published: true, Rules: []Rule{{Name: "day", Quota: Quota{40, Day}}, {Name: "app", Per: []Dimension{ByCaller}, Rate: 1, Burst: 12}}}
		l := mustNew(t, c)
		s := Subject{Caller: "a", Operation: "o", Credential: "c", Quota: 20}
		atOnce := func() (n int) {
			for take(t, l, s).Allowed {
				n++
			}
			time.Sleep(time.Minute)
			return n
		}
		l.Divide(4)
		if n := atOnce(); n != 3 {
			t.Errorf("%d calls of a quarter of 12", n)
		}
		l = l.following(t, c)
		if n := atOnce(); n != 3 {
			t.Errorf("%d calls of a quarter of 12", n)
		}
		l.Divide(1)
		if n := atOnce(); n != 12 {
			t.Errorf("%d calls of 12", n)
		}
		l.Divide(2)
		if n := atOnce(); n != 2 { // of the day 20 in all, of which 18 have gone
			t.Errorf("%d calls of the rest of the day", n)
		}
	})
}

// TestCount: calls that were allowed elsewhere leave less to those that are taken here, and never less than nothing of a bucket.
func TestCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := mustNew(t, Config{Published: true, Rules: []Rule{{Name: "day", Quota: Quota{30, Day}}, {Name: "app", Rate: 1, Burst: 12, Mode: Shadow}}})
		d := l.rules.Of(Subject{Caller: "a", Operation: "o", Credential: "c", Quota: 5})
		for range 25 {
			l.Count(d)
			l.Sent(d, &Verdict{})
		}
		c := l.counts.of(d)
		if left := c.shadows[0].left(time.Now()); left != 0 {
			t.Errorf("%v are left in the bucket, want no debt", left)
		}
		if v, _ := l.Take(t.Context(), d); v.Allowed || v.RetryAfter != time.Second+windowMargin {
			t.Errorf("beside 25 calls within a second, of 5: %+v", v)
		}
		time.Sleep(2 * time.Second)
		for i := range 5 {
			if v, _ := l.Take(t.Context(), d); !v.Allowed {
				t.Errorf("call %d later: %+v", i, v)
			} else {
				l.Sent(d, &v)
			}
		}
		time.Sleep(2 * time.Second)
		if v, _ := l.Take(t.Context(), d); v.Allowed || v.Limit != "day" {
			t.Errorf("the 31st call of 30 a day: %+v", v)
		}
		l.Count(l.rules.Of(Subject{}))
	})
}

// TestKey: a count's name is the same in every process, and no other count's.
func TestKey(t *testing.T) {
	c := Config{Published: true, Rules: []Rule{
		{Name: "app", Per: []Dimension{ByCredential, ByCaller}, Rate: 1, Burst: 1}, {Name: "all", Quota: Quota{1, Day}},
	}}
	keys := func(s Subject) (keys []string) {
		rules, err := NewRules(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range rules.Of(s).Limits {
			keys = append(keys, l.Key())
		}
		return keys
	}
	got := keys(Subject{"a\"b:x\n", "o", "ü", "u", 2.5, false})
	for i, want := range []string{`app:b:caller="a\"b:x\n":credential="\u00fc"`, `all:c:day=Asia/Shanghai`, `published-quota:w:operation="o":credential="\u00fc":upstream="u":quota=2.5`} {
		if got[i] != want {
			t.Errorf("%s, want %s", got[i], want)
		}
	}
	seen := map[string]bool{}
	for _, caller := range []string{"", "a", "b", `a":credential="b`} {
		for _, credential := range []string{"", "a", "b"} {
			if key := keys(Subject{Caller: caller, Credential: credential})[0]; seen[key] {
				t.Errorf("two counts are %s", key)
			} else {
				seen[key] = true
			}
		}
	}
}
