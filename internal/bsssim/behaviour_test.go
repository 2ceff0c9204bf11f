package bsssim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"tollgate/catalog"
)

// account returns the key of a default account that may call the operation.
func account(o *catalog.Operation) string {
	switch {
	case o.Kind == catalog.KindDistributor:
		return distributorAK
	case o.Kind == catalog.KindEnterpriseMaster:
		return masterAK
	case o.Class == catalog.ClassPartner:
		return partnerAK
	}
	return customerAK
}

// TestEveryOperationAnswersLegally calls all 216 operations: an empty call gets either a documented success or an error
// code, a v1 answer always carries a code, and nothing crashes.
func TestEveryOperationAnswersLegally(t *testing.T) {
	for _, site := range catalog.Sites() {
		w := newWorld(t, Config{Site: site})
		for _, o := range catalog.Operations(site) {
			access := account(o)
			path := strings.NewReplacer("{domain_id}", w.server.accounts[access].DomainID, "{partner_id}", "p-1", "{order_id}", "CS-1003", "{resource_id}", "res-1").Replace(o.Path)
			got := w.call(access, o.Method, path, "")
			code, _ := got.body["error_code"].(string)
			switch {
			case got.status < 300 && len(o.Success) > 0 && !slices.Contains(o.Success, got.status):
				t.Errorf("%s %s: success status %d, documented %v", site, o.Name, got.status, o.Success)
			case o.CodeAlways && code == "":
				t.Errorf("%s %s: v1 answer without code: %d %s", site, o.Name, got.status, got.text)
			case !o.CodeAlways && (got.status >= 300) != (code != ""):
				t.Errorf("%s %s: %d %s", site, o.Name, got.status, got.text)
			case got.status >= 500 || got.status == 401 || got.status == 403 || got.status == 404:
				t.Errorf("%s %s: %d %s", site, o.Name, got.status, got.text)
			}
			if got.header.Get("X-Request-Id") == "" {
				t.Errorf("%s %s: no X-Request-Id", site, o.Name)
			}
		}
	}
}

// TestEmptyAnswersAreOfTheCatalog holds answers.json to the catalog: no name in it is unknown, and reads have a shape.
func TestEmptyAnswersAreOfTheCatalog(t *testing.T) {
	shapes := loadShapes()
	for name := range shapes {
		if catalog.Find("cn", name) == nil && catalog.Find("intl", name) == nil {
			t.Errorf("answers.json has %s, which no site has", name)
		}
	}
	for _, site := range catalog.Sites() {
		for _, o := range catalog.Operations(site) {
			if o.Effect == catalog.Read && !o.Deprecated && shapes[o.Name] == nil {
				t.Errorf("answers.json lacks the read %s %s", site, o.Name)
			}
		}
	}
}

func TestUnknownAPI(t *testing.T) {
	w := newWorld(t, Config{})
	got := w.want(partnerAK, "GET", "/v9/nothing", "", 404, "APIG.0101")
	check(t, "request id in body", member(any(got.body), "request_id"), got.header.Get("X-Request-Id"))
	w.want(partnerAK, "DELETE", typesPath, "", 404, "APIG.0101")
	w.want(partnerAK, "POST", "/v2/partners/sub-customers/budget", "{}", 404, "APIG.0101") // of the other site
}

func TestBodyRefusals(t *testing.T) {
	w := newWorld(t, Config{})
	chunked := w.request(customerAK, "POST", "/v3/orders/customer-orders/pay", "{}")
	chunked.ContentLength = -1
	if got := w.do(chunked); got.status != http.StatusLengthRequired {
		t.Errorf("no Content-Length: %d %s", got.status, got.text)
	}
	w.want(customerAK, "POST", "/v3/orders/customer-orders/pay", strings.Repeat(" ", maxBodySize+1), 413, "APIG.0201")
	for _, body := range []string{"[]", "{", "{}{}", "null", "x"} {
		w.want(customerAK, "POST", "/v3/orders/customer-orders/pay", body, 400, "CBC.0100")
	}
}

