package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/internal/setting"
)

// ruled is a limiter with the rules that it follows.
type ruled struct {
	*Limiter
	rules *Rules
}

// take takes a call that is sent at once.
func (l ruled) take(ctx context.Context, s Subject) (Verdict, error) {
	d := l.rules.Of(s)
	v, err := l.Take(ctx, d)
	if v.Allowed {
		l.Sent(d, &v)
	}
	return v, err
}

// meters are those that a subject needs.
func (l ruled) meters(s Subject) []*meter { return l.counts.of(l.rules.Of(s)).meters }

func mustNew(t testing.TB, c Config) ruled {
	t.Helper()
	return ruled{NewLimiter(), nil}.following(t, c)
}

// following is the same limiter under other rules, which it follows from now on.
func (l ruled) following(t testing.TB, c Config) ruled {
	t.Helper()
	rules, err := NewRules(c)
	if err != nil {
		t.Fatal(err)
	}
	l.Follow(rules)
	return ruled{l.Limiter, rules}
}

func take(t testing.TB, l ruled, s Subject) Verdict {
	t.Helper()
	v, err := l.take(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// takeInBackground is take for goroutines of a test, which must not end it.
func takeInBackground(t testing.TB, l ruled, s Subject) Verdict {
	t.Helper()
	v, err := l.take(context.Background(), s)
	if err != nil {
		t.Error(err)
	}
	return v
}

// perCaller is a config with one limit for each caller.
func perCaller(perSecond float64, burst int, maxWait time.Duration) Config {
	return Config{MaxWait: setting.Duration(maxWait), Rules: []Rule{{Name: "app", Per: []Dimension{ByCaller}, Rate: Rate(perSecond), Burst: burst}}}
}

func TestBurstThenRefusedUntilRetryAfter(t *testing.T) {
	for _, r := range []Flow{{10, 3}, {1, 1}, {0.25, 2}, {1.0 / 3600, 1}, {7, 5}, {999_983, 2}} {
		t.Run(fmt.Sprint(r), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := mustNew(t, perCaller(r.PerSecond, r.Burst, 0))
				for i := range r.Burst {
					if v := take(t, l, Subject{Caller: "a"}); !v.Allowed || v.Remaining != r.Burst-1-i || v.Waited != 0 {
						t.Fatalf("call %d of the burst: %+v", i, v)
					}
				}
				for range 5 { // refused calls do not push the time of the next token back
					v := take(t, l, Subject{Caller: "a"})
					want := time.Duration(math.Ceil(float64(time.Second) / r.PerSecond))
					if v.Allowed || v.Limit != "app" || v.RetryAfter < want-1 || v.RetryAfter > want+1 {
						t.Fatalf("over the limit: %+v, want RetryAfter %v", v, want)
					}
				}
				v := take(t, l, Subject{Caller: "a"})
				if v.RetryAfter > 2*time.Microsecond {
					time.Sleep(v.RetryAfter - 2*time.Microsecond)
					if early := take(t, l, Subject{Caller: "a"}); early.Allowed && r.PerSecond < 1000 {
						t.Errorf("allowed before RetryAfter: %+v", early)
					}
					time.Sleep(2 * time.Microsecond)
				} else {
					time.Sleep(v.RetryAfter)
				}
				if v := take(t, l, Subject{Caller: "a"}); !v.Allowed {
					t.Errorf("refused after RetryAfter: %+v", v)
				}
			})
		})
	}
}

func TestRefusedCallTakesNoTokenAnywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := mustNew(t, Config{Rules: []Rule{
			{Name: "shared", Per: []Dimension{ByCredential}, Rate: 1, Burst: 10},
			{Name: "app", Per: []Dimension{ByCaller}, Rate: 1, Burst: 2},
		}})
		noisy, quiet := Subject{Caller: "noisy", Credential: "c"}, Subject{Caller: "quiet", Credential: "c"}
		for i := range 100 {
			if v := take(t, l, noisy); v.Allowed != (i < 2) || (i >= 2 && v.Limit != "app") {
				t.Fatalf("call %d: %+v", i, v)
			}
		}
		if left := l.meters(quiet)[0].left(time.Now()); left != 8 {
			t.Errorf("the shared limit has %v tokens left, want 8: refused calls took some", left)
		}
		if v := take(t, l, quiet); !v.Allowed {
			t.Errorf("the other caller is refused: %+v", v)
		}
	})
}

func TestWaitsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := mustNew(t, perCaller(10, 1, 5*time.Second))
		start := time.Now()
		var mu sync.Mutex
		var order []int
		for i := range 20 {
			go func() {
				v := takeInBackground(t, l, Subject{Caller: "a"})
				mu.Lock()
				defer mu.Unlock()
				order = append(order, i)
				if want := time.Duration(i) * 100 * time.Millisecond; !v.Allowed || !near(time.Since(start), want) || !near(v.Waited, want) {
					t.Errorf("call %d went after %v (%+v), want %v", i, time.Since(start), v, want)
				}
			}()
			synctest.Wait() // so that the calls come in this order
		}
		if l.Waiting() != 19 {
			t.Errorf("%d calls wait, want 19", l.Waiting())
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if !slices.IsSorted(order) || len(order) != 20 || l.Waiting() != 0 {
			t.Errorf("order %v, %d still wait", order, l.Waiting())
		}
	})
}

// near reports whether two times are equal but for the nanoseconds that rounding delays up adds.
func near(got, want time.Duration) bool { return (got - want).Abs() < 10*time.Microsecond }

func TestMaxWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := mustNew(t, perCaller(1, 1, 2*time.Second))
		var verdicts [5]Verdict
		for i := range verdicts {
			go func() { verdicts[i] = takeInBackground(t, l, Subject{Caller: "a"}) }()
			synctest.Wait()
		}
		if v := verdicts[3]; v.Allowed || !near(v.RetryAfter, 3*time.Second) || v.Waited != 0 || v.QueueFull {
			t.Errorf("a call that would wait 3s was not refused at once: %+v", v)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		for i, want := range []bool{true, true, true, false, false} { // the third waits exactly MaxWait
			if verdicts[i].Allowed != want {
				t.Errorf("call %d: %+v, want allowed %v", i, verdicts[i], want)
			}
		}
	})
}

func TestLeavingMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := mustNew(t, perCaller(1, 1, 5*time.Second))
		s := Subject{Caller: "a"}
		take(t, l, s)
		start := time.Now()
		ctx, leave := context.WithCancel(context.Background())
		left := make(chan error, 4)
		for range 4 {
			go func() {
				v, err := l.take(ctx, s)
				if v.Allowed {
					t.Errorf("a call whose caller left was allowed: %+v", v)
				}
				left <- err
			}()
		}
		synctest.Wait()
		stayed := make(chan Verdict, 1)
		go func() { stayed <- takeInBackground(t, l, s) }()
		synctest.Wait()
		leave()
		for range 4 {
			if err := <-left; !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want that of the context", err)
			}
		}
		if v := <-stayed; !v.Allowed || !near(time.Since(start), time.Second) {
			t.Errorf("the call that stayed went after %v, want the first token after 1s: %+v", time.Since(start), v)
		}
		if l.Waiting() != 0 {
			t.Errorf("%d calls wait", l.Waiting())
		}
	})
}

func TestLeaverCostsNothingElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := mustNew(t, Config{MaxWait: setting.Duration(time.Minute), Rules: []Rule{
			{Name: "shared", Per: []Dimension{ByCredential}, Rate: 0.01, Burst: 5},
			{Name: "app", Per: []Dimension{ByCaller}, Rate: 0.1, Burst: 1},
		}})
		s := Subject{Caller: "a", Credential: "c"}
		take(t, l, s)
		for range 50 {
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			if _, err := l.take(ctx, s); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("error %v", err)
			}
			cancel()
		}
		if left := l.meters(s)[0].left(time.Now()); left < 4 {
			t.Errorf("the shared limit has %v tokens left, want 4: callers that left took some", left)
		}
	})
}

func TestLeftBeforeAsking(t *testing.T) {
	l := mustNew(t, perCaller(1, 1, 0))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := l.take(ctx, Subject{Caller: "a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if v := take(t, l, Subject{Caller: "a"}); !v.Allowed {
		t.Errorf("the caller that had left took the token: %+v", v)
	}
}

// TestImpatientCallers is the storm of retries: more callers than tokens, each leaving long before MaxWait. Places of
// those who left must go to those who stay, or no call would ever go.
func TestImpatientCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := mustNew(t, perCaller(10, 1, 10*time.Second))
		served := 0
		var mu sync.Mutex
		for range 400 { // 40 a second for 10 s
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
				defer cancel()
				if v, err := l.take(ctx, Subject{Caller: "a"}); err == nil && v.Allowed {
					mu.Lock()
					served++
					mu.Unlock()
				}
			}()
			time.Sleep(25 * time.Millisecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if served < 95 || served > 106 {
			t.Errorf("%d calls served in 10 s at 10/s", served)
		}
	})
}

func TestBlockedCallerDoesNotBlockOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := mustNew(t, Config{MaxWait: setting.Duration(30 * time.Second), Rules: []Rule{
			{Name: "shared", Rate: 10, Burst: 1},
			{Name: "slow", Callers: []string{"slow"}, Rate: 0.1, Burst: 1},
		}})
		take(t, l, Subject{Caller: "slow"})
		blocked := make(chan time.Duration, 2)
		start := time.Now()
		for range 2 {
			go func() {
				takeInBackground(t, l, Subject{Caller: "slow"})
				blocked <- time.Since(start)
			}()
		}
		synctest.Wait()
		for range 50 {
			if v := take(t, l, Subject{Caller: "quick"}); !v.Allowed || v.Waited > 101*time.Millisecond {
				t.Fatalf("a call waits for another's limit: %+v", v)
			}
		}
		for i := range 2 {
			if waited, want := <-blocked, time.Duration(i+1)*10*time.Second; !near(waited, want) {
				t.Errorf("the slow caller's call went after %v, want %v", waited, want)
			}
		}
	})
}

// TestDelayedBeyondMaxWait: when a queued call can go by its own limit, a shared one has been emptied by others; it moves
// to that queue and is refused when its time is up, having taken nothing.
func TestDelayedBeyondMaxWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := mustNew(t, Config{MaxWait: setting.Duration(2 * time.Second), Rules: []Rule{
			{Name: "own", Callers: []string{"a"}, Rate: 1, Burst: 1},
			{Name: "shared", Rate: 0.1, Burst: 2},
		}})
		a := Subject{Caller: "a"}
		take(t, l, a)
		verdict := make(chan Verdict, 1)
		start := time.Now()
		go func() { verdict <- takeInBackground(t, l, a) }()
		synctest.Wait()
		take(t, l, Subject{Caller: "b"})
		v := <-verdict
		if v.Allowed || v.Limit != "shared" || !near(time.Since(start), 2*time.Second) || !near(v.Waited, 2*time.Second) {
			t.Errorf("after %v: %+v, want refused by shared after 2s", time.Since(start), v)
		}
		if left := l.meters(a)[0].left(time.Now()); left != 1 {
			t.Errorf("the caller's own limit has %v tokens left, want 1", left)
		}
	})
}

// TestNotOvertakenAfterMoving: a call that has waited for its own limit and now waits for a shared one keeps its place
// before calls that come later.
func TestNotOvertakenAfterMoving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := mustNew(t, Config{MaxWait: setting.Duration(2 * time.Second), Rules: []Rule{
			{Name: "own", Callers: []string{"a"}, Rate: 1, Burst: 1},
			{Name: "shared", Rate: 0.5, Burst: 2},
		}})
		take(t, l, Subject{Caller: "a"})
		verdict := make(chan Verdict, 1)
		go func() { verdict <- takeInBackground(t, l, Subject{Caller: "a"}) }()
		synctest.Wait()
		take(t, l, Subject{Caller: "b"})    // leaves nothing in the shared bucket
		time.Sleep(1500 * time.Millisecond) // the first call could go by its own limit since 1s
		if v := take(t, l, Subject{Caller: "b"}); v.Allowed || !near(v.RetryAfter, 2500*time.Millisecond) {
			t.Errorf("a later call does not see the one before it: %+v", v)
		}
		if v := <-verdict; !v.Allowed || !near(v.Waited, 2*time.Second) {
			t.Errorf("%+v, want allowed after 2s", v)
		}
	})
}

func TestSlowestLimitIsReported(t *testing.T) {
	for _, rules := range [][]Rule{
		{{Name: "quick", Rate: 1, Burst: 1}, {Name: "slow", Rate: 0.1, Burst: 1}, {Name: "free", Rate: 1, Burst: 5}},
		{{Name: "slow", Rate: 0.1, Burst: 1}, {Name: "quick", Rate: 1, Burst: 1}},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := mustNew(t, Config{Rules: rules})
			take(t, l, Subject{})
			if v := take(t, l, Subject{}); v.Allowed || v.Limit != "slow" || v.RetryAfter != 10*time.Second || v.Reset != v.RetryAfter {
				t.Errorf("%+v, want refused by slow for 10s", v)
			}
		})
	}
}

func TestQueueFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := mustNew(t, perCaller(1, 1, time.Minute))
		l.places.most = 6
		take(t, l, Subject{Caller: "a"})
		for range 3 {
			go takeInBackground(t, l, Subject{Caller: "a"})
		}
		synctest.Wait()
		v := take(t, l, Subject{Caller: "a"})
		if v.Allowed || !v.QueueFull || !near(v.RetryAfter, 4*time.Second) {
			t.Errorf("%+v, want refused since the queue is full", v)
		}
		if v := take(t, l, Subject{Caller: "b"}); !v.Allowed {
			t.Errorf("a call that need not wait is refused: %+v", v)
		}
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if l.Waiting() != 0 {
			t.Errorf("%d still wait", l.Waiting())
		}
	})
}

// TestNoOverAdmission lets many callers compete for limits that they partly share, some leaving, and checks every bucket
// over every window of time that starts and ends with a call: at most rate*t + burst.
func TestNoOverAdmission(t *testing.T) {
	for _, maxWait := range []time.Duration{0, time.Second} {
		t.Run(maxWait.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { overAdmission(t, maxWait) })
		})
	}
}

func overAdmission(t *testing.T, maxWait time.Duration) {
	flows := map[string]Flow{"app": {5, 2}, "op": {8, 3}, "all": {12, 4}}
	l := mustNew(t, Config{MaxWait: setting.Duration(maxWait), Rules: []Rule{
		{Name: "app", Per: []Dimension{ByCaller}, Rate: 5, Burst: 2},
		{Name: "op", Per: []Dimension{ByOperation}, Rate: 8, Burst: 3},
		{Name: "all", Rate: 12, Burst: 4},
	}})
	start := time.Now()
	var mu sync.Mutex
	admitted := map[string][]time.Duration{}
	var calls sync.WaitGroup
	for i := range 8 {
		caller, op := fmt.Sprint("app ", i%4), fmt.Sprint("op ", i%3)
		for n := range 4 {
			calls.Go(func() {
				for time.Since(start) < 20*time.Second {
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(100+n*300)*time.Millisecond)
					v, err := l.take(ctx, Subject{Caller: caller, Operation: op})
					cancel()
					if err == nil && v.Allowed {
						mu.Lock()
						for _, key := range []string{caller, op, "all"} {
							admitted[key] = append(admitted[key], time.Since(start))
						}
						mu.Unlock()
					}
					time.Sleep(time.Duration(7+3*n+i) * time.Millisecond)
				}
			})
		}
	}
	calls.Wait()
	for key, times := range admitted {
		kind, _, _ := strings.Cut(key, " ")
		slices.Sort(times)
		checkWindows(t, key, times, flows[kind])
	}
	if got := len(admitted["all"]); got < 235 { // 12/s for 20 s + 4: the limit is used, too
		t.Errorf("only %d calls admitted", got)
	}
}

func checkWindows(t *testing.T, key string, times []time.Duration, f Flow) {
	t.Helper()
	for i := range times {
		for j := i; j < len(times); j++ {
			window := (times[j] - times[i] + time.Microsecond).Seconds()
			if most := f.PerSecond*window + float64(f.Burst) + 1e-6; float64(j-i+1) > most {
				t.Fatalf("%s: %d calls within %.3fs, at most %.2f are allowed", key, j-i+1, window, most)
			}
		}
	}
}

// TestParallel is for the race detector and the real clock: of all calls at once exactly the burst goes through.
func TestParallel(t *testing.T) {
	l := mustNew(t, Config{Rules: []Rule{
		{Name: "app", Per: []Dimension{ByCaller}, Rate: MinPerSecond, Burst: 20},
		{Name: "op", Per: []Dimension{ByOperation}, Rate: MinPerSecond, Burst: 30},
		{Name: "all", Rate: MinPerSecond, Burst: 50},
	}})
	var mu sync.Mutex
	admitted := map[string]int{}
	var calls sync.WaitGroup
	for i := range 600 {
		s := Subject{Caller: fmt.Sprint("app ", i%4), Operation: fmt.Sprint("op ", i%3)}
		calls.Go(func() {
			if takeInBackground(t, l, s).Allowed {
				mu.Lock()
				defer mu.Unlock()
				admitted[s.Caller]++
				admitted[s.Operation]++
				admitted["all"]++
			}
		})
	}
	calls.Wait()
	for key, n := range admitted {
		kind, _, _ := strings.Cut(key, " ")
		if most := map[string]int{"app": 20, "op": 30, "all": 50}[kind]; n > most {
			t.Errorf("%s: %d admitted, at most %d are allowed", key, n, most)
		}
	}
	if admitted["all"] != 50 {
		t.Errorf("%d admitted of 600, want 50", admitted["all"])
	}
}
