package gateway_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"tollgate/audit/logfile"
	"tollgate/gateway"
)

// TestPartsAreOfTheirCall makes calls on one connection of which each differs from the one before in one thing that records share. That
// each line is the one of its record's members is checked for all tests: see [checkStages].
func TestPartsAreOfTheirCall(t *testing.T) {
	const orders = "/v2/orders/customer-orders"
	choose := func(credential string) []string { return []string{"Tollgate-Credential: " + credential} }
	f := start(t)
	c := f.dial(t)
	calls := []signed{
		{caller: customerCaller, method: "GET", target: readTarget},
		{caller: customerCaller, method: "GET", target: readTarget},
		{caller: customerCaller, method: "GET", target: orders},
		{caller: bothCaller, method: "GET", target: orders, signHeader: choose("acme")},
		{caller: bothCaller, method: "GET", target: orders, signHeader: choose("partner-main")},
		{caller: partnerCaller, method: "GET", target: orders},
		{caller: partnerCaller, method: "GET", target: "/app/x"},
		{caller: partnerCaller, method: "POST", target: "/app/x"},
		{caller: customerCaller, method: "GET", target: orders},
		{caller: customerCaller, method: "GET", target: orders, host: "intl.test"},
	}
	send := func(call signed) {
		c.write(call.text(t))
		if got := c.answer(); got.status != 200 {
			t.Fatalf("%s %s: %d %s", call.method, call.target, got.status, got.body)
		}
	}
	for _, call := range calls {
		send(call)
	}
	next := f.plan
	next.ID = "fedcba9876543210fedcba9876543210"
	f.gateway.Publish(&next)
	send(calls[len(calls)-1])
	f.waitForCalls(t)
	if got, want := len(f.log.of(logfile.KindOutcome)), len(calls)+1; got != want {
		t.Errorf("%d outcomes, want %d", got, want)
	}
	if last := f.log.of(logfile.KindOutcome)[len(calls)]; last.Plan != next.ID[:logfile.PlanDigits] || last.Site != "intl" {
		t.Errorf("the last call's plan is %q, its site %q", last.Plan, last.Site)
	}
}

// TestCallIDs: an id is a UUIDv7 of the moment when its call began, and later ids sort behind.
func TestCallIDs(t *testing.T) {
	at := time.Date(2026, 11, 30, 5, 6, 7, 999_999_700, time.UTC)
	before := ""
	for range 1000 {
		text := gateway.NewID(at)
		id, err := uuid.Parse(text)
		if err != nil || id.Version() != 7 || id.Variant() != uuid.RFC4122 || id.String() != text {
			t.Fatalf("%s: version %d, variant %s, %v", text, id.Version(), id.Variant(), err)
		}
		if seconds, nanoseconds := id.Time().UnixTime(); seconds != at.Unix() || nanoseconds/1e6 != int64(at.Nanosecond())/1e6 {
			t.Fatalf("%s is of %d.%09d, want %d.%09d", text, seconds, nanoseconds, at.Unix(), at.Nanosecond())
		}
		if text <= before {
			t.Fatalf("%s follows %s", text, before)
		}
		before = text
		at = at.Add(250 * time.Nanosecond)
	}
}
