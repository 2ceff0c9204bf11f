package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bss/v2/model"

	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
)

// TestSDKSeesRefusals checks what an application's developer sees in the SDK's exception for each kind of refusal, and
// that nothing reached the provider.
func TestSDKSeesRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(standard)
	p := w.start()
	wrongSecret, unknownKey, wrongCaller := w.shop(p), w.shop(p), w.office(p).at(p.address("plain"))
	wrongSecret.secret += "x"
	unknownKey.accessKey = "TGNOBODY"
	for _, c := range []struct {
		name   string
		do     func() error
		status int
		code   string
	}{
		{"wrong secret", func() error { return pay(wrongSecret.bss(t), "CS-1001") }, 401, "TG.2006"},
		{"unknown key", func() error { return pay(unknownKey.bss(t), "CS-1001") }, 401, "TG.2004"},
		{"another caller's listener", func() error { return pay(wrongCaller.bss(t), "CS-1001") }, 401, "TG.2007"},
		{"wrong class", func() error {
			_, err := w.office(p).bss(t).ListFreeResourceInfos(&model.ListFreeResourceInfosRequest{Body: &model.ListFreeResourceInfosReq{}})
			return err
		}, 403, "TG.3002"},
		{"another's spending", func() error { return pay(w.office(p).bss(t), "CS-1001") }, 403, "TG.3001"},
		{"no grant", func() error {
			_, err := w.office(p).bss(t).ReclaimPartnerCoupons(&model.ReclaimPartnerCouponsRequest{Body: &model.ReclaimPartnerCouponsReq{CouponId: "CP-1"}})
			return err
		}, 403, "TG.3001"},
		{"a customer outside the grant", func() error {
			_, err := w.office(p).bss(t).CreatePartnerCoupons(&model.CreatePartnerCouponsRequest{Body: &model.CreatePartnerCouponsReq{
				QuotaId: "Q-1", CustomerIds: []string{"c-17", "c-20"}, FaceValue: money(t, "5"),
			}})
			return err
		}, 403, "TG.3004"},
		{"another account", func() error {
			shop := w.shop(p)
			shop.domainID = "c-18"
			return pay(shop.bss(t), "CS-1001")
		}, 403, "TG.3003"},
		{"a security token of its own", func() error {
			shop := w.shop(p)
			shop.securityToken = "token-of-the-shop"
			return pay(shop.bss(t), "CS-1001")
		}, 403, "TG.3009"},
		{"a path with a slash inside", func() error {
			_, err := w.shop(p).bss(t).ShowCustomerOrderDetails(&model.ShowCustomerOrderDetailsRequest{OrderId: "../../v3/pay"})
			return err
		}, 400, "TG.1002"},
		{"a parameter with a slash", func() error {
			_, err := w.shop(p).bss(t).AutoRenewalResources(&model.AutoRenewalResourcesRequest{ResourceId: "r/1"})
			return err
		}, 404, "TG.4001"},
		{"a payment whose body is not signed", func() error {
			_, err := w.shop(p).session(t).bare(bareCall{line: "POST /v3/orders/customer-orders/pay", contentType: "application/x+json", body: pointer(`{"order_id":"CS-1001"}`)})
			return err
		}, 401, "TG.2009"},
		{"a body over the bound", func() error {
			_, err := w.shop(p).session(t).bare(bareCall{line: "POST /v2/orders/suscriptions/resources/query", contentType: json1, body: largeBody(12<<20 + 1)})
			return err
		}, 413, "TG.4004"},
		{"a parameter without a name", func() error { // which the SDK signs as one thing and sends as another
			_, err := w.shop(p).session(t).bare(bareCall{line: "GET /v2/orders/customer-orders", query: [][]string{{"", "x"}}})
			return err
		}, 401, "TG.2006"},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, c.do(), c.status, c.code) })
	}
	if calls := w.simulator.Calls(); len(calls) != 0 {
		t.Errorf("%d refused calls reached the provider", len(calls))
	}
	p.stop()
}

