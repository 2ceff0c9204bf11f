package acts

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tollgate/catalog"
	"tollgate/internal/setting"
)

// describe writes an act in one line, and its keys in one each: "@7d resource_id r1, unsubscribe_type 1".
func describe(a *Act, canonical []string) string {
	amount := "-"
	if a.Amount != nil {
		amount = fmt.Sprint(int64(*a.Amount))
	}
	var customers []string
	for _, part := range a.Customers {
		customers = append(customers, fmt.Sprintf("%s:%d", part.Customer, part.Amount))
	}
	lines := []string{fmt.Sprintf("%s %s %s pays=%v amount=%s%s from=%s ids=%s customers=%s", a.Name, a.Direction, a.Unit, a.Pays, amount, a.Currency,
		a.PriceFrom, strings.Join(a.IDs, ","), strings.Join(customers, ","))}
	for i, text := range canonical {
		_, parts, _ := strings.Cut(text, "; site ")
		_, parts, _ = strings.Cut(parts, "; ")
		lines = append(lines, fmt.Sprintf("@%v %s", setting.Duration(a.Keys[i].Window), strings.ReplaceAll(parts, ";", ",")))
	}
	return strings.Join(lines, "\n")
}

const (
	pay       = "pay out cash pays=true amount=- from=order ids=CS1 customers=\n@31d order_id cs1"
	renew     = "renew out cash pays=true amount=- from=renewal ids=R1,R2 customers=\n@1d r1\n@1d r2"
	autorenew = "autorenew-on set cash pays=false amount=- from=none ids= customers=\n@0s resource_id r1"
	give      = "fund-give out cash pays=true amount=999000 from=request ids= customers=c1:999000\n@10m customer_id c1, amount 999000"
)