func TestThrottle(t *testing.T) {
	w := newWorld(t, Config{})
	get := func(access, source string) result {
		r := w.request(access, "GET", "/v2/products/service-types", "")
		r.RemoteAddr = source + ":1"
		return w.do(r)
	}
	for i := range 10 {
		if got := get(partnerAK, "10.0.0.1"); got.status != 200 {
			t.Fatalf("call %d: %d %s", i+1, got.status, got.text)
		}
	}
	got := get(partnerAK, "10.0.0.1")
	if got.status != 429 || !strings.Contains(got.text, "APIG.0308") || !strings.Contains(got.text, "limit:10,time:1 second") {
		t.Errorf("call 11: %d %s", got.status, got.text)
	}
	check(t, "other source", get(partnerAK, "10.0.0.2").status, 200)
	check(t, "other account", get(customerAK, "10.0.0.1").status, 200)
	w.want(partnerAK, "GET", "/v2/products/service-types", "", 200, "") // the next second
}

func TestClasses(t *testing.T) {
	w := newWorld(t, Config{})
	pay := `{"order_id":"CS-1001"}`
	w.want(partnerAK, "POST", "/v3/orders/customer-orders/pay", pay, 403, "CBC.0151")
	w.want(customerAK, "GET", "/v2/accounts/partner-accounts/balances", "", 403, "CBC.0151")
	w.want(customerAK, "POST", "/v1.0/p-1/partner/customer-mgr/query", "{}", 200, "CBC.5001")
	w.want(partnerAK, "POST", "/v2/partners/indirect-partners/query", "{}", 403, "CBC.0151")
	w.want(distributorAK, "POST", "/v2/partners/indirect-partners/query", "{}", 200, "")
	w.want(customerAK, "GET", "/v2/enterprises/multi-accounts/sub-customers", "", 403, "CBC.0151")
	w.want(masterAK, "GET", "/v2/enterprises/multi-accounts/sub-customers", "", 200, "")
	w.want(customerAK, "POST", "/v1.0/c-18/customer/order-mgr/order/pay", pay, 403, "CBC.0151") // another's path
	w.want(partnerAK, "POST", "/v1.0/p-other/partner/customer-mgr/query", "{}", 200, "CBC.0000")
	// A partner asking v1 for prepaid resources is not refused: it gets nothing.
	got := w.want(partnerAK, "GET", "/v1.0/p-1/common/order-mgr/resources/detail", "", 200, "CBC.0000")
	check(t, "rows", len(list(got, "data")), 0)
	if o := w.server.state.orders["CS-1001"]; o.Status != orderUnpaid {
		t.Error("a refused call paid the order")
	}
}

func TestPayOrders(t *testing.T) {
	const path = "/v3/orders/customer-orders/pay"
	w := newWorld(t, Config{})
	w.want(customerAK, "POST", path, `{"order_id":"CS-0"}`, 400, "CBC.30000010")
	w.want(customerAK, "POST", path, `{"order_id":"CS-2001"}`, 400, "CBC.30000010") // of another customer
	w.want(customerAK, "POST", path, `{"order_id":"CS-1002"}`, 400, "CBC.99005003")
	w.want(customerAK, "POST", path, `{"order_id":"CS-1001","use_coupon":"YES","coupon_infos":[{"id":"CP-30"}]}`, 400, "CBC.99007004")
	check(t, "balance after refusals", w.balance("c-17"), 500_00)
	w.want(customerAK, "POST", path, `{"order_id":"CS-1001","use_coupon":"YES","coupon_infos":[{"id":"CP-1","type":301}]}`, 204, "")
	check(t, "balance less 99 with a coupon of 20", w.balance("c-17"), 421_00)
	w.want(customerAK, "POST", path, `{"order_id":"CS-1001"}`, 400, "CBC.99000088")
	check(t, "balance after a second payment", w.balance("c-17"), 421_00)
	check(t, "coupon", w.server.state.coupons["CP-1"].UsedBy, "CS-1001")
	w.want(customerAK, "PUT", "/v2/orders/customer-orders/cancel", `{"order_id":"CS-1001"}`, 400, "CBC.99005010")
	w.want(customerAK, "PUT", "/v2/orders/customer-orders/cancel", `{"order_id":"CS-1002"}`, 204, "")
	w.want(customerAK, "POST", path, `{"order_id":"CS-1002"}`, 400, "CBC.99007004")
}

