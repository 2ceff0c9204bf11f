package gateway_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/freeze"
	"tollgate/internal/secret"
	"tollgate/ratelimit"
	"tollgate/upstream"
)

// nowhere is a store of freezes that drops them.
type nowhere struct{}

func (nowhere) Record(context.Context, freeze.Change) error { return nil }

// killSwitch is a switch for a fixture, whose calls pass its gate.
func killSwitch() (*freeze.Switch, adjustment) {
	s := must(freeze.NewSwitch(nowhere{}, nil))
	return s, func(f *fixture) { f.config.Freezes = s.Gate() }
}

func aFreeze(kind freeze.Kind, name string) *freeze.Freeze {
	return &freeze.Freeze{
		ID: freeze.NewID(), Subject: freeze.Subject{Kind: kind, Name: name}, Reason: "the key leaked", Since: time.Now(),
		Until: time.Date(2999, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

func freezeNow(t testing.TB, s *freeze.Switch, f *freeze.Freeze) {
	t.Helper()
	if err := s.Freeze(t.Context(), *f); err != nil {
		t.Error(err)
	}
}

// TestFrozen: each kind of freeze stops the calls that it should, reads included, and no others. They are refused before anything is sent,
// by a code of its own that says which freeze it is, and recorded.
func TestFrozen(t *testing.T) {
	inBody := plain("POST", "/v2/partners/sub-customers/query", `{"customer_id":"c-7"}`)
	app := plain("GET", "/app/x", "")
	for _, c := range []struct {
		subject freeze.Subject
		request string
		want    bool
	}{
		{freeze.Subject{Kind: freeze.All}, look(), true},
		{freeze.Subject{Kind: freeze.All}, app, true},
		{freeze.Subject{Kind: freeze.Spend}, look(), false},
		{freeze.Subject{Kind: freeze.Spend}, pay(), true},
		{freeze.Subject{Kind: freeze.Caller, Name: localCaller}, look(), true},
		{freeze.Subject{Kind: freeze.Caller, Name: localCaller}, app, true},
		{freeze.Subject{Kind: freeze.Caller, Name: partnerCaller}, look(), false},
		{freeze.Subject{Kind: freeze.Credential, Name: "acme"}, look(), true},
		{freeze.Subject{Kind: freeze.Credential, Name: "acme"}, app, false},
		{freeze.Subject{Kind: freeze.Credential, Name: "partner-main"}, look(), false},
		{freeze.Subject{Kind: freeze.Customer, Name: customerAccount}, look(), true}, // whose credential it is
		{freeze.Subject{Kind: freeze.Customer, Name: "c-7"}, look(), false},
		{freeze.Subject{Kind: freeze.Customer, Name: "c-7"}, plain("GET", "/echo/c?customer_id=c-7", ""), true},
		{freeze.Subject{Kind: freeze.Customer, Name: "C-7"}, plain("POST", "/echo/c/d", `{"customer_ids":["c-1","c-7"]}`, "Content-Type: application/json"), true},
		{freeze.Subject{Kind: freeze.Customer, Name: "c-8"}, plain("GET", "/echo/c?customer_id=c-7", ""), false},
		{freeze.Subject{Kind: freeze.Customer, Name: "c-8"}, plain("POST", "/app/x", "opaque", "Content-Type: text/plain"), true}, // unknown
		{freeze.Subject{Kind: freeze.Customer, Name: "c-9"}, inBody, false},
		{freeze.Subject{Kind: freeze.Customer, Name: "c-7"}, plain("GET", "/app/x", "", "X-Domain-Id: c-7"), true}, // which the app gets
		{freeze.Subject{Kind: freeze.Customer, Name: "c-8"}, plain("GET", "/app/x", "", "X-Domain-Id: c-7"), false},
		{freeze.Subject{Kind: freeze.Customer, Name: "c-7"}, plain("GET", "/app/x", "", "X-Domain-Id: c-7", "X-Domain-Id: c-8"), true},
	} {
		s, frozen := killSwitch()
		f := start(t, fixed, frozen)
		one := aFreeze(c.subject.Kind, c.subject.Name)
		freezeNow(t, s, one)
		got := f.send(t, c.request)
		if stopped := got.code() == "TG.3010"; stopped != c.want {
			t.Errorf("a freeze of %s and %.60q: %d %s", c.subject, c.request, got.status, got.body)
			continue
		}
		if !c.want {
			continue
		}
		got.wantCode(t, "TG.3010")
		if _, ok := got.header["Retry-After"]; ok {
			t.Errorf("Retry-After is there: %q", got.header)
		}
		for _, text := range []string{one.ID, "the key leaked", "2999-01-02T03:04:05Z"} {
			if !strings.Contains(got.problem(t).Detail, text) {
				t.Errorf("the detail lacks %q: %s", text, got.problem(t).Detail)
			}
		}
		f.origin.none(t)
		if r := f.log.only(t, logfile.KindRefusal); r.Reason != "frozen" || r.Stage != logfile.StageDecide || r.Caller != localCaller || !strings.Contains(r.Detail, one.ID) {
			t.Errorf("recorded %+v", r)
		}
		if len(f.log.of(logfile.KindIntent)) != 0 {
			t.Error("there is an intent")
		}
		if _, err := s.Lift(t.Context(), one.ID, "uid 0", ""); err != nil {
			t.Fatal(err)
		}
		if got := f.send(t, c.request); got.code() == "TG.3010" {
			t.Errorf("it is stopped still: %s", got.body)
		}
	}
}

// TestFrozenWithoutAnAccount: the calls that a customer's credential signs are stopped by a freeze of any customer, where it is not known
// whose it is.
func TestFrozenWithoutAnAccount(t *testing.T) {
	s, frozen := killSwitch()
	f := start(t, fixed, frozen, func(f *fixture) {
		nameless := credential.Facts{Name: "acme", Upstream: "bss", Class: catalog.ClassCustomer, Kinds: f.credentials["acme"].Facts().Kinds}
		f.credentials["acme"] = signer(nameless, func() (credential.Keys, error) {
			return credential.Keys{AccessKey: upstreamKeyOf("acme"), SecretKey: secret.New(credentialSecrets["acme"])}, nil
		})
	})
	freezeNow(t, s, aFreeze(freeze.Customer, "c-8"))
	f.send(t, look()).wantCode(t, "TG.3010")
	f.origin.none(t)
}

// TestFreezeOutlivesPlans: a plan that is published leaves a freeze in force.
func TestFreezeOutlivesPlans(t *testing.T) {
	s, frozen := killSwitch()
	f := start(t, fixed, frozen)
	freezeNow(t, s, aFreeze(freeze.All, ""))
	next := f.plan
	f.gateway.Publish(&next)
	f.send(t, look()).wantCode(t, "TG.3010")
}

// TestFrozenWhileWaiting: a call that waited for its limits when the freeze came has no intent.
func TestFrozenWhileWaiting(t *testing.T) {
	s, frozen := killSwitch()
	f := start(t, fixed, frozen, func(f *fixture) {
		f.config.Limiter = watchedLimiter{f.config.Limiter, func(*ratelimit.Demand) { freezeNow(t, s, aFreeze(freeze.Spend, "")) }}
	})
	f.send(t, pay()).wantCode(t, "TG.3010")
	f.origin.none(t)
	if r := f.log.only(t, logfile.KindRefusal); r.Reason != "frozen" || r.Stage != logfile.StageIntend || len(f.log.of(logfile.KindIntent)) != 0 {
		t.Errorf("recorded %+v", r)
	}
}

// TestFrozenAfterTheIntent: the outcome is that nothing was sent.
func TestFrozenAfterTheIntent(t *testing.T) {
	for _, tt := range effects {
		s, frozen := killSwitch()
		f := start(t, fixed, frozen)
		f.log.intent = func(context.Context, *logfile.Record) error {
			freezeNow(t, s, aFreeze(freeze.Caller, localCaller))
			return nil
		}
		got := f.send(t, tt.request)
		got.wantCode(t, "TG.3010")
		if _, ok := got.header["Retry-After"]; ok {
			t.Errorf("%s: Retry-After is there", tt.effect)
		}
		f.origin.none(t)
		if r := f.log.only(t, logfile.KindOutcome); r.Outcome != logfile.NotSent || r.Reason != "frozen" {
			t.Errorf("%s: recorded %+v", tt.effect, r)
		}
	}
}

// slowWriter is a transport whose first write takes a while.
type slowWriter struct{ entered, write chan struct{} }

func (s slowWriter) Send(_ context.Context, r *upstream.Request) (*upstream.Response, error) {
	if err := r.Gate.Enter(time.Now()); err != nil {
		return nil, &upstream.Error{Err: err}
	}
	s.entered <- struct{}{}
	<-s.write
	r.Gate.Leave()
	s.entered <- struct{}{}
	<-s.write
	return staticAnswer(r)
}

// TestFreezeWaitsForTheFirstByte: while a call that it stops is between its last check and its first byte, a freeze does not return; then
// it names the call, until there is an outcome.
func TestFreezeWaitsForTheFirstByte(t *testing.T) {
	s, frozen := killSwitch()
	slow := slowWriter{make(chan struct{}), make(chan struct{})}
	f := start(t, fixed, frozen, func(f *fixture) {
		for _, u := range f.upstream {
			u.Transport = slow
		}
	})
	caller := f.dial(t)
	caller.write(pay())
	<-slow.entered
	spend, other := aFreeze(freeze.Spend, ""), aFreeze(freeze.Caller, partnerCaller)
	freezeNow(t, s, spend)
	freezeNow(t, s, other)
	if sent, err := f.gateway.Stopped(t.Context(), other); err != nil || len(sent) != 0 {
		t.Errorf("a freeze that stops other calls: %v, %v", sent, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if sent, err := f.gateway.Stopped(ended, spend); !errors.Is(err, context.Canceled) || len(sent) != 1 {
		t.Errorf("it has returned before the first byte: %v, %v", sent, err)
	}
	slow.write <- struct{}{}
	<-slow.entered
	sent, err := f.gateway.Stopped(t.Context(), spend)
	if err != nil || len(sent) != 1 {
		t.Fatalf("sent %v, %v", sent, err)
	}
	if intent := f.log.only(t, logfile.KindIntent); sent[0].Call != intent.Call || sent[0].Caller != localCaller ||
		sent[0].Operation != intent.Operation || sent[0].Upstream != "bss" || sent[0].Since.IsZero() {
		t.Errorf("sent %+v, intent %+v", sent[0], intent)
	}
	slow.write <- struct{}{}
	caller.answer()
	if sent, err := f.gateway.Stopped(t.Context(), spend); err != nil || len(sent) != 0 {
		t.Errorf("after the outcome: %v, %v", sent, err)
	}
}

// TestNoFirstByteAfterFreeze: under load by HTTP/1.1 and HTTP/2, each call that reaches the upstream had its outcome on record when the
// freeze returned, or was named by it. Which bytes reach the upstream, and when, does not matter for that.
func TestNoFirstByteAfterFreeze(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		s, frozen := killSwitch()
		f := startTLS(t, fixed, frozen)
		client := f.client(t, http2)
		var stop atomic.Bool
		var callers sync.WaitGroup
		for i := range 8 {
			callers.Go(func() {
				for !stop.Load() {
					load(t, client, i)
				}
			})
		}
		for round := range 60 {
			f.freezeOnce(t, s, round)
		}
		stop.Store(true)
		callers.Wait()
	}
}

// load makes one call of each effect to the internal app.
func load(t *testing.T, client *http.Client, i int) {
	for _, target := range []string{"/app/x", "/change/x", "/app/admin/Keys"} {
		r := must(http.NewRequest("GET", "https://gateway.test"+target, nil))
		if i%2 == 0 && target != "/app/admin/Keys" {
			r = must(http.NewRequest("POST", "https://gateway.test"+target, strings.NewReader(strings.Repeat("x", 40<<10))))
			r.Header.Set("Content-Type", "text/plain")
		}
		response, err := client.Do(r)
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	}
}

// freezeOnce freezes when calls go out, lets those end that have, and compares what the upstream got.
func (s *secured) freezeOnce(t *testing.T, kill *freeze.Switch, round int) {
	t.Helper()
	s.history.waitFor(t, "upstream first byte", s.history.count("upstream first byte")+10)
	f := aFreeze(freeze.Caller, localCaller)
	freezeNow(t, kill, f)
	sent, err := s.gateway.Stopped(t.Context(), f)
	known := map[string]bool{}
	for _, r := range s.log.of(logfile.KindOutcome) {
		known[r.Call] = true
	}
	if err != nil {
		t.Error(err)
	}
	for _, c := range sent {
		known[c.Call] = true
	}
	for { // until all that were named have ended, and others had the time to go out
		left, err := s.gateway.Stopped(t.Context(), f)
		if err != nil || len(left) == 0 {
			break
		}
	}
	s.history.waitFor(t, "answer begun", s.history.count("answer begun")+20)
	for _, a := range s.origin.all() {
		if id := a.value("Tollgate-Call-Id"); !known[id] {
			t.Errorf("round %d: call %s reached the upstream after the freeze", round, id)
		}
	}
	if _, err := kill.Lift(t.Context(), f.ID, "uid 0", ""); err != nil {
		t.Error(err)
	}
}