// operationTests have each operation of acts.csv, with each spelling, the defaults and what is in doubt.
var operationTests = []struct {
	request asks
	want    string // as describe has it; "! " and a part of the error
}{
	{asks{"cn", "PayOrders", "", "", `{"order_id":"CS1","use_coupon":"NO","coupon_infos":[{"id":"x","type":300}]}`}, pay},
	{asks{"intl", "PayOrders", "", "", `{"order_id":"CS1"}`}, pay},
	{asks{"cn", "PayOrders", "", "", `{"orderId":"CS1"}`}, "! order_id must be given"},
	{asks{"cn", "PayOrders", "", "", `{"order_id":null}`}, "! order_id must be given"},
	{asks{"cn", "PayOrders", "", "", ``}, "! order_id must be given"},
	{asks{"cn", "oldPayOrderV2", "", "", `{"order_id":"CS1"}`}, pay},
	{asks{"intl", "oldPayOrderV2", "", "", `{"order_id":"CS1"}`}, pay},
	{asks{"cn", "orderPay", "domain_id=d", "", `{"order_id":"CS1"}`}, pay},
	{asks{"intl", "orderPay", "domain_id=d", "", `{"orderId":"CS1"}`}, pay},
	{asks{"cn", "orderPay", "", "", `{"order_id":"CS1","orderId":"CS2"}`}, // which one is paid is not known: both
		"pay out cash pays=true amount=- from=order ids=CS1,CS2 customers=\n@31d order_id cs1\n@31d order_id cs2"},
	{asks{"cn", "orderPay", "", "", `{}`}, "! order_id must be given"},

	{asks{"cn", "RenewalResources", "", "", `{"resource_ids":["R1","R2"],"period_type":2,"period_num":1,"is_auto_pay":1}`},
		strings.ReplaceAll(renew, "@1d ", "@1d resource_id ")},
	{asks{"cn", "RenewalResources", "", "", `{"resource_ids":["R1","R2"],"is_auto_pay":"true"}`}, strings.ReplaceAll(renew, "@1d ", "@1d resource_id ")},
	{asks{"intl", "RenewalResources", "", "", `{"resource_ids":["R1"]}`},
		"renew out cash pays=false amount=- from=renewal ids=R1 customers=\n@1d resource_id r1"},
	{asks{"intl", "RenewalResources", "", "", `{"resource_ids":["R1"],"is_auto_pay":0}`},
		"renew out cash pays=false amount=- from=renewal ids=R1 customers=\n@1d resource_id r1"},
	{asks{"cn", "RenewalResources", "", "", `{"resource_ids":["R1"],"is_auto_pay":"` + strings.Repeat("1", 1025) + `"}`}, "! is_auto_pay has more than"},
	{asks{"cn", "RenewalResources", "", "", `{"resource_ids":[]}`}, "! resource_ids[] must be given"},
	{asks{"cn", "RenewalResources", "", "", `{"resource_ids":["R1","r1"]}`}, "! twice"},
	{asks{"cn", "orderRenewByResourceId", "", "", `{"resourceIds":["R1","R2"],"isAutoPay":1}`}, strings.ReplaceAll(renew, "@1d ", "@1d resource_id ")},
	{asks{"intl", "orderRenewByResourceId", "", "", `{"resource_ids":["R1","R2"]}`}, strings.ReplaceAll(renew, "@1d ", "@1d resource_id ")},
	{asks{"cn", "orderRenewByResourceId", "", "", `{"resource_ids":["R1"],"resourceIds":["R2","r1"],"is_auto_pay":0,"isAutoPay":1}`},
		strings.ReplaceAll(renew, "@1d ", "@1d resource_id ")},
	{asks{"cn", "orderRenewByResourceId", "", "", `{"resourceIds":["R1"],"isAutoPay":"0"}`},
		"renew out cash pays=false amount=- from=renewal ids=R1 customers=\n@1d resource_id r1"},

	{asks{"cn", "AutoRenewalResources", "resource_id=R1", "", `{"period_type":2}`}, autorenew},
	{asks{"intl", "AutoRenewalResources", "resource_id=R1", "", ``}, autorenew},
	{asks{"cn", "autoRenew", "resource_id=R1", "action_id=autorenew", ``}, autorenew},
	{asks{"intl", "autoRenew", "resource_id=R1", "action_id=autorenew", ``}, autorenew},
	{asks{"cn", "autoRenew", "resource_id=R1", "action_id=stop", ``}, "! action_id must be autorenew"},
	{asks{"cn", "autoRenew", "resource_id=R1", "", ``}, "! action_id must be given"},

	{asks{"cn", "CancelResourcesSubscription", "", "", `{"resource_ids":["R1","R2"],"unsubscribe_type":1}`},
		"unsubscribe back cash pays=false amount=- from=none ids= customers=\n@7d resource_id r1, unsubscribe_type 1\n@7d resource_id r2, unsubscribe_type 1"},
	{asks{"intl", "CancelResourcesSubscription", "", "", `{"resource_ids":["R1"],"unsubscribe_type":"2"}`},
		"unsubscribe back cash pays=false amount=- from=none ids= customers=\n@7d resource_id r1, unsubscribe_type 2"},
	{asks{"cn", "CancelResourcesSubscription", "", "", `{"resource_ids":["R1"]}`}, "! unsubscribe_type must be given"},
	{asks{"cn", "CancelResourcesSubscription", "", "", `{"resource_ids":["R1"],"unsubscribe_type":3}`}, "! unsubscribe_type must be 1 or 2"},
	{asks{"cn", "CancelResourcesSubscription", "", "", `{"resource_ids":["R1"],"unsubscribe_type":1.0}`}, "! unsubscribe_type must be given as a string"},
	{asks{"cn", "orderDeleteByResourceId", "", "", `{"resourceIds":["R1"],"unSubType":1}`},
		"unsubscribe back cash pays=false amount=- from=none ids= customers=\n@7d resource_id r1, unsubscribe_type 1"},
	{asks{"intl", "orderDeleteByResourceId", "", "", `{"resourceIds":["R1"],"unSubType":7}`}, "! unSubType must be 1 or 2"},
	{asks{"cn", "unsubscribeOrder", "order_id=CS1", "", ``}, "unsubscribe-order back cash pays=false amount=- from=none ids= customers=\n@7d order_id cs1"},
	{asks{"intl", "unsubscribeOrder", "order_id=CS1", "", ``}, "unsubscribe-order back cash pays=false amount=- from=none ids= customers=\n@7d order_id cs1"},
	{asks{"cn", "UpdatePeriodToOnDemandInstantly", "", "", `{"resource_ids":["R1"]}`},
		"to-on-demand back cash pays=false amount=- from=none ids= customers=\n@7d resource_id r1"},

	{asks{"cn", "UpdateCustomerAccountAmount", "", "", `{"customer_id":"C1","amount":"99.90","indirect_partner_id":"p"}`}, give},
	{asks{"cn", "UpdateCustomerAccountAmount", "", "", `{"customer_id":"C1","amount":9.99e1}`}, give},
	{asks{"cn", "UpdateCustomerAccountAmount", "", "", `{"customer_id":"C1"}`}, "! amount must be given"},
	{asks{"cn", "UpdateCustomerAccountAmount", "", "", `{"amount":1}`}, "! customer_id must be given"},
	{asks{"cn", "UpdateCustomerAccountAmount", "", "", `{"customer_id":"C1","amount":-1}`}, "! amount: an amount must not be negative"},
	{asks{"cn", "UpdateCustomerAccountAmount", "", "", `{"customer_id":"C1","amount":0.00001}`}, "! at most four digits"},
	{asks{"cn", "UpdateCustomerAccountAmount", "", "", `{"customer_id":"C1","amount":1e-5}`}, "! at most four digits"},
	{asks{"cn", "UpdateCustomerAccountAmount", "", "", `{"customer_id":"C1","amount":1e15}`}, "! at most 1000000000000"},
	{asks{"cn", "UpdateCustomerAccountAmount", "", "", `{"customer_id":"C1","amount":true}`}, "! amount"},
	{asks{"cn", "oldAdjustAmount", "", "", `{"customer_id":"C1","amount":"99.9"}`}, give},
	{asks{"cn", "oldAdjustAmount", "", "", `{"customer_id":"C1","amount":99.9,"measure_id":1,"currency":"cny"}`}, strings.Replace(give, "999000 from", "999000CNY from", 1)},
	{asks{"cn", "oldAdjustAmount", "", "", `{"customer_id":"C1","amount":"999","measure_id":"2"}`}, give},
	{asks{"cn", "oldAdjustAmount", "", "", `{"customer_id":"C1","amount":9990,"measure_id":3}`}, give},
	{asks{"cn", "oldAdjustAmount", "", "", `{"customer_id":"C1","amount":9990,"measure_id":4}`}, "! measure_id must be 1, 2 or 3"},
	{asks{"cn", "oldAdjustAmount", "", "", `{"customer_id":"C1","amount":0.001,"measure_id":3}`}, "! at most four digits"},
	{asks{"cn", "oldAdjustAmount", "", "", `{"customer_id":"C1","amount":1,"currency":"renminbi"}`}, "! currency must be a code"},
	{asks{"cn", "oldAdjustAmount", "", "", `{"customer_id":"C1","amount":"-5"}`}, "! amount: an amount must not be negative"},
	{asks{"cn", "ReclaimToPartnerAccount", "", "", `{"customer_id":"C1","amount":50}`},
		"fund-take back cash pays=false amount=500000 from=request ids= customers=c1:500000\n@10m customer_id c1, amount 500000"},
	{asks{"cn", "UpdateIndirectPartnerAccount", "", "", `{"indirect_partner_id":"P1","amount":0.01}`},
		"reseller-give out cash pays=true amount=100 from=request ids= customers=\n@10m indirect_partner_id p1, amount 100"},
	{asks{"cn", "ReclaimIndirectPartnerAccount", "", "", `{"indirect_partner_id":"P1","amount":"0.0001"}`},
		"reseller-take back cash pays=false amount=1 from=request ids= customers=\n@10m indirect_partner_id p1, amount 1"},

	{asks{"cn", "UpdateCouponQuotas", "", "", `{"quota_id":"Q","indirect_partner_ids":["P1","P2"],"quota_amount":"100"}`},
		"quota-give out coupon pays=true amount=2000000 from=request ids= customers=\n" +
			"@10m indirect_partner_id p1, quota_id q, quota_amount 1000000\n@10m indirect_partner_id p2, quota_id q, quota_amount 1000000"},
	{asks{"cn", "ReclaimCouponQuotas", "", "", `{"quota_ids":["Q1","Q2"]}`},
		"quota-take back coupon pays=false amount=- from=none ids= customers=\n@7d quota_id q1\n@7d quota_id q2"},
	{asks{"cn", "CreatePartnerCoupons", "", "", `{"quota_id":"Q","customer_ids":["C1","C2"],"face_value":100,"memo":"x","valid_time":"2026-11-30T00:00:00Z"}`},
		"coupon-give out coupon pays=true amount=2000000 from=request ids= customers=c1:1000000,c2:1000000\n" +
			"@10m customer_id c1, quota_id q, face_value 1000000\n@10m customer_id c2, quota_id q, face_value 1000000"},
	{asks{"cn", "CreatePartnerCoupons", "", "", `{"quota_id":"Q","customer_ids":["C1","C1"],"face_value":100}`}, "! customer_ids[] names C1 twice"},
	{asks{"cn", "ReclaimPartnerCoupons", "", "", `{"coupon_id":"CP1"}`}, "coupon-take back coupon pays=false amount=- from=none ids= customers=\n@31d coupon_id cp1"},

	{asks{"cn", "UpdateSubEnterpriseAmount", "", "", `{"customer_id":"C1","amount":"50","trans_id":"T-1","balance_type":"BALANCE_TYPE_CREDIT"}`},
		"member-give out cash pays=true amount=500000 from=request ids= customers=c1:500000\n@31d trans_id t-1\n" +
			"@10m customer_id c1, amount 500000, balance_type balance_type_credit"},
	{asks{"cn", "UpdateSubEnterpriseAmount", "", "", `{"customer_id":"C1","amount":"50"}`},
		"member-give out cash pays=true amount=500000 from=request ids= customers=c1:500000\n@10m customer_id c1, amount 500000, balance_type balance_type_debit"},
	{asks{"cn", "UpdateSubEnterpriseAmount", "", "", `{"customer_id":"C1","amount":"50","balance_type":"cash"}`}, "! balance_type must be BALANCE_TYPE_DEBIT or"},
	{asks{"cn", "UpdateSubEnterpriseAmount", "", "", `{"customer_id":"C1","amount":"50","trans_id":""}`}, "! trans_id must be of 1 to 128"},
	{asks{"cn", "ReclaimSubEnterpriseAmount", "", "", `{"customer_id":"C1","amount":"50","trans_id":"T-1"}`},
		"member-take back cash pays=false amount=500000 from=request ids= customers=c1:500000\n@31d trans_id t-1\n" +
			"@10m customer_id c1, amount 500000, balance_type balance_type_debit"},
	{asks{"cn", "oldEnterpriseTransfer", "", "", `{"subCustomerId":"C1","amount":50,"transId":"T-1","balanceType":"balance_type_debit","deductMode":"x"}`},
		"member-give out cash pays=true amount=500000 from=request ids= customers=c1:500000\n@31d trans_id t-1\n" +
			"@10m customer_id c1, amount 500000, balance_type balance_type_debit"},
	{asks{"cn", "oldEnterpriseTransfer", "", "", `{"subCustomerId":"C1","transId":"T-1"}`}, "! amount must be given"},
	{asks{"cn", "oldEnterpriseRetrieve", "", "", `{"subCustomerId":"C1","totalRetrieveAmout":50}`},
		"member-take back cash pays=false amount=500000 from=request ids= customers=c1:500000\n@10m customer_id c1, amount 500000, balance_type balance_type_debit"},
	{asks{"cn", "ClaimEnterpriseMultiAccountCoupon", "", "", `{"customer_id":"C1","coupon_id":"CP","amount":"50","trans_id":"T"}`},
		"member-coupon-give out coupon pays=true amount=500000 from=request ids= customers=c1:500000\n@31d trans_id t\n@10m coupon_id cp, customer_id c1, amount 500000"},
	{asks{"cn", "ReclaimEnterpriseMultiAccountCoupon", "", "", `{"customer_id":"C1","coupon_id":"CP","sub_coupon_id":"S","trans_id":"T"}`},
		"member-coupon-take back coupon pays=false amount=- from=none ids= customers=c1:0\n@31d trans_id t\n@1d sub_coupon_id s"},
	{asks{"cn", "ReclaimEnterpriseMultiAccountCoupon", "", "", `{"customer_id":"C 1","sub_coupon_id":"S"}`}, "! the id of a customer"},
	{asks{"cn", "ReclaimEnterpriseMultiAccountCoupon", "", "", `{"sub_coupon_id":"S"}`},
		"member-coupon-take back coupon pays=false amount=- from=none ids= customers=\n@1d sub_coupon_id s"},

	{asks{"intl", "UpdateSubCustomerBudget", "", "", `{"customer_id":"C1","budget_amount":100.5}`},
		"budget-set set budget pays=false amount=1005000 from=request ids= customers=c1:1005000\n@0s customer_id c1"},
	{asks{"intl", "UpdateSubCustomerBudget", "", "", `{"customer_id":"C1","cancel_partner_frozen":true}`},
		"budget-set set budget pays=false amount=- from=request ids= customers=c1:0\n@0s customer_id c1"},
	{asks{"intl", "UpdateSubCustomerBudget", "", "", `{"customer_id":"C1","budget_amount":"0.00001"}`}, "! at most four digits"},
	{asks{"intl", "setCredit", "", "", `{"customer_id":"C1","amount":100}`},
		"budget-set set budget pays=false amount=1000000 from=request ids= customers=c1:1000000\n@0s customer_id c1\n@10m customer_id c1, amount 1000000"},
	{asks{"intl", "setCredit", "", "", `{"customerId":"C1","adjustmentAmount":"10000","measureId":3}`},
		"budget-set set budget pays=false amount=1000000 from=request ids= customers=c1:1000000\n@0s customer_id c1\n@10m customer_id c1, amount 1000000"},
	{asks{"intl", "setCredit", "", "", `{"customerId":"C1","adjustment_amount":100,"amount":"100.00"}`},
		"budget-set set budget pays=false amount=1000000 from=request ids= customers=c1:1000000\n@0s customer_id c1\n@10m customer_id c1, amount 1000000"},
	{asks{"intl", "setCredit", "", "", `{"customerId":"C1","adjustment_amount":100,"amount":"101"}`}, "! amount is given twice"},
	{asks{"intl", "setCredit", "", "", `{"customerId":"C1","amount":1,"measure_id":1,"measureId":2}`}, "! measure_id must be 1, 2 or 3"},
	{asks{"intl", "setCredit", "", "", `{"customerId":"C1"}`}, "! amount must be given"},
}

