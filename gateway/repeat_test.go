package gateway_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"tollgate/audit/logfile"
)

// repeating lets the callers with the customer's credential repeat acts.
func repeating(t *testing.T) adjustment {
	return func(f *fixture) {
		given := usualGrants(f.credentials)
		for i := range given {
			given[i].MayRepeat = given[i].Caller == customerCaller || given[i].Caller == localCaller
		}
		f.plan.Grants = f.table(t, given)
	}
}

// repeatOf pays the order once more, which the named call has paid.
func repeatOf(call string) string { return payOf("CS-1001", "Tollgate-Repeat: "+call) }

// TestRepeat: a caller that may can do an act once more by naming the call that holds it. Each call is repeated once, and the repeat holds
// from then on. The header goes no further.
func TestRepeat(t *testing.T) {
	f := start(t, fixed, guarded, repeating(t))
	first := callID(f.send(t, pay()))
	f.wantHeld(t, f.send(t, repeatOf(noCall)), first, "send Tollgate-Repeat: "+first)
	got := f.send(t, repeatOf(first))
	if got.status != 200 {
		t.Fatalf("answer %d %s", got.status, got.body)
	}
	second := callID(got)
	f.wantHeld(t, f.send(t, repeatOf(first)), second, "send Tollgate-Repeat: "+second)
	f.wantHeld(t, f.send(t, pay()), second, "(succeeded)")
	sent := f.origin.all()
	if len(sent) != 2 || strings.Contains(strings.Join(sent[1].header, "\n"), "Tollgate") {
		t.Errorf("the upstream got %q", sent)
	}
	intents := f.log.of(logfile.KindIntent)
	if len(intents) != 2 || intents[0].Repeats != "" || intents[1].Repeats != first {
		t.Errorf("intents: %+v", intents)
	}
	if r := f.log.only(t, logfile.KindEvent); r.Event != logfile.EventRepeated || r.Subject != first || r.Data["call"] != second || r.Caller != localCaller || r.Data["allowed_by"] != "" {
		t.Errorf("event %+v", r)
	}
}

// TestRepeatOfNothing: a call that names one which holds nothing is a first one.
func TestRepeatOfNothing(t *testing.T) {
	f := start(t, fixed, guarded, repeating(t))
	if got := f.send(t, repeatOf(noCall)); got.status != 200 {
		t.Fatalf("answer %d %s", got.status, got.body)
	}
	if r := f.log.only(t, logfile.KindIntent); r.Repeats != "" || len(f.log.of(logfile.KindEvent)) != 0 {
		t.Errorf("recorded %+v", r.Spending)
	}
}

// TestRepeatNeedsAGrant: without may_repeat the header refuses the call, also where nothing is held.
func TestRepeatNeedsAGrant(t *testing.T) {
	f := start(t, fixed, guarded)
	f.send(t, repeatOf(noCall)).wantCode(t, "TG.3013")
	f.origin.none(t)
}

// TestRepeatMustBeSigned: one who copies a signed call cannot have it done once more by adding a header.
func TestRepeatMustBeSigned(t *testing.T) {
	f := start(t, guarded, repeating(t))
	call := signed{caller: customerCaller, method: "POST", target: payTarget, body: payBody}
	first := callID(f.call(t, call))
	unsigned := call
	unsigned.header = []string{"Tollgate-Repeat: " + first}
	f.call(t, unsigned).wantCode(t, "TG.2006")
	f.origin.only(t)
	call.signHeader = []string{"Tollgate-Repeat: " + first}
	if got := f.call(t, call); got.status != 200 {
		t.Errorf("answer %d %s", got.status, got.body)
	}
}

