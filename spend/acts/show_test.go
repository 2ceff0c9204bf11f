package acts

import (
	"slices"
	"strings"
	"testing"

	"tollgate/catalog"
)

// TestShowQuery: of each act that a call can leave unknown there is a read that shows it, which asks for what the call named.
func TestShowQuery(t *testing.T) {
	const order = "/v2/orders/customer-orders/details/CS-1?"
	for name, c := range map[string]struct {
		asks asks
		want string
	}{
		"PayOrders":                           {asks{"cn", "", "", "", `{"order_id":"CS-1"}`}, order},
		"oldPayOrderV2":                       {asks{"cn", "", "", "", `{"order_id":"CS-1"}`}, order},
		"orderPay":                            {asks{"cn", "", "", "", `{"orderId":"CS-1"}`}, order},
		"unsubscribeOrder":                    {asks{"cn", "", "order_id=CS-1", "", ``}, order},
		"RenewalResources":                    {asks{"cn", "", "", "", `{"resource_ids":["R-1","r-2"]}`}, `{"resource_ids":["R-1","r-2"]}`},
		"orderRenewByResourceId":              {asks{"cn", "", "", "", `{"resourceIds":["r-1"]}`}, `{"resource_ids":["r-1"]}`},
		"AutoRenewalResources":                {asks{"cn", "", "resource_id=r-1", "", ``}, `{"resource_ids":["r-1"]}`},
		"autoRenew":                           {asks{"cn", "", "resource_id=r-1", "action_id=autorenew", ``}, `{"resource_ids":["r-1"]}`},
		"CancelResourcesSubscription":         {asks{"cn", "", "", "", `{"resource_ids":["r-1"],"unsubscribe_type":1}`}, `{"resource_ids":["r-1"]}`},
		"orderDeleteByResourceId":             {asks{"cn", "", "", "", `{"resourceIds":["r-1"],"unSubType":1}`}, `{"resource_ids":["r-1"]}`},
		"UpdatePeriodToOnDemandInstantly":     {asks{"cn", "", "", "", `{"resource_ids":["r-1"]}`}, `{"resource_ids":["r-1"]}`},
		"UpdateCustomerAccountAmount":         {asks{"cn", "", "", "", `{"customer_id":"c-1","amount":1}`}, "customer_id=c-1"},
		"oldAdjustAmount":                     {asks{"cn", "", "", "", `{"customer_id":"c-1","amount":1}`}, "customer_id=c-1"},
		"ReclaimToPartnerAccount":             {asks{"cn", "", "", "", `{"customer_id":"c-1","amount":1}`}, "customer_id=c-1"},
		"UpdateIndirectPartnerAccount":        {asks{"cn", "", "", "", `{"indirect_partner_id":"p-1","amount":1}`}, "indirect_partner_id=p-1"},
		"ReclaimIndirectPartnerAccount":       {asks{"cn", "", "", "", `{"indirect_partner_id":"p-1","amount":1}`}, "indirect_partner_id=p-1"},
		"UpdateCouponQuotas":                  {asks{"cn", "", "", "", `{"indirect_partner_ids":["p-1"],"quota_id":"q-1","quota_amount":1}`}, "parent_quota_id=q-1"},
		"ReclaimCouponQuotas":                 {asks{"cn", "", "", "", `{"quota_ids":["q-1"]}`}, "quota_id=q-1"},
		"CreatePartnerCoupons":                {asks{"cn", "", "", "", `{"customer_ids":["c-1"],"quota_id":"q-1","face_value":1}`}, "quota_id=q-1"},
		"ReclaimPartnerCoupons":               {asks{"cn", "", "", "", `{"coupon_id":"k-1"}`}, "coupon_ids=k-1"},
		"UpdateSubEnterpriseAmount":           {asks{"cn", "", "", "", `{"customer_id":"c-1","amount":1}`}, "balance_type=BALANCE_TYPE_DEBIT&sub_customer_id=c-1"},
		"ReclaimSubEnterpriseAmount":          {asks{"cn", "", "", "", `{"customer_id":"c-1","amount":1}`}, "balance_type=BALANCE_TYPE_DEBIT&sub_customer_id=c-1"},
		"oldEnterpriseTransfer":               {asks{"cn", "", "", "", `{"subCustomerId":"c-1","amount":1,"balanceType":"BALANCE_TYPE_CREDIT"}`}, "balance_type=BALANCE_TYPE_CREDIT&sub_customer_id=c-1"},
		"oldEnterpriseRetrieve":               {asks{"cn", "", "", "", `{"subCustomerId":"c-1","totalRetrieveAmout":1}`}, "balance_type=BALANCE_TYPE_DEBIT&sub_customer_id=c-1"},
		"ClaimEnterpriseMultiAccountCoupon":   {asks{"cn", "", "", "", `{"customer_id":"c-1","coupon_id":"k-1","amount":1}`}, "sub_customer_id=c-1"},
		"ReclaimEnterpriseMultiAccountCoupon": {asks{"cn", "", "", "", `{"customer_id":"c-1","coupon_id":"k-1","sub_coupon_id":"s-1"}`}, ""},
		"UpdateSubCustomerBudget":             {asks{"intl", "", "", "", `{"customer_id":"c-1","budget_amount":1}`}, "customer_id=c-1"},
		"setCredit":                           {asks{"intl", "", "", "", `{"customerId":"c-1","amount":1}`}, "customer_id=c-1"},
	} {
		c.asks.operation = name
		op, request, err := c.asks.read(t)
		if err != nil {
			t.Fatal(err)
		}
		q, err := ShowQuery(op, request.Fields)
		if err != nil {
			if c.want != "" {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if got := q.Path + "?" + q.Query + string(q.Body); c.want == "" || !strings.HasSuffix(got, c.want) || q.Operation.Effect != catalog.Read || q.Operation.Site != op.Site {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestEachActIsShown: there is no act without a read, and what is asked for is a part of the act.
func TestEachActIsShown(t *testing.T) {
	for _, site := range catalog.Sites() {
		for _, op := range catalog.Operations(site) {
			if op.Act == nil || slices.Contains([]string{"pay", "unsubscribe-order", "member-coupon-take"}, op.Act.Name) {
				continue
			}
			s, known := shows[op.Act.Name]
			if !known || catalog.Find(site, s.operation) == nil {
				t.Errorf("%s of %s: no read shows %s", op.Name, site, op.Act.Name)
				continue
			}
			for _, part := range s.asks {
				if !slices.ContainsFunc(op.Act.Parts, func(p catalog.Part) bool { return p.Name == part }) {
					t.Errorf("%s has no part %s", op.Name, part)
				}
			}
		}
	}
}
