package limits

import (
	"context"
	"errors"
	"flag"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tollgate/fleet"
	"tollgate/fleet/redistest"
	"tollgate/internal/setting"
	"tollgate/ratelimit"
	"tollgate/ratelimit/limittest"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil { // most of them wait, for Redis or for time to pass
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// member is a member of a fleet, in this process.
type member struct {
	*Limiter
	client *fleet.Client
	stop   func()
}

// patient is a patience that a busy machine keeps.
const patient = time.Second

func endpoint(t testing.TB, address string) (at setting.Endpoint) {
	t.Helper()
	if err := at.UnmarshalText([]byte(address)); err != nil {
		t.Fatal(err)
	}
	return at
}

// join starts a member of a fleet on a Redis, which ends with the test.
func join(t testing.TB, address, prefix, name string, patience time.Duration, members ...string) *member {
	t.Helper()
	return run(t, fleet.Options{
		Name: name, Settings: fleet.Settings{Members: members, Patience: patience}, Addresses: []setting.Endpoint{endpoint(t, address)}, Prefix: prefix,
	})
}

func run(t testing.TB, o fleet.Options) *member {
	t.Helper()
	c := fleet.New(o)
	m := &member{Limiter: New(c, ratelimit.NewLimiter(), len(o.Settings.Members)), client: c}
	c.Add(m.Limiter)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { c.Run(ctx) })
	m.stop = sync.OnceFunc(func() { cancel(); running.Wait(); m.Wait() })
	t.Cleanup(m.stop)
	return m
}

// joinAll starts a fleet of so many members, and waits until its epoch is complete for all of them.
func joinAll(t testing.TB, address, prefix string, members int, patience time.Duration) (all []*member) {
	t.Helper()
	var names []string
	for i := range members {
		names = append(names, string(rune('a'+i)))
	}
	for _, name := range names {
		all = append(all, join(t, address, prefix, name, patience, names...))
	}
	for _, m := range all {
		m.complete(t)
	}
	return all
}

// complete waits until the member asks Redis about limits.
func (m *member) complete(t testing.TB) {
	t.Helper()
	await(t, "a complete epoch", func() bool { return m.client.State().Up && m.view.Load().epoch.Complete })
}

func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for range 6000 {
		if holds() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("timed out: %s", what)
}

func follow(t testing.TB, members []*member, maxWait time.Duration, rules ...ratelimit.Rule) *ratelimit.Rules {
	t.Helper()
	made, err := ratelimit.NewRules(ratelimit.Config{MaxWait: setting.Duration(maxWait), Published: true, Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		m.Follow(made)
	}
	return made
}

// go1 takes a call and sends it. It may be called by goroutines.
func (m *member) go1(t testing.TB, d *ratelimit.Demand) ratelimit.Verdict {
	t.Helper()
	v, err := m.Take(context.Background(), d)
	if err != nil {
		t.Errorf("no verdict: %v", err)
	}
	if v.Allowed {
		m.Sent(d, &v)
	}
	return v
}

// TestSuite is what any limiter must do, over Redis.
func TestSuite(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	limittest.Run(t, func(t *testing.T) limittest.Limiter {
		prefix := strings.NewReplacer("/", "-", " ", "-").Replace(t.Name())
		return joinAll(t, s.Address(), prefix, 1, patient)[0]
	})
}

// TestSuiteWithoutRedis is the same for a member that has no Redis: its share is all there is.
func TestSuiteWithoutRedis(t *testing.T) {
	limittest.RunInMemory(t, func() limittest.Limiter { return New(away{}, ratelimit.NewLimiter(), 1) })
}

// away is a Redis that is away.
type away struct{}

func (away) Ask(context.Context, *fleet.Question) (any, error) { return nil, fleet.ErrAway }

// TestSharedByAll: members share one count, and each says where it was counted.
func TestSharedByAll(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	all := joinAll(t, s.Address(), "f", 4, patient)
	d := follow(t, all, 0, ratelimit.Rule{Name: "r", Rate: ratelimit.MinPerSecond, Burst: 10}).Of(ratelimit.Subject{Caller: "x"})
	went := 0
	for i := range 40 {
		v := all[i%4].go1(t, d)
		if v.From != ratelimit.FromFleet {
			t.Fatalf("%+v", v)
		}
		if v.Allowed {
			went++
		}
	}
	if went != 10 {
		t.Errorf("%d calls went, want 10", went)
	}
}

// TestCalendarOverRestartEmpty: what members have counted of a day is said again when Redis has lost it, with what they let through meanwhile.
func TestCalendarOverRestartEmpty(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	all := joinAll(t, r.Address(), "f", 2, patient)
	d := follow(t, all, 0, ratelimit.Rule{Name: "day", Quota: ratelimit.Quota{Calls: 40, Period: ratelimit.Day}, Zone: zone()}).Of(ratelimit.Subject{Caller: "x"})
	take := func(m *member, n int, from ratelimit.From) (went int) {
		for range n {
			v := m.go1(t, d)
			if v.From != from {
				t.Fatalf("%+v, want it from %q", v, from)
			}
			if v.Allowed {
				went++
			}
		}
		return went
	}
	take(all[0], 15, ratelimit.FromFleet)
	take(all[1], 5, ratelimit.FromFleet)
	r.Kill()
	await(t, "Redis is away", func() bool { return !all[0].client.State().Up && !all[1].client.State().Up })
	if n := take(all[0], 30, ratelimit.FromShare); n != 5 { // half of 40, of which 15 are used
		t.Errorf("%d calls of the first member without Redis, want 5", n)
	}
	if n := take(all[1], 30, ratelimit.FromShare); n > 12 { // half of the 25 that it saw left
		t.Errorf("%d calls of the second member without Redis, want 12 at most", n)
	}
	r.Restart(nil)
	for _, m := range all {
		m.complete(t)
		await(t, "all is reported", func() bool { return !m.owed.some.Load() && !m.owed.reporting.Load() })
	}
	took := 15 + 5 + 5 + 10 + take(all[0], 30, ratelimit.FromFleet) + take(all[1], 30, ratelimit.FromFleet)
	if took != 40 {
		t.Errorf("%d calls in all, want 40", took)
	}
}

// zone returns a zone in which the day goes on for hours.
func zone() string {
	if hour := time.Now().UTC().Hour(); hour > 2 && hour < 20 {
		return "UTC"
	}
	return "Pacific/Honolulu"
}

// TestReported: what a member lets through without Redis is counted when it is back, though no further call comes.
func TestReported(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	p := redistest.NewProxy(t, r.Address())
	all := []*member{join(t, p.Address(), "f", "a", patient, "a", "b"), join(t, r.Address(), "f", "b", patient, "a", "b")}
	all[0].complete(t)
	all[1].complete(t)
	d := follow(t, all, 0, ratelimit.Rule{Name: "r", Rate: ratelimit.MinPerSecond, Burst: 20}).Of(ratelimit.Subject{Caller: "x"})
	if v := all[1].go1(t, d); v.Remaining != 19 {
		t.Fatalf("%+v", v)
	}
	p.Refuse()
	await(t, "Redis is away", func() bool { return !all[0].client.State().Up })
	for i := range 12 {
		if v := all[0].go1(t, d); v.From != ratelimit.FromShare || v.Allowed != (i < 10) {
			t.Errorf("call %d: %+v", i, v)
		}
	}
	p.Pass()
	all[0].complete(t)
	await(t, "all is reported", func() bool { return !all[0].owed.some.Load() && !all[0].owed.reporting.Load() })
	if v := all[1].go1(t, d); v.Remaining != 8 {
		t.Errorf("%d left, want 8: one and ten were taken, and this one", v.Remaining)
	}
}

// TestWithoutRefuse: a limit that is counted over Redis only refuses calls without it.
func TestWithoutRefuse(t *testing.T) {
	l := New(away{}, ratelimit.NewLimiter(), 2)
	m := &member{Limiter: l}
	rule := ratelimit.Rule{Name: "strict", Rate: 100, Burst: 10, Without: ratelimit.Refuse}
	d := follow(t, []*member{m}, 0, rule, ratelimit.Rule{Name: "other", Rate: 100, Burst: 10}).Of(ratelimit.Subject{Caller: "x"})
	if v, err := l.Take(t.Context(), d); !errors.Is(err, ratelimit.ErrUnavailable) || !errors.Is(err, fleet.ErrAway) || v.Allowed || !strings.Contains(err.Error(), "strict") {
		t.Errorf("%+v, %v", v, err)
	}
	rule.Mode = ratelimit.Shadow
	d = follow(t, []*member{m}, 0, rule).Of(ratelimit.Subject{Caller: "x"})
	if v, err := l.Take(t.Context(), d); err != nil || !v.Allowed || v.From != ratelimit.FromShare {
		t.Errorf("a shadow limit refuses: %+v, %v", v, err)
	}
}

// turns notes when Redis granted calls, by its clock, and since when one waits at the latest: however late a busy machine has this process
// see that.
type turns struct {
	Asker
	mu     sync.Mutex
	greedy []int64
	quiet  []span64 // calls of the quiet caller
	waits  int64    // since when its call waits; 0: it does not
}

type span64 struct{ begin, end int64 }

func (t *turns) Ask(ctx context.Context, q *fleet.Question) (any, error) {
	if check := q.Check; q.Script == takeScript {
		q.Check = func(reply any) error {
			if a, err := readAnswer(reply, 1); err == nil {
				t.note(q.Args[2].(string), &a)
			}
			return check(reply)
		}
	}
	return t.Asker.Ask(ctx, q)
}

func (t *turns) note(caller string, a *takeReply) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case caller == "greedy":
		if a.what == granted {
			t.greedy = append(t.greedy, a.at)
		}
	case a.what == waiting && t.waits == 0:
		t.waits = time.Now().UnixMicro()
	case a.what == granted:
		if t.waits != 0 {
			t.quiet = append(t.quiet, span64{t.waits, a.at})
		}
		t.waits = 0
	}
}

