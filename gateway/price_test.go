package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/freeze"
	"tollgate/gateway"
	"tollgate/grants"
	"tollgate/internal/bsssim"
	"tollgate/ratelimit"
	"tollgate/spend"
	"tollgate/spend/acts"
	"tollgate/upstream"
)

const orderPath = "GET /v2/orders/customer-orders/details/"

// daily is a hard cap of a day.
func daily(amount string) spend.CapConfig {
	limit := must(spend.ParseMoney(amount))
	return spend.CapConfig{Name: "daily", Each: spend.EachDay, Amount: map[string]spend.Money{"CNY": limit}, Mode: spend.Hard}
}

// showing answers reads of orders with this text, and payments with success.
func showing(text string) adjustment {
	return func(f *fixture) {
		f.origin.answer = func(c net.Conn, a *arrival) bool {
			answer := okAnswer
			if strings.HasPrefix(a.line, orderPath) {
				answer = text
			}
			_, err := io.WriteString(c, answer)
			return err == nil
		}
	}
}

// order is the answer about CS-1001, with these members.
func order(members string) string {
	return jsonAnswer(200, `{"order_info":{"order_id":"CS-1001",`+members+`}}`)
}

// lines are the request lines that arrived, without their queries.
func (f *fixture) lines() (all []string) {
	for _, a := range f.origin.all() {
		method, rest, _ := strings.Cut(a.line, " ")
		path, _, _ := strings.Cut(rest, " ")
		all = append(all, method+" "+path)
	}
	return all
}

// TestPriceIsRead: where a cap of money counts a payment, its price is read by one call of the gateway's own, which has its own intent and
// outcome, is signed by the call's credential, and is no call of the caller's for limits and metrics.
func TestPriceIsRead(t *testing.T) {
	f := start(t, fixed, capped(daily("100")), showing(order(`"amount_after_discount":99.5,"currency":"CNY","measure_id":1`)), func(f *fixture) {
		f.plan.Limits = must(ratelimit.NewRules(ratelimit.Config{Rules: []ratelimit.Rule{{
			Name: "one", Callers: []string{localCaller}, Rate: 0.001, Burst: 1,
		}}}))
		f.plan.Grants = f.table(t, []grants.Grant{{Caller: localCaller, Upstream: "bss", Operations: []string{"PayOrders"}, Credential: "acme"}})
	})
	got := f.send(t, pay())
	if want := []string{orderPath + "CS-1001", "POST " + payTarget}; got.status != 200 || !slices.Equal(f.lines(), want) {
		t.Fatalf("answer %d %s, sent %q", got.status, got.body, f.lines())
	}
	for _, a := range f.origin.all() {
		if key := a.upstreamAccessKey(t); key != upstreamKeyOf("acme") {
			t.Errorf("%s is signed by %s", a.line, key)
		}
	}
	intents, outcomes := f.log.of(logfile.KindIntent), f.log.of(logfile.KindOutcome)
	if len(intents) != 2 || len(outcomes) != 2 {
		t.Fatalf("%d intents, %d outcomes", len(intents), len(outcomes))
	}
	read, paid := intents[0], intents[1]
	if read.For != callID(got) || read.Caller != "" || read.Operation != "ShowCustomerOrderDetails" || read.Credential != "acme" || read.Call == paid.Call {
		t.Errorf("the read: %+v %+v", read, read.Spending)
	}
	if o := outcomes[0]; o.Call != read.Call || o.For != callID(got) || o.Outcome != logfile.Succeeded {
		t.Errorf("its outcome: %+v %+v", o, o.Spending)
	}
	if want := (logfile.Price{Amount: "99.50", Currency: "CNY", From: "order", Call: read.Call}); paid.Price == nil || *paid.Price != want {
		t.Errorf("price %+v, want %+v", paid.Price, want)
	}
	if own := f.metrics.observed[0]; own.Caller != "(gateway)" || own.Operation != "ShowCustomerOrderDetails" {
		t.Errorf("metrics have it as %+v", own)
	}
}