func TestOldPayments(t *testing.T) {
	w := newWorld(t, Config{})
	w.want(customer18AK, "POST", "/v2/orders/customer-orders/pay", `{"order_id":"CS-2001"}`, 204, "")
	check(t, "balance", w.balance("c-18"), 5_00)
	const v1 = "/v1.0/c-17/customer/order-mgr/order/pay"
	w.want(customerAK, "POST", v1, `{"orderId":"CS-1002"}`, 200, "CBC.5003")
	w.want(customerAK, "POST", v1, `{"orderId":"CS-1001"}`, 200, "CBC.0000")
	check(t, "balance", w.balance("c-17"), 401_00)
}

func TestOrderReads(t *testing.T) {
	w := newWorld(t, Config{})
	got := w.want(customerAK, "GET", "/v2/orders/customer-orders/details/CS-1001", "", 200, "")
	if !strings.Contains(got.text, `"amount_after_discount":99.00`) {
		t.Errorf("amount: %s", got.text)
	}
	w.want(partnerAK, "GET", "/v2/orders/customer-orders/details/CS-2001", "", 200, "")
	w.want(partnerAK, "GET", "/v2/orders/customer-orders/details/CS-3001", "", 400, "CBC.30000010") // not the partner's customer
	check(t, "own orders", len(list(w.want(customerAK, "GET", "/v2/orders/customer-orders", "", 200, ""), "order_infos")), 3)
	check(t, "all customers' orders", len(list(w.want(partnerAK, "GET", "/v2/orders/customer-orders", "", 200, ""), "order_infos")), 4)
	check(t, "one customer's orders", len(list(w.want(partnerAK, "GET", "/v2/orders/customer-orders?customer_id=c-18", "", 200, ""), "order_infos")), 1)
	check(t, "page", len(list(w.want(customerAK, "GET", "/v2/orders/customer-orders?limit=2&offset=2", "", 200, ""), "order_infos")), 1)
	w.want(customerAK, "GET", "/v1.0/c-17/common/order-mgr/orders/CS-1001", "", 200, "CBC.0000")
	w.want(customerAK, "GET", "/v1.0/c-17/common/order-mgr/orders/CS-0", "", 200, "CBC.30000010")
	w.want(customerAK, "GET", "/v1.0/c-18/common/order-mgr/orders/CS-2001", "", 403, "CBC.0151")
	w.want(partnerAK, "GET", "/v1.0/c-18/common/order-mgr/orders/CS-2001", "", 200, "CBC.0000") // a partner names the customer
	w.want(partnerAK, "GET", "/v1.0/c-17/common/order-mgr/orders/CS-2001", "", 200, "CBC.30000010")
	w.want(partnerAK, "GET", "/v1.0/p-1/common/order-mgr/orders/CS-2001", "", 200, "CBC.30000010")
	w.want(customerAK, "GET", "/v2/orders/customer-orders/refund-orders?order_id=CS-1001", "", 400, "CBC.99005026")
}

func TestUnsubscribe(t *testing.T) {
	w := newWorld(t, Config{})
	got := w.want(customerAK, "POST", "/v2/orders/subscriptions/resources/unsubscribe", `{"resource_ids":["res-1","res-9"],"unsubscribe_type":1}`, 200, "")
	failed, orders := list(got, "fail_resource_infos"), list(got, "order_ids")
	if len(failed) != 1 || member(failed[0], "resource_id") != "res-9" || member(failed[0], "error_code") == "" || len(orders) != 1 {
		t.Fatalf("partial unsubscription: %s", got.text)
	}
	check(t, "balance with the refund", w.balance("c-17"), 530_00)
	refund := w.want(customerAK, "GET", "/v2/orders/customer-orders/refund-orders?order_id="+orders[0].(string), "", 200, "")
	check(t, "refund rows", len(list(refund, "refund_infos")), 1)
	w.want(customerAK, "POST", "/v1.0/c-17/common/order-mgr/resources/delete", `{"resourceIds":["res-1"],"unSubType":1}`, 200, "CBC.0101") // gone
	v1 := w.want(customerAK, "POST", "/v1.0/c-17/common/order-mgr/resources/delete", `{"resourceIds":["res-2"],"unSubType":1}`, 200, "CBC.0000")
	check(t, "v1 orders", len(list(v1, "orderIds")), 1)
	check(t, "resources left", len(list(w.want(customerAK, "POST", "/v2/orders/suscriptions/resources/query", "{}", 200, ""), "data")), 0)
}