// TestNothingRepeatsWhatIsOpen: a call that is under way, or whose outcome is unknown, is not repeated.
func TestNothingRepeatsWhatIsOpen(t *testing.T) {
	f := start(t, fixed, guarded, repeating(t), answering(jsonAnswer(502, `{}`)))
	first := callID(f.send(t, pay()))
	f.wantHeld(t, f.send(t, repeatOf(first)), first, "whose outcome is unknown")

	f = start(t, fixed, guarded, repeating(t))
	c, proceed := f.payWhileHeld(t)
	under := f.log.only(t, logfile.KindIntent).Call
	got := f.send(t, repeatOf(under))
	close(proceed)
	c.answer()
	f.wantHeld(t, got, under, "under way")
	f.origin.only(t)
}

// TestRepeatThatOperatorsAllow: the next equal call passes once, without a header and a grant for it.
func TestRepeatThatOperatorsAllow(t *testing.T) {
	f := start(t, fixed, guarded)
	first := callID(f.send(t, pay()))
	if err := f.ledger.AllowRepeat(first); err != nil {
		t.Fatal(err)
	}
	got := f.send(t, pay())
	if got.status != 200 {
		t.Fatalf("answer %d %s", got.status, got.body)
	}
	f.wantHeld(t, f.send(t, pay()), callID(got), "(succeeded)")
	if r := f.log.only(t, logfile.KindEvent); r.Subject != first || r.Data["allowed_by"] != "operator" {
		t.Errorf("event %+v", r)
	}
}

// TestRepeatThatFails: the call that it repeated holds again, and can be repeated again.
func TestRepeatThatFails(t *testing.T) {
	f := start(t, fixed, guarded, repeating(t))
	first := callID(f.send(t, pay()))
	f.origin.set(saying(jsonAnswer(400, `{"error_code":"CBC.0100","error_msg":"no"}`)), nil)
	f.send(t, repeatOf(first))
	f.wantHeld(t, f.send(t, pay()), first, "(succeeded)")
	f.origin.set(saying(okAnswer), nil)
	if got := f.send(t, repeatOf(first)); got.status != 200 {
		t.Errorf("answer %d %s", got.status, got.body)
	}
}

// TestRepeatOfOthersCalls: a refusal is the same whether the call that is named holds something else or never was.
func TestRepeatOfOthersCalls(t *testing.T) {
	f := start(t, fixed, guarded, repeating(t))
	other := callID(f.send(t, payOf("CS-1002")))
	first := callID(f.send(t, pay()))
	var details []string
	for _, named := range []string{other, noCall} {
		got := f.send(t, repeatOf(named))
		f.wantHeld(t, got, first, "(succeeded)")
		details = append(details, got.problem(t).Detail)
	}
	if details[0] != details[1] {
		t.Errorf("details %q", details)
	}
}

// TestOneRepeat: of many calls at once that repeat one, one is sent.
func TestOneRepeat(t *testing.T) {
	f := start(t, fixed, guarded, repeating(t))
	first := callID(f.send(t, pay()))
	handler := f.gateway.Server("local").Handler
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			request, body := template(t, repeatOf(first))
			handler.ServeHTTP(&nullWriter{header: http.Header{}}, copyOf(request, body))
		})
	}
	all.Wait()
	if sent := f.origin.all(); len(sent) != 2 {
		t.Errorf("%d calls were sent, want the first and one repeat", len(sent))
	}
}

// TestRepeatThatMeetsAFault: a fault behind the intent leaves an outcome on record, and the act held.
func TestRepeatThatMeetsAFault(t *testing.T) {
	f := start(t, fixed, guarded, repeating(t))
	first := callID(f.send(t, pay()))
	f.log.queued = func(r *logfile.Record) {
		if r.Event == logfile.EventRepeated {
			panic("fault")
		}
	}
	second := f.send(t, repeatOf(first))
	second.wantCode(t, "TG.7002")
	outcomes := f.log.of(logfile.KindOutcome)
	if last := outcomes[len(outcomes)-1]; last.Call != callID(second) || last.Outcome != logfile.Unknown {
		t.Errorf("outcome %+v", last)
	}
	f.wantHeld(t, f.send(t, repeatOf(first)), callID(second), "whose outcome is unknown")
	f.origin.only(t)
}