// TestPriceIsReserved: the price that was read, rounded up, is what a cap has less room for.
func TestPriceIsReserved(t *testing.T) {
	for amount, c := range map[string]struct {
		limit, price string
	}{
		`99`:                          {"99", "99.00"},
		`"99.00"`:                     {"99", "99.00"},
		`9.9e1`:                       {"99", "99.00"},
		`990E-1`:                      {"99", "99.00"},
		`10000.00001`:                 {"10000.0001", "10000.0001"},
		`10000.0001`:                  {"10000.0001", "10000.0001"},
		`0.1`:                         {"0.1", "0.10"},
		`0`:                           {"0.0001", "0.00"},
		`9007199254740.993`:           {"", ""}, // beyond a trillion
		`999999999999.9999`:           {"999999999999.9999", "999999999999.9999"},
		`1000000000000.00001`:         {"", ""},
		`1e400`:                       {"", ""},
		`1e-41`:                       {"", ""},
		`-1`:                          {"", ""},
		`"99 CNY"`:                    {"", ""},
		`"NaN"`:                       {"", ""},
		`"0x63"`:                      {"", ""},
		`1` + strings.Repeat("0", 70): {"", ""},
	} {
		t.Run(amount, func(t *testing.T) {
			answer := showing(order(`"amount_after_discount":` + amount + `,"currency":"CNY","measure_id":1`))
			if c.limit == "" {
				f := start(t, fixed, capped(daily("1000000000000")), answer)
				f.wantUnpriced(t, f.send(t, pay()), 1)
				return
			}
			f := start(t, fixed, capped(daily(c.limit)), answer)
			if got := f.send(t, pay()); got.status != 200 {
				t.Fatalf("answer %d %s", got.status, got.body)
			}
			if p := f.log.of(logfile.KindIntent)[1].Price; p.Amount != c.price {
				t.Errorf("price %s, want %s", p.Amount, c.price)
			}
			if m := must(spend.ParseMoney(c.limit)); m > 1 {
				f = start(t, fixed, capped(daily((m - 1).String())), answer)
				f.send(t, pay()).wantCode(t, "TG.3011")
				if len(f.lines()) != 1 {
					t.Errorf("sent %q", f.lines())
				}
			}
		})
	}
}

// wantUnpriced checks a call that was refused since its price is not known, after so many reads.
func (f *fixture) wantUnpriced(t *testing.T, got *reply, reads int) {
	t.Helper()
	got.wantCode(t, "TG.3012")
	if got.status != 403 || got.header.Get("Retry-After") != "" {
		t.Errorf("status %d, Retry-After %q", got.status, got.header.Get("Retry-After"))
	}
	refusals := f.log.of(logfile.KindRefusal)
	if len(refusals) == 0 {
		t.Fatal("no refusal is recorded")
	}
	r := refusals[len(refusals)-1]
	if _, why, said := strings.Cut(r.Detail, "not known beforehand"); !said || !strings.Contains(why, ": ") || r.Price != nil {
		t.Errorf("recorded %q %+v", r.Detail, r.Price)
	}
	if lines := f.lines(); len(lines) != reads || slices.Contains(lines, "POST "+payTarget) {
		t.Errorf("sent %q, want %d reads", lines, reads)
	}
}

