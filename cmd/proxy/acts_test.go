package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"tollgate/admin"
	"tollgate/internal/testcli"
)

const (
	doneCall    = "01999999-0000-7000-8000-000000000001"
	unknownCall = "01999999-0000-7000-8000-000000000002"
)

// money is a running gateway that holds an act that was done and one that is unknown.
func money(t *testing.T) (socket string, asked *admin.ResolveRequest) {
	t.Helper()
	held := []admin.HeldAct{
		{Call: unknownCall, Caller: "shop", Act: "pay", Keys: 2, Outcome: "unknown", Since: now},
		{Call: doneCall, Caller: "shop\x1b[2J", Act: "coupon-give", Keys: 1, Outcome: "succeeded", Since: now, Until: now.Add(10 * time.Minute), RepeatAllowed: true},
	}
	asked = new(admin.ResolveRequest)
	return running(t, admin.API{
		Acts: func(_ context.Context, _ admin.Peer, r admin.ActsRequest) (*admin.Acts, error) {
			all := &admin.Acts{Mode: "shadow", Rebuilding: "reading the log, 40 %", Alone: "each replica holds its own"}
			for _, h := range held {
				if (r.Call == "" || r.Call == h.Call) && (r.Caller == "" || r.Caller == h.Caller) && (!r.Unknown || h.Outcome == "unknown") {
					all.Acts = append(all.Acts, h)
				}
			}
			return all, nil
		},
		AllowRepeat: func(_ context.Context, _ admin.Peer, r admin.AllowRepeatRequest) (*admin.HeldAct, error) {
			if r.Call != doneCall {
				return nil, &admin.Error{Status: http.StatusConflict, Text: "it is unknown whether call " + r.Call + " was done"}
			}
			return &held[1], nil
		},
		Caps: func(_ context.Context, _ admin.Peer, r admin.CapsRequest) (*admin.Caps, error) {
			all := []admin.Cap{
				{Name: "day", Mode: "hard", Per: "caller", Each: "day", Zone: "Asia/Shanghai", Since: now, Limits: []admin.CapLimit{{Currency: "CNY", Limit: "50000"}}, More: 3,
					Counts: []admin.CapCount{{Counted: "shop", Period: "2026-10-03", Currency: "CNY", Used: "12.5", Limit: "50000", Calls: 2, Last: doneCall}}},
				{Name: "calls", Mode: "soft", Per: "none", Each: "month", Limits: []admin.CapLimit{{Limit: "10"}}, Counts: []admin.CapCount{{Period: "2026-10", Used: "3", Limit: "10"}}},
			}
			if r.Name != "" {
				all = all[1:]
			}
			return &admin.Caps{Caps: all}, nil
		},
		Resolve: func(_ context.Context, _ admin.Peer, r admin.ResolveRequest) (*admin.Resolution, error) {
			*asked = r
			return &admin.Resolution{Call: r.Call, Caller: "shop", Act: "pay", Since: now, Holds: []string{"order_id CS1"}, Shows: []string{"order CS1 has status 5"}, Outcome: r.Outcome}, nil
		},
	}), asked
}

func TestActs(t *testing.T) {
	socket, _ := money(t)
	code, out, errs := testcli.Run(t, rootCommand(), "acts", "-o", "wide", "--socket", socket)
	for _, want := range []string{
		"guard.mode is shadow", "reading the log, 40 %", "each replica holds its own\n", unknownCall + "  shop", "pay ", "unknown ", "succeeded, may be repeated once", stamp(now.Add(10 * time.Minute)),
	} {
		if code != 0 || !strings.Contains(out, want) || strings.ContainsRune(out, '\x1b') {
			t.Errorf("%d %s %s: want %q", code, out, errs, want)
		}
	}
	for _, c := range []struct {
		flags []string
		want  int
	}{{nil, 2}, {[]string{"--unknown"}, 1}, {[]string{"--call", doneCall}, 1}, {[]string{"--caller", "shop"}, 1}, {[]string{"--caller", "none"}, 0}} {
		code, out, errs := testcli.Run(t, rootCommand(), append([]string{"acts", "--json", "--socket", socket}, c.flags...)...)
		var back admin.Acts
		if err := json.Unmarshal([]byte(out), &back); code != 0 || err != nil || len(back.Acts) != c.want {
			t.Errorf("%q: %d %v %s %s", c.flags, code, err, out, errs)
		}
	}
}

