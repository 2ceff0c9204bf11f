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

// one is a config with one limit for each caller, under a name.
func one(name string, f Flow, per ...Dimension) Config {
	return Config{MaxWait: setting.Duration(time.Minute), Rules: []Rule{{Name: name, Per: per, Rate: Rate(f.PerSecond), Burst: f.Burst}}}
}

// TestCountStaysWithItsName: what a caller has left under new rules, of a limit that had 2 of 10 left, a token a second.
func TestCountStaysWithItsName(t *testing.T) {
	before, a := one("app", Flow{1, 10}, ByCaller), Subject{Caller: "a", Operation: "o"}
	for name, c := range map[string]struct {
		next Config
		want float64 // left
	}{
		"the same":         {before, 2},
		"another rate":     {one("app", Flow{50, 10}, ByCaller), 2},
		"a larger burst":   {one("app", Flow{1, 100}, ByCaller), 2},
		"a smaller burst":  {one("app", Flow{1, 5}, ByCaller), 2},
		"a burst below it": {one("app", Flow{1, 1}, ByCaller), 1},
		"other callers too": {Config{Rules: []Rule{
			{Name: "first", Rate: 1, Burst: 99}, {Name: "app", Callers: []string{"a", "b"}, Per: []Dimension{ByCaller}, Rate: 1, Burst: 10},
		}}, 2},
		"another name":         {one("app2", Flow{1, 10}, ByCaller), 10},
		"counts by another":    {one("app", Flow{1, 10}, ByOperation), 10},
		"counts by more":       {one("app", Flow{1, 10}, ByCaller, ByOperation), 10},
		"counts by nothing":    {one("app", Flow{1, 10}), 10},
		"its dimension at end": {one("app", Flow{1, 7}, ByCaller), 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := mustNew(t, before)
				for range 8 {
					take(t, l, a)
				}
				next := l.following(t, c.next)
				of := next.meters(a)
				b := of[len(of)-1]
				if left := b.left(time.Now()); left != c.want {
					t.Errorf("%v are left, want %v", left, c.want)
				}
				time.Sleep(time.Second)
				terms, ok := next.rules.of(key{counting{b.name, setOf(next.rules.Of(a).Limits[len(of)-1].Per), Bucket}, b.counted(t, next, a)})
				rate := terms.Rate
				want := min(c.want+rate.PerSecond, float64(rate.Burst))
				if left := b.left(time.Now()); !ok || left < want-1e-6 || left > want+1e-6 {
					t.Errorf("a second later %v are left, want %v", left, want)
				}
			})
		})
	}
}

// counted is what of a subject a meter counts.
func (b *meter) counted(t *testing.T, l ruled, s Subject) Subject {
	for _, limit := range l.rules.Of(s).Limits {
		if limit.Name == b.name {
			return limit.Counted
		}
	}
	t.Fatalf("%s is not among the limits", b.name)
	return Subject{}
}

// TestGoneIsForgotten: a limit that comes back is full, also while calls of the rules before its end are counted by it as they were.
func TestGoneIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, with := Subject{Caller: "a"}, one("app", Flow{MinPerSecond, 3}, ByCaller)
		with.MaxWait = 0
		l := mustNew(t, with)
		take(t, l, a)
		without := l.following(t, Config{})
		if v := take(t, without, a); !v.Allowed || v.Limit != "" {
			t.Errorf("without limits: %+v", v)
		}
		for i, want := range []bool{true, true, false} { // late calls of the old rules
			if v := take(t, l, a); v.Allowed != want {
				t.Errorf("late call %d: %+v", i, v)
			}
		}
		again := l.following(t, with)
		if v := take(t, again, a); !v.Allowed || v.Remaining != 2 {
			t.Errorf("back again: %+v", v)
		}
	})
}

// TestLateCallsCountAmongTheNew: a call that began under rules before is counted where the others are, at the rate of now.
func TestLateCallsCountAmongTheNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := Subject{Caller: "a"}
		l := mustNew(t, perCaller(MinPerSecond, 5, 0))
		next := l.following(t, perCaller(MinPerSecond, 3, 0))
		allowed := 0
		for i := range 20 {
			if v := take(t, []ruled{l, next}[i%2], a); v.Allowed {
				allowed++
			}
		}
		if allowed != 3 {
			t.Errorf("%d calls allowed, want the new burst of 3", allowed)
		}
	})
}

