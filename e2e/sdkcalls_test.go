package e2e

import (
	"net/http"
	"strings"
	"testing"

	bss "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bss/v2"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bss/v2/model"
	"github.com/shopspring/decimal"

	"tollgate/audit/logfile"
	"tollgate/internal/bsssim"
)

func payment(order string) *model.PayOrdersRequest {
	return &model.PayOrdersRequest{Body: &model.PayCustomerOrderV3Req{OrderId: order, UseCoupon: "NO", UseDiscount: "NO"}}
}

func money(t testing.TB, text string) *decimal.Decimal {
	t.Helper()
	d, err := decimal.NewFromString(text)
	if err != nil {
		t.Fatal(err)
	}
	return &d
}

// TestSDKPaysAnOrder is the main use: the provider's unmodified SDK, of which only endpoint and keys were changed.
func TestSDKPaysAnOrder(t *testing.T) {
	t.Parallel()
	for name, over := range map[string]func(*world, *process) *application{
		"https":                         func(w *world, p *process) *application { return w.shop(p) },
		"loopback, by its keys":         func(w *world, p *process) *application { return w.shop(p).at(p.address("keys")) },
		"loopback, as its fixed caller": func(w *world, p *process) *application { return w.shop(p).at(p.address("plain")) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bsssim.Config{}).configure(standard)
			p := w.start()
			var tapped tap
			shop := over(w, p).through(tapped.pass).bss(t)
			before := balance(t, shop)

			answer, err := shop.PayOrders(payment("CS-1001"))
			if err != nil || answer.HttpStatusCode != http.StatusNoContent {
				t.Fatalf("paying: %v, %v", answer, err)
			}
			call := tapped.call()
			if paid := before.Sub(balance(t, shop)); !paid.Equal(decimal.NewFromInt(99)) {
				t.Errorf("the balance fell by %v, not by 99", paid)
			}
			calls := arrived(w.simulator, "PayOrders")
			if len(calls) != 1 || calls[0].Signature != bsssim.VerdictValid || calls[0].Account != "c-17" || calls[0].Status != http.StatusNoContent {
				t.Errorf("the simulator saw %+v, not one good payment of c-17", calls)
			}
			if strings.Contains(calls[0].Header.Get("Authorization"), shopKey) {
				t.Error("the application's own signature reached the provider")
			}
			intent, outcome := w.recorded(logfile.KindIntent, call), w.recorded(logfile.KindOutcome, call)
			if intent.Caller != "shop" || intent.Credential != "customer" || intent.Operation != "PayOrders" || outcome.Outcome != logfile.Succeeded {
				t.Errorf("on record: %+v, %+v", intent, outcome)
			}
			other := payment("CS-1001") // another request, so that it is no replay: the provider's to refuse
			other.Body.UseDiscount = "YES"
			_, err = shop.PayOrders(other)
			refused(t, err, http.StatusBadRequest, "CBC.99000088")
			p.stop()
		})
	}
}

func pay(client *bss.BssClient, order string) error {
	_, err := client.PayOrders(payment(order))
	return err
}

func balance(t testing.TB, client *bss.BssClient) decimal.Decimal {
	t.Helper()
	answer, err := client.ShowCustomerAccountBalances(&model.ShowCustomerAccountBalancesRequest{})
	if err != nil {
		t.Fatalf("reading the balance: %v", err)
	}
	return *(*answer.AccountBalances)[0].Amount
}

// TestSDKOperations makes many calls of both sites through one gateway. The witness checks each signature besides.
func TestSDKOperations(t *testing.T) {
	t.Parallel()
	w, p := twoSites(t)
	calls := map[string]*example{} // by call id
	for i := range examples {
		e := &examples[i]
		t.Run(e.String(), func(t *testing.T) {
			var tapped tap
			before := len(w.witness.arrivals())
			answer, err := e.do(e.by(w, p).of(e.site).through(tapped.pass).session(t))
			e.judge(t, answer, err)
			arrived := w.witness.arrivals()[before:]
			if len(arrived) != 1 {
				t.Fatalf("%d requests arrived for one: %v", len(arrived), arrived)
			}
			e.arrivedWell(t, arrived[0], readBody(t, tapped.last()))
			calls[tapped.call()] = e
		})
	}
	p.stop()
	onRecord := w.consistent()
	if len(calls) != len(examples) || len(onRecord) != len(calls) {
		t.Errorf("%d calls with %d ids, %d of them on record", len(examples), len(calls), len(onRecord))
	}
	for id, e := range calls {
		e.recordedWell(t, onRecord[id])
	}
}

// TestSDKPartialFailure sees the failed part of a batch in an HTTP 200, in the SDK's answer and in the log.
func TestSDKPartialFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(standard)
	p := w.start()
	var tapped tap
	answer, err := w.office(p).through(tapped.pass).bss(t).CreatePartnerCoupons(&model.CreatePartnerCouponsRequest{Body: &model.CreatePartnerCouponsReq{
		QuotaId: "Q-1", CustomerIds: []string{"c-17", "c-18"}, FaceValue: money(t, "600"), // the quota covers one
	}})
	if err != nil || len(*answer.CouponInfos) != 1 || len(*answer.ErrorDetails) != 1 {
		t.Fatalf("%v, %v", answer, err)
	}
	if r := w.recorded(logfile.KindOutcome, tapped.call()); r.Outcome != logfile.Partial {
		t.Errorf("the outcome on record is %s", r.Outcome)
	}
}
