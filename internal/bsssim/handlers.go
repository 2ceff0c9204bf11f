package bsssim

import (
	_ "embed"
	"encoding/json"
	"maps"

	"tollgate/catalog"
)

// allHandlers maps operation names, v2 and v1, to what acts on the state. What is not here answers emptily.
func allHandlers() map[string]handler {
	return map[string]handler{
		"PayOrders": ofOrder(payOrder), "oldPayOrderV2": ofOrder(payOrder), "orderPay": ofOrder(payOrder),
		"CancelCustomerOrder": ofOrder(cancelOrder), "orderActions": ofOrder(cancelOrder),
		"ListCustomerOrders": listOrders, "queryOrdersList": listOrders,
		"ShowCustomerOrderDetails": ofOrder(showOrder), "queryOrderDetail": ofOrder(showOrder),
		"ShowRefundOrderDetails": ofOrder(showRefund), "queryRefundOrder": ofOrder(showRefund),

		"RenewalResources": renew, "orderRenewByResourceId": renew,
		"CancelResourcesSubscription": unsubscribe, "orderDeleteByResourceId": unsubscribe, "unsubscribeOrder": ofOrder(unsubscribeOrder),
		"AutoRenewalResources": setAutoRenew(true), "autoRenew": setAutoRenew(true),
		"CancelAutoRenewalResources": setAutoRenew(false), "cancelAutoRenew": setAutoRenew(false),
		"ListPayPerUseCustomerResources": listResources, "queryResourcesList": listResources, "queryResources": listResources,
		"UpdatePeriodToOnDemand": toOnDemandLater, "UpdatePeriodToOnDemandInstantly": toOnDemandNow,

		"UpdateCustomerAccountAmount": allocate, "oldAdjustAmount": allocate, "ReclaimToPartnerAccount": reclaim,
		"UpdateIndirectPartnerAccount": moveReseller("ALLOCATE", "transfer_id"), "ReclaimIndirectPartnerAccount": moveReseller("RECLAIM", "trans_id"),
		"ListPartnerBalances": partnerBalances, "ListCustomersBalancesDetail": customerBalances,
		"ShowCustomerAccountBalances": ownBalance, "oldCustomerBalance": ownBalance,
		"ListPartnerAdjustRecords": listAdjusts, "oldListAdjustRecordsV2": listAdjusts, "oldQueryAdjustRecords": listAdjusts,

		"CreatePartnerCoupons": issueCoupons, "ReclaimPartnerCoupons": reclaimCoupon, "ListIssuedPartnerCoupons": listIssued,
		"ListSubCustomerCoupons": listCoupons, "ListOrderCouponsByOrderId": ofOrder(listOrderCoupons), "ListPartnerCouponsRecord": listCouponRecords,

		"ListQuotaCoupons": listQuotas, "UpdateCouponQuotas": grantQuota, "ReclaimCouponQuotas": reclaimQuotas,
		"ListIssuedCouponQuotas": listGranted, "ListCouponQuotasRecords": listQuotaRecords,

		"ListSubCustomers": listCustomers, "queryCustomerInfoList": listCustomers, "oldCustomerDetailList": listCustomers,
		"CreateSubCustomer": createCustomer, "createCustomer": createCustomer, "CheckUserIdentity": checkUser, "checkUser": checkUser,
		"ListIndirectPartners": listResellers,
		"FreezeSubCustomers":   setFrozen(true), "setCustomersFrozen": setFrozen(true),
		"UnfreezeSubCustomers": setFrozen(false), "setCustomersUnfrozen": setFrozen(false),
		"UpdateSubCustomerBudget": setBudget, "setCredit": setBudget, "ShowSubCustomerBudget": showBudget, "queryCredit": showBudget,
		"ListSubCustomerBudget": listBudgets,

		"UpdateSubEnterpriseAmount": memberFunds(true), "oldEnterpriseTransfer": memberFunds(true),
		"ReclaimSubEnterpriseAmount": memberFunds(false), "oldEnterpriseRetrieve": memberFunds(false),
		"ListEnterpriseSubCustomers": listMembers, "ShowMultiAccountTransferAmount": transferable, "ListEnterpriseMultiAccount": reclaimable,
		"ClaimEnterpriseMultiAccountCoupon": claimCoupon, "ReclaimEnterpriseMultiAccountCoupon": reclaimMemberCoupon,

		"ListRateOnPeriodDetail": periodPrice, "ListRenewRateOnPeriod": renewalPrice, "ListOnDemandResourceRatings": onDemandPrice,
		"ListServiceTypes": listServiceTypes,

		"ShowCustomerMonthlySum": monthlySum, "ListCustomerBillsFeeRecords": feeRecords, "ListCustomerselfResourceRecords": resourceRecords,
		"ListSubcustomerMonthlyBills": subcustomerBills, "ListSubCustomerBillDetail": subcustomerRecords,
	}
}

// answers.json holds, for each operation whose answer has members, their names with empty values: lists without rows,
// counts of 0. The names are those of the response models of the provider's Go SDK v0.1.207 (bss/v2, bssintl/v2); ListResourceSpecsPrice,
// which it lacks, has those of ListResourceSpecs.
//
//go:embed answers.json
var answersJSON []byte

func loadShapes() map[string]map[string]any {
	var shapes map[string]map[string]any
	if err := json.Unmarshal(answersJSON, &shapes); err != nil {
		panic("bsssim: answers.json: " + err.Error()) // part of the binary
	}
	return shapes
}

// emptyAnswer is the legal answer of an operation that has no state here.
func (s *Server) emptyAnswer(o *catalog.Operation) *answer {
	if o.CodeAlways && o.Effect == catalog.Read {
		return emptyList1()
	}
	if o.CodeAlways {
		return ok1(nil)
	}
	if shape, known := s.shapes[o.Name]; known {
		return ok(object(maps.Clone(shape)))
	}
	if o.Effect == catalog.Read {
		return ok(object{"total_count": 0})
	}
	return done()
}