// TestWaitersFollow: calls that wait go at the new rate, in their order, each once.
func TestWaitersFollow(t *testing.T) {
	for name, next := range map[string]struct {
		config Config
		each   time.Duration // between two calls
	}{
		"quicker": {one("app", Flow{10, 1}, ByCaller), 100 * time.Millisecond},
		"slower":  {one("app", Flow{0.1, 1}, ByCaller), 10 * time.Second},
		"gone":    {Config{}, time.Second},
		"no wait": {perCaller(10, 1, 0), 100 * time.Millisecond}, // they wait by the rules that they came under
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := mustNew(t, one("app", Flow{1, 1}, ByCaller))
				take(t, l, Subject{Caller: "a"})
				start, went := time.Now(), make(chan time.Duration, 10)
				for range 4 {
					go func() {
						if v := takeInBackground(t, l, Subject{Caller: "a"}); v.Allowed {
							went <- time.Since(start)
						}
					}()
					synctest.Wait()
				}
				l.following(t, next.config)
				time.Sleep(time.Minute)
				synctest.Wait()
				close(went)
				i := 0
				for at := range went {
					if i++; !near(at, time.Duration(i)*next.each) {
						t.Errorf("call %d went after %v, want %v", i, at, time.Duration(i)*next.each)
					}
				}
				if i != 4 || l.Waiting() != 0 {
					t.Errorf("%d calls went, %d wait", i, l.Waiting())
				}
			})
		})
	}
}

// TestLeavingAfterAChange: a call that waits under rules before leaves room, and costs nothing.
func TestLeavingAfterAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := mustNew(t, one("app", Flow{1, 1}, ByCaller))
		a := Subject{Caller: "a"}
		take(t, l, a)
		ctx, leave := context.WithCancel(context.Background())
		go func() { _, _ = l.take(ctx, a) }()
		synctest.Wait()
		next := l.following(t, one("app", Flow{2, 1}, ByCaller))
		done := make(chan Verdict)
		go func() { done <- takeInBackground(t, next, a) }()
		synctest.Wait()
		leave()
		if v := <-done; !near(v.Waited, 500*time.Millisecond) || l.Waiting() != 0 {
			t.Errorf("%+v, %d wait", v, l.Waiting())
		}
	})
}

// TestFullBucketsAreDropped: names that are no longer configured do not pile up; one that is held by a waiting call, or that is not full, stays.
func TestFullBucketsAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Config{MaxWait: LongestMaxWait, Rules: []Rule{
			{Name: "slow", Per: []Dimension{ByCaller}, Rate: 0.01, Burst: 1}, {Name: "quick", Per: []Dimension{ByCaller}, Rate: 1000, Burst: 1},
		}}
		l := mustNew(t, c)
		for i := range 100 {
			take(t, l, Subject{Caller: fmt.Sprint(i)})
		}
		go takeInBackground(t, l, Subject{Caller: "7"})
		synctest.Wait()
		time.Sleep(time.Second)
		l.following(t, c)
		if n := len(l.counts.now); n != 101 { // of slow all, of quick that of the caller who waits
			t.Errorf("%d buckets, want 101", n)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if l.following(t, c); len(l.counts.now) != 0 {
			t.Errorf("%d buckets, want none", len(l.counts.now))
		}
	})
}

// TestDroppedWhileACallComes: a call that has found its buckets, and not locked them, when they are dropped, is counted where the others are.
func TestDroppedWhileACallComes(t *testing.T) {
	l := mustNew(t, perCaller(MinPerSecond, 1, 0))
	d := l.rules.Of(Subject{Caller: "a"})
	found := l.counts.of(d)
	l.following(t, perCaller(MinPerSecond, 1, 0))
	if found.tryLock() {
		t.Error("a meter that was dropped counts")
	}
	if now := l.counts.lock(d); now == found || now != l.counts.of(d) {
		t.Error("the call found other meters than others do")
	}
}

// TestOtherOrderOfRules: calls under rules in one order and in the other do not wait for each other's locks.
func TestOtherOrderOfRules(t *testing.T) {
	rules := []Rule{{Name: "x", Rate: MaxPerSecond, Burst: MaxBurst}, {Name: "y", Rate: MaxPerSecond, Burst: MaxBurst}}
	l := mustNew(t, Config{Rules: rules})
	take(t, l, Subject{})
	turned := slices.Clone(rules)
	slices.Reverse(turned)
	other := l.following(t, Config{Rules: turned})
	var calls sync.WaitGroup
	for _, by := range []ruled{l, other, l, other} {
		calls.Go(func() {
			for range 20_000 {
				takeInBackground(t, by, Subject{})
			}
		})
	}
	calls.Wait()
}

