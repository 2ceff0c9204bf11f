package bsssim

import (
	"net/http"
	"slices"
	"strconv"
)

// failure is one item of a batch that did not work.
type failure struct{ id, code string }

// split sorts ids into the customer's live resources and failures. A Partial fault fails the last that would have worked.
func (r *request) split(ids []string) (good []*resource, bad []failure) {
	for _, id := range ids {
		res := r.state.resources[id]
		if res == nil || res.Gone || res.Customer != r.account.DomainID || slices.Contains(good, res) {
			bad = append(bad, failure{id, "CBC.0101"})
			continue
		}
		good = append(good, res)
	}
	if r.partial && len(good) > 0 {
		last := good[len(good)-1]
		good, bad = good[:len(good)-1], append(bad, failure{last.ID, "CBC.99003651"})
	}
	return good, bad
}

// failures makes a row of each item that did not work, with its id under the name that the operation has for it.
func failures(idName string, bad []failure) []object {
	rows := []object{}
	for _, f := range bad {
		rows = append(rows, object{idName: f.id, "error_code": f.code, "error_msg": messages[f.code]})
	}
	return rows
}

// batchAnswer is the answer of renewal and unsubscription. v1 has no list of failures: one failure fails the whole answer.
func (r *request) batchAnswer(orders []string, bad []failure) *answer {
	if !r.v1() {
		return ok(object{"order_ids": orders, "fail_resource_infos": failures("resource_id", bad)})
	}
	if len(orders) == 0 && len(bad) > 0 {
		return fail1(bad[0].code)
	}
	return ok1(object{"orderIds": orders})
}

// renew makes one renewal order for the resources and, with is_auto_pay 1, pays it at once.
func renew(r *request) *answer {
	ids := r.list("resource_ids", "resourceIds")
	months, err := strconv.Atoi(r.text("period_num", "periodNum"))
	if len(ids) == 0 || len(ids) > 10 || err != nil || months < 1 || months > 60 {
		return r.reject("CBC.0101", "CBC.0101")
	}
	if r.text("period_type", "periodType") == "3" { // years
		months *= 12
	}
	good, bad := r.split(ids)
	if len(good) == 0 {
		return r.batchAnswer([]string{}, bad)
	}
	o := order{Customer: r.account.DomainID, Type: typeRenewal, Status: orderUnpaid, Months: months, Created: r.now}
	for _, res := range good {
		o.Amount += res.Monthly * cents(months)
		o.Resources = append(o.Resources, res.ID)
	}
	atOnce := r.text("is_auto_pay", "isAutoPay") == "1"
	if atOnce && r.customer().Balance < o.Amount {
		return r.reject("CBC.5003", "CBC.99005003")
	}
	o.ID = r.state.next("CS")
	kept := r.state.addOrder(o)
	if atOnce {
		r.charge(kept, nil)
	}
	return r.batchAnswer([]string{o.ID}, bad)
}

// unsubscribe refunds the running month to the customer, by one refund order for each call.
func unsubscribe(r *request) *answer {
	ids := r.list("resource_ids", "resourceIds")
	if len(ids) == 0 || len(ids) > 10 {
		return r.reject("CBC.0101", "CBC.0101")
	}
	good, bad := r.split(ids)
	return r.batchAnswer(r.refund(good), bad)
}

func unsubscribeOrder(r *request, o *order) *answer {
	good, bad := r.split(o.Resources)
	return r.batchAnswer(r.refund(good), bad)
}

func (r *request) refund(resources []*resource) []string {
	if len(resources) == 0 {
		return []string{}
	}
	o := order{ID: r.state.next("CS"), Customer: r.account.DomainID, Type: typeRefund, Status: orderDone, Created: r.now, Paid: r.now}
	for _, res := range resources {
		res.Gone = true
		o.Amount += res.Monthly
		o.Resources = append(o.Resources, res.ID)
	}
	r.customer().Balance += o.Amount
	r.moved(MovedRefund, o.ID, o.Customer, o.Amount)
	r.state.addOrder(o)
	return []string{o.ID}
}

func setAutoRenew(on bool) handler {
	return func(r *request) *answer {
		good, _ := r.split([]string{r.text("resource_id")})
		if len(good) == 0 {
			return r.reject("CBC.0101", "CBC.0101")
		}
		good[0].AutoRenew = on
		return r.accept(nil)
	}
}

// listResources shows prepaid resources. A partner names the customer.
func listResources(r *request) *answer {
	owner := r.account.DomainID
	if r.account.Class == Partner {
		owner = r.text("customer_id")
		if owner == "" {
			return fail(http.StatusBadRequest, "CBC.0101")
		}
	}
	rows := []object{}
	for _, res := range sorted(r.state.resources) {
		if res.Customer == owner && !res.Gone && r.state.customerOf(r.account, owner) != nil && matches(r.text("order_id"), res.Order) {
			rows = append(rows, r.resourceRow(res))
		}
	}
	return r.either(object{"totalCount": len(rows), "data": page(r, rows)}, object{"total_count": len(rows), "data": page(r, rows)})
}

func (r *request) resourceRow(res *resource) object {
	policy := 0
	if res.AutoRenew {
		policy = 3
	}
	if r.v1() {
		return object{"id": res.ID, "resourceId": res.ID, "orderId": res.Order, "status": 2, "isMainResource": 1, "expireTime": stamp(res.Expires)}
	}
	return object{
		"id": res.ID, "resource_id": res.ID, "resource_name": "server " + res.ID, "region_code": "cn-north-1",
		"service_type_code": "hws.service.type.ec2", "resource_type_code": "hws.resource.type.vm", "is_main_resource": 1, "status": 2,
		"effective_time": stamp(r.state.start), "expire_time": stamp(res.Expires), "expire_policy": policy,
	}
}

func toOnDemandLater(r *request) *answer {
	good, bad := r.split(r.list("resource_ids"))
	for _, res := range good {
		res.OnDemand = r.text("operation") == "SET_UP"
	}
	return ok(object{"error_details": failures("id", bad)})
}

func toOnDemandNow(r *request) *answer {
	good, bad := r.split(r.list("resource_ids"))
	rows := []object{}
	for _, res := range good {
		res.OnDemand = true
		rows = append(rows, object{"resource_id": res.ID, "result": "SUCCESS", "order_id": r.state.next("CS")})
	}
	for _, row := range failures("resource_id", bad) {
		row["result"] = "FAIL"
		rows = append(rows, row)
	}
	return ok(object{"to_ondemand_service_results": rows})
}
