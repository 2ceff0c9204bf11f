package bss

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tollgate/catalog"
)

// asking reads the fields of a request as the gateway does.
func asking(t testing.TB, op *catalog.Operation, body string) []Value {
	t.Helper()
	request, err := ReadRequest(op, nil, nil, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return request.Fields
}

// TestForeignAnswers holds answers against requests of every operation whose answer repeats something.
func TestForeignAnswers(t *testing.T) {
	const (
		pay     = `{"order_id":"CS-1"}`
		coupons = `{"quota_id":"q","customer_ids":["c-1","c-2"],"face_value":1}`
	)
	for _, test := range []struct {
		operation, request, answer, foreign string
	}{
		{"PayOrders", pay, `{"order_id":"CS-1"}`, ""},
		{"PayOrders", pay, `{"order_id":"CS-2"}`, "order_id"},
		{"PayOrders", pay, `{"order_id":"CS-\u0031"}`, ""},
		{"PayOrders", pay, `{"order_id":"cs-1"}`, "order_id"},
		{"PayOrders", pay, `{"order_id":"CS-1 "}`, "order_id"},
		{"PayOrders", pay, `{"order_id":"CS-10"}`, "order_id"},
		{"PayOrders", pay, `{"order_id":""}`, ""},
		{"PayOrders", pay, `{"order_id":null}`, ""},
		{"PayOrders", pay, `{"order_id":1}`, "order_id"},
		{"PayOrders", pay, `{"order_id":true}`, "order_id"},
		{"PayOrders", pay, `{"order_id":["CS-1"]}`, "order_id"},
		{"PayOrders", pay, `{"order_id":{"id":"CS-1"}}`, "order_id"},
		{"PayOrders", pay, `{"Order_ID":"CS-2"}`, "order_id"},
		{"PayOrders", pay, `{"Order_ID":"CS-1"}`, ""},
		{"PayOrders", pay, `{"order_id":"CS-1","order_id":"CS-2"}`, "order_id"},
		{"PayOrders", pay, `{"order_id":"CS-2","order_id":"CS-1"}`, "order_id"},
		{"PayOrders", pay, `{"order_id":"CS-1","ORDER_ID":"CS-2"}`, "order_id"},
		{"PayOrders", pay, `{"error_code":"CBC.99000088","order_id":"CS-2"}`, "order_id"},
		{"PayOrders", pay, `{"error_code":"CBC.99000088"}`, ""},
		{"PayOrders", pay, `{"order_id":"CS-2"} and more`, "order_id"},
		{"PayOrders", pay, `{"order_id":"CS-2"`, "order_id"},
		{"PayOrders", pay, `{"other":{"order_id":"CS-2"},"order_ids":["CS-2"]}`, ""},
		{"PayOrders", pay, "", ""},
		{"PayOrders", `{"order_id":7}`, `{"order_id":"7"}`, ""},
		{"PayOrders", `{"order_id":7}`, `{"order_id":8}`, "order_id"},
		{"oldPayOrderV2", pay, `{"order_id":"CS-2"}`, "order_id"},
		{"orderPay", pay, `{"error_code":"CBC.0000","orderId":"CS-1"}`, ""},
		{"orderPay", pay, `{"error_code":"CBC.0000","orderId":"CS-2"}`, "orderId"},
		{"orderPay", `{"orderId":"CS-1"}`, `{"error_code":"CBC.0000","order_id":"CS-1"}`, ""},
		{"orderPay", `{"orderId":"CS-1"}`, `{"error_code":"CBC.0000","order_id":"CS-2"}`, "order_id"},
		{"CreatePartnerCoupons", coupons, `{"coupon_infos":[{"id":"c-2","coupon_id":"x"},{"id":"c-1","coupon_id":"y"}]}`, ""},
		{"CreatePartnerCoupons", coupons, `{"coupon_infos":[{"id":"c-1"}],"error_details":[{"id":"c-9"}]}`, ""},
		{"CreatePartnerCoupons", coupons, `{"coupon_infos":[{"id":"c-1"},{"id":"c-3"}]}`, "coupon_infos[].id"},
		{"CreatePartnerCoupons", coupons, `{"coupon_infos":[]}`, ""},
		{"CreatePartnerCoupons", coupons, `{"coupon_infos":[{"id":"c-1","id":{"c-1":1}}]}`, "coupon_infos[].id"},
		{"UpdateCouponQuotas", `{"quota_id":"q","indirect_partner_ids":["p-1"],"quota_amount":1}`, `{"simple_quota_infos":[{"id":"p-1","quota_id":"new"}]}`, ""},
		{"UpdateCouponQuotas", `{"quota_id":"q","indirect_partner_ids":["p-1"],"quota_amount":1}`, `{"simple_quota_infos":[{"id":"q","quota_id":"new"}]}`, "simple_quota_infos[].id"},
		{"ReclaimCouponQuotas", `{"quota_ids":["q-1","q-2"]}`, `{"simple_quota_infos":[{"quota_id":"q-2","quota_balance":0}]}`, ""},
		{"ReclaimCouponQuotas", `{"quota_ids":["q-1","q-2"]}`, `{"simple_quota_infos":[{"quota_id":"q-2"},{"quota_id":"q-3"}]}`, "simple_quota_infos[].quota_id"},
		{"UpdatePeriodToOnDemandInstantly", `{"resource_ids":["r-1"]}`, `{"to_ondemand_service_results":[{"resource_id":"r-1","result":"SUCCESS","order_id":"new"}]}`, ""},
		{"UpdatePeriodToOnDemandInstantly", `{"resource_ids":["r-1"]}`, `{"to_ondemand_service_results":[{"resource_id":"r-2","result":"SUCCESS"}]}`, "to_ondemand_service_results[].resource_id"},
		{"CancelResourcesSubscription", `{"resource_ids":["r-1"]}`, `{"order_ids":["new"],"fail_resource_infos":[{"resource_id":"attached"}]}`, ""},
		{"RenewalResources", `{"resource_ids":["r-1"]}`, `{"order_ids":["new"]}`, ""},
	} {
		op := catalog.Find("cn", test.operation)
		for _, status := range []int{200, 400, 502} {
			got := ReadAnswer(op, asking(t, op, test.request), status, "application/json", []byte(test.answer))
			if got.Foreign != test.foreign {
				t.Errorf("%s %s, answered with %d %s: foreign by %q, want %q", test.operation, test.request, status, test.answer, got.Foreign, test.foreign)
			}
		}
	}
}

// TestForeignToWhatWasNotAsked: a request without the member has asked for nothing by it; and values that are too many or too long
// for the record are not taken on trust.
func TestForeignToWhatWasNotAsked(t *testing.T) {
	op := catalog.Find("cn", "ReclaimCouponQuotas")
	var many []string
	for i := range maxValues + 1 {
		many = append(many, fmt.Sprintf(`"q-%d"`, i))
	}
	long := strings.Repeat("c", maxValueBytes+1)
	for name, test := range map[string]struct{ request, id, foreign string }{
		"no body":         {"", "q-1", "simple_quota_infos[].quota_id"},
		"no member":       {`{"remark":"q-1"}`, "q-1", "simple_quota_infos[].quota_id"},
		"null":            {`{"quota_ids":null}`, "q-1", "simple_quota_infos[].quota_id"},
		"the last of 100": {`{"quota_ids":[` + strings.Join(many, ",") + `]}`, "q-99", ""},
		"one more":        {`{"quota_ids":[` + strings.Join(many, ",") + `]}`, "q-100", "simple_quota_infos[].quota_id"},
		"too long":        {`{"quota_ids":["` + long + `"]}`, long, "simple_quota_infos[].quota_id"},
		"its beginning":   {`{"quota_ids":["` + long + `"]}`, long[:maxValueBytes], "simple_quota_infos[].quota_id"},
	} {
		answer := fmt.Sprintf(`{"simple_quota_infos":[{"quota_id":%q}]}`, test.id)
		if got := ReadAnswer(op, asking(t, op, test.request), 200, "", []byte(answer)).Foreign; got != test.foreign {
			t.Errorf("%s: foreign by %q, want %q", name, got, test.foreign)
		}
	}
}

// TestComparingCostsNothing: no operation pays an allocation for it.
func TestComparingCostsNothing(t *testing.T) {
	op := catalog.Find("cn", "CreatePartnerCoupons")
	asked := asking(t, op, `{"customer_ids":["c-1","a customer whose id is longer than 32 bytes"]}`)
	body := []byte(`{"coupon_infos":[{"id":"c-1"},{"id":"a customer whose id is longer than 32 bytes"}]}`)
	plain := *op
	plain.Repeats = nil
	measure := func(op *catalog.Operation) float64 {
		return testing.AllocsPerRun(100, func() { _ = ReadAnswer(op, asked, 200, "application/json", body) })
	}
	if with, without := measure(op), measure(&plain); with > without {
		t.Errorf("%v allocations with a comparison, %v without", with, without)
	}
}

// FuzzForeign holds what is found against what encoding/json reads, which takes the last of several members, in any case: if it
// shows a caller another order or customer, the answer is foreign; and an answer that is not says of each what was asked for.
func FuzzForeign(f *testing.F) {
	for _, seed := range []string{
		`{"order_id":"a"}`, `{"order_id":"b"}`, `{"Order_Id":"b","order_id":"a"}`, `{"order_id":["a"]}`, `{"ſ":1,"order_id":"\u0061"}`, "{}", "null", "",
		`{"coupon_infos":[{"id":"a"},{"ID":"b"}]}`, `{"coupon_infos":[null,{"id":null}],"COUPON_INFOS":[{"id":"c"}]}`,
	} {
		f.Add([]byte(seed))
	}
	pay, coupons := catalog.Find("cn", "PayOrders"), catalog.Find("cn", "CreatePartnerCoupons")
	order, customers := asking(f, pay, `{"order_id":"a"}`), asking(f, coupons, `{"customer_ids":["a","b"]}`)
	f.Fuzz(func(t *testing.T, body []byte) {
		var theirs struct {
			OrderID     *string `json:"order_id"`
			CouponInfos []struct {
				ID *string `json:"id"`
			} `json:"coupon_infos"`
		}
		if json.Unmarshal(body, &theirs) != nil {
			return
		}
		paid := ReadAnswer(pay, order, 200, "", body)
		if theirs.OrderID != nil && *theirs.OrderID != "" && *theirs.OrderID != "a" && paid.Result != Unread && paid.Foreign == "" {
			t.Errorf("encoding/json reads the order %q from %q", *theirs.OrderID, body)
		}
		issued := ReadAnswer(coupons, customers, 200, "", body)
		for _, info := range theirs.CouponInfos {
			if info.ID != nil && !slices.Contains([]string{"", "a", "b"}, *info.ID) && issued.Result != Unread && issued.Foreign == "" {
				t.Errorf("encoding/json reads the customer %q from %q", *info.ID, body)
			}
		}
	})
}
