package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/config"
	"tollgate/internal/bsssim"
	"tollgate/ratelimit"
	"tollgate/spend"
	"tollgate/upstream"
)

// guarded has the guard hold calls back.
func guarded(f *fixture) { f.plan.Spend = guarding(spend.Enforce) }

// capped adds caps.
func capped(caps ...spend.CapConfig) adjustment {
	return func(f *fixture) { f.plan.Spend = must(spend.NewRules(spend.Config{Caps: caps})) }
}

// payOf pays one order.
func payOf(order string, header ...string) string {
	return plain("POST", payTarget, `{"order_id":"`+order+`"}`, header...)
}

// credit moves an amount to a customer.
func credit(customer, amount string) string {
	return plain("POST", "/v2/accounts/partner-accounts/adjust-amount", `{"customer_id":"`+customer+`","amount":`+amount+`}`)
}

func callID(r *reply) string { return r.header.Get("Tollgate-Call-Id") }

// wantHeld checks a refusal for an act that another call holds.
func (f *fixture) wantHeld(t *testing.T, got *reply, by, says string) {
	t.Helper()
	got.wantCode(t, "TG.4008")
	detail := got.problem(t).Detail
	if !strings.HasPrefix(strings.Replace(detail, "cs-", "CS-", 1), "order_id CS-1001 is held by call "+by) || !strings.Contains(detail, says) {
		t.Errorf("detail %q, want it to name the key, call %s and %q", detail, by, says)
	}
	if got.header.Get("Retry-After") != "" {
		t.Error("an answer asks to try again what must not be repeated")
	}
	refusals := f.log.of(logfile.KindRefusal)
	if r := refusals[len(refusals)-1]; r.Spending == nil || r.HeldBy != by || r.Act != "pay" || r.Stage != logfile.StageReserve {
		t.Errorf("recorded %+v", r.Spending)
	}
}

// TestActIsHeld: the outcome of a call decides whether a second one for the same order is sent, of whatever caller. None is named to another.
func TestActIsHeld(t *testing.T) {
	low := jsonAnswer(400, `{"error_code":"CBC.0100","error_msg":"no"}`)
	for outcome, c := range map[string]struct {
		answer string
		says   string // empty: the second call is sent
	}{
		logfile.Succeeded: {okAnswer, "(succeeded), until 20"},
		logfile.Failed:    {low, ""},
		logfile.Unknown:   {jsonAnswer(502, `{}`), "whose outcome is unknown"},
	} {
		t.Run(outcome, func(t *testing.T) {
			f := start(t, guarded, answering(c.answer))
			first := f.call(t, signed{caller: customerCaller, method: "POST", target: payTarget, body: payBody})
			if r := f.log.only(t, logfile.KindOutcome); r.Outcome != outcome {
				t.Fatalf("outcome %q", r.Outcome)
			}
			got := f.call(t, signed{
				caller: bothCaller, method: "POST", target: "/v2/orders/customer-orders/pay", body: `{"order_id":"cs-1001"}`,
				signHeader: []string{"Tollgate-Credential: acme"},
			})
			if c.says == "" {
				if got.code() != "" || len(f.origin.all()) != 2 {
					t.Errorf("answer %d %s", got.status, got.body)
				}
				return
			}
			f.wantHeld(t, got, callID(first), c.says)
			if f.origin.only(t); strings.Contains(got.body, customerCaller) {
				t.Error("the answer names the caller of another call")
			}
		})
	}
}

// payWhileHeld makes a payment that the origin answers when proceed is closed, and returns when it has arrived there.
func (f *fixture) payWhileHeld(t *testing.T) (c *raw, proceed chan struct{}) {
	arrived, proceed := make(chan struct{}), make(chan struct{})
	f.origin.early = func(net.Conn, *arrival) bool {
		close(arrived)
		<-proceed
		return true
	}
	c = f.dial(t)
	c.write(pay())
	<-arrived
	return c, proceed
}