// TestUnpriced: whatever goes wrong with the read leaves the call without a price, and a hard cap refuses it.
func TestUnpriced(t *testing.T) {
	const whole = `"amount_after_discount":99,"currency":"CNY","measure_id":1`
	for name, answer := range map[string]string{
		"no currency":        order(`"amount_after_discount":99,"measure_id":1`),
		"an empty currency":  order(`"amount_after_discount":99,"currency":"","measure_id":1`),
		"null":               order(`"amount_after_discount":99,"currency":null,"measure_id":1`),
		"two currencies":     order(`"amount_after_discount":99,"currency":"CNY","currency":"USD","measure_id":1`),
		"no measure":         order(`"amount_after_discount":99,"currency":"CNY"`),
		"another measure":    order(`"amount_after_discount":99,"currency":"CNY","measure_id":3`),
		"a long measure":     order(`"amount_after_discount":99,"currency":"CNY","measure_id":1.0`),
		"no amount":          order(`"currency":"CNY","measure_id":1`),
		"two amounts":        order(whole + `,"amount_after_discount":1`),
		"another spelling":   order(whole + `,"Amount_After_Discount":1`),
		"another order":      jsonAnswer(200, `{"order_info":{"order_id":"CS-2",`+whole+`}}`),
		"no order":           jsonAnswer(200, `{"order_info":{`+whole+`}}`),
		"nothing":            okAnswer,
		"no JSON":            jsonAnswer(200, `{"order_info":`),
		"a list":             jsonAnswer(200, `{"order_info":[{"order_id":"CS-1001",`+whole+`}]}`),
		"refused":            jsonAnswer(403, `{"error_code":"CBC.0151","error_msg":"no"}`),
		"an error in a 200":  jsonAnswer(200, `{"error_code":"CBC.0151","order_info":{"order_id":"CS-1001",`+whole+`}}`),
		"a server error":     jsonAnswer(502, `{}`),
		"a redirect":         jsonAnswer(302, `{}`, "Location: /x"),
		"too many":           jsonAnswer(429, `{}`),
		"too large":          jsonAnswer(200, `{"order_info":{"order_id":"CS-1001",`+whole+`},"x":"`+strings.Repeat("x", 64<<10)+`"}`),
		"rejected signature": jsonAnswer(401, `{"error_code":"APIG.0301","error_msg":"Incorrect IAM authentication information: verify aksk signature fail"}`),
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, fixed, capped(daily("1000000")), showing(answer))
			f.wantUnpriced(t, f.send(t, pay()), 1)
			if held := f.ledger.Snapshot().Calls; len(held) != 0 {
				t.Errorf("still held: %+v", held)
			}
		})
	}
}

// TestUnpricedSaysTheCode: a caller that pays an order which the provider does not know learns the provider's code, and nothing else of the answer.
func TestUnpricedSaysTheCode(t *testing.T) {
	for answer, want := range map[string]string{
		jsonAnswer(400, `{"error_code":"CBC.30000010","error_msg":"TEXT"}`):                                                              "is not known beforehand, as the provider answered CBC.30000010 when the gateway asked for it",
		jsonAnswer(400, `{"error_code":"CBC.1\u001b[31m TEXT","error_msg":"no"}`):                                                        "is not known beforehand",
		jsonAnswer(401, `{"error_code":"APIG.0301","error_msg":"Incorrect IAM authentication information: verify aksk signature fail"}`): "is not known beforehand",
	} {
		f := start(t, fixed, capped(daily("1000000")), showing(answer))
		got := f.send(t, pay())
		f.wantUnpriced(t, got, 1)
		if detail := got.problem(t).Detail; !strings.HasSuffix(detail, want) || strings.Contains(got.body, "TEXT") {
			t.Errorf("%s", got.body)
		}
	}
}

// TestHeldWithoutPrice: an act that another call holds is refused for that, also while the provider does not say what it costs.
func TestHeldWithoutPrice(t *testing.T) {
	f := start(t, fixed, capped(daily("1000")), showing(order(`"amount_after_discount":99,"currency":"CNY","measure_id":1`)))
	first := f.send(t, pay())
	f.origin.set(saying(jsonAnswer(502, `{}`)), nil)
	got := f.send(t, pay())
	got.wantCode(t, "TG.4008")
	if first.status != 200 || !strings.Contains(got.body, callID(first)) || len(f.lines()) != 3 {
		t.Errorf("answers %d, %s after %q", first.status, got.body, f.lines())
	}
	got = f.send(t, payOf("CS-1002"))
	got.wantCode(t, "TG.3012")
	if n := len(f.ledger.Snapshot().Calls); n != 1 {
		t.Errorf("%d calls hold something", n)
	}
}

