package e2e

import (
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bss/v2/model"

	"tollgate/audit/logfile"
)

// shopExamples are of a customer of the Chinese site, in the SDK's models.
var shopExamples = []example{
	{operation: "ListCustomerOrders", about: "with a hard query", site: "cn", by: shopOf, account: "c-17",
		target: "GET /v2/orders/customer-orders?limit=10&order_id=" + hardQuery + "&service_type_code=~%2A%27%28%29%3B%26%3D%25%3F%23",
		do: func(s *session) (any, error) {
			return s.cn.ListCustomerOrders(&model.ListCustomerOrdersRequest{
				OrderId: pointer(hardText), ServiceTypeCode: pointer("~*'();&=%?#"), Limit: pointer(int32(10)),
			})
		}},
	{operation: "ShowCustomerOrderDetails", about: "in a language", site: "cn", by: shopOf, account: "c-17",
		target: "GET /v2/orders/customer-orders/details/CS-1001?limit=10",
		do: func(s *session) (any, error) {
			return s.cn.ShowCustomerOrderDetails(&model.ShowCustomerOrderDetailsRequest{OrderId: "CS-1001", Limit: pointer(int32(10)), XLanguage: pointer("en_US")})
		}},
	{operation: "ShowCustomerAccountBalances", site: "cn", by: shopOf, account: "c-17",
		target: "GET /v2/accounts/customer-accounts/balances",
		do: func(s *session) (any, error) {
			return s.cn.ShowCustomerAccountBalances(&model.ShowCustomerAccountBalancesRequest{})
		}},
	{operation: "ShowCustomerMonthlySum", site: "cn", by: shopOf, account: "c-17",
		target: "GET /v2/bills/customer-bills/monthly-sum?bill_cycle=2026-01&service_type_code=",
		do: func(s *session) (any, error) {
			return s.cn.ShowCustomerMonthlySum(&model.ShowCustomerMonthlySumRequest{BillCycle: "2026-01", ServiceTypeCode: pointer("")})
		}},
	{operation: "ListCustomerselfResourceRecords", site: "cn", by: shopOf, account: "c-17",
		target: "GET /v2/bills/customer-bills/res-fee-records?cycle=2026-01&region=cn-north-1",
		do: func(s *session) (any, error) {
			return s.cn.ListCustomerselfResourceRecords(&model.ListCustomerselfResourceRecordsRequest{Cycle: "2026-01", Region: pointer("cn-north-1")})
		}},
	{operation: "ListPayPerUseCustomerResources", site: "cn", by: shopOf, account: "c-17",
		target: "POST /v2/orders/suscriptions/resources/query",
		do: func(s *session) (any, error) {
			return s.cn.ListPayPerUseCustomerResources(&model.ListPayPerUseCustomerResourcesRequest{Body: &model.QueryResourcesReq{OrderId: pointer("中 <&>")}})
		}},
	{operation: "ListFreeResourceInfos", site: "cn", by: shopOf, account: "c-17",
		target: "POST /v3/payments/free-resources/query",
		do: func(s *session) (any, error) {
			return s.cn.ListFreeResourceInfos(&model.ListFreeResourceInfosRequest{Body: &model.ListFreeResourceInfosReq{}})
		}},
	{operation: "CancelAutoRenewalResources", about: "with a hard path", site: "cn", by: shopOf, account: "c-17", code: "CBC.0101",
		target: "DELETE /v2/orders/subscriptions/resources/autorenew/" + hardWire,
		do: func(s *session) (any, error) {
			return s.cn.CancelAutoRenewalResources(&model.CancelAutoRenewalResourcesRequest{ResourceId: hardPath})
		}},
	{operation: "AutoRenewalResources", about: "without a body", site: "cn", by: shopOf, account: "c-17",
		target: "POST /v2/orders/subscriptions/resources/autorenew/res-1",
		do: func(s *session) (any, error) {
			return s.cn.AutoRenewalResources(&model.AutoRenewalResourcesRequest{ResourceId: "res-1"})
		}},
	{operation: "CancelAutoRenewalResources", site: "cn", by: shopOf, account: "c-17",
		target: "DELETE /v2/orders/subscriptions/resources/autorenew/res-1",
		do: func(s *session) (any, error) {
			return s.cn.CancelAutoRenewalResources(&model.CancelAutoRenewalResourcesRequest{ResourceId: "res-1"})
		}},
	{operation: "RenewalResources", about: "of which one fails", site: "cn", by: shopOf, account: "c-17", want: logfile.Partial,
		target: "POST /v2/orders/subscriptions/resources/renew",
		do: func(s *session) (any, error) {
			return s.cn.RenewalResources(&model.RenewalResourcesRequest{Body: &model.RenewalResourcesReq{
				ResourceIds: []string{"res-1", "no-such"}, PeriodType: 2, PeriodNum: 1, IsAutoPay: pointer(int32(1)),
			}})
		}},
	{operation: "CancelResourcesSubscription", about: "of which one fails", site: "cn", by: shopOf, account: "c-17", want: logfile.Partial,
		target: "POST /v2/orders/subscriptions/resources/unsubscribe",
		do: func(s *session) (any, error) {
			return s.cn.CancelResourcesSubscription(&model.CancelResourcesSubscriptionRequest{Body: &model.UnsubscribeResourcesReq{
				ResourceIds: []string{"res-2", "no-such"}, UnsubscribeType: 1, UnsubscribeReason: pointer("不用了 <script>&\u2028"),
			}})
		}},
	{operation: "PayOrders", site: "cn", by: shopOf, account: "c-17",
		target: "POST /v3/orders/customer-orders/pay",
		do:     func(s *session) (any, error) { return s.cn.PayOrders(payment("CS-1001")) }},
	{operation: "PayOrders", about: "with more than there is", site: "cn", by: shopOf, account: "c-17", code: "CBC.99005003",
		target: "POST /v3/orders/customer-orders/pay",
		do:     func(s *session) (any, error) { return s.cn.PayOrders(payment("CS-1002")) }},
	{operation: "CancelCustomerOrder", site: "cn", by: shopOf, account: "c-17",
		target: "PUT /v2/orders/customer-orders/cancel",
		do: func(s *session) (any, error) {
			return s.cn.CancelCustomerOrder(&model.CancelCustomerOrderRequest{Body: &model.CancelCustomerOrderReq{OrderId: "CS-1002"}})
		}},
}