// TestActIsHeldUnderWay: from before its intent until its outcome, the first call is the only one.
func TestActIsHeldUnderWay(t *testing.T) {
	f := start(t, fixed, guarded)
	c, proceed := f.payWhileHeld(t)
	got := f.send(t, pay())
	close(proceed)
	first := c.answer()
	f.wantHeld(t, got, callID(first), "under way")
	if first.status != 200 {
		t.Errorf("the first call: %d %s", first.status, first.body)
	}
	f.origin.only(t)
}

// TestBadAct: a call that does not say what it is about could be made twice, so it is not sent.
func TestBadAct(t *testing.T) {
	for name, request := range map[string]string{
		"no id":         plain("POST", payTarget, `{}`),
		"no body":       plain("POST", payTarget, ""),
		"an odd id":     payOf("CS 1"),
		"one twice":     plain("POST", "/v2/orders/subscriptions/resources/renew", `{"resource_ids":["r-1","R-1"],"period_type":2,"period_num":1,"expire_policy":0}`),
		"two repeats":   payOf("CS-1001", "Tollgate-Repeat: "+noCall, "Tollgate-Repeat: "+noCall),
		"no call":       payOf("CS-1001", "Tollgate-Repeat: x"),
		"not to repeat": plain("PUT", "/v2/orders/customer-orders/cancel", `{"order_id":"CS-1001"}`, "Tollgate-Repeat: "+noCall),
	} {
		f := start(t, fixed, guarded)
		got := f.send(t, request)
		if got.code() != "TG.1009" {
			t.Errorf("%s: answer %d %s", name, got.status, got.body)
			continue
		}
		f.origin.none(t)
		if r := f.log.only(t, logfile.KindRefusal); r.Stage != logfile.StageDecide {
			t.Errorf("%s: stage %q", name, r.Stage)
		}
	}
}

// noCall is an id that no call has.
const noCall = "00000000-0000-7000-8000-000000000000"

// TestCaps: a call for which a hard cap has no room, or which it cannot count, is not sent, and the answer names the cap.
func TestCaps(t *testing.T) {
	of := func(amount string) map[string]spend.Money {
		return map[string]spend.Money{"CNY": must(spend.ParseMoney(amount))}
	}
	cases := map[string]struct {
		cap          spend.CapConfig
		first        string // is sent
		second, code string
		says         string
	}{
		"money": {
			spend.CapConfig{Each: spend.EachDay, Amount: of("100")}, credit("c-17", "60"), credit("c-17", "40.0001"), "TG.3011",
			`cap "it" of 100.00 CNY each day has no room for the 40.0001 CNY of this call`,
		},
		"calls": {
			spend.CapConfig{Each: spend.EachMonth, Count: 1}, credit("c-17", "60"), credit("c-18", "1"), "TG.3011",
			`cap "it" of 1 call each month has no room for the 1 call of this call`,
		},
		"each call": {
			spend.CapConfig{Each: spend.EachCall, Amount: of("100")}, credit("c-17", "100"), credit("c-17", "100.01"), "TG.3011", `cap "it" of 100.00 CNY each call`,
		},
		"no price": {
			spend.CapConfig{Each: spend.EachDay, Amount: of("100")}, credit("c-17", "1"),
			plain("POST", "/v1.0/"+partnerAccount+"/partner/account-mgr/adjust-amount", `{"customer_id":"c-18","amount":"1","currency":"USD"}`), "TG.3012", `cap "it"`,
		},
	}
	for name, c := range cases {
		c.cap.Name, c.cap.Mode = "it", spend.Hard
		f := start(t, asPartner, capped(c.cap))
		if got := f.send(t, c.first); got.code() != "" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
			continue
		}
		got := f.send(t, c.second)
		if got.code() != c.code || !strings.Contains(got.problem(t).Detail, c.says) || got.header.Get("Retry-After") != "" {
			t.Errorf("%s: %d %s, want %s", name, got.status, got.body, c.says)
		}
		f.origin.only(t)
		if r := f.log.only(t, logfile.KindRefusal); r.Spending == nil || !slices.Equal(r.CapsFull, []string{"it"}) || r.Stage != logfile.StageReserve {
			t.Errorf("%s: recorded %+v", name, r.Spending)
		}
		f.metrics.mutex.Lock()
		if refused := f.metrics.refused[0]; !slices.Equal(refused.CapsFull, []string{"it"}) {
			t.Errorf("%s: metrics observed %+v", name, refused)
		}
		f.metrics.mutex.Unlock()
	}
}

