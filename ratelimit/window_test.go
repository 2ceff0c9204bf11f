package ratelimit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/internal/setting"
)

func published(maxWait time.Duration) Config {
	return Config{MaxWait: setting.Duration(maxWait), Published: true}
}

// TestPublishedQuota: two callers ask without a pause. No second sees more than the quota, and what the margin leaves of it is used.
func TestPublishedQuota(t *testing.T) {
	for _, quota := range []float64{0.5, 1, 5, 10, 20, 30, 100} {
		t.Run(fmt.Sprint(quota), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := mustNew(t, published(0))
				var times []time.Duration
				start := time.Now()
				for time.Since(start) < 20*time.Second {
					s := Subject{Caller: fmt.Sprint(len(times) % 2), Operation: "o", Credential: "c", Quota: quota}
					if take(t, l, s).Allowed { // both callers share the credential's quota
						times = append(times, time.Since(start))
					}
					time.Sleep(time.Millisecond)
				}
				checkSeconds(t, times, quota)
				if least := int(quota * 20 * 0.93); len(times) < least {
					t.Errorf("only %d calls in 20 s, want at least %d", len(times), least)
				}
				if v := take(t, l, Subject{Operation: "o", Credential: "other", Quota: quota}); !v.Allowed {
					t.Errorf("another credential shares the quota: %+v", v)
				}
			})
		})
	}
}

// checkSeconds holds the times of calls to a quota: at most so many in any second (of a quota below one, one in so many seconds). The times
// are sorted.
func checkSeconds(t *testing.T, times []time.Duration, quota float64) {
	t.Helper()
	most, each := int(quota), time.Second
	if quota < 1 {
		most, each = 1, time.Duration(float64(time.Second)/quota)
	}
	for i := most; i < len(times); i++ {
		if between := times[i] - times[i-most]; between < each+windowMargin {
			t.Fatalf("%d calls within %v, from %v on", most+1, between, times[i-most])
		}
	}
}

// TestWindowModel: callers of all kinds, who wait or do not, send their calls at once, late, or much later than they were taken, or leave.
// Whatever they do, no period of a second, of any phase, sees more than the quota.
func TestWindowModel(t *testing.T) {
	for _, quota := range []float64{0.7, 1, 3, 20, 333} {
		for range 3 {
			seed := rand.Uint64()
			t.Run(fmt.Sprint(quota, " ", seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { windowModel(t, quota, seed) })
			})
		}
	}
}

func windowModel(t *testing.T, quota float64, seed uint64) {
	l := mustNew(t, published(3*time.Second))
	var mu sync.Mutex
	var times []time.Duration
	start := time.Now()
	var calls sync.WaitGroup
	for i := range 30 {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		d := l.rules.Of(Subject{Caller: fmt.Sprint(i % 7), Operation: "o", Credential: "c", Quota: quota})
		latest := []int{1, 20, 100, 4000}[i%4] // milliseconds until a call is sent
		calls.Go(func() {
			for time.Since(start) < 12*time.Second {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(1+random.IntN(4000))*time.Millisecond)
				v, err := l.Take(ctx, d)
				cancel()
				if err == nil && v.Allowed {
					time.Sleep(time.Duration(random.IntN(latest*1000)) * time.Microsecond)
					mu.Lock()
					times = append(times, time.Since(start))
					mu.Unlock()
					l.Sent(d, &v)
				}
				time.Sleep(time.Duration(random.IntN(60)) * time.Millisecond)
			}
		})
	}
	calls.Wait()
	slices.Sort(times)
	checkSeconds(t, times, quota)
	if len(times) < int(quota*3) {
		t.Errorf("only %d calls", len(times))
	}
	d := l.rules.Of(Subject{Operation: "o", Credential: "c", Quota: quota})
	if w := l.counts.of(d).window; w.pending != 0 || len(w.slots) > windowSlots+2 || l.Waiting() != 0 {
		t.Errorf("%d pending, %d slots, %d wait", w.pending, len(w.slots), l.Waiting())
	}
}

// TestSlotsCountAsTheLast: calls that share a slot all count as long as the last of them, also for a caller that takes places as soon as they
// come free.
func TestSlotsCountAsTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := mustNew(t, published(0))
		s := Subject{Caller: "a", Operation: "o", Credential: "c", Quota: 333}
		var times []time.Duration
		for start := time.Now(); time.Since(start) < 5*time.Second; time.Sleep(time.Millisecond) {
			for take(t, l, s).Allowed {
				if times = append(times, time.Since(start)); len(times) <= 333 {
					break // the first of them one by one
				}
			}
		}
		checkSeconds(t, times, 333)
		if len(times) < 1332 {
			t.Errorf("only %d calls", len(times))
		}
	})
}

// TestUnsentKeepsItsPlace: a call that was taken and not sent yet counts as long as that takes, and a window from then on.
func TestUnsentKeepsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := mustNew(t, published(0))
		d := l.rules.Of(Subject{Caller: "a", Operation: "o", Credential: "c", Quota: 1})
		v, _ := l.Take(t.Context(), d)
		allowed := func() bool {
			next, _ := l.Take(t.Context(), d)
			return next.Allowed
		}
		time.Sleep(time.Minute)
		if !v.Allowed || allowed() {
			t.Fatalf("another call is allowed while the first may yet be sent: %+v", v)
		}
		l.Sent(d, &v)
		time.Sleep(time.Second + windowMargin - 1)
		if allowed() {
			t.Fatal("another call is allowed within the second")
		}
		if time.Sleep(time.Nanosecond); !allowed() {
			t.Error("no call is allowed after the window")
		}
	})
}