// TestFairOverMembers: a caller with a hundred calls waiting on each of four members delays one that has one call at a time by no more than
// two calls: a caller that takes its turns and no more would delay it by one.
func TestFairOverMembers(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	all := joinAll(t, s.Address(), "f", 4, patient)
	seen := make([]turns, len(all))
	for i, m := range all {
		seen[i].Asker = m.client
		m.Limiter.client = &seen[i]
	}
	rules := follow(t, all, time.Minute, ratelimit.Rule{Name: "r", Rate: 50, Burst: 1})
	ctx, end := context.WithCancel(t.Context())
	var greedy sync.WaitGroup
	for i := range 400 {
		greedy.Go(func() {
			for ctx.Err() == nil {
				_, _ = all[i%4].Take(ctx, rules.Of(ratelimit.Subject{Caller: "greedy"}))
			}
		})
	}
	await(t, "the greedy caller's calls wait", func() bool { return all[0].Waiting() > 90 && all[3].Waiting() > 90 })
	for range 20 {
		if v := all[0].go1(t, rules.Of(ratelimit.Subject{Caller: "quiet"})); !v.Allowed {
			t.Errorf("%+v", v)
		}
	}
	end()
	greedy.Wait()
	before := waitsInTurns(seen)
	if len(before) < 10 || slices.Max(before) > 2 {
		t.Errorf("calls of the greedy caller that went before each of the quiet one: %d", before)
	}
	if n := all[0].Waiting(); n != 0 {
		t.Errorf("%d places are taken by callers that have left", n)
	}
	for _, m := range all {
		m.tasks.Wait()
		if len(m.lines.of) != 0 || len(m.held.calls) != 0 {
			t.Errorf("%d lines and %d calls are left", len(m.lines.of), len(m.held.calls))
		}
	}
}