// TestRecordedSpending: the intent has all that guard and caps are built from again, and shows no id of the act in its hashes.
func TestRecordedSpending(t *testing.T) {
	f := start(t, asPartner, capped(
		spend.CapConfig{Name: "money", Per: spend.PerCustomer, Each: spend.EachDay, Zone: "UTC", Amount: map[string]spend.Money{"CNY": 1e8}, Mode: spend.Hard},
		spend.CapConfig{Name: "often", Each: spend.EachMonth, Count: 5, Mode: spend.Soft},
	))
	before := time.Now().UTC()
	f.send(t, credit("c-17", "60.5"))
	r := f.log.only(t, logfile.KindIntent)
	if r.Spending == nil || r.Act != "fund-give" || *r.Price != (logfile.Price{Amount: "60.50", Currency: "CNY", From: "request"}) {
		t.Fatalf("recorded %+v", r.Spending)
	}
	if len(r.Keys) != 1 || r.Keys[0].Window != 600 || len(r.Keys[0].MACs) != 1 || r.MACKey != f.config.MAC.ID() {
		t.Errorf("keys %+v of %s", r.Keys, r.MACKey)
	}
	if len(r.Caps) != 2 {
		t.Fatalf("caps %+v", r.Caps)
	}
	day := r.Caps[0].Period // the test may run over midnight
	if day != before.Format(time.DateOnly) && day != time.Now().UTC().Format(time.DateOnly) {
		t.Errorf("period %q", day)
	}
	if m := r.Caps[0]; m.Cap != "money" || m.Counted != "c-17" || m.Amount != "60.50" || m.Currency != "CNY" || m.Definition == "" {
		t.Errorf("charge %+v", m)
	}
	if o := r.Caps[1]; o.Cap != "often" || o.Amount != "1" || o.Currency != "" || len(o.Period) != len("2026-11") {
		t.Errorf("charge %+v", o)
	}
}

// TestShadow: a guard in shadow mode and a soft cap hold nothing back, and record and count what they would have.
func TestShadow(t *testing.T) {
	f := start(t, fixed, func(f *fixture) {
		f.plan.Spend = must(spend.NewRules(spend.Config{
			Guard: spend.Guard{Mode: spend.Shadow}, Caps: []spend.CapConfig{{Name: "once", Each: spend.EachDay, Count: 1, Mode: spend.Soft}},
		}))
	})
	first := f.send(t, pay())
	if got := f.send(t, pay()); got.status != 200 {
		t.Fatalf("answer %d %s", got.status, got.body)
	}
	intents := f.log.of(logfile.KindIntent)
	if r := intents[0]; r.HeldBy != "" || r.CapsFull != nil {
		t.Errorf("the first: %+v", r.Spending)
	}
	if r := intents[1]; r.HeldBy != callID(first) || !slices.Equal(r.CapsFull, []string{"once"}) {
		t.Errorf("the second: %+v", r.Spending)
	}
	if got := f.metrics.last(); !got.Held || got.Act != "pay" || !slices.Equal(got.CapsFull, []string{"once"}) {
		t.Errorf("metrics observed %+v", got)
	}
}

// TestSpendingUnavailable: while it is not known what others hold and have spent, calls that change something are refused, with or without an
// act, and may be tried again. Reads are served.
func TestSpendingUnavailable(t *testing.T) {
	f := start(t, fixed, guarded)
	f.ledger.down = fmt.Errorf("reading: %w", spend.ErrUnavailable)
	for _, request := range []string{pay(), plain("PUT", "/v2/orders/customer-orders/cancel", `{"order_id":"CS-1001"}`), plain("POST", "/change/x", "x")} {
		got := f.send(t, request)
		if got.wantCode(t, "TG.6013"); got.header.Get("Retry-After") == "" {
			t.Error("without Retry-After")
		}
	}
	f.origin.none(t)
	if got := f.send(t, look()); got.status != 200 {
		t.Errorf("a read: %d %s", got.status, got.body)
	}
	f.ledger.down = nil
	f.ledger.during = func(string) error { return fmt.Errorf("asking: %w", spend.ErrUnavailable) }
	f.send(t, pay()).wantCode(t, "TG.6013")
	f.ledger.during = func(string) error { return errors.New("odd") }
	f.send(t, pay()).wantCode(t, "TG.6013")
}