func TestRenew(t *testing.T) {
	const path = "/v2/orders/subscriptions/resources/renew"
	w := newWorld(t, Config{})
	expires := w.server.state.resources["res-1"].Expires
	got := w.want(customerAK, "POST", path, `{"resource_ids":["res-1"],"period_type":2,"period_num":2,"is_auto_pay":0}`, 200, "")
	check(t, "balance before paying", w.balance("c-17"), 500_00)
	w.want(customerAK, "POST", "/v3/orders/customer-orders/pay", fmt.Sprintf(`{"order_id":%q}`, list(got, "order_ids")[0]), 204, "")
	check(t, "balance", w.balance("c-17"), 440_00)
	check(t, "expiry", w.server.state.resources["res-1"].Expires, expires.AddDate(0, 2, 0))
	w.want(customerAK, "POST", path, `{"resource_ids":["res-2"],"period_type":2,"period_num":1,"is_auto_pay":1}`, 200, "")
	check(t, "balance after automatic payment", w.balance("c-17"), 410_00)
	w.want(customerAK, "POST", path, `{"resource_ids":["res-2"],"period_type":3,"period_num":5,"is_auto_pay":1}`, 400, "CBC.99005003")
	w.want(customerAK, "POST", "/v2/orders/subscriptions/resources/autorenew/res-1", "", 204, "")
	check(t, "auto-renewal", w.server.state.resources["res-1"].AutoRenew, true)
	w.want(customerAK, "DELETE", "/v2/orders/subscriptions/resources/autorenew/res-1", "", 204, "")
	check(t, "auto-renewal", w.server.state.resources["res-1"].AutoRenew, false)
}

func TestFunds(t *testing.T) {
	const allocate, reclaim = "/v2/accounts/partner-accounts/adjust-amount", "/v2/accounts/partner-accounts/reclaim"
	w := newWorld(t, Config{})
	got := w.want(partnerAK, "POST", allocate, `{"customer_id":"c-18","amount":"99.99"}`, 200, "")
	if member(any(got.body), "transfer_id") == "" {
		t.Errorf("no transfer_id: %s", got.text)
	}
	w.want(partnerAK, "POST", reclaim, `{"customer_id":"c-18","amount":9.99}`, 200, "") // a JSON number does too
	check(t, "customer", w.balance("c-18"), 110_00)
	check(t, "partner", w.partnerFunds("p-1"), 9910_00)
	for body, code := range map[string]string{
		`{"customer_id":"c-18","amount":"0.001"}`:  "CBC.0101",
		`{"customer_id":"c-18","amount":"-1"}`:     "CBC.0101",
		`{"customer_id":"c-18","amount":"0"}`:      "CBC.0101",
		`{"customer_id":"c-0","amount":"1"}`:       "CBC.99000047",
		`{"customer_id":"c-20","amount":"1"}`:      "CBC.99000049",
		`{"customer_id":"c-18","amount":"999999"}`: "CBC.99005003",
	} {
		w.want(partnerAK, "POST", allocate, body, 400, code)
	}
	w.want(partnerAK, "POST", allocate, `{"customer_id":"c-40","amount":"1"}`, 403, "CBC.0155") // another partner's
	check(t, "partner after refusals", w.partnerFunds("p-1"), 9910_00)
	const v1 = "/v1.0/p-1/partner/account-mgr/adjust-amount"
	w.want(partnerAK, "POST", v1, `{"customer_id":"c-40","amount":"1"}`, 200, "CBC.5004")
	w.want(partnerAK, "POST", v1, `{"customer_id":"c-20","amount":"1"}`, 200, "CBC.5021")
	w.want(partnerAK, "POST", v1, `{"customer_id":"c-18","amount":"999999"}`, 200, "CBC.5003")
	w.want(partnerAK, "POST", v1, `{"customer_id":"c-18","amount":"1000","measure_id":3}`, 200, "CBC.0000") // fen
	check(t, "customer after ten yuan", w.balance("c-18"), 120_00)

	const records = "/v3/accounts/partner-accounts/adjust-records"
	check(t, "records", len(list(w.want(partnerAK, "GET", records+"?customer_id=c-18", "", 200, ""), "records")), 3)
	check(t, "records out of scope", len(list(w.want(partnerAK, "GET", records+"?customer_id=c-40", "", 200, ""), "records")), 0)
	check(t, "records, old v2", len(list(w.want(partnerAK, "GET", "/v2/accounts/partner-accounts/adjust-records", "", 200, ""), "records")), 3)
}

