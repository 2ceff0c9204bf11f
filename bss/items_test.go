package bss

import (
	"slices"
	"strings"
	"testing"

	"tollgate/catalog"
)

// TestFailedItems: an item counts as failed only where the answer says so once, by a name that all readers take for the same.
func TestFailedItems(t *testing.T) {
	for _, test := range []struct {
		name, operation, body string
		failed                string
	}{
		{"one of two", "RenewalResources", `{"order_ids":["o"],"fail_resource_infos":[{"resource_id":"R-1","error_code":"CBC.1"}]}`, "r-1"},
		{"two", "RenewalResources", `{"fail_resource_infos":[{"resource_id":"a"},{"error_msg":"x","resource_id":"b"}]}`, "a b"},
		{"coupons", "CreatePartnerCoupons", `{"coupon_infos":[{"id":"c-1","coupon_id":"x"}],"error_details":[{"id":"c-2","error_code":"CBC.1"}]}`, "c-2"},
		{"by its result", "UpdatePeriodToOnDemandInstantly",
			`{"to_ondemand_service_results":[{"resource_id":"a","result":"SUCCESS"},{"resource_id":"b","result":"FAIL"},{"result":"AUDIT","resource_id":"c"}]}`, "b"},
		{"by its code", "UpdatePeriodToOnDemandInstantly",
			`{"to_ondemand_service_results":[{"resource_id":"a","error_code":"CBC.0000"},{"resource_id":"b","error_code":"CBC.1"}]}`, "b"},
		{"number", "RenewalResources", `{"fail_resource_infos":[{"resource_id":7}]}`, "7"},
		{"null beside it", "RenewalResources", `{"fail_resource_infos":[{"resource_id":"a"}],"error_details":null}`, "a"},

		{"no list", "RenewalResources", `{"order_ids":["o"]}`, ""},
		{"empty list", "RenewalResources", `{"fail_resource_infos":[]}`, ""},
		{"no id", "RenewalResources", `{"fail_resource_infos":[{"resource_id":"a"},{"error_code":"CBC.1"}]}`, ""},
		{"empty id", "RenewalResources", `{"fail_resource_infos":[{"resource_id":""}]}`, ""},
		{"id is an object", "RenewalResources", `{"fail_resource_infos":[{"resource_id":{"id":"a"}}]}`, ""},
		{"elements that are none", "RenewalResources", `{"fail_resource_infos":["a"]}`, ""},
		{"list in a list", "RenewalResources", `{"fail_resource_infos":[[{"resource_id":"a"}]]}`, ""},
		{"null for an item", "RenewalResources", `{"fail_resource_infos":[{"resource_id":"a"},null]}`, ""},
		{"twice", "RenewalResources", `{"fail_resource_infos":[{"resource_id":"a"},{"resource_id":"A"}]}`, ""},
		{"two ids", "RenewalResources", `{"fail_resource_infos":[{"resource_id":"a","resource_id":"b"}]}`, ""},
		{"id in other case", "RenewalResources", `{"fail_resource_infos":[{"resource_id":"a","Resource_ID":"b"}]}`, ""},
		{"two lists", "RenewalResources", `{"fail_resource_infos":[{"resource_id":"a"}],"fail_resource_infos":[{"resource_id":"b"}]}`, ""},
		{"list in other case", "RenewalResources", `{"fail_resource_infos":[{"resource_id":"a"}],"Fail_Resource_Infos":[]}`, ""},
		{"another list in other case", "RenewalResources", `{"error_details":[{"id":"a"}],"Fail_Resource_Infos":[]}`, ""},
		{"the list not at the top", "RenewalResources", `{"data":{"fail_resource_infos":[{"resource_id":"a"}]}}`, ""},
		{"done and failed", "CreatePartnerCoupons", `{"coupon_infos":[{"id":"C-1"}],"error_details":[{"id":"c-1"}]}`, ""},
		{"failed and done", "CreatePartnerCoupons", `{"error_details":[{"id":"c-1"}],"coupon_infos":[{"id":"c-1"}]}`, ""},
		{"code of success", "CreatePartnerCoupons", `{"error_details":[{"id":"c-1","error_code":"CBC.0000"}]}`, ""},
		{"two results", "UpdatePeriodToOnDemandInstantly", `{"to_ondemand_service_results":[{"resource_id":"a","result":"FAIL","result":"SUCCESS"}]}`, ""},
		{"result against code", "UpdatePeriodToOnDemandInstantly", `{"to_ondemand_service_results":[{"resource_id":"a","result":"SUCCESS","error_code":"CBC.1"}]}`, ""},
		{"two items of one id", "UpdatePeriodToOnDemandInstantly",
			`{"to_ondemand_service_results":[{"resource_id":"a","result":"FAIL"},{"resource_id":"a","result":"SUCCESS"}]}`, ""},
		{"too many", "RenewalResources", `{"fail_resource_infos":[` + strings.Repeat(`{"resource_id":"a"},`, 300) + `{"resource_id":"b"}]}`, ""},
		{"cut short", "RenewalResources", `{"fail_resource_infos":[{"resource_id":"a"}]`, ""},
		{"two codes", "RenewalResources", `{"error_code":"CBC.0000","error_code":"CBC.0000","fail_resource_infos":[{"resource_id":"a"}]}`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ReadAnswer(catalog.Find("cn", test.operation), nil, 200, "application/json", []byte(test.body))
			if !slices.Equal(got.Failed, strings.Fields(test.failed)) {
				t.Errorf("%q, want %q", got.Failed, test.failed)
			}
			if test.failed != "" && got.Result != Partial && got.Foreign == "" {
				t.Errorf("result %s", got.Result)
			}
		})
	}
}
