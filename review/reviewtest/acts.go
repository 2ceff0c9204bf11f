package reviewtest

import (
	"fmt"
	"time"

	"tollgate/audit/logfile"
)

func (w *writer) order() string {
	return fmt.Sprintf("CS26%s%07d", w.now.In(Zone).Format("0102"), w.rng.IntN(10_000_000))
}
func (w *writer) resource() string { return w.hash(32) }
func (w *writer) customer() string { return customers[w.rng.IntN(len(customers))] }

func (w *writer) orderDetails(a *application, credential string) {
	order := w.order()
	end := w.usual("read")
	if end.outcome == "" {
		end.fields = []logfile.Field{
			field("order_info.order_id", "order", order), field("order_info.amount_after_discount", "amount", decimal(1_000+w.rng.Int64N(200_000))),
			field("order_info.currency", "currency", "CNY"), field("order_info.status", "other", "5"),
		}
	}
	w.call(request{
		app: a, credential: credential, operation: "ShowCustomerOrderDetails", path: "/v2/orders/customer-orders/details/" + order,
		fields: []logfile.Field{field("order_id", "order", order)}, end: end,
	})
}

// payment is one of an order.
func (w *writer) payment(a *application, credential, order string, cents int64) request {
	return request{
		app: a, credential: credential, operation: "PayOrders", body: 74, keys: []string{order}, price: cents, from: "order",
		fields: []logfile.Field{field("order_id", "order", order), field("use_coupon", "other", "NO"), field("use_discount", "other", "NO")},
	}
}

func (w *writer) pay(a *application, credential string, cents int64, as string) string {
	q := w.payment(a, credential, w.order(), cents)
	q.as, q.end = as, w.usual("spend")
	if as != "" {
		q.end = ending{}
	}
	if q.end.outcome == "" {
		q.end.status = 204
	}
	q.shadow = a == shop && as == "" && w.now.Before(thirdLoaded) && w.rng.IntN(40) == 0
	return w.call(q)
}

func (w *writer) cancelOrder() {
	order := w.order()
	w.call(request{
		app: shop, credential: acme, operation: "CancelCustomerOrder", body: 40, fields: []logfile.Field{field("order_id", "order", order)}, end: w.usual("write"),
	})
}

func (w *writer) setRenewal() {
	w.call(request{app: billing, credential: acme, operation: "SetResourcesRenewConfig", body: 58, end: w.usual("write")})
}

// unsubscription is one of resources.
func (w *writer) unsubscription(resources ...string) request {
	return request{
		app: shop, credential: acme, operation: "CancelResourcesSubscription", body: 120, keys: resources,
		fields: []logfile.Field{field("resource_ids[]", "resource", resources...), field("unsubscribe_type", "other", "1")},
	}
}

func (w *writer) unsubscribe(as string) {
	q := w.unsubscription(w.resource())
	q.as, q.end = as, w.usual("spend")
	if q.end.outcome == "" {
		q.end.fields = []logfile.Field{field("order_ids[]", "order", w.order())}
	}
	w.call(q)
}

func (w *writer) renew(as string) {
	resource := w.resource()
	w.call(request{
		app: billing, credential: acme, operation: "RenewalResources", body: 110, keys: []string{resource},
		price: 9_900 + 100*w.rng.Int64N(4_000), from: "renewal", as: as,
		fields: []logfile.Field{
			field("resource_ids[]", "resource", resource), field("period_type", "other", "2"), field("period_num", "other", "1"), field("is_auto_pay", "other", "1"),
		},
		end: ending{fields: []logfile.Field{field("order_ids[]", "order", w.order())}},
	})
}

func (w *writer) giveCoupons(as string) {
	to, face := customers[:1+w.rng.IntN(2)], 1_000*(1+w.rng.Int64N(20))
	q := request{
		app: billing, credential: partnerCN, operation: "CreatePartnerCoupons", body: 260, keys: to, price: face * int64(len(to)), from: "request", as: as,
		fields: []logfile.Field{
			field("quota_id", "coupon", "QT26100001"), field("customer_ids[]", "customer", to...), field("face_value", "amount", decimal(face)), field("memo", "other", "秋季促销"),
		},
	}
	for i, customer := range to {
		q.end.fields = append(q.end.fields, field("coupon_infos[].id", "customer", customer),
			field("coupon_infos[].coupon_id", "coupon", fmt.Sprintf("CP26%s%04d", w.hash(6), i)))
	}
	w.call(q)
}

// funds are moved to a customer, or back.
func (w *writer) funds(operation, as string, cents int64) {
	customer, transaction := w.customer(), "trans_id"
	if operation == "UpdateCustomerAccountAmount" {
		transaction = "transfer_id"
	}
	w.call(request{
		app: billing, credential: partnerCN, operation: operation, body: 66, keys: []string{customer + " " + decimal(cents)}, price: cents, from: "request", as: as,
		fields: []logfile.Field{field("customer_id", "customer", customer), field("amount", "amount", decimal(cents))},
		end:    ending{fields: []logfile.Field{field(transaction, "transaction", w.hash(20))}},
	})
}

func (w *writer) give(as string) {
	w.funds("UpdateCustomerAccountAmount", as, 100*(100+w.rng.Int64N(4_000)))
}
func (w *writer) takeBack() { w.funds("ReclaimToPartnerAccount", "", 100*(50+w.rng.Int64N(1_000))) }

// unknownPayment is one to which no answer came.
func (w *writer) unknownPayment(a *application, credential string, cents int64, as string) string {
	q := w.payment(a, credential, w.order(), cents)
	q.as, q.end = as, noAnswer("PayOrders")
	return w.call(q)
}

func noAnswer(operation string) ending {
	return ending{
		outcome: logfile.Unknown, stage: logfile.StageSend, reason: "unknown_in_time", took: 30*time.Second + 14*time.Millisecond,
		detail: operation + " may have had its effect: do not repeat it, look the order up first",
	}
}