// TestQueuePacesAWindow: places that were taken at once come free at once. Calls that wait take them evenly spaced, so that one who comes in
// between finds one soon.
func TestQueuePacesAWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := mustNew(t, published(2*time.Second))
		s := Subject{Caller: "a", Operation: "o", Credential: "c", Quota: 20}
		start := time.Now()
		var mu sync.Mutex
		var times []time.Duration
		var refused Verdict
		var calls sync.WaitGroup
		for range 60 {
			calls.Go(func() {
				v := takeInBackground(t, l, s)
				mu.Lock()
				defer mu.Unlock()
				if v.Allowed {
					times = append(times, time.Since(start))
				} else {
					refused = v
				}
			})
		}
		calls.Wait()
		slices.Sort(times)
		checkSeconds(t, times, 20)
		if len(times) != 39 || times[19] != 0 || !near(times[20], 1050*time.Millisecond) {
			t.Fatalf("%d calls went: %v", len(times), times)
		}
		for i, at := range times[21:] {
			if gap := at - times[20+i]; !near(gap, 52500*time.Microsecond) {
				t.Errorf("%v between two calls that waited", gap)
			}
		}
		if refused.Waited != 0 || refused.RetryAfter < 2*time.Second || refused.RetryAfter > 2100*time.Millisecond {
			t.Errorf("a call that would have waited too long: %+v", refused)
		}
	})
}

// TestThrottled: after the provider has refused a call, nothing goes for as long as it says, then half of the quota, and more with time.
func TestThrottled(t *testing.T) {
	for _, c := range []struct {
		retryAfter, pause time.Duration
		refusals          int // half a second apart
		factor            float64
	}{
		{0, time.Second + windowMargin, 1, 0.5},
		{5 * time.Second, 5 * time.Second, 1, 0.5},
		{time.Hour, longestPause, 1, 0.5},
		{0, time.Second + windowMargin, 2, 0.5}, // of the same window
		{0, time.Second + windowMargin, 4, 0.25},
		{0, time.Second + windowMargin, 50, 0.125},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := mustNew(t, published(0))
			s := Subject{Caller: "a", Operation: "o", Credential: "c", Quota: 16}
			d := l.rules.Of(s)
			for i := range c.refusals {
				if i > 0 {
					time.Sleep(500 * time.Millisecond)
				}
				l.Throttled(d, c.retryAfter)
			}
			v := take(t, l, Subject{Caller: "b", Operation: "o", Credential: "c", Quota: 16})
			if v.Allowed || v.RetryAfter != c.pause || v.Limit != PublishedName {
				t.Errorf("%+v: another caller of the quota: %+v", c, v)
			}
			if v := take(t, l, Subject{Caller: "b", Operation: "p", Credential: "c", Quota: 16}); !v.Allowed {
				t.Errorf("%+v: another quota: %+v", c, v)
			}
			if slowed := l.Slowed(); len(slowed) != 1 || slowed[0].Factor != 0 || slowed[0].Counted.Operation != "o" {
				t.Errorf("%+v: slowed %+v", c, slowed)
			}
			time.Sleep(c.pause)
			if slowed := l.Slowed(); len(slowed) != 1 || slowed[0].Factor != c.factor {
				t.Errorf("%+v: slowed %+v", c, slowed)
			}
			for _, want := range []float64{c.factor, c.factor + 0.125, c.factor + 0.25} {
				went := 0
				for take(t, l, s).Allowed {
					went++
				}
				if went != int(16*want) {
					t.Errorf("%+v: %d calls at once, want %v", c, went, 16*want)
				}
				time.Sleep(2 * time.Second)
			}
			time.Sleep(recoveryTime)
			if slowed, went := l.Slowed(), len(l.slowed.meters); len(slowed) != 0 || went != 0 {
				t.Errorf("%+v: still slowed: %+v", c, slowed)
			}
			for i := range 16 {
				if v := take(t, l, s); !v.Allowed {
					t.Errorf("%+v: call %d after all: %+v", c, i, v)
				}
			}
		})
	}
}

// TestThrottledSlowQuota: of a quota of one call a second, half is one in two.
func TestThrottledSlowQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := mustNew(t, published(time.Minute))
		s := Subject{Caller: "a", Operation: "o", Credential: "c", Quota: 1}
		take(t, l, s)
		l.Throttled(l.rules.Of(s), 0)
		start := time.Now()
		var gaps []time.Duration
		for range 12 {
			last := time.Now()
			take(t, l, s)
			gaps = append(gaps, time.Since(last))
		}
		if gaps[0] < 1700*time.Millisecond || gaps[1] > gaps[0] || gaps[11] > 1100*time.Millisecond {
			t.Errorf("waits of %v", gaps)
		}
		if all := time.Since(start); all > 20*time.Second {
			t.Errorf("12 calls took %v", all)
		}
	})
}

// TestThrottledWithoutAQuota: where none is published, nothing is known to slow.
func TestThrottledWithoutAQuota(t *testing.T) {
	l := mustNew(t, perCaller(1, 5, 0))
	s := Subject{Caller: "a"}
	l.Throttled(l.rules.Of(s), time.Hour)
	if v := take(t, l, s); !v.Allowed || len(l.Slowed()) != 0 {
		t.Errorf("%+v", v)
	}
}
