package gateway_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/caller"
	"tollgate/catalog"
	"tollgate/config"
	"tollgate/credential"
	"tollgate/gateway"
	"tollgate/grants"
	"tollgate/internal/secret"
	"tollgate/internal/setting"
	"tollgate/ratelimit"
	"tollgate/replay"
	"tollgate/signing"
	"tollgate/spend"
	"tollgate/upstream"
)

// What is watched calls do, and then goes on.
type watchedLimiter struct {
	gateway.Limiter
	do func(*ratelimit.Demand)
}

func (l watchedLimiter) Take(ctx context.Context, d *ratelimit.Demand) (ratelimit.Verdict, error) {
	l.do(d)
	return l.Limiter.Take(ctx, d)
}

type watchedReplay struct {
	gateway.ReplayMemory
	do func()
}

func (m watchedReplay) Mark(ctx context.Context, k replay.Key, date, now time.Time) error {
	m.do()
	return m.ReplayMemory.Mark(ctx, k, date, now)
}

type watchedBody struct {
	io.Reader
	do func()
}

func (b watchedBody) Read(p []byte) (int, error) {
	b.do()
	return b.Reader.Read(p)
}

// nothing is a plan by which nothing can be called, and no time is given.
func nothing(t testing.TB, shared config.Bounds) *gateway.Plan {
	shared.HeldAnswer, shared.BodyTimeout, shared.WriteTimeout = 1, 1, 1
	table, _ := grants.New(nil, nil, nil)
	return &gateway.Plan{
		Callers: must(caller.NewRegistry([]caller.Config{{Name: "a"}, {Name: "b"}}, signing.Known(), nil)), Grants: table,
		Limits: must(ratelimit.NewRules(ratelimit.Config{})), Spend: guarding(spend.Enforce), Bounds: shared, LogDeadline: 1,
		Listeners: map[string]*gateway.Listener{"other": {Name: "other"}},
	}
}

// TestACallFollowsOnePlan: at whatever step a call is when another plan is published, it ends as it would have; the next one follows the other.
func TestACallFollowsOnePlan(t *testing.T) {
	inContext := func(do func()) func(context.Context, *logfile.Record) error {
		return func(ctx context.Context, _ *logfile.Record) error {
			do()
			return ctx.Err()
		}
	}
	for step, watch := range map[string]func(f *fixture, do func()){
		"begun": func(f *fixture, do func()) {
			f.config.Now = func() time.Time { do(); return time.Now() }
		},
		"read": func(*fixture, func()) {}, // below
		"limit": func(f *fixture, do func()) {
			f.config.Limiter = watchedLimiter{f.config.Limiter, func(*ratelimit.Demand) { do() }}
		},
		"replay":  func(f *fixture, do func()) { f.config.Replay = watchedReplay{f.config.Replay, do} },
		"intent":  func(f *fixture, do func()) { f.log.intent = inContext(do) },
		"send":    func(f *fixture, do func()) { f.upstream["bss"].Transport = watchedTransport(do) },
		"outcome": func(f *fixture, do func()) { f.log.outcome = inContext(do) },
	} {
		t.Run(step, func(t *testing.T) {
			var f *fixture
			var once sync.Once
			swap := func() {
				if f != nil { // else it is being prepared
					once.Do(func() { f.gateway.Publish(nothing(t, f.plan.Bounds)) })
				}
			}
			f = prepare(t, transport(staticAnswer), func(f *fixture) {
				f.log.intent, f.log.outcome = inContext(func() {}), inContext(func() {})
				watch(f, swap)
			})
			send := func(read func()) *httptest.ResponseRecorder {
				r := readRequest(t, signedPay().text(t))
				r.Body = io.NopCloser(watchedBody{r.Body, read})
				w := httptest.NewRecorder()
				f.gateway.Server("local").Handler.ServeHTTP(w, r)
				return w
			}
			read := func() {}
			if step == "read" {
				read = swap
			}
			if w := send(read); w.Code != http.StatusOK {
				t.Errorf("the call under way: answer %d %s", w.Code, w.Body)
			}
			if r := f.log.only(t, logfile.KindOutcome); r.Outcome != logfile.Succeeded || r.Credential != "acme" {
				t.Errorf("outcome %+v", r)
			}
			if w := send(func() {}); w.Code != http.StatusMisdirectedRequest {
				t.Errorf("the next call: answer %d %s", w.Code, w.Body)
			}
		})
	}
}

