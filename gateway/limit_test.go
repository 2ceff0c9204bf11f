package gateway_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/config"
	"tollgate/gateway"
	"tollgate/http1"
	"tollgate/internal/bsssim"
	"tollgate/internal/setting"
	"tollgate/ratelimit"
)

// limited has calls counted by these rules, and by published quotas.
func limited(maxWait time.Duration, rules ...ratelimit.Rule) adjustment {
	return func(f *fixture) {
		f.plan.Limits = must(ratelimit.NewRules(ratelimit.Config{MaxWait: setting.Duration(maxWait), Published: true, Rules: rules}))
	}
}

func readCall() signed { return signed{caller: customerCaller, method: "GET", target: readTarget} }

// TestProvidersWindow: sixty calls at once on a quota of twenty a second, of which only the provider knows when its seconds begin. All are
// answered, and none meets the provider's throttle.
func TestProvidersWindow(t *testing.T) {
	for _, phase := range []time.Duration{0, 250 * time.Millisecond, 500 * time.Millisecond, 750 * time.Millisecond} {
		t.Run(phase.String(), func(t *testing.T) {
			t.Parallel()
			sim := bsssim.New(bsssim.Config{Clock: func() time.Time { return time.Now().Add(phase) }})
			f := start(t, simulated(t, sim), limited(time.Minute), bounded(func(b *config.Bounds) { b.Calls = 1000 })) // none is refused before it is proven
			var calls sync.WaitGroup
			for range 60 {
				calls.Go(func() {
					if got := f.exchange(t, readCall().text(t)); got == nil || got.status != 200 {
						t.Errorf("answer %+v", got)
					}
				})
			}
			calls.Wait()
			if all := sim.Calls(); len(all) != 60 || slices.ContainsFunc(all, func(c bsssim.Call) bool { return c.Status != 200 }) {
				t.Errorf("%d calls arrived, some were refused", len(all))
			}
		})
	}
}

// TestUnsentIsNotLost: a call that is refused after the limits have counted it frees its place a window later, and no sooner or later.
func TestUnsentIsNotLost(t *testing.T) {
	limiter := &countingLimiter{Limiter: ratelimit.NewLimiter()}
	var full atomic.Bool
	full.Store(true)
	f := start(t, limited(0), func(f *fixture) { f.config.Limiter = limiter }, failing(&full))
	for range 3 {
		f.call(t, readCall()).wantCode(t, "TG.6001")
	}
	full.Store(false)
	if got := f.call(t, readCall()); got.status != 200 {
		t.Errorf("answer %d %s", got.status, got.body)
	}
	f.waitForCalls(t)
	if _, sent := limiter.counts(); sent != 4 {
		t.Errorf("of 4 calls that were taken the limits know %d to be sent or over", sent)
	}
}

// TestSentWithTheFirstByte: the limiter learns that a call was sent as soon as it was, and not when it is answered.
func TestSentWithTheFirstByte(t *testing.T) {
	limiter := &countingLimiter{Limiter: ratelimit.NewLimiter(), got: make(chan struct{}, 9)}
	f := start(t, limited(0), func(f *fixture) { f.config.Limiter = limiter })
	ok := saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
	f.origin.set(func(c net.Conn, a *arrival) bool {
		select {
		case <-limiter.got:
			return ok(c, a)
		case <-t.Context().Done(): // the test is over
			return false
		case <-time.After(10 * time.Second):
			return false
		}
	}, nil)
	if got := f.call(t, readCall()); got.status != 200 {
		t.Errorf("the limiter did not learn of a call until its end: answer %d %s", got.status, got.body)
	}
	f.waitForCalls(t)
	if _, sent := limiter.counts(); sent != 1 {
		t.Errorf("it counted %d sent", sent)
	}
}

// failing has the log take no intents while full is set.
func failing(full *atomic.Bool) adjustment {
	return func(f *fixture) {
		f.log.intent = func(context.Context, *logfile.Record) error {
			if full.Load() {
				return errors.New("disk full")
			}
			return nil
		}
	}
}

// sharing counts against a share.
type sharing struct{ gateway.Limiter }

