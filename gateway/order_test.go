package gateway_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/audit"
	"tollgate/audit/logfile"
	"tollgate/gateway"
	"tollgate/internal/setting"
	"tollgate/upstream"
)

// Each effect with a call that the local caller may make.
var effects = []struct{ effect, request string }{
	{"read", look()},
	{"write", plain("PUT", "/v2/orders/customer-orders/cancel", `{"order_id":"CS-1001"}`)},
	{"spend", pay()},
	{"read of an internal app", plain("GET", "/app/x", "")},
	{"write of an internal app", plain("POST", "/change/x", "x")},
}

// Invariant 1: the intent is durable before a byte goes upstream, and before a connection is opened for it.
func TestIntentIsDurableBeforeTheFirstByte(t *testing.T) {
	for _, tt := range effects {
		t.Run(tt.effect, func(t *testing.T) {
			proceed := make(chan struct{})
			f := start(t, fixed, dialling)
			f.log.intent = func(ctx context.Context, _ *logfile.Record) error {
				select {
				case <-proceed:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			c := f.dial(t)
			c.write(tt.request)
			f.history.wait(t, "intent begun")
			if f.history.has("dial") || f.history.has("upstream first byte") {
				t.Errorf("something was sent while the intent was not durable: %q", f.history.all())
			}
			close(proceed)
			if got := c.answer(); got.status != 200 {
				t.Fatalf("answer %d %s", got.status, got.body)
			}
			events := f.history.all()
			durable, dial, first := slices.Index(events, "intent durable"), slices.Index(events, "dial"), slices.Index(events, "upstream first byte")
			if durable < 0 || dial < durable || first < dial {
				t.Errorf("order of events: %q", events)
			}
		})
	}
}

// dialling writes down when connections to the upstream are opened.
func dialling(f *fixture) {
	for _, u := range f.upstream {
		u.Transport = noting{u.Transport, f.history}
	}
}

type noting struct {
	inner   gateway.Transport
	history *history
}

func (n noting) Send(ctx context.Context, r *upstream.Request) (*upstream.Response, error) {
	n.history.add("dial")
	return n.inner.Send(ctx, r)
}

// A log that refuses or hangs stops calls of every effect: nothing is sent, and the caller is answered in time.
func TestNoIntentNoCall(t *testing.T) {
	logs := []struct {
		name   string
		intent func(context.Context, *logfile.Record) error
	}{
		{"failing", fail},
		{"hanging", hang},
		{"failing in another way", func(context.Context, *logfile.Record) error { return errors.New("disk") }},
	}
	for _, log := range logs {
		for _, tt := range effects {
			t.Run(log.name+"/"+tt.effect, func(t *testing.T) {
				f := start(t, fixed, dialling, func(f *fixture) { f.plan.LogDeadline = 20 * time.Millisecond })
				f.log.intent = log.intent
				got := f.send(t, tt.request)
				got.wantCode(t, "TG.6001")
				if got.header.Get("Retry-After") != "1" {
					t.Errorf("Retry-After %q: the call was certainly not sent, so it may be repeated", got.header.Get("Retry-After"))
				}
				if f.history.has("dial") {
					t.Error("the upstream was called")
				}
				f.origin.none(t)
				if r := f.log.only(t, logfile.KindRefusal); r.Reason != "log_unavailable" || r.Caller != localCaller {
					t.Errorf("refusal %+v", r)
				}
				if ended := f.log.of(logfile.KindOutcome); len(ended) != 0 {
					t.Errorf("an outcome without an intent: %+v", ended)
				}
			})
		}
	}
}

// An intent that the log took but could not make durable in time may still reach the disk. It must not look as if the
// call had gone out.
func TestLateIntentIsClosedAsNotSent(t *testing.T) {
	f := start(t, fixed, func(f *fixture) { f.plan.LogDeadline = 20 * time.Millisecond })
	f.log.intent = func(ctx context.Context, r *logfile.Record) error {
		r.Seq = 7
		return hang(ctx, r)
	}
	f.send(t, pay()).wantCode(t, "TG.6001")
	f.origin.none(t)
	if r := f.log.only(t, logfile.KindOutcome); r.Outcome != logfile.NotSent {
		t.Errorf("outcome %q, want not_sent", r.Outcome)
	}
}

// The outcome of what changes something is durable before the answer's first byte.
func TestOutcomeIsDurableBeforeTheAnswer(t *testing.T) {
	answers := []struct{ name, answer, outcome string }{
		{"success", okAnswer, logfile.Succeeded},
		{"failure", jsonAnswer(400, `{"error_code":"CBC.0100","error_msg":"no"}`), logfile.Failed},
		{"no answer", "", logfile.Unknown},
	}
	for _, tt := range effects {
		if strings.HasPrefix(tt.effect, "read") {
			continue
		}
		for _, a := range answers {
			t.Run(tt.effect+"/"+a.name, func(t *testing.T) {
				f := start(t, fixed, answering(a.answer))
				if a.answer == "" {
					f.origin.answer = func(net.Conn, *arrival) bool { return false }
				}
				f.send(t, tt.request)
				events := f.history.all()
				durable, answered := slices.Index(events, "outcome durable"), slices.Index(events, "answer begun")
				if durable < 0 || answered < durable {
					t.Errorf("order of events: %q", events)
				}
				if r := f.log.only(t, logfile.KindOutcome); r.Outcome != a.outcome {
					t.Errorf("outcome %q, want %q", r.Outcome, a.outcome)
				}
			})
		}
	}
}

// A log that fails after the call was sent never replaces the upstream's answer.
func TestFailingOutcomeKeepsTheAnswer(t *testing.T) {
	for name, outcome := range map[string]func(context.Context, *logfile.Record) error{"failing": fail, "hanging": hang} {
		t.Run(name, func(t *testing.T) {
			f := start(t, fixed, answering(jsonAnswer(200, `{"order_ids":["CS-9"]}`)), func(f *fixture) { f.plan.LogDeadline = 20 * time.Millisecond })
			f.log.outcome = outcome
			got := f.send(t, pay())
			if got.status != 200 || got.body != `{"order_ids":["CS-9"]}` {
				t.Errorf("answer %d %s, want the upstream's", got.status, got.body)
			}
			if f.logs.FilterMessage("outcome is not durable").Len() != 1 {
				t.Error("the log does not say that the outcome is not durable")
			}
		})
	}
}

// Reads do not wait for their outcome to be durable.
func TestReadsDoNotWaitForTheirOutcome(t *testing.T) {
	f := start(t, fixed)
	f.log.outcome = hang
	if got := f.send(t, look()); got.status != 200 {
		t.Fatalf("answer %d", got.status)
	}
	if f.history.has("outcome begun") {
		t.Error("a read waited for its outcome")
	}
	if r := f.log.only(t, logfile.KindOutcome); r.Outcome != logfile.Succeeded {
		t.Errorf("outcome %q", r.Outcome)
	}
}

// The same with the real log on disk: when the upstream sees the call, the intent can be read from the file; when the
// caller sees the answer of a payment, the outcome can.
func TestRealLogIsAheadOfTheCall(t *testing.T) {
	dir := t.TempDir()
	log, _, err := audit.Open(audit.Options{Config: audit.Config{Dir: dir}})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close(context.Background())
	count := func(kind logfile.Kind) (n int) {
		err := logfile.Read(dir, func(r *logfile.Record, _ []byte) error {
			if r.Kind == kind {
				n++
			}
			return nil
		})
		if err != nil {
			t.Errorf("reading the log: %v", err)
		}
		return n
	}
	f := start(t, fixed, func(f *fixture) { f.config.Log = log })
	intents := make(chan int, 1)
	f.origin.early = func(net.Conn, *arrival) bool {
		intents <- count(logfile.KindIntent)
		return true
	}
	for i, tt := range effects {
		if got := f.send(t, tt.request); got.status != 200 {
			t.Fatalf("%s: answer %d %s", tt.effect, got.status, got.body)
		}
		if n := <-intents; n != i+1 {
			t.Errorf("%s: %d intents on disk when the upstream saw the call, want %d", tt.effect, n, i+1)
		}
		if n := count(logfile.KindOutcome); strings.HasPrefix(tt.effect, "write") && n != i+1 {
			t.Errorf("%s: %d outcomes on disk when the caller saw the answer, want %d", tt.effect, n, i+1)
		}
	}
}

// A closed log admits nothing.
func TestClosedLogAdmitsNothing(t *testing.T) {
	log, _, err := audit.Open(audit.Options{Config: audit.Config{Dir: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	f := start(t, fixed, func(f *fixture) { f.config.Log = log })
	f.send(t, pay()).wantCode(t, "TG.6001")
	f.origin.none(t)
}

// What is recorded of a whole call.
func TestRecordsOfACall(t *testing.T) {
	f := start(t, fixed, answering(jsonAnswer(200, `{"order_ids":["CS-9"]}`, "X-Request-Id: req-1")))
	got := f.send(t, pay())
	id := got.header.Get("Tollgate-Call-Id")
	intent, outcome := f.log.only(t, logfile.KindIntent), f.log.only(t, logfile.KindOutcome)
	wants := []struct{ name, got, want string }{
		{"call of the intent", intent.Call, id}, {"call of the outcome", outcome.Call, id},
		{"caller", intent.Caller, localCaller}, {"by", intent.IdentifiedBy, "listener"}, {"source", intent.Source, "127.0.0.1"},
		{"operation", intent.Operation, "PayOrders"}, {"effect", intent.Effect, "spend"}, {"upstream", intent.Upstream, "bss"},
		{"path", intent.Path, payTarget}, {"method", intent.Method, "POST"}, {"decision", intent.Decision, logfile.Allowed},
		{"credential", intent.Credential, "acme"}, {"class", intent.Class, "customer"}, {"access key", intent.AccessKey, upstreamKeyOf("acme")},
		{"account", intent.Account, customerAccount}, {"account of the outcome", outcome.Account, customerAccount},
		{"provider's request id", outcome.RequestID, "req-1"}, {"result", outcome.Result, "success"}, {"result from", outcome.ResultFrom, "body"},
		{"outcome", outcome.Outcome, logfile.Succeeded},
	}
	for _, w := range wants {
		if w.got != w.want {
			t.Errorf("%s: %q, want %q", w.name, w.got, w.want)
		}
	}
	if i := slices.IndexFunc(intent.Fields, func(f logfile.Field) bool { return f.Name == "order_id" }); i < 0 || intent.Fields[i].Values[0] != "CS-1001" {
		t.Errorf("fields of the intent: %+v", intent.Fields)
	}
	if refused, observed := f.metrics.counts(); refused != 0 || observed != 1 {
		t.Errorf("metrics counted %d refusals and %d ends", refused, observed)
	}
}

// What cannot be reached was not sent, and the outcome says so.
func TestUnreachableUpstreamIsNotSent(t *testing.T) {
	f := start(t, fixed, func(f *fixture) {
		transport := upstream.New(upstream.Config{URL: setting.Target{Scheme: "http", Host: "absent", Socket: t.TempDir() + "/none.sock"}}, nil)
		t.Cleanup(transport.Close)
		f.upstream["bss"].Transport = transport
	})
	got := f.send(t, pay())
	got.wantCode(t, "TG.7001")
	if r := f.log.only(t, logfile.KindOutcome); r.Outcome != logfile.NotSent || r.Reason != "not_sent" {
		t.Errorf("outcome %q %q", r.Outcome, r.Reason)
	}
}

// So was not what the rules for addresses, or a proxy, kept from the upstream. The answer says which of the two.
func TestForbiddenWaysAreNotSent(t *testing.T) {
	target := setting.Target{Scheme: "http", Host: "127.0.0.1:9"}
	for want, way := range map[string]upstream.Config{
		"is at an address that the gateway must not connect to": {URL: target, Addresses: []upstream.Network{{Public: true}}},
		"cannot be reached through its proxy":                   {URL: target, Proxy: upstream.Proxy{Host: "127.0.0.1:0"}},
	} {
		f := start(t, fixed, func(f *fixture) {
			transport := upstream.New(way, nil)
			t.Cleanup(transport.Close)
			f.upstream["bss"].Transport = transport
		})
		got := f.send(t, pay())
		got.wantCode(t, "TG.7001")
		if detail := got.problem(t).Detail; detail != "upstream bss "+want+"; no byte of the call was sent" {
			t.Errorf("the answer says %q", detail)
		}
		if r := f.log.only(t, logfile.KindOutcome); r.Outcome != logfile.NotSent || r.Reason != "not_sent" {
			t.Errorf("%s: outcome %q %q", want, r.Outcome, r.Reason)
		}
	}
}
