package gateway_test

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/audit"
	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/internal/bsssim"
	"tollgate/internal/secret"
	"tollgate/ratelimit"
)

// Whose account pays is on record from the decision on, of refusals as well, and that an operation is deprecated as soon as
// it is known.
func TestWhoseAccountIsOnRecord(t *testing.T) {
	old := plain("POST", "/v2/orders/customer-orders/pay", `{"order_id":"CS-1"}`)
	limited := func(f *fixture) {
		f.plan.Limits = must(ratelimit.NewRules(ratelimit.Config{Rules: []ratelimit.Rule{{Name: "one", Per: []ratelimit.Dimension{ratelimit.ByCaller}, Rate: 0.001, Burst: 1}}}))
	}
	f := start(t, fixed, limited)
	if got := f.send(t, old); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	f.send(t, old).wantCode(t, "TG.5001")
	f.send(t, plain("POST", "/v2/orders/customer-orders/pay", "x")).wantCode(t, "TG.1005")
	f.send(t, plain("GET", "/nothing", "")).wantCode(t, "TG.4001")
	refusals := f.log.of(logfile.KindRefusal)
	for name, tt := range map[string]struct {
		r          logfile.Record
		account    string
		deprecated bool
	}{
		"the intent":                {f.log.only(t, logfile.KindIntent), customerAccount, true},
		"the outcome":               {f.log.only(t, logfile.KindOutcome), customerAccount, true},
		"refused behind a decision": {refusals[0], customerAccount, true},
		"refused before a decision": {refusals[1], "", true},
		"no operation":              {refusals[2], "", false},
	} {
		if tt.r.Account != tt.account || tt.r.Deprecated != tt.deprecated {
			t.Errorf("%s: account %q, deprecated %v", name, tt.r.Account, tt.r.Deprecated)
		}
	}
}

// What reads of orders and prices say is on record, in the provider's two generations of names, and moves nothing.
func TestAmountsOfReads(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	log, _, err := audit.Open(audit.Options{Config: audit.Config{Dir: dir}})
	if err != nil {
		t.Fatal(err)
	}
	sim := bsssim.New(bsssim.Config{Unthrottled: true})
	f := start(t, simulated(t, sim), func(f *fixture) { f.config.Log = log })
	read := func(method, target, body string) {
		if got := f.call(t, signed{caller: customerCaller, method: method, target: target, body: body}); got.status != 200 {
			t.Errorf("%s: %d %s", target, got.status, got.body)
		}
	}
	read("GET", "/v2/orders/customer-orders", "")
	read("GET", "/v2/orders/customer-orders/details/CS-1001", "")
	read("GET", "/v1.0/c-17/common/order-mgr/orders/detail", "")
	read("GET", "/v1.0/c-17/common/order-mgr/orders/CS-1001", "")
	read("POST", "/v2/bills/ratings/period-resources/renew-rate", `{"resource_ids":["res-1"],"period_type":2,"period_num":3}`)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := log.Close(ctx); err != nil {
		t.Fatal(err)
	}
	report, seen := calls.NewReport([]calls.Dimension{calls.ByAccount}, nil), map[string]bool{}
	err = calls.Scan{Dir: dir}.Calls(t.Context(), &calls.Filter{Account: "c-17"}, func(c *calls.Call) error {
		amounts, unsummed := c.Amounts()
		want := map[string]string{"ListRenewRateOnPeriod": "90.00"}[c.Operation()]
		if want == "" {
			want = "99.00"
		}
		if len(amounts) == 0 || unsummed > 0 || amounts[0].Value.String() != want || amounts[0].Currency != "CNY" || !amounts[0].Answer {
			t.Errorf("%s: %+v, %d not summed", c.Operation(), amounts, unsummed)
		}
		if ids := c.Fields(catalog.FieldOrder); c.Operation() != "ListRenewRateOnPeriod" && (len(ids) == 0 || ids[0] != "CS-1001") {
			t.Errorf("%s: orders %v", c.Operation(), ids)
		}
		seen[c.Operation()] = true
		return report.Add(c)
	})
	if err != nil || len(seen) != 5 {
		t.Errorf("%v are on record, %v", seen, err)
	}
	for _, m := range report.Money() {
		if m.Moved.Sign() != 0 || m.MovedPartly.Sign() != 0 || m.MovedPerhaps.Sign() != 0 {
			t.Errorf("reads moved %+v", m)
		}
	}
}

// Keys may change while a call is under way: its outcome names those that signed.
func TestRecordsNameTheKeyThatSigned(t *testing.T) {
	var mu sync.Mutex
	ak := "AK-OLD"
	c := signer(credential.Facts{Name: "acme", Upstream: "bss", Class: catalog.ClassCustomer, DomainID: customerAccount, Kinds: []catalog.Kind{catalog.KindEnterpriseMaster}}, func() (credential.Keys, error) {
		mu.Lock()
		defer mu.Unlock()
		return credential.Keys{AccessKey: ak, SecretKey: secret.New("sk-" + ak + "0123456789012345")}, nil
	})
	f := start(t, fixed, func(f *fixture) {
		f.credentials["acme"] = c
		reply := saying(okAnswer)
		f.origin.answer = func(n net.Conn, a *arrival) bool {
			mu.Lock()
			ak = "AK-NEW"
			mu.Unlock()
			now := time.Now()
			c.Reread()
			c.Poll(now)
			c.Poll(now.Add(1500 * time.Millisecond))
			return reply(n, a)
		}
	})
	f.send(t, pay())
	one := f.origin.only(t)
	sent := one.value("Authorization")
	r := f.log.only(t, logfile.KindOutcome)
	if !strings.Contains(sent, "Access="+r.AccessKey+",") {
		t.Errorf("signed by %.40s, the outcome's record says %s", sent, r.AccessKey)
	}
}
