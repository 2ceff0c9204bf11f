package bsssim

import (
	"net/http"
	"slices"
)

// issueCoupons makes one coupon a customer out of a quota, as far as customers and quota go.
func issueCoupons(r *request) *answer {
	q := r.ownQuota(r.text("quota_id"))
	value, valid := r.amount("face_value")
	ids := r.list("customer_ids")
	if q == nil || !valid || len(ids) == 0 || len(ids) > 100 {
		return fail(http.StatusBadRequest, "CBC.0101")
	}
	issued, bad := []object{}, []failure{}
	for i, id := range ids {
		c := r.state.customerOf(r.account, id)
		switch {
		case c == nil || c.Reseller != r.text("indirect_partner_id"):
			bad = append(bad, failure{id, "CBC.99000047"})
		case c.Referral || q.Balance < value || r.partial && i == len(ids)-1:
			bad = append(bad, failure{id, "CBC.99007004"})
		default:
			issued = append(issued, object{"id": id, "coupon_id": r.issue(q, id, value)})
		}
	}
	return ok(object{"error_details": failures("id", bad), "coupon_infos": issued})
}

func (r *request) issue(q *quota, customer string, value cents) string {
	id := r.state.next("CP")
	q.Balance -= value
	r.state.coupons[id] = &coupon{ID: id, Customer: customer, Partner: r.account.DomainID, Quota: q.ID, Value: value, Balance: value}
	r.state.couponLog = append(r.state.couponLog, couponRecord{r.account.DomainID, customer, q.ID, id, "ISSUE", value, r.now})
	r.moved(MovedCoupon, id, customer, value)
	return id
}

// reclaimCoupon takes an unused coupon back into its quota.
func reclaimCoupon(r *request) *answer {
	c := r.state.coupons[r.text("coupon_id")]
	if c == nil || c.Partner != r.account.DomainID {
		return fail(http.StatusBadRequest, "CBC.0101")
	}
	if c.UsedBy != "" {
		return fail(http.StatusBadRequest, "CBC.99007004")
	}
	delete(r.state.coupons, c.ID)
	if q := r.state.quotas[c.Quota]; q != nil {
		q.Balance += c.Balance
	}
	r.state.couponLog = append(r.state.couponLog, couponRecord{r.account.DomainID, c.Customer, c.Quota, c.ID, "RECLAIM", c.Balance, r.now})
	return done()
}

func (r *request) couponRow(c *coupon) object {
	status := 2 // usable
	if c.UsedBy != "" {
		status = 3
	}
	return object{
		"coupon_id": c.ID, "status": status, "customer_id": c.Customer, "coupon_type": 301, "measure_id": 1, "face_value": c.Value,
		"effective_time": stamp(r.state.start), "expire_time": stamp(r.state.start.AddDate(1, 0, 0)), "order_id": c.UsedBy,
		"create_time": stamp(r.state.start), "balance": c.Balance,
	}
}

// couponRows lists the coupons that pass.
func (r *request) couponRows(pass func(*coupon) bool) []object {
	rows := []object{}
	for _, c := range sorted(r.state.coupons) {
		if pass(c) {
			rows = append(rows, r.couponRow(c))
		}
	}
	return rows
}

func listIssued(r *request) *answer {
	rows := r.couponRows(func(c *coupon) bool {
		return c.Partner == r.account.DomainID && matches(r.text("customer_id"), c.Customer) && matches(r.text("coupon_id"), c.ID)
	})
	return ok(object{"total_count": len(rows), "user_coupons": page(r, rows)})
}

// listCoupons shows a customer's own coupons. A partner sees its own, of which it has none here.
func listCoupons(r *request) *answer {
	rows := r.couponRows(func(c *coupon) bool { return c.Customer == r.account.DomainID && matches(r.text("coupon_id"), c.ID) })
	return ok(object{"count": len(rows), "user_coupons": page(r, rows)})
}

func listOrderCoupons(r *request, _ *order) *answer {
	rows := r.couponRows(func(c *coupon) bool { return c.Customer == r.account.DomainID && c.UsedBy == "" })
	return ok(object{"count": len(rows), "user_coupons": rows, "coupon_max_use_quantity": []any{}})
}

func listCouponRecords(r *request) *answer {
	rows := []object{}
	for _, c := range slices.Backward(r.state.couponLog) {
		if c.Partner == r.account.DomainID && matches(r.text("customer_id"), c.Customer) && matches(r.text("quota_id"), c.Quota) {
			rows = append(rows, object{
				"operation_type": c.Kind, "quota_id": c.Quota, "coupon_id": c.Coupon, "customer_id": c.Customer, "operation_amount": c.Amount,
				"operation_time": stamp(c.Time), "result": "0",
			})
		}
	}
	return ok(object{"total_count": len(rows), "records": page(r, rows)})
}