func watchedTransport(do func()) gateway.Transport {
	return answeringBy(func(r *upstream.Request) (*upstream.Response, error) {
		do()
		return staticAnswer(r)
	})
}

// planOf is a plan of which caller, credential and limits, and the upstream's host, have one name.
func (f *fixture) planOf(t testing.TB, name string) *gateway.Plan {
	c := signer(credential.Facts{Name: name, Upstream: "bss", Class: catalog.ClassPartner, DomainID: setting.Account("p-" + name)}, func() (credential.Keys, error) {
		return credential.Keys{AccessKey: upstreamKeyOf(name), SecretKey: secret.New("SK-" + name + "-0123456789")}, nil
	})
	limits := must(ratelimit.NewRules(ratelimit.Config{Rules: []ratelimit.Rule{{
		Name: name, Per: []ratelimit.Dimension{ratelimit.ByCaller, ratelimit.ByCredential}, Rate: 1e6, Burst: 1e6,
	}}}))
	return &gateway.Plan{
		Callers:     must(caller.NewRegistry([]caller.Config{{Name: name}, {Name: "other"}}, signing.Known(), nil)),
		Grants:      f.table(t, []grants.Grant{{Caller: name, Upstream: "bss", Operations: []string{"Look"}, Credential: c.Name()}}, c.Facts()),
		Credentials: map[string]*credential.Credential{name: c},
		Limits:      limits, Bounds: f.plan.Bounds, LogDeadline: f.plan.LogDeadline,
		Listeners: map[string]*gateway.Listener{"local": {Name: "local", Caller: name, Routes: f.routesTo(name+".test", 0)}},
	}
}

// routesTo leads all operations to the upstream bss, by another plan.
func (f *fixture) routesTo(host string, connections int) []gateway.Route {
	u := &gateway.Upstream{
		Name: "bss", Site: "cn", Signed: true, Scheme: "http", Host: host, Timeout: patience, MaxConns: connections,
		Transport: f.upstream["bss"].Transport, Skew: f.upstream["bss"].Skew,
	}
	route := gateway.Route{Router: f.listener.Routes[0].Router, Upstreams: map[*catalog.Operation]*gateway.Upstream{}}
	for o := range f.listener.Routes[0].Upstreams {
		route.Upstreams[o] = u
	}
	return []gateway.Route{route}
}

// countedByOnePlan compares the limits that count a call with its caller and its credential, by their names.
func countedByOnePlan(t testing.TB) adjustment {
	return func(f *fixture) {
		f.config.Limiter = watchedLimiter{f.config.Limiter, func(d *ratelimit.Demand) {
			if of, plan := d.Subject, d.Limits[0].Name; of.Caller != plan || of.Credential != plan {
				t.Errorf("the limits of plan %s count a call of %s with %s", plan, of.Caller, of.Credential)
			}
		}}
	}
}

// TestPlansChangeUnderLoad: each call is decided by one plan as a whole, whichever, while others are published.
func TestPlansChangeUnderLoad(t *testing.T) {
	f := prepare(t, countedByOnePlan(t), transport(func(r *upstream.Request) (*upstream.Response, error) {
		body := r.Host + " " + strings.Fields(r.Header.Get("Authorization"))[1] + " " + r.Header.Get("X-Domain-Id")
		return &upstream.Response{Status: 200, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}, nil
	}))
	plans := map[string]*gateway.Plan{"a": f.planOf(t, "a"), "b": f.planOf(t, "b")}
	seed := rand.Uint64()
	answers := make([]*httptest.ResponseRecorder, 400)
	var callers sync.WaitGroup
	for n := range 4 {
		callers.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(n)))
			for i := n; i < len(answers); i += 4 {
				f.gateway.Publish(plans[string("ab"[random.IntN(2)])])
				answers[i] = httptest.NewRecorder()
				f.gateway.Server("local").Handler.ServeHTTP(answers[i], readRequest(t, plain("GET", fmt.Sprintf("/echo/%d", i), "")))
			}
		})
	}
	callers.Wait()
	records := map[string]logfile.Record{}
	for _, r := range f.log.of(logfile.KindIntent) {
		records[r.Path] = r
	}
	seen := map[string]int{}
	for i, w := range answers {
		r := records[fmt.Sprintf("/echo/%d", i)]
		seen[r.Caller]++
		want := fmt.Sprintf("%[1]s.test Access=AK-%[1]s, p-%[1]s", r.Caller)
		if r.Credential != r.Caller || w.Code != 200 || w.Body.String() != want {
			t.Errorf("seed %d: call of %q with %q: answer %d %q", seed, r.Caller, r.Credential, w.Code, w.Body)
		}
	}
	if seen["a"] == 0 || seen["b"] == 0 {
		t.Errorf("seed %d: calls by plan: %v", seed, seen)
	}
}

