package bsssim

import (
	"strings"
	"testing"
)

// payments are the three versions of the call that pays an order.
var payments = []struct{ path, body string }{
	{"/v3/orders/customer-orders/pay", `{"order_id":"CS-1001"}`},
	{"/v2/orders/customer-orders/pay", `{"order_id":"CS-1001"}`},
	{"/v1.0/c-17/customer/order-mgr/order/pay", `{"orderId":"CS-1001"}`},
}

func TestLedgerCountsEachPayment(t *testing.T) {
	for _, again := range []bool{false, true} {
		w := newWorld(t, Config{PayAgain: again})
		want := 1
		for range 2 {
			for _, p := range payments {
				w.call(customerAK, "POST", p.path, p.body)
			}
		}
		if again {
			want = 5 // the sixth has no money left
		}
		ledger := w.server.Ledger()
		check(t, "payments", len(ledger), want)
		for _, m := range ledger {
			check(t, "movement", m.Kind+" "+m.Subject+" "+m.Customer+" "+m.Amount.String(), "payment CS-1001 c-17 99.00")
		}
		check(t, "balance", w.balance("c-17"), 500_00-cents(want)*99_00)
	}
}

func TestLedgerOfOtherMoney(t *testing.T) {
	w := newWorld(t, Config{})
	w.want(partnerAK, "POST", "/v2/promotions/benefits/partner-coupons", `{"quota_id":"Q-1","customer_ids":["c-17","c-18"],"face_value":5}`, 200, "")
	w.want(customerAK, "POST", "/v2/orders/subscriptions/resources/renew", `{"resource_ids":["res-1"],"period_type":2,"period_num":1,"is_auto_pay":1}`, 200, "")
	w.want(customerAK, "POST", "/v2/orders/subscriptions/resources/unsubscribe", `{"resource_ids":["res-1"],"unsubscribe_type":1}`, 200, "")
	w.want(partnerAK, "POST", "/v2/accounts/partner-accounts/adjust-amount", `{"customer_id":"c-17","amount":7}`, 200, "")
	w.want(masterAK, "POST", "/v2/enterprises/multi-accounts/transfer-amount", `{"customer_id":"c-31","amount":3,"trans_id":"t-1"}`, 204, "")
	var got []string
	for _, m := range w.server.Ledger() {
		got = append(got, m.Kind+" "+m.Operation+" "+m.Customer+" "+m.Amount.String())
	}
	check(t, "ledger", strings.Join(got, "\n"), strings.Join([]string{
		"coupon CreatePartnerCoupons c-17 5.00", "coupon CreatePartnerCoupons c-18 5.00", "payment RenewalResources c-17 30.00",
		"refund CancelResourcesSubscription c-17 30.00", "funds UpdateCustomerAccountAmount c-17 7.00", "funds UpdateSubEnterpriseAmount c-31 3.00",
	}, "\n"))
}

// TestAddedOrders holds what answers say of an order to what was added.
func TestAddedOrders(t *testing.T) {
	w := newWorld(t, Config{})
	for _, test := range []struct {
		order Order
		want  string // in the answer
	}{
		{Order{ID: "A-1", Customer: "c-17", Amount: "12.5"}, `"amount_after_discount":12.50,"create_time":"2026-03-04T05:06:07Z","currency":"CNY"`},
		{Order{ID: "A-2", Customer: "c-17", Amount: "1", Currency: "USD"}, `"currency":"USD"`},
		{Order{ID: "A-3", Customer: "c-17", Amount: "1", NoCurrency: true}, `"currency":""`},
		{Order{ID: "A-4", Customer: "c-17", Amount: "1", Measure: 3}, `"measure_id":3`},
	} {
		if err := w.server.AddOrder(test.order); err != nil {
			t.Fatal(err)
		}
		got := w.want(customerAK, "GET", "/v2/orders/customer-orders/details/"+test.order.ID, "", 200, "")
		if !strings.Contains(got.text, test.want) {
			t.Errorf("%+v: %s", test.order, got.text)
		}
		check(t, "status", w.server.state.orders[test.order.ID].Status, orderUnpaid)
	}
	for _, bad := range []Order{{ID: "A-1", Customer: "c-17", Amount: "1"}, {Customer: "c-17", Amount: "1"}, {ID: "B", Customer: "c-99", Amount: "1"}, {ID: "B", Customer: "c-17", Amount: "-1"}} {
		if w.server.AddOrder(bad) == nil {
			t.Errorf("%+v was added", bad)
		}
	}
	if err := w.server.Deposit("c-17", "0.5"); err != nil || w.balance("c-17") != 500_50 {
		t.Errorf("after a deposit: %v, %v", err, w.balance("c-17"))
	}
	if w.server.Deposit("c-99", "1") == nil || w.server.Deposit("c-17", "x") == nil {
		t.Error("a deposit that cannot be was made")
	}
}