// TestOrderOfSpending: a call waits for its limits before it reserves, reserves before its signature counts as used and its intent is begun,
// and is settled when its outcome is durable.
func TestOrderOfSpending(t *testing.T) {
	f := start(t, guarded, dialling, func(f *fixture) {
		f.config.Limiter = watchedLimiter{f.config.Limiter, func(*ratelimit.Demand) { f.history.add("limits") }}
		f.config.Replay = watchedReplay{f.config.Replay, func() { f.history.add("marked") }}
	})
	f.call(t, signed{caller: customerCaller, method: "POST", target: payTarget, body: payBody})
	var got []string
	want := []string{"limits", "reserved", "marked", "intent begun", "intent durable", "dial", "outcome begun", "outcome durable", "settled succeeded", "answer begun"}
	for _, event := range f.history.all() {
		if slices.Contains(want, event) {
			got = append(got, event)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("order of events: %q", got)
	}
}

// TestUnsentReleases: a call that ends before its intent holds nothing afterwards, and none is settled as if it had been sent.
func TestUnsentReleases(t *testing.T) {
	kill, frozen := killSwitch()
	for name, set := range map[string]adjustment{
		"a failed intent": func(f *fixture) { f.log.intent = once(fail) },
		"a fault in the log": func(f *fixture) {
			f.log.intent = once(func(context.Context, *logfile.Record) error { return errors.New("odd") })
		},
		"a freeze": func(f *fixture) {
			frozen(f)
			f.ledger.during = func(string) error {
				freezeNow(t, kill, aFreeze("spend", ""))
				return nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, fixed, guarded, set)
			if got := f.send(t, pay()); got.code() == "" {
				t.Fatalf("answer %d %s", got.status, got.body)
			}
			f.origin.none(t)
			if !f.history.has("released") || len(f.ledger.Snapshot().Calls) != 0 {
				t.Errorf("%q; held: %+v", f.history.all(), f.ledger.Snapshot().Calls)
			}
		})
	}
}

// TestReplayReleases: a signature that came before reserves nothing, although its act is free again.
func TestReplayReleases(t *testing.T) {
	f := start(t, guarded, answering(jsonAnswer(400, `{"error_code":"CBC.0100","error_msg":"no"}`)))
	text := signedPay().text(t)
	f.send(t, text)
	f.send(t, text).wantCode(t, "TG.4003")
	if f.origin.only(t); len(f.ledger.Snapshot().Calls) != 0 {
		t.Errorf("held: %+v", f.ledger.Snapshot().Calls)
	}
}

// once does something at the first intent only.
func once(do func(context.Context, *logfile.Record) error) func(context.Context, *logfile.Record) error {
	var first sync.Once
	return func(ctx context.Context, r *logfile.Record) (err error) {
		first.Do(func() { err = do(ctx, r) })
		return err
	}
}

// TestNotSentReleases: of a call that certainly did not go out after its intent, the next one is not held back.
func TestNotSentReleases(t *testing.T) {
	down := true
	f := start(t, fixed, guarded, transport(func(r *upstream.Request) (*upstream.Response, error) {
		if down {
			return nil, &upstream.Error{Err: errors.New("refused")}
		}
		return staticAnswer(r)
	}))
	f.send(t, pay()).wantCode(t, "TG.7001")
	down = false
	if got := f.send(t, pay()); got.status != 200 {
		t.Errorf("answer %d %s", got.status, got.body)
	}
}