// TestUnpricedSoft: a soft cap counts a call without a price, and one that assumes a price counts that.
func TestUnpricedSoft(t *testing.T) {
	soft, assuming := daily("1000"), daily("1000")
	soft.Mode = spend.Soft
	assuming.Unpriced = spend.Unpriced{Assume: spend.Price{Amount: must(spend.ParseMoney("600")), Currency: "CNY"}}
	for name, c := range map[string]spend.CapConfig{"soft": soft, "assuming": assuming} {
		f := start(t, fixed, capped(c), showing(okAnswer))
		if got := f.send(t, pay()); got.status != 200 || len(f.lines()) != 2 {
			t.Errorf("%s: answer %d %s after %q", name, got.status, got.body, f.lines())
		}
		if charge := f.log.of(logfile.KindIntent)[1].Caps[0]; !charge.Unpriced {
			t.Errorf("%s: %+v", name, charge)
		}
	}
}

// TestOtherCurrency: a price in a currency that a hard cap does not name is refused.
func TestOtherCurrency(t *testing.T) {
	f := start(t, fixed, capped(daily("1000000")), showing(order(`"amount_after_discount":1,"currency":"USD","measure_id":1`)))
	got := f.send(t, pay())
	got.wantCode(t, "TG.3012")
	if !strings.Contains(got.body, "USD") || len(f.lines()) != 1 {
		t.Errorf("answer %s after %q", got.body, f.lines())
	}
}

// TestNoReadWithoutNeed: only calls that a cap of money covers and that do not say what they cost cause a read.
func TestNoReadWithoutNeed(t *testing.T) {
	const renewal = "/v2/orders/subscriptions/resources/renew"
	of := func(change func(*spend.CapConfig)) adjustment {
		c := daily("1000")
		change(&c)
		return capped(c)
	}
	for name, c := range map[string]struct {
		caps    adjustment
		request string
	}{
		"no cap":          {guarded, pay()},
		"by count":        {capped(spend.CapConfig{Name: "n", Each: spend.EachDay, Count: 9, Mode: spend.Hard}), pay()},
		"another caller":  {of(func(c *spend.CapConfig) { c.Match.Callers = []string{partnerCaller} }), pay()},
		"another unit":    {of(func(c *spend.CapConfig) { c.Units = []spend.Unit{spend.Coupon} }), pay()},
		"a read":          {of(func(*spend.CapConfig) {}), look()},
		"no payment yet":  {of(func(*spend.CapConfig) {}), plain("POST", renewal, `{"resource_ids":["r-1"],"period_type":2,"period_num":1,"is_auto_pay":0}`)},
		"says its amount": {of(func(*spend.CapConfig) {}), plain("POST", "/v2/accounts/partner-accounts/adjust-amount", `{"customer_id":"c-7","amount":1}`)},
	} {
		f := start(t, fixed, c.caps, func(f *fixture) {
			f.plan.Grants = f.table(t, append(usualGrants(f.credentials), grants.Grant{
				Caller: localCaller, Upstream: "bss", Operations: []string{"UpdateCustomerAccountAmount"}, Credential: "partner-main",
			}))
		})
		if got := f.send(t, c.request); got.status != 200 || len(f.lines()) != 1 {
			t.Errorf("%s: answer %d %s after %q", name, got.status, got.body, f.lines())
		}
	}
}

// TestPriceOfOddIDs: an order id that leads elsewhere in a path is not looked up, nor are several orders.
func TestPriceOfOddIDs(t *testing.T) {
	for name, request := range map[string]string{
		"up":      payOf(".."),
		"here":    payOf("."),
		"several": plain("POST", "/v1.0/c-1/customer/order-mgr/order/pay", `{"order_id":"CS-1","orderId":"CS-2"}`),
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, fixed, capped(daily("1000")), showing(order(`"amount_after_discount":1,"currency":"CNY","measure_id":1`)))
			f.wantUnpriced(t, f.send(t, request), 0)
		})
	}
}

// TestPriceInTime: a provider that does not answer leaves a call without a price when the time of the read is over, however long the
// call itself may take.
func TestPriceInTime(t *testing.T) {
	defer gateway.OwnTime(50 * time.Millisecond)()
	f := start(t, fixed, capped(daily("1000")))
	release := make(chan struct{})
	defer close(release)
	f.origin.set(func(net.Conn, *arrival) bool { <-release; return false }, nil)
	f.wantUnpriced(t, f.send(t, pay()), 1)
	if o := f.log.only(t, logfile.KindOutcome); o.Outcome != logfile.Unknown || o.For == "" {
		t.Errorf("outcome %+v", o)
	}
}