// TestNoOverAdmissionWhileRulesChange: limits come, go, change their order and what other limits there are, under calls of all rules. One
// limit stays as it is, and is never passed.
func TestNoOverAdmissionWhileRulesChange(t *testing.T) {
	stays := Rule{Name: "stays", Per: []Dimension{ByCaller}, Rate: 20, Burst: 5}
	seed := rand.Uint64()
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(seed, 0))
		change := func() Config {
			all := []Rule{stays, {Name: "all", Rate: Rate(30 + 100*random.Float64()), Burst: 1 + random.IntN(9)}, {Name: fmt.Sprint("n", random.IntN(3)), Per: []Dimension{ByOperation}, Rate: 25, Burst: 3}}
			random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			return Config{MaxWait: setting.Duration(random.IntN(500)) * setting.Duration(time.Millisecond), Rules: slices.DeleteFunc(all, func(r Rule) bool { return r.Name != "stays" && random.IntN(3) == 0 })}
		}
		current := mustNew(t, change())
		var mu sync.Mutex // guards what follows, and current
		admitted := map[string][]time.Duration{}
		start := time.Now()
		var calls sync.WaitGroup
		for i := range 12 {
			s := Subject{Caller: fmt.Sprint("app ", i%3), Operation: fmt.Sprint("op ", i%4)}
			calls.Go(func() {
				for time.Since(start) < 10*time.Second {
					mu.Lock()
					l := current
					mu.Unlock()
					time.Sleep(time.Duration(i) * time.Millisecond) // meanwhile the rules may change
					if v := takeInBackground(t, l, s); v.Allowed {
						mu.Lock()
						admitted[s.Caller] = append(admitted[s.Caller], time.Since(start))
						mu.Unlock()
					}
					time.Sleep(3 * time.Millisecond)
				}
			})
		}
		for time.Since(start) < 10*time.Second {
			time.Sleep(time.Duration(1+random.IntN(50)) * time.Millisecond)
			mu.Lock()
			current = current.following(t, change())
			mu.Unlock()
		}
		calls.Wait()
		for caller, times := range admitted {
			slices.Sort(times)
			checkWindows(t, fmt.Sprintf("seed %d: %s", seed, caller), times, Flow{float64(stays.Rate), stays.Burst})
		}
		if len(admitted) != 3 || current.Waiting() != 0 {
			t.Errorf("seed %d: %d callers were served, %d calls wait", seed, len(admitted), current.Waiting())
		}
	})
}

// TestSourcesFollow: failures stay counted; a smaller memory drops those that failed longest ago.
func TestSourcesFollow(t *testing.T) {
	s := mustSources(t, Flow{0.1, 3}, 160)
	now := time.Now()
	for range 3 {
		s.Failed(peerA, now)
	}
	for _, c := range []struct {
		rate Flow
		want time.Duration
	}{{Flow{0.1, 3}, 10 * time.Second}, {Flow{1, 3}, time.Second}, {Flow{1, 30}, time.Second}, {Flow{0.01, 1}, 100 * time.Second}} {
		if err := s.Follow(Unauthenticated{Rate(c.rate.PerSecond), c.rate.Burst, 160}); err != nil {
			t.Fatal(err)
		}
		if ok, wait := s.Allowed(peerA, now); ok || wait > c.want || wait < c.want*8/10 { // the real clock went on
			t.Errorf("%+v: allowed %v, wait %v, want %v", c.rate, ok, wait, c.want)
		}
	}
	if s.Follow(Unauthenticated{0, 1, 160}) == nil || s.Follow(Unauthenticated{1, 1, 0}) == nil {
		t.Error("settings that are out of range are taken")
	}
	for i := range 150 {
		s.Failed(peer(100+i), now)
	}
	before := s.Len()
	if err := s.Follow(Unauthenticated{0.01, 1, 16}); err != nil || s.Len() > 16 || int(s.Evicted()) < before-16 {
		t.Errorf("%d sources of %d, %d dropped, %v", s.Len(), before, s.Evicted(), err)
	}
	if err := s.Follow(Unauthenticated{0.01, 1, 16000}); err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		s.Failed(peer(i), now)
	}
	if s.Len() < 900 {
		t.Errorf("%d sources, want all of 1000", s.Len())
	}
}