// TestSDKSeesTheLimit is over a limit of the operator's.
func TestSDKSeesTheLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(standard + `
limits:
  max_wait: 0s
  rules: [{name: balances, per: [caller], operations: [ShowCustomerAccountBalances], rate: 1/h, burst: 2}]
`)
	p := w.start()
	var tapped tap
	shop := w.shop(p).through(tapped.pass).bss(t)
	var err error
	for range 3 {
		_, err = shop.ShowCustomerAccountBalances(&model.ShowCustomerAccountBalancesRequest{})
	}
	refused(t, err, http.StatusTooManyRequests, "TG.5001")
	header := tapped.answers[len(tapped.answers)-1].Header
	for _, name := range []string{"Retry-After", "RateLimit", "RateLimit-Policy"} {
		if header.Get(name) == "" {
			t.Errorf("the answer has no %s: %v", name, header)
		}
	}
	if n := len(w.simulator.Calls()); n != 2 {
		t.Errorf("%d calls reached the provider, want 2", n)
	}
}

// TestSDKSeesAnUnknownOutcome loses the provider's answer in several ways. The payment was sent once, is not repeated,
// and the application is asked not to repeat it.
func TestSDKSeesAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	for _, kind := range []bsssim.FaultKind{bsssim.Drop, bsssim.CloseAfterRead, bsssim.Truncate, bsssim.BadGateway} {
		t.Run(string(kind), func(t *testing.T) {
			w := newWorld(t, bsssim.Config{}).configure(standard)
			p := w.start()
			if err := w.simulator.Inject(bsssim.Fault{Operation: "PayOrders", Kind: kind}); err != nil {
				t.Fatal(err)
			}
			var tapped tap
			err := pay(w.shop(p).through(tapped.pass).bss(t), "CS-1001")
			if kind != bsssim.BadGateway { // that answer is the provider's own, and is passed on
				failure := refused(t, err, http.StatusBadGateway, "TG.7002")
				if !strings.Contains(failure.ErrorMessage, "do not repeat") {
					t.Errorf("the message does not warn: %s", failure.ErrorMessage)
				}
			} else if err == nil {
				t.Error("the SDK takes an HTML page for success")
			}
			if after := tapped.answers[0].Header.Get("Retry-After"); after != "" {
				t.Errorf("the answer invites to repeat: Retry-After: %s", after)
			}
			if r := w.recorded(logfile.KindOutcome, tapped.call()); r.Outcome != logfile.Unknown {
				t.Errorf("the outcome on record is %s", r.Outcome)
			}
			if n := len(arrived(w.simulator, "PayOrders")); n != 1 {
				t.Errorf("the payment was sent %d times", n)
			}
			p.stop()
		})
	}
}

// TestSDKSeesThatNothingWasSent has no provider at all.
func TestSDKSeesThatNothingWasSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{})
	w.values.Upstream = "127.0.0.1:9" // the discard port; there is no listener
	p := w.configure(standard).start()
	var tapped tap
	err := pay(w.shop(p).through(tapped.pass).bss(t), "CS-1001")
	refused(t, err, http.StatusBadGateway, "TG.7001")
	if r := w.recorded(logfile.KindOutcome, tapped.call()); r.Outcome != logfile.NotSent {
		t.Errorf("the outcome on record is %s", r.Outcome)
	}
}

// TestPausedCredential has the provider reject a signature once. The gateway sends no second one, which would bring the
// access key closer to its lock; readiness names the credential.
func TestPausedCredential(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(standard)
	p := w.start()
	if err := w.simulator.Inject(bsssim.Fault{Operation: "PayOrders", Kind: bsssim.BadSignature}); err != nil {
		t.Fatal(err)
	}
	shop := w.shop(p).bss(t)
	if failure := refused(t, pay(shop, "CS-1001"), http.StatusServiceUnavailable, "TG.6004"); !strings.Contains(failure.ErrorMessage, "this gateway's cloud key, not yours") {
		t.Errorf("the application got %s", failure.ErrorMessage)
	}
	refused(t, pay(shop, "CS-1002"), http.StatusServiceUnavailable, "TG.6004")
	if n := len(w.simulator.Calls()); n != 1 {
		t.Errorf("%d calls reached the provider, want 1", n)
	}
	if status, body := p.readyz(); status != http.StatusOK || !strings.Contains(body, "customer") {
		t.Errorf("/readyz does not name the paused credential: %d %s", status, body)
	}
	if _, err := w.office(p).bss(t).ListServiceTypes(&model.ListServiceTypesRequest{}); err != nil {
		t.Errorf("another credential is hurt: %v", err)
	}
}