// timed keeps how long exchanges may take at the most: a deadline is late by an eighth.
type timed struct{ longest time.Duration }

func (s *timed) Send(_ context.Context, r *upstream.Request) (*upstream.Response, error) {
	s.longest = max(s.longest, time.Until(r.Deadline)*9/8)
	return nil, &upstream.Error{Err: io.ErrUnexpectedEOF}
}

// TestPriceTakesThreeSeconds at the most, late deadlines included.
func TestPriceTakesThreeSeconds(t *testing.T) {
	sent := new(timed)
	f := start(t, fixed, capped(daily("1000")), func(f *fixture) { f.upstream["bss"].Transport = sent })
	f.wantUnpriced(t, f.send(t, pay()), 0)
	if sent.longest <= 0 || sent.longest > 3*time.Second {
		t.Errorf("the read may take %v", sent.longest)
	}
}

// TestPriceWithoutLog: the read is not sent without its intent, and does not wait for it longer than for all else.
func TestPriceWithoutLog(t *testing.T) {
	defer gateway.OwnTime(50 * time.Millisecond)()
	f := start(t, fixed, capped(daily("1000")))
	f.log.intent = hang
	f.wantUnpriced(t, f.send(t, pay()), 0)
}

// TestPriceOverQuota: the read counts against the published quota of its operation, and waits for it no longer than a call does.
func TestPriceOverQuota(t *testing.T) {
	defer gateway.OwnTime(50 * time.Millisecond)()
	f := start(t, fixed, capped(daily("1000000")), showing(order(`"amount_after_discount":1,"currency":"CNY","measure_id":1`)), func(f *fixture) {
		f.plan.Limits = must(ratelimit.NewRules(ratelimit.Config{Rules: []ratelimit.Rule{{
			Name: "slow", Operations: []string{"ShowCustomerOrderDetails"}, Per: []ratelimit.Dimension{ratelimit.ByCredential}, Rate: 0.001, Burst: 1,
		}}}))
	})
	if got := f.send(t, pay()); got.status != 200 {
		t.Fatalf("answer %d %s", got.status, got.body)
	}
	got := f.send(t, payOf("CS-1002"))
	got.wantCode(t, "TG.3012")
	if len(f.lines()) != 2 || len(f.log.of(logfile.KindRefusal)) != 2 {
		t.Errorf("sent %q", f.lines())
	}
	if r := f.log.of(logfile.KindRefusal)[0]; r.For != callID(got) || r.Stage != logfile.StageLimit || r.Caller != "" {
		t.Errorf("the read's refusal: %+v", r)
	}
}

// TestPriceStops: a freeze that comes after the call was decided on, and a pause of its credential, stop the read as they do the call.
func TestPriceStops(t *testing.T) {
	for _, subject := range []freeze.Subject{
		{Kind: freeze.All}, {Kind: freeze.Caller, Name: localCaller}, {Kind: freeze.Credential, Name: "acme"}, {Kind: freeze.Customer, Name: customerAccount},
	} {
		kill, frozen := killSwitch()
		f := start(t, fixed, frozen, capped(daily("1000")))
		f.log.intent = once(func(_ context.Context, _ *logfile.Record) error { // of the read: the freeze comes before its last check
			freezeNow(t, kill, aFreeze(subject.Kind, subject.Name))
			return nil
		})
		got := f.send(t, pay())
		if got.status != 403 || len(f.lines()) != 0 {
			t.Errorf("%v: answer %d %s after %q", subject, got.status, got.body, f.lines())
		}
	}
}

// TestPriceWhilePaused: while the call's credential is paused nothing is read.
func TestPriceWhilePaused(t *testing.T) {
	f := start(t, fixed, capped(daily("1000")), showing(rejection("APIG.0301", "verify aksk signature fail")))
	f.wantUnpriced(t, f.send(t, pay()), 1)
	if _, paused := f.credentials["acme"].Paused(); !paused {
		t.Fatal("the credential is not paused")
	}
	f.wantUnpriced(t, f.send(t, pay()), 1)
}