func TestCaps(t *testing.T) {
	socket, _ := money(t)
	code, out, errs := testcli.Run(t, rootCommand(), "caps", "-o", "wide", "--socket", socket)
	for _, want := range []string{
		"day (hard): 50000 CNY each day in Asia/Shanghai, per caller; counts since " + stamp(now) + "\n", "calls (soft): 10 calls each month\n",
		"day    shop        2026-10-03  12.5  50000  CNY    " + doneCall + "\n", "day    and 3 more", "calls  all         2026-10        3     10  calls",
	} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("%d %s %s: want %q", code, out, errs, want)
		}
	}
	code, out, _ = testcli.Run(t, rootCommand(), "caps", "--name", "calls", "--json", "--socket", socket)
	var back admin.Caps
	if err := json.Unmarshal([]byte(out), &back); code != 0 || err != nil || len(back.Caps) != 1 || back.Caps[0].Counts[0].Used != "3" {
		t.Errorf("%d %v %s", code, err, out)
	}
}

func TestAllowRepeat(t *testing.T) {
	socket, _ := money(t)
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{nil, 2, "one id is needed"},
		{[]string{doneCall}, 2, "--reason is needed"},
		{[]string{doneCall, "--reason", " "}, 2, "--reason is needed"},
		{[]string{unknownCall, "--reason", "why"}, 1, "it is unknown whether"},
		{[]string{doneCall, "--reason", "why"}, 0, "passes once\n"},
		{[]string{doneCall, "--reason", "why", "--json"}, 0, `"repeat_allowed": true`},
	} {
		code, out, errs := testcli.Run(t, rootCommand(), append([]string{"acts", "allow-repeat", "--socket", socket}, c.args...)...)
		if code != c.code || !strings.Contains(out+errs, c.want) {
			t.Errorf("%q: %d %s %s", c.args, code, out, errs)
		}
	}
}

func TestResolve(t *testing.T) {
	socket, asked := money(t)
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{nil, 2, "one id is needed"},
		{[]string{unknownCall, "--reason", "why"}, 2, "--outcome is needed"},
		{[]string{unknownCall, "--outcome", "failed"}, 2, "--reason is needed"},
		{[]string{unknownCall, "--outcome", "unknown", "--reason", "why"}, 2, "succeeded, failed"},
	} {
		if code, out, errs := testcli.Run(t, rootCommand(), append([]string{"resolve", "--socket", socket}, c.args...)...); code != c.code || !strings.Contains(out+errs, c.want) || *asked != (admin.ResolveRequest{}) {
			t.Errorf("%q: %d %s %s, asked %+v", c.args, code, out, errs, asked)
		}
	}
	code, out, errs := testcli.Run(t, rootCommand(), "resolve", unknownCall, "--socket", socket)
	if code != 0 || !strings.Contains(out, "order CS1 has status 5\nit is unknown still") || asked.Outcome != "" {
		t.Errorf("%d %s %s, asked %+v", code, out, errs, asked)
	}
	code, out, errs = testcli.Run(t, rootCommand(), "resolve", unknownCall, "--outcome", "failed", "--reason", "order gone", "--socket", socket)
	if code != 0 || !strings.HasSuffix(out, "settled as failed\n") || *asked != (admin.ResolveRequest{Call: unknownCall, Outcome: "failed", Reason: "order gone"}) {
		t.Errorf("%d %s %s, asked %+v", code, out, errs, asked)
	}
	code, _, errs = testcli.Run(t, rootCommand(), "resolve", unknownCall, "--outcome", "failed", "--reason", "order gone", "--socket", socket+".gone")
	if code != 1 || !strings.Contains(errs, "whether the call is settled is not known") {
		t.Errorf("%d %s", code, errs)
	}
}

// TestMoneyCompletion: a shell completes the calls that a command can be about, and outcomes.
func TestMoneyCompletion(t *testing.T) {
	socket, _ := money(t)
	for _, c := range []struct{ words, want, not string }{
		{"acts allow-repeat --socket " + socket, doneCall + "\tcoupon-give of shop", ""},
		{"resolve --socket " + socket, unknownCall + "\tpay of shop", doneCall},
		{"resolve --outcome", "failed\n", unknownCall},
		{"resolve --socket " + socket + ".gone", ":4\n", unknownCall},
		{"resolve " + unknownCall + " --socket " + socket, ":4\n", doneCall},
	} {
		words := append([]string{"__complete"}, strings.Fields(c.words)...)
		code, out, errs := testcli.Run(t, rootCommand(), append(words, "")...)
		if code != 0 || !strings.Contains(out, c.want) || c.not != "" && strings.Contains(out, c.not) {
			t.Errorf("%s: %d %s %s", c.words, code, out, errs)
		}
	}
}

// TestActsUntilSettled: what is unknown is held until it is settled, which no span says.
func TestActsUntilSettled(t *testing.T) {
	socket, _ := money(t)
	code, out, errs := testcli.Run(t, rootCommand(), "acts", "--unknown", "--socket", socket)
	if code != 0 || !strings.Contains(out, "until settled") {
		t.Errorf("%d %s %s", code, out, errs)
	}
}
