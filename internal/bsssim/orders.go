package bsssim

import (
	"slices"
	"strconv"

	"tollgate/catalog"
)

// ofOrder has an operation act on the order that the call names, which the account must be allowed to see: its own or, for a partner,
// one of its customers', of the one that the path names.
func ofOrder(act func(*request, *order) *answer) handler {
	return func(r *request) *answer {
		o := r.state.orders[r.text("order_id", "orderId")]
		if o == nil || r.state.customerOf(r.account, o.Customer) == nil ||
			r.operation.DomainIsCustomer() && r.params.Get(catalog.DomainID) != o.Customer {
			return r.reject("CBC.30000010", "CBC.30000010")
		}
		return act(r, o)
	}
}

// payOrder pays from the customer's balance, less the coupons named. Only an unpaid order can be paid, and once unless the
// configuration says otherwise.
func payOrder(r *request, o *order) *answer {
	switch {
	case o.Status == orderDone && !r.config.PayAgain:
		return r.reject("CBC.99000088", "CBC.99000088")
	case o.Status == orderCancelled:
		return r.reject("CBC.99007004", "CBC.99007004")
	}
	coupons, usable := r.usableCoupons()
	if !usable {
		return r.reject("CBC.99007004", "CBC.99007004")
	}
	if !r.charge(o, coupons) {
		return r.reject("CBC.5003", "CBC.99005003")
	}
	return r.accept(nil)
}

// usableCoupons returns the coupons of the request; false if one of them is not the customer's or is used.
func (r *request) usableCoupons() ([]*coupon, bool) {
	if r.text("use_coupon") == "NO" {
		return nil, true
	}
	var coupons []*coupon
	for _, id := range append(r.each("coupon_infos", "id"), r.list("couponIds")...) {
		c := r.state.coupons[id]
		if c == nil || c.Customer != r.account.DomainID || c.UsedBy != "" || slices.Contains(coupons, c) {
			return nil, false
		}
		coupons = append(coupons, c)
	}
	return coupons, len(coupons) <= 3
}

// charge takes the amount from coupons and balance, marks the order paid and opens or extends what it orders. Where the
// balance does not suffice nothing changes.
func (r *request) charge(o *order, coupons []*coupon) bool {
	due := o.Amount
	for _, c := range coupons {
		due -= min(due, c.Balance)
	}
	payer := r.state.customers[o.Customer]
	if payer.Balance < due {
		return false
	}
	payer.Balance -= due
	rest := o.Amount - due
	for _, c := range coupons {
		taken := min(rest, c.Balance)
		c.Balance, c.UsedBy, rest = c.Balance-taken, o.ID, rest-taken
	}
	o.Status, o.Paid = orderDone, r.now
	r.moved(MovedPayment, o.ID, o.Customer, due)
	r.deliver(o)
	r.state.follow(o, r.now)
	return true
}

// deliver opens one resource for a new order and extends those of a renewal by its months.
func (r *request) deliver(o *order) {
	if o.Type == typeNew {
		id := r.state.next("res")
		o.Resources = []string{id}
		r.state.resources[id] = &resource{ID: id, Customer: o.Customer, Order: o.ID, Monthly: o.Amount, Expires: r.now.AddDate(0, 1, 0)}
		return
	}
	for _, id := range o.Resources {
		res := r.state.resources[id]
		res.Expires = res.Expires.AddDate(0, o.Months, 0)
	}
}

func cancelOrder(r *request, o *order) *answer {
	if o.Status != orderUnpaid {
		return r.reject("CBC.99005010", "CBC.99005010")
	}
	o.Status = orderCancelled
	r.state.follow(o, r.now)
	return r.accept(nil)
}

// listOrders shows a customer its own orders, a partner those of all its customers or of the one named.
func listOrders(r *request) *answer {
	rows := []object{}
	for _, o := range sorted(r.state.orders) {
		if r.state.customerOf(r.account, o.Customer) != nil && matches(r.text("order_id"), o.ID) &&
			matches(r.text("customer_id"), o.Customer) && matches(r.text("status"), strconv.Itoa(o.Status)) {
			rows = append(rows, r.orderRow(o))
		}
	}
	return r.either(object{"data": object{"totalSize": len(rows), "orderInfos": page(r, rows)}},
		object{"total_count": len(rows), "order_infos": page(r, rows)})
}

func (r *request) orderRow(o *order) object {
	if r.v1() {
		return object{
			"orderId": o.ID, "customerId": o.Customer, "serviceTypeCode": "hws.service.type.ec2", "status": o.Status, "orderType": o.Type,
			"currency": o.Amount, "currencyAfterDiscount": o.Amount, "currencyOfficial": o.Amount, "currencyType": o.Currency, "measureId": o.Measure, "createTime": stamp(o.Created), "paymentTime": stamp(o.Paid),
		}
	}
	return object{
		"order_id": o.ID, "customer_id": o.Customer, "service_type_code": "hws.service.type.ec2", "service_type_name": serverName,
		"source_type": 1, "status": o.Status, "order_type": o.Type, "amount_after_discount": o.Amount, "official_amount": o.Amount,
		"measure_id": o.Measure, "create_time": stamp(o.Created), "payment_time": stamp(o.Paid), "currency": o.Currency,
		"sub_order_infos": []any{},
	}
}

func showOrder(r *request, o *order) *answer {
	if r.v1() {
		return ok1(object{"count": 1, "orderInfo": r.orderRow(o), "orderlineItems": []object{{"orderLineItemId": o.ID + "-000001", "periodNum": 1, "periodType": 2}}})
	}
	line := object{
		"order_line_item_id": o.ID + "-000001", "service_type_code": "hws.service.type.ec2", "service_type_name": serverName,
		"product_id": "simulated-product", "period_type": 2, "period_num": 1, "subscription_num": 1, "amount_after_discount": o.Amount,
		"official_amount": o.Amount, "currency": o.Currency, "category_code": "main_product",
	}
	return ok(object{"total_count": 1, "order_info": r.orderRow(o), "order_line_items": []object{line}})
}

func showRefund(r *request, o *order) *answer {
	if o.Type != typeRefund {
		return r.reject("CBC.99005026", "CBC.99005026")
	}
	originalOrder := "base_order_id"
	if r.v1() {
		originalOrder = "preOrderId"
	}
	rows := []object{}
	for _, id := range o.Resources {
		rows = append(rows, object{ // what was given back is shown as less than nothing
			"id": id, "amount": -r.state.resources[id].Monthly, "measure_id": "1", "customer_id": o.Customer,
			"service_type_code": "hws.service.type.ec2", "resource_type_code": "hws.resource.type.vm", originalOrder: r.state.resources[id].Order,
		})
	}
	return r.either(object{"total_count": len(rows), "resource_info_list": rows}, object{"total_count": len(rows), "refund_infos": rows})
}
