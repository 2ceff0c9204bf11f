package catalog

import (
	"strings"
	"sync"
)

// queryNames are the names of query parameters that the billing API takes, as the provider's SDK of July 2026 has them for all current
// operations of both sites. None of them names a secret: the text of such a parameter is recorded.
const queryNames = `
account_manager_id active_end_time active_start_time association_type balance_type bill_cycle bill_date_begin bill_date_end
bill_detail_type bill_type budget_type card_id charge_mode charging_mode city_code cloud_service_type coupon_id coupon_ids coupon_type
create_time_begin create_time_end customer_id cycle deduct_time_begin deduct_time_end effective_time_begin effective_time_end end_time
enterprise_project_id expire_time_begin expire_time_end free_resource_id fuzzy_query include_zero_record indirect_partner_id limit
measure_type method offset operation_time_begin operation_time_end operation_type operation_types order_by order_id order_type org_id
parent_id parent_quota_id payment_channel_id payment_channel_no payment_time_begin payment_time_end product_id promotion_plan_id
provider_type province_code quota_id quota_type recursive_query region region_code resource_id resource_name resource_type_code result
revenue_expense_type service_type_code service_type_name shared_month source_id start_time statistic_type status
sub_customer_account_name sub_customer_display_name sub_customer_id time trade_id trade_time_begin trade_time_end trade_type trans_id
usage_type`

// knownQuery has them also as the v1 operations spell names (orderId), and the audited members of requests, which may stand in a query.
var knownQuery = sync.OnceValue(func() map[string]bool {
	known := map[string]bool{}
	for name := range strings.FieldsSeq(queryNames) {
		known[name], known[camelCase(name)] = true, true
	}
	for _, site := range Sites() {
		for _, o := range Operations(site) {
			for _, field := range o.Request {
				known[field.Name] = true
			}
		}
	}
	return known
})

// KnowsQuery reports whether the billing API takes a query parameter of that name.
func KnowsQuery(name string) bool { return knownQuery()[name] }

func camelCase(name string) string {
	words := strings.Split(name, "_")
	for i := 1; i < len(words); i++ {
		words[i] = strings.ToUpper(words[i][:1]) + words[i][1:]
	}
	return strings.Join(words, "")
}

// Recorded describes for people what a record of a call of the operation has of what was asked for.
func (o *Operation) Recorded() string {
	switch {
	case o.Site != "" && o.Sensitive:
		return "path; length of query and body"
	case o.Site != "":
		return "path and query, of names that the billing API does not know the length of the value; hash of the body"
	case o.Sensitive:
		return "path as its template; length of query and body"
	case o.RecordQuery:
		return "path and query; keyed hash of the body" + o.recordedKeys()
	}
	return "path; names and lengths of the query; keyed hash of the body" + o.recordedKeys()
}

func (o *Operation) recordedKeys() string {
	if o.Act == nil {
		return ""
	}
	return "; the keys of its act"
}