// bareExamples are what the SDK's models have no words for.
var bareExamples = []example{
	{operation: "ListCustomerOrders", about: "with repeated and empty parameters", site: "cn", by: shopOf, account: "c-17",
		target: "GET /v2/orders/customer-orders?a_.-%5B0%5D=" + hardQuery + "&customer_id=&status=&status=1&status=10&status=2",
		do: func(s *session) (any, error) {
			return s.bare(bareCall{line: "GET /v2/orders/customer-orders", contentType: json1,
				query: [][]string{{"status", "10", "2", "1", ""}, {"customer_id", ""}, {"a_.-[0]", hardText}}})
		}},
	{operation: "ListPayPerUseCustomerResources", about: "with an unsigned body", site: "cn", by: shopOf, account: "c-17",
		target: "POST /v2/orders/suscriptions/resources/query",
		do: func(s *session) (any, error) {
			return s.bare(bareCall{line: "POST /v2/orders/suscriptions/resources/query", contentType: "application/x+json", body: pointer(`{"order_id":"CS-1003"}`)})
		}},
	{operation: "ListPayPerUseCustomerResources", about: "with the largest body", site: "cn", by: shopOf, account: "c-17",
		target: "POST /v2/orders/suscriptions/resources/query",
		do: func(s *session) (any, error) {
			return s.bare(bareCall{line: "POST /v2/orders/suscriptions/resources/query", contentType: json1, body: largeBody(largest)})
		}},
	{operation: "ListFreeResourceInfos", about: "with an empty body", site: "cn", by: shopOf, account: "c-17",
		target: "POST /v3/payments/free-resources/query",
		do: func(s *session) (any, error) {
			return s.bare(bareCall{line: "POST /v3/payments/free-resources/query", contentType: json1, body: pointer("")})
		}},
	{operation: "queryOrdersList", site: "cn", by: shopOf, account: "c-17",
		target: "GET /v1.0/c-17/common/order-mgr/orders/detail?orderId=" + hardQuery,
		do: func(s *session) (any, error) {
			return s.bare(bareCall{line: "GET /v1.0/c-17/common/order-mgr/orders/detail", contentType: json1, query: [][]string{{"orderId", hardText}}})
		}},
	{operation: "oldCustomerBalance", site: "cn", by: shopOf, account: "c-17",
		target: "GET /v1.0/c-17/customer/account-mgr/balances",
		do: func(s *session) (any, error) {
			return s.bare(bareCall{line: "GET /v1.0/c-17/customer/account-mgr/balances"})
		}},
	{operation: "cancelAutoRenew", about: "with a hard path", site: "cn", by: shopOf, account: "c-17", want: logfile.Failed,
		target: "DELETE /v1.0/c-17/common/order-mgr/resources/" + hardWire + "/actions",
		do: func(s *session) (any, error) {
			return s.bare(bareCall{line: "DELETE /v1.0/c-17/common/order-mgr/resources/" + hardPath + "/actions", contentType: json1})
		}},
	// HTTP 200, and yet nothing was paid: the code in the answer says so, and the record.
	{operation: "orderPay", about: "of a paid order", site: "cn", by: shopOf, account: "c-17", want: logfile.Failed,
		target: "POST /v1.0/c-17/customer/order-mgr/order/pay",
		do: func(s *session) (any, error) {
			return s.bare(bareCall{line: "POST /v1.0/c-17/customer/order-mgr/order/pay", contentType: json1, body: pointer(`{"orderId":"CS-1001"}`)})
		}},
	{operation: "queryCustomerInfoList", site: "cn", by: officeOf, account: "p-1",
		target: "POST /v1.0/p-1/partner/customer-mgr/query",
		do: func(s *session) (any, error) {
			return s.bare(bareCall{line: "POST /v1.0/p-1/partner/customer-mgr/query", contentType: "application/json;charset=UTF-8", body: pointer("{}")})
		}},
}