// waitsInTurns returns how many calls of the greedy caller went while each of the quiet one waited.
func waitsInTurns(seen []turns) (before []int) {
	for i := range seen { // answers may still come to calls that have left
		seen[i].mu.Lock()
		defer seen[i].mu.Unlock()
	}
	for _, wait := range seen[0].quiet {
		n := 0
		for i := range seen {
			for _, at := range seen[i].greedy {
				if wait.begin < at && at < wait.end {
					n++
				}
			}
		}
		before = append(before, n)
	}
	return before
}

// TestLeavingFreesThePlace: a caller that leaves while it waits is no longer waited for.
func TestLeavingFreesThePlace(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	all := joinAll(t, s.Address(), "f", 2, patient)
	rules := follow(t, all, 10*time.Minute, ratelimit.Rule{Name: "r", Rate: 0.01, Burst: 1})
	all[0].go1(t, rules.Of(ratelimit.Subject{Caller: "x"}))
	ctx, leave := context.WithCancel(t.Context())
	var calls sync.WaitGroup
	for range 3 {
		calls.Go(func() {
			if v, err := all[0].Take(ctx, rules.Of(ratelimit.Subject{Caller: "x"})); v.Allowed || !errors.Is(err, context.Canceled) {
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
	await(t, "they wait", func() bool { return all[0].Waiting() == 3 && strings.TrimSpace(s.Do("KEYS", "*:order")) != "" })
	leave()
	calls.Wait()
	all[0].tasks.Wait()
	if keys := strings.TrimSpace(s.Do("KEYS", "*:order")); keys != "" {
		t.Errorf("their queue is still there: %s", keys)
	}
}

// TestClocksThatDiffer: the day of a quota is that of Redis, whatever this machine's clock says.
func TestClocksThatDiffer(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Options{})
	all := joinAll(t, r.Address(), "f", 2, patient)
	for i, m := range all { // a day ahead, and a day behind
		m.facts.ahead.Store(int64(24*time.Hour) * int64(1-2*i))
	}
	d := follow(t, all, 0, ratelimit.Rule{Name: "day", Quota: ratelimit.Quota{Calls: 4, Period: ratelimit.Day}, Zone: zone()}).Of(ratelimit.Subject{Caller: "x"})
	for i := range 6 {
		if v := all[i%2].go1(t, d); v.From != ratelimit.FromFleet || v.Allowed != (i < 4) {
			t.Errorf("call %d: %+v", i, v)
		}
	}
}

// TestTwoConfigurations: while a fleet is on its way to other rules, neither those before nor those after let through more than they say.
func TestTwoConfigurations(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	all := joinAll(t, s.Address(), "f", 2, patient)
	rule := func(q int, p ratelimit.Period, burst int) []ratelimit.Rule {
		return []ratelimit.Rule{
			{Name: "calls", Callers: []string{"x"}, Quota: ratelimit.Quota{Calls: q, Period: p}, Zone: zone()},
			{Name: "bucket", Callers: []string{"y"}, Rate: ratelimit.MinPerSecond, Burst: burst},
		}
	}
	rules := []*ratelimit.Rules{follow(t, all[:1], 0, rule(10, ratelimit.Day, 20)...), follow(t, all[1:], 0, rule(15, ratelimit.Month, 10)...)}
	went := map[string]int{}
	for i := range 80 {
		for _, caller := range []string{"x", "y"} {
			v := all[i%2].go1(t, rules[i%2].Of(ratelimit.Subject{Caller: caller}))
			if v.From != ratelimit.FromFleet {
				t.Fatalf("%+v", v)
			}
			if v.Allowed {
				went[caller]++
			}
		}
	}
	if went["x"] != 25 || went["y"] > 20 {
		t.Errorf("%v calls went, want 10 of a day and 15 of a month, and at most the higher burst", went)
	}
}

// TestFollowWhileWaiting: a call that waits goes by the rules that are followed meanwhile.
func TestFollowWhileWaiting(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	all := joinAll(t, s.Address(), "f", 1, patient)
	d := follow(t, all, 10*time.Minute, ratelimit.Rule{Name: "r", Rate: 1.0 / 300, Burst: 1}).Of(ratelimit.Subject{Caller: "x"})
	all[0].go1(t, d)
	var calls sync.WaitGroup
	calls.Go(func() {
		if v := all[0].go1(t, d); !v.Allowed || v.Waited == 0 {
			t.Errorf("%+v", v)
		}
	})
	await(t, "it waits", func() bool { return all[0].Waiting() == 1 })
	follow(t, all, 0, ratelimit.Rule{Name: "r", Rate: 100, Burst: 1})
	calls.Wait()
}

// TestEntryLeftBehind: an entry that could not be taken out of its queue is taken out with the next heartbeat, and belongs to the next call
// of its caller if that comes first.
func TestEntryLeftBehind(t *testing.T) {
	wait := []any{int64(waiting), int64(1), int64(time.Minute / time.Microsecond), int64(1), int64(1), int64(0), int64(0), int64(0), int64(0), int64(0)}
	away := true
	var left []string
	l := New(script(func(q *fleet.Question) (any, error) {
		switch {
		case q.Script == takeScript:
			return wait, q.Check(wait)
		case away:
			return nil, fleet.ErrAway
		}
		left = append(left, q.Args[2].(string))
		return int64(1), nil
	}), ratelimit.NewLimiter(), 1)
	rules := follow(t, []*member{{Limiter: l}}, 10*time.Minute, ratelimit.Rule{Name: "r", Rate: 1, Burst: 1})
	leave := func(caller string) {
		ctx, cancel := context.WithCancel(t.Context())
		var call sync.WaitGroup
		call.Go(func() { _, _ = l.Take(ctx, rules.Of(ratelimit.Subject{Caller: caller})) })
		await(t, "it waits", func() bool { return l.Waiting() == 1 })
		cancel()
		call.Wait()
		l.tasks.Wait()
	}
	leave("x")
	leave("y")
	c := &call{l: l, d: rules.Of(ratelimit.Subject{Caller: "y"}), start: time.Now()}
	l.lines.wait(c, &takeReply{what: waiting, delay: time.Minute})
	if n := l.lines.entry(c); n != 1 {
		t.Errorf("the next call has the entry of limit %d, want 1", n)
	}
	away = false
	l.Beat(&fleet.Beat{})
	l.tasks.Wait()
	if !slices.Equal(left, []string{"x"}) || len(l.lines.left) != 0 {
		t.Errorf("entries of %q were taken out, %d are left", left, len(l.lines.left))
	}
}
