package e2e

import (
	"net/http"
	"strings"
	"testing"

	bss "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bss/v2"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bss/v2/model"
	intl "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bssintl/v2/model"
	"github.com/shopspring/decimal"

	"tollgate/audit"
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
			intent, outcome := w.recorded(audit.KindIntent, call), w.recorded(audit.KindOutcome, call)
			if intent.Caller != "shop" || intent.Credential != "customer" || intent.Operation != "PayOrders" || outcome.Outcome != audit.Succeeded {
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

// sdkCall is one operation through the SDK, with what must reach the provider.
type sdkCall struct {
	operation string
	do        func() (any, error)
	path      string // as the simulator received it; empty: not looked at
	query     string // likewise
	account   string
}

// TestSDKOperations calls many operations of both applications: reads with hard queries, path parameters, batches,
// empty answers, money in decimals.
func TestSDKOperations(t *testing.T) {
	w := newWorld(t, bsssim.Config{}).configure(standard)
	p := w.start()
	shop, office := w.shop(p).bss(t), w.office(p).bss(t)
	for _, c := range append(shopCalls(shop), officeCalls(t, office)...) {
		t.Run(c.operation, func(t *testing.T) {
			answer, err := c.do()
			if err != nil {
				t.Fatalf("%v", err)
			}
			calls := arrived(w.simulator, c.operation)
			if len(calls) != 1 {
				t.Fatalf("%d calls arrived for one (%v)", len(calls), answer)
			}
			got := calls[0]
			if got.Signature != bsssim.VerdictValid || got.Account != c.account {
				t.Errorf("the provider found the signature %s, of account %q; want %s's", got.Signature, got.Account, c.account)
			}
			if c.path != "" && got.Path != c.path {
				t.Errorf("path %s, want %s", got.Path, c.path)
			}
			if got.Query != c.query {
				t.Errorf("query %s, want %s", got.Query, c.query)
			}
		})
	}
	p.stop()
}

func shopCalls(c *bss.BssClient) []sdkCall {
	return []sdkCall{
		{"ListCustomerOrders", func() (any, error) {
			return c.ListCustomerOrders(&model.ListCustomerOrdersRequest{OrderId: pointer("a b+/中"), ServiceTypeCode: pointer("~*'();&=%?#"), Limit: pointer(int32(10))})
		}, "/v2/orders/customer-orders", "limit=10&order_id=a%20b%2B%2F%E4%B8%AD&service_type_code=~%2A%27%28%29%3B%26%3D%25%3F%23", "c-17"},
		{"ShowCustomerOrderDetails", func() (any, error) {
			return c.ShowCustomerOrderDetails(&model.ShowCustomerOrderDetailsRequest{OrderId: "CS-1001", XLanguage: pointer("en_US")})
		}, "/v2/orders/customer-orders/details/CS-1001", "", "c-17"},
		{"ShowCustomerAccountBalances", func() (any, error) {
			return c.ShowCustomerAccountBalances(&model.ShowCustomerAccountBalancesRequest{})
		}, "", "", "c-17"},
		{"ListPayPerUseCustomerResources", func() (any, error) {
			return c.ListPayPerUseCustomerResources(&model.ListPayPerUseCustomerResourcesRequest{Body: &model.QueryResourcesReq{OrderId: pointer("中 <&>")}})
		}, "", "", "c-17"},
		{"AutoRenewalResources", func() (any, error) {
			return c.AutoRenewalResources(&model.AutoRenewalResourcesRequest{ResourceId: "res-1"})
		}, "/v2/orders/subscriptions/resources/autorenew/res-1", "", "c-17"},
		{"CancelAutoRenewalResources", func() (any, error) {
			return c.CancelAutoRenewalResources(&model.CancelAutoRenewalResourcesRequest{ResourceId: "res-1"})
		}, "/v2/orders/subscriptions/resources/autorenew/res-1", "", "c-17"},
		{"RenewalResources", func() (any, error) {
			return c.RenewalResources(&model.RenewalResourcesRequest{Body: &model.RenewalResourcesReq{
				ResourceIds: []string{"res-1", "no-such"}, PeriodType: 2, PeriodNum: 1, IsAutoPay: pointer(int32(1)),
			}})
		}, "", "", "c-17"},
		{"CancelResourcesSubscription", func() (any, error) {
			return c.CancelResourcesSubscription(&model.CancelResourcesSubscriptionRequest{Body: &model.UnsubscribeResourcesReq{
				ResourceIds: []string{"res-2", "no-such"}, UnsubscribeType: 1, UnsubscribeReason: pointer("不用了 <script>&\u2028"),
			}})
		}, "", "", "c-17"},
	}
}

func officeCalls(t testing.TB, c *bss.BssClient) []sdkCall {
	return []sdkCall{
		{"ListSubCustomers", func() (any, error) {
			return c.ListSubCustomers(&model.ListSubCustomersRequest{Body: &model.QuerySubCustomerListReq{Limit: pointer(int32(10))}})
		}, "", "", "p-1"},
		{"CreateSubCustomer", func() (any, error) {
			return c.CreateSubCustomer(&model.CreateSubCustomerRequest{Body: &model.CreateCustomerV2Req{
				DomainName: pointer("e2e-customer"), XaccountId: "x-1", XaccountType: "E2E_IDP", Password: pointer("E2e-Passw0rd"),
			}})
		}, "", "", "p-1"},
		{"UpdateCustomerAccountAmount", func() (any, error) {
			return c.UpdateCustomerAccountAmount(&model.UpdateCustomerAccountAmountRequest{Body: &model.AdjustAccountReq{CustomerId: "c-18", Amount: money(t, "12.34")}})
		}, "", "", "p-1"},
		{"ReclaimToPartnerAccount", func() (any, error) {
			return c.ReclaimToPartnerAccount(&model.ReclaimToPartnerAccountRequest{Body: &model.ReclaimToPartnerAccountBalancesReq{CustomerId: "c-18", Amount: money(t, "0.34")}})
		}, "", "", "p-1"},
		{"CreatePartnerCoupons", func() (any, error) {
			return c.CreatePartnerCoupons(&model.CreatePartnerCouponsRequest{Body: &model.CreatePartnerCouponsReq{
				QuotaId: "Q-1", CustomerIds: []string{"c-17", "c-18"}, FaceValue: money(t, "5"),
			}})
		}, "", "", "p-1"},
		{"ListPartnerAdjustRecords", func() (any, error) {
			return c.ListPartnerAdjustRecords(&model.ListPartnerAdjustRecordsRequest{CustomerId: pointer("c-18"), OperationTimeBegin: pointer("2026-01-01T00:00:00Z")})
		}, "", "customer_id=c-18&operation_time_begin=2026-01-01T00%3A00%3A00Z", "p-1"},
		{"ListServiceTypes", func() (any, error) {
			return c.ListServiceTypes(&model.ListServiceTypesRequest{ServiceTypeName: pointer("弹性云服务器 (ECS)")})
		}, "", "service_type_name=%E5%BC%B9%E6%80%A7%E4%BA%91%E6%9C%8D%E5%8A%A1%E5%99%A8%20%28ECS%29", "p-1"},
		{"ListIndirectPartners", func() (any, error) {
			return c.ListIndirectPartners(&model.ListIndirectPartnersRequest{Body: &model.QueryIndirectPartnersReq{}})
		}, "", "", "p-9"},
	}
}

// TestSDKPathParameter sends an id that every hop would like to repair. It arrives as it is, and the provider's own
// answer comes back.
func TestSDKPathParameter(t *testing.T) {
	w := newWorld(t, bsssim.Config{}).configure(standard)
	p := w.start()
	_, err := w.shop(p).bss(t).AutoRenewalResources(&model.AutoRenewalResourcesRequest{ResourceId: "r1 x@y+~中"})
	refused(t, err, http.StatusBadRequest, "CBC.0101")
	calls := arrived(w.simulator, "AutoRenewalResources")
	if len(calls) != 1 || calls[0].Path != "/v2/orders/subscriptions/resources/autorenew/r1%20x%40y%2B~%E4%B8%AD" {
		t.Errorf("what arrived: %+v", calls)
	}
}

// TestSDKPartialFailure sees the failed part of a batch in an HTTP 200, in the SDK's answer and in the log.
func TestSDKPartialFailure(t *testing.T) {
	w := newWorld(t, bsssim.Config{}).configure(standard)
	p := w.start()
	var tapped tap
	answer, err := w.office(p).through(tapped.pass).bss(t).CreatePartnerCoupons(&model.CreatePartnerCouponsRequest{Body: &model.CreatePartnerCouponsReq{
		QuotaId: "Q-1", CustomerIds: []string{"c-17", "c-18"}, FaceValue: money(t, "600"), // the quota covers one
	}})
	if err != nil || len(*answer.CouponInfos) != 1 || len(*answer.ErrorDetails) != 1 {
		t.Fatalf("%v, %v", answer, err)
	}
	if r := w.recorded(audit.KindOutcome, tapped.call()); r.Outcome != audit.Partial {
		t.Errorf("the outcome on record is %s", r.Outcome)
	}
}

// TestSDKInternationalSite reaches the other site's upstream by its host name, with the other SDK package.
func TestSDKInternationalSite(t *testing.T) {
	w := newWorld(t, bsssim.Config{}).configure(standard)
	p := w.start()
	office := w.office(p)
	office.endpoint = "https://" + intlName
	client := office.bssintl(t)
	if _, err := client.ListSubCustomers(&intl.ListSubCustomersRequest{Body: &intl.QuerySubCustomerListReq{}}); err != nil {
		t.Errorf("ListSubCustomers: %v", err)
	}
	if _, err := client.UpdateSubCustomerBudget(&intl.UpdateSubCustomerBudgetRequest{Body: &intl.ModSubCustomerBudgetReq{CustomerId: "c-17", BudgetAmount: money(t, "100.5")}}); err != nil {
		t.Errorf("UpdateSubCustomerBudget: %v", err)
	}
	if cn, international := len(w.simulator.Calls()), len(w.intl.Calls()); cn != 0 || international != 2 {
		t.Errorf("%d calls reached the Chinese site and %d the international one, want 0 and 2", cn, international)
	}
}
