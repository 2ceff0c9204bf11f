package bsssim

import "time"

// cycle is a billing cycle: months begin at midnight in UTC+8.
func cycle(t time.Time) string { return t.In(time.FixedZone("UTC+8", 8*60*60)).Format("2006-01") }

// bills returns the paid orders that the account may see, of the customer and cycle asked for.
func (r *request) bills() []*order {
	var orders []*order
	want := r.text("bill_cycle", "cycle")
	for _, o := range sorted(r.state.orders) {
		if o.Status == orderDone && r.state.customerOf(r.account, o.Customer) != nil && matches(want, cycle(o.Paid)) &&
			matches(r.text("customer_id"), o.Customer) {
			orders = append(orders, o)
		}
	}
	return orders
}

// billAmount is what an order adds to a bill; refunds reduce it.
func billAmount(o *order) cents {
	if o.Type == typeRefund {
		return -o.Amount
	}
	return o.Amount
}

// rows makes one row an order out of what every kind of bill has in common; change adds the rest.
func (r *request) rows(change func(o *order, row object)) []object {
	rows := []object{}
	for _, o := range r.bills() {
		row := object{
			"customer_id": o.Customer, "service_type_code": "hws.service.type.ec2", "resource_type_code": "hws.resource.type.vm",
			"measure_id": 1, "debt_amount": cents(0),
		}
		change(o, row)
		rows = append(rows, row)
	}
	return rows
}

func monthlySum(r *request) *answer {
	var total cents
	rows := r.rows(func(o *order, row object) {
		total += billAmount(o)
		row["bill_cycle"], row["consume_amount"], row["cash_amount"] = cycle(o.Paid), billAmount(o), billAmount(o)
		row["official_amount"], row["charging_mode"], row["bill_type"] = billAmount(o), 1, 1
	})
	return ok(object{
		"total_count": len(rows), "bill_sums": page(r, rows), "consume_amount": total, "debt_amount": cents(0), "coupon_amount": cents(0),
		"cash_amount": total, "credit_amount": cents(0), "writeoff_amount": cents(0), "measure_id": 1, "currency": r.state.currency,
	})
}

func feeRecords(r *request) *answer {
	rows := r.rows(func(o *order, row object) {
		row["bill_cycle"], row["trade_id"], row["trade_time"], row["id"] = cycle(o.Paid), o.ID, stamp(o.Paid), "bill-"+o.ID
		row["consume_amount"], row["cash_amount"], row["charging_mode"], row["bill_type"] = billAmount(o), billAmount(o), 1, 1
	})
	return ok(object{"total_count": len(rows), "records": page(r, rows), "currency": r.state.currency})
}

func resourceRecords(r *request) *answer {
	rows := r.rows(func(o *order, row object) {
		row["bill_date"], row["trade_id"], row["order_id"] = o.Paid.UTC().Format("2006-01-02"), o.ID, o.ID
		row["amount"], row["cash_amount"], row["charge_mode"], row["bill_type"] = billAmount(o), billAmount(o), "1", 1
	})
	return ok(object{"total_count": len(rows), "fee_records": page(r, rows), "currency": r.state.currency})
}

func subcustomerBills(r *request) *answer {
	rows := r.rows(func(o *order, row object) {
		row["cloud_service_type"], row["bill_type"], row["charge_mode"], row["amount"] = "hws.service.type.ec2", "1", "1", billAmount(o)
		row["account_details"] = []any{}
	})
	return ok(object{"count": len(rows), "bill_sums": page(r, rows), "currency": r.state.currency})
}

func subcustomerRecords(r *request) *answer {
	rows := r.rows(func(o *order, row object) {
		row["bill_cycle"], row["trade_id"], row["trade_time"] = cycle(o.Paid), o.ID, stamp(o.Paid)
		row["payment_amount"], row["cash_amount"], row["charging_mode"], row["bill_detail_type"] = billAmount(o), billAmount(o), 1, 1
	})
	return ok(object{"total_count": len(rows), "fee_records": page(r, rows), "currency": r.state.currency})
}