// TestPriceAtTheSimulator: payments and renewals are priced as the provider prices them, and charged so.
func TestPriceAtTheSimulator(t *testing.T) {
	const renewal = "/v2/orders/subscriptions/resources/renew"
	renew := func(ids, count string) string {
		return fmt.Sprintf(`{"resource_ids":[%s],"period_type":2,"period_num":%s,"is_auto_pay":1}`, ids, count)
	}
	for name, c := range map[string]struct{ target, body, price, from string }{
		"order":          {payTarget, `{"order_id":"CS-1001"}`, "99.00", "order"},
		"v1":             {"/v1.0/c-17/customer/order-mgr/order/pay", `{"orderId":"CS-1001"}`, "99.00", "order"},
		"renewal":        {renewal, renew(`"res-1","res-2"`, "3"), "180.00", "renewal"},
		"v1 renewal":     {"/v1.0/c-17/common/order-mgr/resources/renew", `{"resourceIds":["res-1"],"periodType":2,"periodNum":1,"isAutoPay":1}`, "30.00", "renewal"},
		"one of two":     {renewal, renew(`"res-1","res-9"`, "3"), "", ""},
		"no such order":  {payTarget, `{"order_id":"CS-9"}`, "", ""},
		"another's":      {payTarget, `{"order_id":"CS-2001"}`, "", ""},
		"no period":      {renewal, `{"resource_ids":["res-1"],"is_auto_pay":1}`, "", ""},
		"an odd period":  {renewal, renew(`"res-1"`, "1e3"), "", ""},
		"a large period": {renewal, renew(`"res-1"`, "300"), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			sim := bsssim.New(bsssim.Config{Unthrottled: true})
			f := start(t, simulated(t, sim), capped(daily("500")))
			got := f.call(t, signed{caller: customerCaller, method: "POST", target: c.target, body: c.body})
			if c.price == "" {
				got.wantCode(t, "TG.3012")
				return
			}
			if got.status/100 != 2 {
				t.Fatalf("answer %d %s", got.status, got.body)
			}
			intents := f.log.of(logfile.KindIntent)
			if p := intents[len(intents)-1].Price; len(intents) != 2 || p == nil || p.Amount != c.price || p.Currency != "CNY" || p.From != c.from || p.Call != intents[0].Call {
				t.Errorf("%d intents, price %+v", len(intents), p)
			}
		})
	}
}

// TestLook: the outcome of a call is looked up by the credential that it was sent with, and by no other.
func TestLook(t *testing.T) {
	f := start(t, fixed, showing(order(`"status":5`)))
	query := must(acts.OrderQuery("cn", "CS-1001"))
	of := gateway.Lookup{Call: "c-1", Caller: localCaller, Upstream: "bss", Credential: "acme", Account: customerAccount, Query: query}
	found, err := f.gateway.Look(t.Context(), &of)
	if err != nil || found.Call == "" {
		t.Fatal(err)
	}
	if paid, err := acts.ReadPaid("CS-1001", &found.Result, found.Body); err != nil || !paid {
		t.Errorf("paid: %v %v", paid, err)
	}
	if r := f.log.only(t, logfile.KindIntent); r.For != "c-1" || r.Credential != "acme" {
		t.Errorf("recorded %+v", r)
	}
	for name, change := range map[string]func(*gateway.Lookup){
		"another account": func(l *gateway.Lookup) { l.Account = "c-2" },
		"no credential":   func(l *gateway.Lookup) { l.Credential = "gone" },
		"no upstream":     func(l *gateway.Lookup) { l.Upstream = "gone" },
		"an internal app": func(l *gateway.Lookup) { l.Upstream = "app" },
		"no account's":    func(l *gateway.Lookup) { l.Account = "" },
		"another site":    func(l *gateway.Lookup) { l.Query = must(acts.OrderQuery("intl", "CS-1001")) },
	} {
		other := of
		change(&other)
		if _, err := f.gateway.Look(t.Context(), &other); err == nil {
			t.Errorf("%s: it was read", name)
		}
	}
	f.origin.only(t)
}