func TestOperations(t *testing.T) {
	for _, test := range operationTests {
		name := fmt.Sprintf("%s/%s/%s", test.request.site, test.request.operation, test.request.body)
		op, request, err := test.request.read(t)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var canonical []string
		a, err := Read(op, "bss", request, texts(&canonical))
		if problem, refused := strings.CutPrefix(test.want, "! "); refused {
			if err == nil || a != nil || !strings.Contains(err.Error(), problem) {
				t.Errorf("%s: %+v, error %v, want %q", name, a, err, problem)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := describe(a, canonical); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, test.want)
		}
		checkKeys(t, name, op, a, canonical)
	}
}

// checkKeys holds keys against the texts that were hashed.
func checkKeys(t *testing.T, name string, op *catalog.Operation, a *Act, canonical []string) {
	t.Helper()
	if len(a.Keys) != len(canonical) || len(a.Names()) != len(canonical) {
		t.Fatalf("%s: %d keys, %d names, %d texts", name, len(a.Keys), len(a.Names()), len(canonical))
	}
	for i, text := range canonical {
		if a.Keys[i].Digest != hash([]byte(strings.ReplaceAll(text, "; ", "\n"))) {
			t.Errorf("%s: key %d is not the hash of %s", name, i, text)
		}
		if head := "act " + a.Name + "; site " + op.Site + "; "; !strings.HasPrefix(text, head) {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// TestEveryOperation holds the table above against the catalog: it has each operation that spends, at each site, done and refused.
func TestEveryOperation(t *testing.T) {
	n := 0
	for _, site := range catalog.Sites() {
		for _, op := range catalog.Operations(site) {
			if op.Effect != catalog.Spend {
				if op.Act != nil {
					t.Errorf("%s %s has an act and does not spend", site, op.Name)
				}
				continue
			}
			n++
			if op.Act == nil {
				t.Errorf("%s %s spends and has no act", site, op.Name)
			}
			tested := slices.ContainsFunc(operationTests, func(test struct {
				request asks
				want    string
			}) bool {
				return test.request.site == site && test.request.operation == op.Name
			})
			if !tested {
				t.Errorf("%s %s is not tested", site, op.Name)
			}
		}
	}
	if n != 38 {
		t.Errorf("%d operations spend", n)
	}
}