// TestLateIntentStaysHeld: an intent that may still reach the disk holds its order until the outcome that withdraws it is durable. If that is
// lost, the outcome of the call is unknown.
func TestLateIntentStaysHeld(t *testing.T) {
	for name, lost := range map[string]error{"durable": nil, "lost": errors.New("the disk is gone")} {
		t.Run(name, func(t *testing.T) {
			f := start(t, fixed, guarded, func(f *fixture) { f.plan.LogDeadline = 20 * time.Millisecond })
			f.log.intent = once(func(ctx context.Context, r *logfile.Record) error {
				r.Seq = 7
				return hang(ctx, r)
			})
			withdrawn := make(chan func(error), 1)
			f.log.ended = func(ended func(error)) { withdrawn <- ended }
			first := f.send(t, pay())
			first.wantCode(t, "TG.6001")
			f.plan.LogDeadline = patience
			f.wantHeld(t, f.send(t, pay()), callID(first), "under way")
			(<-withdrawn)(lost)
			got := f.send(t, pay())
			if lost != nil {
				f.wantHeld(t, got, callID(first), "whose outcome is unknown")
				return
			}
			if got.status != 200 {
				t.Errorf("answer %d %s", got.status, got.body)
			}
		})
	}
}

// TestPartialReleases: what an answer names as failed can be tried again, and the rest not. Where it names something else all is held.
func TestPartialReleases(t *testing.T) {
	unsubscribe := func(ids string) string {
		return plain("POST", "/v2/orders/subscriptions/resources/unsubscribe", `{"resource_ids":[`+ids+`],"unsubscribe_type":1}`)
	}
	for name, c := range map[string]struct {
		failed   string
		released []int
	}{
		"named":        {`[{"resource_id":"r-2"}]`, []int{1}},
		"another":      {`[{"resource_id":"r-9"}]`, nil},
		"also another": {`[{"resource_id":"r-2"},{"resource_id":"r-9"}]`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, fixed, guarded, answering(jsonAnswer(200, `{"order_ids":["o"],"fail_resource_infos":`+c.failed+`}`)))
			f.send(t, unsubscribe(`"r-1","r-2"`))
			r := f.log.only(t, logfile.KindOutcome)
			if r.Outcome != logfile.Partial || (r.Spending == nil) != (c.released == nil) || r.Spending != nil && !slices.Equal(r.Released, c.released) {
				t.Fatalf("%s %+v", r.Outcome, r.Spending)
			}
			if got := f.send(t, unsubscribe(`"r-1"`)); got.code() != "TG.4008" {
				t.Errorf("what was done: %d %s", got.status, got.body)
			}
			if got := f.send(t, unsubscribe(`"r-2"`)); (got.code() == "TG.4008") != (c.released == nil) {
				t.Errorf("what failed: %d %s", got.status, got.body)
			}
		})
	}
}

// TestOneOfAThousand: of a thousand calls at once that pay one order, by all three versions of the API, one is sent.
func TestOneOfAThousand(t *testing.T) {
	sim := bsssim.New(bsssim.Config{Unthrottled: true})
	f := prepare(t, fixed, guarded, simulated(t, sim), bounded(func(b *config.Bounds) {
		b.Calls, b.Bodies, b.AllHeaders = 20000, 1<<30, 1<<30 // so that no share of them refuses any
	}))
	handler := f.gateway.Server("local").Handler
	var all sync.WaitGroup
	begin, answers := make(chan struct{}), make(chan int, 1000)
	for i := range cap(answers) {
		text := []string{
			payOf("CS-1001"), plain("POST", "/v2/orders/customer-orders/pay", `{"order_id":"CS-1001"}`),
			plain("POST", "/v1.0/c-17/customer/order-mgr/order/pay", `{"orderId":"CS-1001"}`),
		}[i%3]
		request, body := template(t, text)
		all.Go(func() {
			w := &nullWriter{header: map[string][]string{}}
			<-begin
			handler.ServeHTTP(w, copyOf(request, body))
			answers <- w.status
		})
	}
	close(begin)
	all.Wait()
	close(answers)
	got := map[int]int{}
	for status := range answers {
		got[status]++
	}
	if got[409] != 999 || len(sim.Calls()) != 1 {
		t.Errorf("%d calls were sent, and they were answered %v", len(sim.Calls()), got)
	}
}