func (l sharing) Take(ctx context.Context, d *ratelimit.Demand) (ratelimit.Verdict, error) {
	v, err := l.Limiter.Take(ctx, d)
	v.From = ratelimit.FromShare
	return v, err
}

// countingLimiter counts its calls.
type countingLimiter struct {
	gateway.Limiter
	mutex     sync.Mutex
	sent      []*ratelimit.Demand
	throttled []time.Duration
	got       chan struct{} // gets one for each sent; nil: not wanted
}

func (l *countingLimiter) Sent(d *ratelimit.Demand, v *ratelimit.Verdict) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.sent = append(l.sent, d)
	select {
	case l.got <- struct{}{}:
	default:
	}
	l.Limiter.Sent(d, v)
}

func (l *countingLimiter) Throttled(d *ratelimit.Demand, after time.Duration) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.throttled = append(l.throttled, after)
	l.Limiter.Throttled(d, after)
}

func (l *countingLimiter) counts() (throttled, sent int) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return len(l.throttled), len(l.sent)
}

// TestAnswersSayWhatIsLeft: every answer of a call that a limit counted says so, whatever the answer is; the provider's own word wins.
func TestAnswersSayWhatIsLeft(t *testing.T) {
	rule := ratelimit.Rule{Name: "app", Per: []ratelimit.Dimension{ratelimit.ByCaller}, Rate: 0.5, Burst: 3}
	shadow := ratelimit.Rule{Name: "trial", Rate: ratelimit.MinPerSecond, Burst: 1, Mode: ratelimit.Shadow}
	var always atomic.Bool
	always.Store(true)
	ok, theirs := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", "Ratelimit-Limit: 7\r\n"
	for name, c := range map[string]struct {
		set          []adjustment
		before       int
		policy, left string
		status       int
	}{
		"allowed":        {[]adjustment{limited(0, rule)}, 0, `"app";q=3;w=6`, `"app";r=2;t=2`, 200},
		"refused":        {[]adjustment{limited(0, rule)}, 3, `"app";q=3;w=6`, `"app";r=0;t=2`, 429},
		"quota":          {[]adjustment{limited(0)}, 0, `"published-quota";q=20;w=1`, `"published-quota";r=19;t=2`, 200},
		"not limited":    {nil, 0, "", "", 200},
		"refused later":  {[]adjustment{limited(0, rule), failing(&always)}, 0, `"app";q=3;w=6`, `"app";r=2;t=2`, 503},
		"upstream fails": {[]adjustment{limited(0, rule), answering("nonsense\r\n\r\n")}, 0, `"app";q=3;w=6`, `"app";r=2;t=2`, 502},
		"refused before": {[]adjustment{limited(0, rule), func(f *fixture) { f.plan.Grants = f.table(t, nil) }}, 0, "", "", 403},
		"only in shadow": {[]adjustment{func(f *fixture) {
			f.plan.Limits = must(ratelimit.NewRules(ratelimit.Config{Rules: []ratelimit.Rule{shadow}}))
		}}, 2, "", "", 200},
		"the provider's wins": {[]adjustment{limited(0, rule), answering(ok + theirs + "\r\n{}")}, 0, "", "", 200},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, c.set...)
			for range c.before {
				f.call(t, readCall())
			}
			got := f.call(t, readCall())
			if got.status != c.status || got.header.Get("RateLimit-Policy") != c.policy || got.header.Get("RateLimit") != c.left {
				t.Errorf("status %d, %q, %q; want %d, %q, %q", got.status, got.header.Get("RateLimit-Policy"), got.header.Get("RateLimit"), c.status, c.policy, c.left)
			}
		})
	}
}

