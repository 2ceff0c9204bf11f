package e2e

import (
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bssintl/v2/model"

	"tollgate/audit/logfile"
)

// intlExamples are of the international site, in its own SDK package. None that changes something is equal to one of the other
// site: this SDK does not sign the host, so within a second the two would have one signature, and the second be a replay.
var intlExamples = []example{
	{operation: "ListCustomerOrders", about: "with a hard query", site: "intl", by: shopOf, account: "c-17",
		target: "GET /v2/orders/customer-orders?order_id=" + hardQuery,
		do: func(s *session) (any, error) {
			return s.intl.ListCustomerOrders(&model.ListCustomerOrdersRequest{OrderId: pointer(hardText)})
		}},
	{operation: "PayOrders", site: "intl", by: shopOf, account: "c-17",
		target: "POST /v3/orders/customer-orders/pay",
		do: func(s *session) (any, error) {
			return s.intl.PayOrders(&model.PayOrdersRequest{Body: &model.PayCustomerOrderV3Req{OrderId: "CS-1001", UseCoupon: "NO", UseDiscount: "YES"}})
		}},
	{operation: "CancelAutoRenewalResources", about: "with a hard path", site: "intl", by: shopOf, account: "c-17", code: "CBC.0101",
		target: "DELETE /v2/orders/subscriptions/resources/autorenew/" + hardWire + "2",
		do: func(s *session) (any, error) {
			return s.intl.CancelAutoRenewalResources(&model.CancelAutoRenewalResourcesRequest{ResourceId: hardPath + "2"})
		}},
	{operation: "RenewalResources", about: "of which one fails", site: "intl", by: shopOf, account: "c-17", want: logfile.Partial,
		target: "POST /v2/orders/subscriptions/resources/renew",
		do: func(s *session) (any, error) {
			return s.intl.RenewalResources(&model.RenewalResourcesRequest{Body: &model.RenewalResourcesReq{
				ResourceIds: []string{"res-1", "no-such"}, PeriodType: 2, PeriodNum: 2, IsAutoPay: pointer(int32(1)),
			}})
		}},
	{operation: "ListSubCustomers", site: "intl", by: officeOf, account: "p-1",
		target: "POST /v2/partners/sub-customers/query",
		do: func(s *session) (any, error) {
			return s.intl.ListSubCustomers(&model.ListSubCustomersRequest{Body: &model.QuerySubCustomerListReq{}})
		}},
	{operation: "UpdateSubCustomerBudget", site: "intl", by: officeOf, account: "p-1",
		target: "POST /v2/partners/sub-customers/budget",
		do: func(s *session) (any, error) {
			return s.intl.UpdateSubCustomerBudget(&model.UpdateSubCustomerBudgetRequest{Body: &model.ModSubCustomerBudgetReq{CustomerId: "c-17", BudgetAmount: amount("100.5")}})
		}},
	{operation: "FreezeSubCustomers", about: "two of them", site: "intl", by: officeOf, account: "p-1",
		target: "POST /v2/partners/sub-customers/freeze",
		do: func(s *session) (any, error) {
			return s.intl.FreezeSubCustomers(&model.FreezeSubCustomersRequest{Body: &model.FreezeSubCustomersReq{CustomerIds: []string{"c-17", "c-18"}, Reason: "未付款"}})
		}},
	{operation: "ShowSubCustomerBudget", site: "intl", by: officeOf, account: "p-1",
		target: "GET /v2/partners/sub-customers/budget?customer_id=c-17",
		do: func(s *session) (any, error) {
			return s.intl.ShowSubCustomerBudget(&model.ShowSubCustomerBudgetRequest{CustomerId: "c-17"})
		}},
	{operation: "queryCredit", site: "intl", by: officeOf, account: "p-1",
		target: "GET /v1.0/p-1/partner/account-mgr/credit?customer_id=c-17",
		do: func(s *session) (any, error) {
			return s.bare(bareCall{line: "GET /v1.0/p-1/partner/account-mgr/credit", contentType: json1, query: [][]string{{"customer_id", "c-17"}}})
		}},
	{operation: "setCredit", site: "intl", by: officeOf, account: "p-1",
		target: "POST /v1.0/p-1/partner/account-mgr/credit",
		do: func(s *session) (any, error) {
			return s.bare(bareCall{line: "POST /v1.0/p-1/partner/account-mgr/credit", contentType: json1, body: pointer(`{"customer_id":"c-17","amount":"50"}`)})
		}},
}