// TestListenerOutsideThePlan: it serves nothing, and nothing of what is asked there is recorded but its length: its endpoints may have been
// sensitive ones. Back in the plan it serves again.
func TestListenerOutsideThePlan(t *testing.T) {
	f := start(t, fixed)
	without := f.plan
	without.Listeners = map[string]*gateway.Listener{"other": &f.listener}
	f.gateway.Publish(&without)
	for _, request := range []string{look(), pay(), plain("GET", "/reset/one-time-secret?otp=one-time-secret", "")} {
		f.send(t, request).wantCode(t, "TG.4006")
	}
	for _, r := range f.log.of(logfile.KindRefusal) {
		if r.Listener != "local" || r.Path != "" || r.PathBytes == 0 || r.Stage != logfile.StageAdmit {
			t.Errorf("refusal %+v", r)
		}
	}
	f.wantWithheld(t, "one-time-secret")
	f.origin.none(t)
	f.gateway.Publish(&f.plan)
	if got := f.send(t, look()); got.status != 200 {
		t.Errorf("back in the plan: answer %d %s", got.status, got.body)
	}
}

// TestSmallerBoundsUnderWay: calls that hold more than a new plan has room for go on, others are refused until they end, and nothing is
// left of that afterwards.
func TestSmallerBoundsUnderWay(t *testing.T) {
	f := start(t, fixed, bounded(func(b *config.Bounds) { b.Calls = 8 }))
	var held []*raw
	for range 4 {
		c := f.dial(t)
		c.write(post("", "Content-Length: 2", "Expect: 100-continue"))
		if got := c.answer(); got.status != 100 {
			t.Fatalf("answer %d", got.status)
		}
		held = append(held, c)
	}
	smaller := f.plan
	smaller.Bounds.Calls, smaller.Bounds.Body, smaller.Bounds.Bodies = 1, 1<<10, 1<<10
	f.gateway.Publish(&smaller)
	f.send(t, look()).wantCode(t, "TG.6003")
	for _, c := range held {
		c.write("{}")
		if got := c.answer(); got.status != 200 {
			t.Errorf("a call under way: answer %d %s", got.status, got.body)
		}
	}
	f.waitForCalls(t)
	for range 2 {
		if got := f.send(t, look()); got.status != 200 {
			t.Errorf("afterwards: answer %d %s", got.status, got.body)
		}
	}
	f.send(t, post(strings.Repeat("x", 1<<10+1), fmt.Sprint("Content-Length: ", 1<<10+1))).wantCode(t, "TG.4004")
}

// TestConnectionsOfAnotherPlan: a caller that has all the connections that one plan leaves it gets those that another one adds.
func TestConnectionsOfAnotherPlan(t *testing.T) {
	arrived, release := make(chan struct{}, 8), make(chan struct{})
	f := start(t, fixed, transport(func(r *upstream.Request) (*upstream.Response, error) {
		arrived <- struct{}{}
		<-release
		return staticAnswer(r)
	}), func(f *fixture) { f.upstream["bss"].MaxConns = 1 })
	call := func() *raw {
		c := f.dial(t)
		c.write(look())
		return c
	}
	calls := []*raw{call()}
	<-arrived
	more := f.plan
	more.Listeners = map[string]*gateway.Listener{"local": {Name: "local", Caller: localCaller, Routes: f.routesTo("more.test", 4)}}
	f.gateway.Publish(&more)
	for range 2 {
		calls = append(calls, call())
		<-arrived
	}
	close(release)
	for _, c := range calls {
		if got := c.answer(); got.status != 200 {
			t.Errorf("answer %d %s", got.status, got.body)
		}
	}
}