func TestResellers(t *testing.T) {
	w := newWorld(t, Config{})
	w.want(distributorAK, "POST", "/v2/accounts/partner-accounts/indirect-partner-adjust", `{"indirect_partner_id":"r-2","amount":"500"}`, 200, "")
	w.want(distributorAK, "POST", "/v2/accounts/partner-accounts/indirect-partner-reclaim", `{"indirect_partner_id":"r-1","amount":"250"}`, 200, "")
	check(t, "distributor", w.partnerFunds("p-9"), 49_750_00)
	check(t, "r-1", w.server.state.resellers["r-1"].Balance, 750_00)
	w.want(distributorAK, "POST", "/v2/accounts/partner-accounts/indirect-partner-adjust", `{"indirect_partner_id":"r-0","amount":"1"}`, 400, "CBC.99000037")
	// A reseller's customer is seen and funded through the reseller.
	w.want(distributorAK, "POST", "/v2/accounts/partner-accounts/adjust-amount", `{"customer_id":"c-41","amount":"1"}`, 400, "CBC.99000037")
	w.want(distributorAK, "POST", "/v2/accounts/partner-accounts/adjust-amount", `{"customer_id":"c-41","amount":"50","indirect_partner_id":"r-1"}`, 200, "")
	check(t, "r-1 after funding", w.server.state.resellers["r-1"].Balance, 700_00)
	check(t, "own customers", len(list(w.want(distributorAK, "POST", "/v2/partners/sub-customers/query", "{}", 200, ""), "customer_infos")), 1)
}

func TestCouponQuotas(t *testing.T) {
	w := newWorld(t, Config{})
	got := w.want(distributorAK, "POST", "/v2/partners/coupon-quotas/indirect-partner-adjust",
		`{"quota_id":"Q-9","indirect_partner_ids":["r-1","r-0"],"quota_amount":"100"}`, 200, "")
	granted, bad := list(got, "simple_quota_infos"), list(got, "error_details")
	if len(granted) != 1 || len(bad) != 1 || member(bad[0], "id") != "r-0" {
		t.Fatalf("grant: %s", got.text)
	}
	check(t, "quota", w.server.state.quotas["Q-9"].Balance, 4900_00)
	got = w.want(distributorAK, "POST", "/v2/partners/coupon-quotas/indirect-partner-reclaim",
		fmt.Sprintf(`{"quota_ids":[%q,"Q-0"]}`, member(granted[0], "quota_id")), 200, "")
	check(t, "taken back", len(list(got, "simple_quota_infos")), 1)
	check(t, "not taken back", len(list(got, "error_details")), 1)
	check(t, "quota", w.server.state.quotas["Q-9"].Balance, 5000_00)
	check(t, "history", len(list(w.want(distributorAK, "GET", "/v2/partners/coupon-quotas/records", "", 200, ""), "records")), 2)
}