// TestProvider429: that the provider refuses a call since there were too many slows the next ones of its quota, and is passed on.
func TestProvider429(t *testing.T) {
	const answer = "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nRetry-After: 25\r\nContent-Length: 27\r\n\r\n" + `{"error_code":"APIGW.0308"}`
	limiter := &countingLimiter{Limiter: ratelimit.NewLimiter()}
	f := start(t, limited(0), answering(answer), func(f *fixture) { f.config.Limiter = limiter })
	if got := f.call(t, readCall()); got.status != 429 || got.body != `{"error_code":"APIGW.0308"}` || got.header.Get("Retry-After") != "25" {
		t.Errorf("the provider's answer: %d %v %s", got.status, got.header, got.body)
	}
	f.waitForCalls(t)
	got := f.call(t, readCall())
	got.wantCode(t, "TG.5001")
	if after := got.header.Get("Retry-After"); after != "25" && after != "24" {
		t.Errorf("Retry-After %s", after)
	}
	if len(limiter.throttled) != 1 || limiter.throttled[0] != 25*time.Second {
		t.Errorf("the limiter saw %v", limiter.throttled)
	}
	f.origin.only(t)
}

// TestOthers429: a 429 of an internal app is its own, and slows no quota.
func TestOthers429(t *testing.T) {
	limiter := &countingLimiter{Limiter: ratelimit.NewLimiter()}
	f := start(t, fixed, limited(0), answering("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n"), func(f *fixture) { f.config.Limiter = limiter })
	if got := f.send(t, plain("GET", "/app/x", "")); got.status != 429 {
		t.Errorf("answer %d %s", got.status, got.body)
	}
	f.waitForCalls(t)
	if n, _ := limiter.counts(); n != 0 {
		t.Errorf("%d calls are taken for the provider's", n)
	}
}

// TestRetryAfter: what an answer asks for, in either form; what is not clear asks for nothing.
func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 30, 10, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "0": 0, "-7": 0, "7.5": 0, "later": 0, "99999999999999999999": 0, "2000000000": time.Hour, "7, 8": 0,
		"Mon, 30 Nov 2026 10:00:09 GMT": 9 * time.Second, "Mon, 30 Nov 2026 09:59:09 GMT": 0, "Wed, 30 Nov 2050 10:00:09 GMT": time.Hour,
	} {
		if got := gateway.RetryAfter(http1.Fields{{Name: "Retry-After", Value: value}}, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

// TestLimitsInRecords: a call that was let through at once has nothing of limits on record; one that waited, or was refused, has the limit.
// What shadow would have refused is in its outcome.
func TestLimitsInRecords(t *testing.T) {
	f := start(t, limited(time.Minute,
		ratelimit.Rule{Name: "paced", Callers: []string{customerCaller}, Rate: 20, Burst: 1},
		ratelimit.Rule{Name: "day", Quota: ratelimit.Quota{Calls: 2, Period: ratelimit.Day}},
		ratelimit.Rule{Name: "trial", Rate: ratelimit.MinPerSecond, Burst: 1, Mode: ratelimit.Shadow},
	))
	for range 3 {
		f.call(t, readCall())
	}
	outcomes := f.log.of(logfile.KindOutcome)
	if len(outcomes) != 2 || outcomes[0].Limited != nil {
		t.Fatalf("outcomes %+v", outcomes)
	}
	if l := outcomes[1].Limited; l == nil || l.Limit != "paced" && l.Limit != "day" || l.LimitFrom != "" || !slices.Equal(l.WouldRefuse, []string{"trial"}) {
		t.Errorf("of the call that waited: %+v", l)
	}
	if r := f.log.only(t, logfile.KindRefusal); r.Limited == nil || r.Limit != "day" || r.WouldRefuse != nil || r.Detail != `limit "day" (2/day) is reached` {
		t.Errorf("of the refused call: %+v, %q", r.Limited, r.Detail)
	}
	if got := f.metrics.last(); !slices.Equal(got.WouldRefuse, []string{"trial"}) {
		t.Errorf("metrics: %+v", got)
	}
}

// TestShareInRecords: what was counted against a member's share says so, also where it did not wait.
func TestShareInRecords(t *testing.T) {
	f := start(t, limited(0, ratelimit.Rule{Name: "app", Rate: 1, Burst: 5}), func(f *fixture) { f.config.Limiter = sharing{f.config.Limiter} })
	f.call(t, readCall())
	if r := f.log.only(t, logfile.KindOutcome); r.Limited == nil || r.Limit != "app" || r.LimitFrom != "share" {
		t.Errorf("%+v", r.Limited)
	}
}
