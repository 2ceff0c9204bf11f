package acts

import (
	"fmt"
	"net/url"

	"tollgate/bss"
	"tollgate/catalog"
)

// shown is the read that shows best the outcome of an act, for people to judge: parameters of its query or members of its body, and the parts
// of the act that they are.
type shown struct {
	operation string
	asks      map[string]string
	list      bool // the body has lists
}

var (
	resourcesOf = shown{operation: "ListPayPerUseCustomerResources", asks: map[string]string{"resource_ids": "resource_id"}, list: true}
	resellers   = shown{operation: "ListPartnerAdjustRecords", asks: map[string]string{"indirect_partner_id": "indirect_partner_id"}}
	funds       = shown{operation: "ListPartnerAdjustRecords", asks: map[string]string{"customer_id": "customer_id"}}
	memberFunds = shown{
		operation: "ListEnterpriseMultiAccount", asks: map[string]string{"sub_customer_id": "customer_id", "balance_type": "balance_type"},
	}
)

// shows are the reads of acts, but for those of orders. None is known of coupons that are taken back from a member: they need not name whose
// they are.
var shows = map[string]shown{
	"renew": resourcesOf, "unsubscribe": resourcesOf, "to-on-demand": resourcesOf, "autorenew-on": resourcesOf,
	"fund-give": funds, "fund-take": funds, "reseller-give": resellers, "reseller-take": resellers,
	"quota-give":  {operation: "ListIssuedCouponQuotas", asks: map[string]string{"parent_quota_id": "quota_id"}},
	"quota-take":  {operation: "ListCouponQuotasRecords", asks: map[string]string{"quota_id": "quota_id"}},
	"coupon-give": {operation: "ListPartnerCouponsRecord", asks: map[string]string{"quota_id": "quota_id"}},
	"coupon-take": {operation: "ListPartnerCouponsRecord", asks: map[string]string{"coupon_ids": "coupon_id"}},
	"member-give": memberFunds, "member-take": memberFunds,
	"member-coupon-give": {operation: "ListMultiAccountRetrieveCoupons", asks: map[string]string{"sub_customer_id": "customer_id"}},
	"budget-set":         {operation: "ShowSubCustomerBudget", asks: map[string]string{"customer_id": "customer_id"}},
}

// ShowQuery returns a read that shows the outcome of a call of an operation, by the fields of its request. The error says why there is none.
func ShowQuery(op *catalog.Operation, fields []bss.Value) (*Query, error) {
	if op.Act == nil || op.Site == "" {
		return nil, fmt.Errorf("%s has no act of which it is known what read shows it", op.Name)
	}
	r := reader{Act: &Act{of: op.Act}, op: op, request: &bss.Request{Fields: fields}}
	if err := r.readParts(); err != nil {
		return nil, err
	}
	switch s, known := shows[op.Act.Name]; {
	case op.Act.Name == "pay" || op.Act.Name == "unsubscribe-order":
		return OrderQuery(op.Site, r.found[0][0].text)
	case known:
		return s.query(&r)
	}
	return nil, fmt.Errorf("no read is known that shows the act %s", op.Act.Name)
}

// query returns the read, which asks for the first value of each part, or for all.
func (s *shown) query(r *reader) (*Query, error) {
	query, body := url.Values{}, map[string][]string{}
	for name, part := range s.asks {
		for i := range r.of.Parts {
			for _, v := range r.found[i] {
				if r.of.Parts[i].Name == part {
					body[name] = append(body[name], v.text)
				}
			}
		}
		if len(body[name]) == 0 {
			return nil, fmt.Errorf("the call does not name the %s by which %s is asked", part, s.operation)
		}
		query.Set(name, body[name][0])
	}
	if s.list {
		return newQuery(r.op.Site, s.operation, "", "", body)
	}
	return newQuery(r.op.Site, s.operation, "", query.Encode(), nil)
}
