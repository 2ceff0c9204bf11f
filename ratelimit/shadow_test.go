package ratelimit

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/internal/setting"
)

// TestShadowRefusesNothing: a limit in shadow mode names exactly the calls that it would refuse if it were enforced, and the limits that are
// enforced see none of it. Its answers carry no word of it.
func TestShadowRefusesNothing(t *testing.T) {
	for name, rule := range map[string]Rule{
		"rate":  {Name: "trial", Rate: 2, Burst: 3},
		"slow":  {Name: "trial", Rate: 0.2, Burst: 1},
		"quota": {Name: "trial", Quota: Quota{5, Day}},
	} {
		for _, maxWait := range []time.Duration{0, 1500 * time.Millisecond} {
			t.Run(fmt.Sprint(name, maxWait), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					enforced := Config{MaxWait: setting.Duration(maxWait), Rules: []Rule{rule}}
					trial := rule
					trial.Mode = Shadow
					l, real := mustNew(t, Config{MaxWait: setting.Duration(maxWait), Rules: []Rule{trial}}), mustNew(t, enforced)
					refused := 0
					for i := range 60 {
						verdict := make(chan Verdict, 1)
						go func() { verdict <- takeInBackground(t, real, Subject{}) }()
						synctest.Wait()
						v := take(t, l, Subject{})
						if !v.Allowed || v.Waited != 0 || v.Limit != "" {
							t.Fatalf("call %d: %+v", i, v)
						}
						would := slices.Equal(v.Shadow, []string{"trial"})
						if would {
							refused++
						}
						select {
						case r := <-verdict:
							if r.Allowed == would {
								t.Fatalf("call %d: shadow %v, enforced %+v", i, v.Shadow, r)
							}
						default: // it waits, and will be allowed
							if would {
								t.Fatalf("call %d waits, and shadow says that it is refused", i)
							}
						}
						time.Sleep(90 * time.Millisecond)
					}
					if refused == 0 {
						t.Error("no call is beyond the limit")
					}
					time.Sleep(time.Minute)
				})
			})
		}
	}
}

// TestShadowBesideOthers: calls that another limit refuses take nothing in shadow, and are not its.
func TestShadowBesideOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := mustNew(t, Config{Rules: []Rule{
			{Name: "trial", Rate: 1, Burst: 3, Mode: Shadow}, {Name: "real", Rate: 1, Burst: 1},
		}})
		if v := take(t, l, Subject{}); !v.Allowed || v.Limit != "real" {
			t.Errorf("%+v", v)
		}
		for range 5 {
			if v := take(t, l, Subject{}); v.Allowed || v.Limit != "real" || v.Shadow != nil {
				t.Errorf("%+v", v)
			}
		}
		if left := l.counts.of(l.rules.Of(Subject{})).shadows[0].left(time.Now()); left != 2 {
			t.Errorf("%v are left in shadow, want 2", left)
		}
	})
}

// TestShadowIsAMode: the count stays when a limit is enforced.
func TestShadowIsAMode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Config{Rules: []Rule{{Name: "trial", Rate: 1, Burst: 3, Mode: Shadow}}}
		l := mustNew(t, c)
		take(t, l, Subject{})
		take(t, l, Subject{})
		c.Rules = []Rule{{Name: "trial", Rate: 1, Burst: 3, Mode: Enforce}}
		l = l.following(t, c)
		if v := take(t, l, Subject{}); !v.Allowed || v.Remaining != 0 {
			t.Errorf("%+v", v)
		}
		if v := take(t, l, Subject{}); v.Allowed {
			t.Errorf("%+v", v)
		}
	})
}