func TestPartnerCoupons(t *testing.T) {
	const path = "/v2/promotions/benefits/partner-coupons"
	w := newWorld(t, Config{})
	got := w.want(partnerAK, "POST", path, `{"quota_id":"Q-1","customer_ids":["c-17","c-40","c-20"],"face_value":"25"}`, 200, "")
	issued, bad := list(got, "coupon_infos"), list(got, "error_details")
	if len(issued) != 1 || member(issued[0], "id") != "c-17" || len(bad) != 2 || member(bad[0], "id") != "c-40" || member(bad[0], "error_code") == "" {
		t.Fatalf("partial issue: %s", got.text)
	}
	id := member(issued[0], "coupon_id")
	check(t, "quota", w.server.state.quotas["Q-1"].Balance, 975_00)
	check(t, "customer's coupons", len(list(w.want(customerAK, "GET", "/v2/promotions/benefits/coupons", "", 200, ""), "user_coupons")), 2)
	w.want(partnerAK, "POST", path+"/reclaim", fmt.Sprintf(`{"coupon_id":%q}`, id), 204, "")
	w.want(partnerAK, "POST", path+"/reclaim", fmt.Sprintf(`{"coupon_id":%q}`, id), 400, "CBC.0101")
	check(t, "quota", w.server.state.quotas["Q-1"].Balance, 1000_00)
}

func TestEnterpriseMembers(t *testing.T) {
	const allocate, reclaim = "/v2/enterprises/multi-accounts/transfer-amount", "/v2/enterprises/multi-accounts/retrieve-amount"
	w := newWorld(t, Config{})
	w.want(masterAK, "POST", allocate, `{"customer_id":"c-31","amount":"100","trans_id":"t-1"}`, 204, "")
	w.want(masterAK, "POST", allocate, `{"customer_id":"c-31","amount":"100","trans_id":"t-1"}`, 400, "CBC.99007009")
	w.want(masterAK, "POST", reclaim, `{"customer_id":"c-31","amount":"30","trans_id":"t-2"}`, 204, "")
	check(t, "member", w.balance("c-31"), 120_00)
	check(t, "master", w.balance("c-30"), 730_00)
	w.want(masterAK, "POST", allocate, `{"customer_id":"c-31","amount":"9999","trans_id":"t-3"}`, 400, "CBC.99005003")
	w.want(masterAK, "POST", allocate, `{"customer_id":"c-31","amount":"1","trans_id":"t-3"}`, 204, "") // a refused one may be used again
	w.want(masterAK, "POST", allocate, `{"customer_id":"c-17","amount":"1","trans_id":"t-4"}`, 400, "CBC.99000047")
	w.want(masterAK, "POST", "/v1.0/c-30/customer/account-mgr/transfer", `{"subCustomerId":"c-32","amount":"5","transId":"t-5"}`, 200, "CBC.0000")
	w.want(masterAK, "POST", "/v1.0/c-30/customer/account-mgr/transfer", `{"subCustomerId":"c-32","amount":"5","transId":"t-5"}`, 200, "CBC.99007009")
	got := w.want(masterAK, "POST", "/v2/enterprises/multi-accounts/transfer-coupon", `{"customer_id":"c-31","coupon_id":"CP-30","amount":"15","trans_id":"t-6"}`, 200, "")
	got = w.want(masterAK, "POST", "/v2/enterprises/multi-accounts/retrieve-coupon",
		fmt.Sprintf(`{"customer_id":"c-31","coupon_id":"CP-30","sub_coupon_id":%q,"trans_id":"t-7"}`, member(any(got.body), "sub_coupon_id")), 200, "")
	check(t, "coupon value back", member(any(got.body), "real_retrieve_amout"), "15.00")
}

func TestCustomers(t *testing.T) {
	w := newWorld(t, Config{})
	w.want(partnerAK, "POST", "/v2/partners/sub-customers", `{"domain_name":"newco"}`, 204, "")
	w.want(partnerAK, "POST", "/v2/partners/sub-customers", `{"domain_name":"NewCo"}`, 400, "CBC.99007004")
	check(t, "customers", len(list(w.want(partnerAK, "POST", "/v2/partners/sub-customers/query", "{}", 200, ""), "customer_infos")), 4)
	check(t, "customers, v1", len(list(w.want(partnerAK, "POST", "/v1.0/p-1/partner/customer-mgr/query", "{}", 200, "CBC.0000"), "customerInfoList")), 4)
	check(t, "customers, oldest", len(list(w.want(partnerAK, "GET", "/v1.0/p-1/partner/customer-mgr/detail", "", 200, "CBC.0000"), "customerInfoList")), 4)
	got := newWorld(t, Config{CustomerIDs: true}).want(partnerAK, "POST", "/v2/partners/sub-customers", `{"domain_name":"newco"}`, 200, "")
	if member(any(got.body), "domain_id") == "" {
		t.Errorf("no domain_id: %s", got.text)
	}
}

