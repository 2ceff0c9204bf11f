// Package limittest is what any limiter must do, whether its counts are in memory or on a store that several gateways share. On a store the
// tests take real time, since it has a clock of its own, and none depends on how long something takes: they hold bounds that are true
// however slow the machine is, and look at the order in which calls go.
package limittest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/internal/setting"
	"tollgate/ratelimit"
)

// Limiter is what is tested: see gateway.Limiter.
type Limiter interface {
	Follow(rules *ratelimit.Rules)
	Take(ctx context.Context, d *ratelimit.Demand) (ratelimit.Verdict, error)
	Sent(d *ratelimit.Demand, v *ratelimit.Verdict)
	Throttled(d *ratelimit.Demand, retryAfter time.Duration)
}

var tests = map[string]func(*testing.T, Limiter){
	"burst": burst, "all or none": allOrNone, "counted apart": countedApart, "leaving": leaving, "waiting": waiting, "fair": fair,
	"bucket": bucket, "window": window, "calendar": calendar, "shadow": shadow, "follow": follow, "throttled": throttled, "no limits": noLimits,
}

// Run tests limiters that a function makes. Each must have counted nothing yet, and share its counts with none of the others.
func Run(t *testing.T, newLimiter func(t *testing.T) Limiter) {
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newLimiter(t))
		})
	}
}

// RunInMemory tests limiters that depend on no other process, by a clock that does not wait: see package synctest.
func RunInMemory(t *testing.T, newLimiter func() Limiter) {
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, newLimiter()) })
		})
	}
}

// never is a rate at which no token comes back while a test runs.
const never = ratelimit.MinPerSecond