// officeExamples are of a partner of the Chinese site.
var officeExamples = []example{
	{operation: "ListSubCustomers", site: "cn", by: officeOf, account: "p-1",
		target: "POST /v2/partners/sub-customers/query",
		do: func(s *session) (any, error) {
			return s.cn.ListSubCustomers(&model.ListSubCustomersRequest{Body: &model.QuerySubCustomerListReq{Limit: pointer(int32(10))}})
		}},
	{operation: "ListCustomersBalancesDetail", site: "cn", by: officeOf, account: "p-1",
		target: "POST /v2/accounts/customer-accounts/balances/batch-query",
		do: func(s *session) (any, error) {
			return s.cn.ListCustomersBalancesDetail(&model.ListCustomersBalancesDetailRequest{Body: &model.QueryCustomersBalancesReq{
				CustomerInfos: []model.CustomerInfoV2{{CustomerId: "c-17"}, {CustomerId: "c-18"}},
			}})
		}},
	{operation: "CreateSubCustomer", site: "cn", by: officeOf, account: "p-1",
		target: "POST /v2/partners/sub-customers",
		do: func(s *session) (any, error) {
			return s.cn.CreateSubCustomer(&model.CreateSubCustomerRequest{Body: &model.CreateCustomerV2Req{
				DomainName: pointer("e2e-customer"), XaccountId: "x-1", XaccountType: "E2E_IDP", Password: pointer("E2e-Passw0rd"),
			}})
		}},
	{operation: "UpdateCustomerAccountAmount", site: "cn", by: officeOf, account: "p-1",
		target: "POST /v2/accounts/partner-accounts/adjust-amount",
		do: func(s *session) (any, error) {
			return s.cn.UpdateCustomerAccountAmount(&model.UpdateCustomerAccountAmountRequest{Body: &model.AdjustAccountReq{CustomerId: "c-18", Amount: amount("12.34")}})
		}},
	{operation: "ReclaimToPartnerAccount", site: "cn", by: officeOf, account: "p-1",
		target: "POST /v2/accounts/partner-accounts/reclaim",
		do: func(s *session) (any, error) {
			return s.cn.ReclaimToPartnerAccount(&model.ReclaimToPartnerAccountRequest{Body: &model.ReclaimToPartnerAccountBalancesReq{CustomerId: "c-18", Amount: amount("0.34")}})
		}},
	{operation: "CreatePartnerCoupons", about: "for two customers", site: "cn", by: officeOf, account: "p-1",
		target: "POST /v2/promotions/benefits/partner-coupons",
		do: func(s *session) (any, error) {
			return s.cn.CreatePartnerCoupons(&model.CreatePartnerCouponsRequest{Body: &model.CreatePartnerCouponsReq{
				QuotaId: "Q-1", CustomerIds: []string{"c-17", "c-18"}, FaceValue: amount("5"),
			}})
		}},
	{operation: "ListPartnerAdjustRecords", site: "cn", by: officeOf, account: "p-1",
		target: "GET /v3/accounts/partner-accounts/adjust-records?customer_id=c-18&operation_time_begin=2026-01-01T00%3A00%3A00Z",
		do: func(s *session) (any, error) {
			return s.cn.ListPartnerAdjustRecords(&model.ListPartnerAdjustRecordsRequest{CustomerId: pointer("c-18"), OperationTimeBegin: pointer("2026-01-01T00:00:00Z")})
		}},
	{operation: "ListServiceTypes", site: "cn", by: officeOf, account: "p-1",
		target: "GET /v2/products/service-types?service_type_name=%E5%BC%B9%E6%80%A7%E4%BA%91%E6%9C%8D%E5%8A%A1%E5%99%A8%20%28ECS%29",
		do: func(s *session) (any, error) {
			return s.cn.ListServiceTypes(&model.ListServiceTypesRequest{ServiceTypeName: pointer("弹性云服务器 (ECS)")})
		}},
	{operation: "ListIndirectPartners", about: "as a distributor", site: "cn", by: distributorOf, account: "p-9",
		target: "POST /v2/partners/indirect-partners/query",
		do: func(s *session) (any, error) {
			return s.cn.ListIndirectPartners(&model.ListIndirectPartnersRequest{Body: &model.QueryIndirectPartnersReq{}})
		}},
}

// tillExamples are of temporary keys towards the provider.
var tillExamples = []example{
	{operation: "ShowCustomerAccountBalances", about: "with temporary keys", site: "cn", by: tillOf, account: "c-18",
		target: "GET /v2/accounts/customer-accounts/balances",
		do: func(s *session) (any, error) {
			return s.cn.ShowCustomerAccountBalances(&model.ShowCustomerAccountBalancesRequest{})
		}},
	{operation: "PayOrders", about: "with temporary keys", site: "cn", by: tillOf, account: "c-18",
		target: "POST /v3/orders/customer-orders/pay",
		do:     func(s *session) (any, error) { return s.cn.PayOrders(payment("CS-2001")) }},
}