func TestBudgetsAndFreezing(t *testing.T) {
	w := newWorld(t, Config{Site: "intl"})
	w.want(partnerAK, "POST", "/v2/partners/sub-customers/budget", `{"customer_id":"c-18","budget_amount":70.5}`, 204, "")
	if got := w.want(partnerAK, "GET", "/v2/partners/sub-customers/budget?customer_id=c-18", "", 200, ""); !strings.Contains(got.text, `"budget_amount":70.50`) {
		t.Errorf("budget: %s", got.text)
	}
	w.want(partnerAK, "POST", "/v2/partners/sub-customers/freeze", `{"customer_ids":["c-18","c-40"],"reason":"x"}`, 400, "CBC.99000047")
	check(t, "frozen by a refused call", w.server.state.customers["c-18"].Frozen, false)
	w.want(partnerAK, "POST", "/v2/partners/sub-customers/freeze", `{"customer_ids":["c-18"],"reason":"x"}`, 204, "")
	check(t, "frozen", w.server.state.customers["c-18"].Frozen, true)
}

func TestPricesAndBills(t *testing.T) {
	w := newWorld(t, Config{})
	got := w.want(customerAK, "POST", "/v2/bills/ratings/period-resources/renew-rate", `{"resource_ids":["res-1","res-9"],"period_type":2,"period_num":3}`, 200, "")
	check(t, "price", member(list(got, "renew_inquiry_results")[0], "amount"), "90.00")
	check(t, "failed", len(list(got, "fail_resource_infos")), 1)
	product := `{"id":"1","cloud_service_type":"a","resource_type":"b","resource_spec":"c","region":"d","period_type":2,"period_num":2,"subscription_num":1}`
	got = w.want(customerAK, "POST", "/v2/bills/ratings/period-resources/subscribe-rate", `{"product_infos":[`+product+`]}`, 200, "")
	if !strings.Contains(got.text, `"official_website_amount":60.00`) {
		t.Errorf("price: %s", got.text)
	}
	w.want(customerAK, "POST", "/v2/bills/ratings/on-demand-resources", `{"product_infos":[{"id":"1"}]}`, 400, "CBC.0101")
	got = w.want(customerAK, "GET", "/v2/bills/customer-bills/monthly-sum?bill_cycle=2026-02", "", 200, "")
	if len(list(got, "bill_sums")) != 1 || !strings.Contains(got.text, `"consume_amount":60.00`) {
		t.Errorf("bill: %s", got.text)
	}
	check(t, "empty cycle", len(list(w.want(customerAK, "GET", "/v2/bills/customer-bills/monthly-sum?bill_cycle=2020-02", "", 200, ""), "bill_sums")), 0)
	w.want(customerAK, "POST", "/v3/payments/free-resources/query", "{}", 200, "")
}

func TestCents(t *testing.T) {
	for text, want := range map[string]cents{"99.99": 99_99, "1": 1_00, "0.1": 10, "0.01": 1, "999999999999.99": 999999999999_99} {
		if got, valid := parseCents(text); !valid || got != want {
			t.Errorf("parseCents(%q) = %v, %v, want %v", text, got, valid, want)
		}
	}
	for _, text := range []string{"", "0", "0.00", "-1", "+1", "1.", ".5", "1.001", "1e3", " 1", "1000000000000", "NaN", "1,00"} {
		if got, valid := parseCents(text); valid {
			t.Errorf("parseCents(%q) = %v", text, got)
		}
	}
	check(t, "negative", cents(-5).String(), "-0.05")
}