func ruled(t *testing.T, l Limiter, maxWait time.Duration, rules ...ratelimit.Rule) *ratelimit.Rules {
	t.Helper()
	made, err := ratelimit.NewRules(ratelimit.Config{MaxWait: setting.Duration(maxWait), Published: true, Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	l.Follow(made)
	return made
}

// take asks for a call that is sent at once. It may be called by goroutines.
func take(t *testing.T, l Limiter, d *ratelimit.Demand) ratelimit.Verdict {
	t.Helper()
	v, err := l.Take(t.Context(), d)
	if err != nil {
		t.Errorf("no verdict: %v", err)
	}
	if v.Allowed {
		l.Sent(d, &v)
	}
	return v
}

// allowed takes calls one after the other until one is refused, and returns how many went.
func allowed(t *testing.T, l Limiter, d *ratelimit.Demand) (n int) {
	t.Helper()
	for n < 1000 && take(t, l, d).Allowed {
		n++
	}
	return n
}

func noLimits(t *testing.T, l Limiter) {
	d := ruled(t, l, 0).Of(ratelimit.Subject{Caller: "a"})
	if v := take(t, l, d); !v.Allowed || v.Limit != "" || v.Shadow != nil {
		t.Errorf("%+v", v)
	}
}

// burst: of all calls at once exactly the burst goes through.
func burst(t *testing.T, l Limiter) {
	d := ruled(t, l, 0, ratelimit.Rule{Name: "all", Rate: never, Burst: 20}).Of(ratelimit.Subject{Caller: "a"})
	var mu sync.Mutex
	went := 0
	var calls sync.WaitGroup
	for range 200 {
		calls.Go(func() {
			if take(t, l, d).Allowed {
				mu.Lock()
				defer mu.Unlock()
				went++
			}
		})
	}
	calls.Wait()
	if went != 20 {
		t.Errorf("%d calls went, want 20", went)
	}
	v := take(t, l, d)
	if v.Allowed || v.Limit != "all" || v.Terms == nil || v.RetryAfter <= 0 || v.Reset != v.RetryAfter || v.Waited != 0 || v.QueueFull {
		t.Errorf("the next: %+v", v)
	}
	if policy, left := v.Fields(); policy != `"all";q=20;w=1728000` || !strings.HasPrefix(left, `"all";r=0;t=`) {
		t.Errorf("headers %s, %s", policy, left)
	}
}

// allOrNone: a call that one limit refuses takes nothing of the others.
func allOrNone(t *testing.T, l Limiter) {
	rules := ruled(t, l, 0,
		ratelimit.Rule{Name: "shared", Rate: never, Burst: 10},
		ratelimit.Rule{Name: "app", Per: []ratelimit.Dimension{ratelimit.ByCaller}, Rate: never, Burst: 2},
		ratelimit.Rule{Name: "day", Per: []ratelimit.Dimension{ratelimit.ByOperation}, Quota: ratelimit.Quota{Calls: 9, Period: ratelimit.Day}})
	noisy, quiet := rules.Of(ratelimit.Subject{Caller: "noisy"}), rules.Of(ratelimit.Subject{Caller: "quiet", Operation: "o"})
	for i := range 50 {
		if v := take(t, l, noisy); v.Allowed != (i < 2) || !v.Allowed && v.Limit != "app" {
			t.Fatalf("call %d: %+v", i, v)
		}
	}
	third := rules.Of(ratelimit.Subject{Caller: "third", Operation: "o"})
	if n := allowed(t, l, quiet) + allowed(t, l, third); n != 4 {
		t.Errorf("%d calls of two others went, want 4", n)
	}
	if v := take(t, l, rules.Of(ratelimit.Subject{Caller: "fourth"})); !v.Allowed {
		t.Errorf("refused calls took something: %+v", v)
	}
}

func countedApart(t *testing.T, l Limiter) {
	rules := ruled(t, l, 0, ratelimit.Rule{Name: "r", Per: []ratelimit.Dimension{ratelimit.ByCaller, ratelimit.ByCredential}, Rate: never, Burst: 1})
	for _, c := range []struct {
		subject ratelimit.Subject
		want    bool
	}{
		{ratelimit.Subject{Caller: "a", Credential: "c", Operation: "o"}, true},
		{ratelimit.Subject{Caller: "a", Credential: "c", Operation: "p"}, false},
		{ratelimit.Subject{Caller: "b", Credential: "c"}, true},
		{ratelimit.Subject{Caller: "a", Credential: "d"}, true},
		{ratelimit.Subject{Caller: "a", Credential: "d", Upstream: "u"}, false},
	} {
		if v := take(t, l, rules.Of(c.subject)); v.Allowed != c.want {
			t.Errorf("%+v: %+v", c.subject, v)
		}
	}
}

// leaving: callers that leave, before or while they wait, take nothing.
func leaving(t *testing.T, l Limiter) {
	rules := ruled(t, l, time.Minute, ratelimit.Rule{Name: "shared", Rate: never, Burst: 3}, ratelimit.Rule{Name: "own", Callers: []string{"a"}, Rate: 0.1, Burst: 1})
	a := rules.Of(ratelimit.Subject{Caller: "a"})
	take(t, l, a)
	gone, leave := context.WithCancel(t.Context())
	leave()
	if v, err := l.Take(gone, a); !errors.Is(err, context.Canceled) || v.Allowed {
		t.Errorf("a caller that had left: %+v, %v", v, err)
	}
	var calls sync.WaitGroup
	for range 5 {
		calls.Go(func() {
			ctx, leave := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer leave()
			if v, err := l.Take(ctx, a); !errors.Is(err, context.DeadlineExceeded) || v.Allowed {
				t.Errorf("a caller that left while it waited: %+v, %v", v, err)
			}
		})
	}
	calls.Wait()
	if n := allowed(t, l, rules.Of(ratelimit.Subject{Caller: "b"})); n != 2 {
		t.Errorf("%d calls are left to another caller, want 2", n)
	}
}

// waiting: calls that wait all go, and those that would wait too long are refused at once.
func waiting(t *testing.T, l Limiter) {
	rules := ruled(t, l, 10*time.Second, ratelimit.Rule{Name: "all", Rate: 20, Burst: 1}, ratelimit.Rule{Name: "slow", Callers: []string{"slow"}, Rate: 0.01, Burst: 1})
	start := time.Now()
	var calls sync.WaitGroup
	for range 6 {
		calls.Go(func() {
			if v := take(t, l, rules.Of(ratelimit.Subject{Caller: "a"})); !v.Allowed || v.Waited > time.Since(start) {
				t.Errorf("%+v", v)
			}
		})
	}
	calls.Wait()
	if all := time.Since(start); all < 250*time.Millisecond-time.Millisecond {
		t.Errorf("six calls at 20/s went within %v", all)
	}
	slow := rules.Of(ratelimit.Subject{Caller: "slow"})
	if v := take(t, l, slow); !v.Allowed {
		t.Errorf("%+v", v)
	}
	if v := take(t, l, slow); v.Allowed || v.Waited != 0 || v.Limit != "slow" || v.RetryAfter < 10*time.Second {
		t.Errorf("a call that would wait a hundred seconds: %+v", v)
	}
}

// fair: a caller with one call does not wait until all of another's have gone.
func fair(t *testing.T, l Limiter) {
	rules := ruled(t, l, time.Minute, ratelimit.Rule{Name: "all", Rate: 5, Burst: 1})
	order := make(chan string, 20)
	var calls sync.WaitGroup
	ask := func(caller string) {
		calls.Go(func() {
			take(t, l, rules.Of(ratelimit.Subject{Caller: caller}))
			order <- caller
		})
	}
	for range 12 {
		ask("busy")
	}
	<-order
	<-order // so most of the others wait
	ask("quiet")
	calls.Wait()
	close(order)
	before := 0
	for caller := range order {
		if caller == "quiet" {
			break
		}
		before++
	}
	if before > 4 { // two that may have gone while it came, and one or two in turn
		t.Errorf("%d calls of the busy caller went before the quiet one's", before)
	}
}

// bucket: in no time more goes than rate x time + burst.
func bucket(t *testing.T, l Limiter) {
	d := ruled(t, l, 0, ratelimit.Rule{Name: "all", Rate: 40, Burst: 5}).Of(ratelimit.Subject{Caller: "a"})
	times := compete(t, l, d, 2*time.Second)
	slices.SortFunc(times, func(a, b span) int { return a.begin.Compare(b.begin) })
	for i := range times {
		end := times[i].end
		for j := i; j < len(times); j++ {
			if times[j].end.After(end) {
				end = times[j].end
			}
			if n, within := j-i+1, end.Sub(times[i].begin).Seconds(); float64(n) > 40*within+5+1e-6 {
				t.Fatalf("%d calls within %.3f s", n, within)
			}
		}
	}
	if len(times) < 20 {
		t.Errorf("only %d calls went", len(times))
	}
}

// window: no second, of any phase, sees more calls sent than the quota.
func window(t *testing.T, l Limiter) {
	const quota = 10
	d := ruled(t, l, 2*time.Second).Of(ratelimit.Subject{Caller: "a", Operation: "o", Credential: "c", Quota: quota})
	times := compete(t, l, d, 3500*time.Millisecond)
	for i := quota; i < len(times); i++ {
		if between := times[i].end.Sub(times[i-quota].begin); between < time.Second {
			t.Fatalf("%d calls were sent within %v", quota+1, between)
		}
	}
	if len(times) < 2*quota {
		t.Errorf("only %d calls went", len(times))
	}
}

// span is the time in which a call was taken, or sent.
type span struct{ begin, end time.Time }

// compete has callers take calls for a time, and returns when each went, in order. Those of a window are sent late, some of them.
func compete(t *testing.T, l Limiter, d *ratelimit.Demand, most time.Duration) (times []span) {
	start := time.Now()
	var mu sync.Mutex
	var calls sync.WaitGroup
	for i := range 8 {
		calls.Go(func() {
			for time.Since(start) < most {
				begin := time.Now()
				v, err := l.Take(t.Context(), d)
				if err != nil {
					t.Errorf("no verdict: %v", err)
					return
				}
				if !v.Allowed {
					time.Sleep(5 * time.Millisecond)
					continue
				}
				if d.Limits[0].Kind == ratelimit.Window { // counts when it is sent
					time.Sleep(time.Duration(i%3) * 100 * time.Millisecond)
					begin = time.Now()
				}
				mu.Lock()
				times = append(times, span{begin, time.Now()})
				mu.Unlock()
				l.Sent(d, &v)
			}
		})
	}
	calls.Wait()
	slices.SortFunc(times, func(a, b span) int { return a.end.Compare(b.end) })
	return times
}

// calendar: a quota is counted exactly, and refuses at once until the period ends.
func calendar(t *testing.T, l Limiter) {
	zone := zoneFarFromMidnight()
	d := ruled(t, l, time.Minute, ratelimit.Rule{Name: "day", Quota: ratelimit.Quota{Calls: 7, Period: ratelimit.Day}, Zone: zone}).Of(ratelimit.Subject{Caller: "a"})
	if n := allowed(t, l, d); n != 7 {
		t.Errorf("%d calls went, want 7", n)
	}
	if v := take(t, l, d); v.Allowed || v.Limit != "day" || v.Waited != 0 || v.RetryAfter < time.Hour || v.RetryAfter > 24*time.Hour {
		t.Errorf("%+v", v)
	}
}

// zoneFarFromMidnight returns a zone in which the day goes on for hours.
func zoneFarFromMidnight() string {
	if hour := time.Now().UTC().Hour(); hour > 2 && hour < 20 {
		return "UTC"
	}
	return "Pacific/Honolulu" // ten hours behind
}

// shadow: what is in shadow mode refuses none, and says what it would have refused.
func shadow(t *testing.T, l Limiter) {
	d := ruled(t, l, 0,
		ratelimit.Rule{Name: "trial", Rate: never, Burst: 3, Mode: ratelimit.Shadow},
		ratelimit.Rule{Name: "real", Rate: never, Burst: 5}).Of(ratelimit.Subject{Caller: "a"})
	for i := range 5 {
		v := take(t, l, d)
		if would := slices.Equal(v.Shadow, []string{"trial"}); !v.Allowed || v.Limit != "real" || would != (i >= 3) {
			t.Errorf("call %d: %+v", i, v)
		}
	}
	if v := take(t, l, d); v.Allowed || v.Limit != "real" {
		t.Errorf("%+v", v)
	}
}

// follow: the count of a limit stays with its name, by the terms of now; calls of the former rules are counted there too.
func follow(t *testing.T, l Limiter) {
	s := ratelimit.Subject{Caller: "a"}
	before := ruled(t, l, 0, ratelimit.Rule{Name: "all", Rate: never, Burst: 5}).Of(s)
	for range 3 {
		take(t, l, before)
	}
	after := ruled(t, l, 0, ratelimit.Rule{Name: "all", Rate: never, Burst: 9}).Of(s)
	if !take(t, l, before).Allowed || !take(t, l, after).Allowed {
		t.Error("what was left is refused")
	}
	if v := take(t, l, after); v.Allowed {
		t.Errorf("the bucket was filled by other rules: %+v", v)
	}
	if other := ruled(t, l, 0, ratelimit.Rule{Name: "other", Rate: never, Burst: 1}).Of(s); !take(t, l, other).Allowed {
		t.Error("a limit that is new is not full")
	}
}

// throttled: after the provider has refused a call nothing of its quota goes, and all of the others.
func throttled(t *testing.T, l Limiter) {
	rules := ruled(t, l, 0)
	d := rules.Of(ratelimit.Subject{Caller: "a", Operation: "o", Credential: "c", Quota: 100})
	take(t, l, d)
	l.Throttled(d, 25*time.Second)
	v := take(t, l, rules.Of(ratelimit.Subject{Caller: "b", Operation: "o", Credential: "c", Quota: 100}))
	if v.Allowed || v.Limit != ratelimit.PublishedName || v.RetryAfter <= 0 || v.RetryAfter > 25*time.Second {
		t.Errorf("another caller of the quota: %+v", v)
	}
	if v := take(t, l, rules.Of(ratelimit.Subject{Caller: "a", Operation: "p", Credential: "c", Quota: 100})); !v.Allowed {
		t.Errorf("another quota: %+v", v)
	}
}
