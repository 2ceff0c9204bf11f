package reviewtest

import (
	"time"

	"tollgate/audit/logfile"
)

// hours are how many calls of applications there are in each hour of a day, against each other.
var hours = [24]int{1, 1, 1, 0, 0, 0, 1, 3, 9, 22, 26, 20, 9, 14, 24, 26, 22, 16, 9, 6, 5, 4, 3, 2}

// busy says how much is done on a day, of 100. The first eight days of October are a holiday.
func busy(day time.Time) int {
	switch weekday := day.Weekday(); {
	case day.Month() == time.October && day.Day() <= 8:
		return 22
	case day.Month() == time.November && day.Day() == 11:
		return 170
	case weekday == time.Saturday || weekday == time.Sunday:
		return 25
	}
	return 100
}

// local returns a time of a day in the zone.
func local(month time.Month, day, hour, minute, second int) time.Time {
	return time.Date(2026, month, day, hour, minute, second, 0, Zone)
}

var (
	secondLoaded = local(10, 19, 9, 0, 12)
	thirdLoaded  = local(11, 9, 9, 5, 40)
)

// days calls do for each day.
func (w *writer) days(do func(day time.Time, busy int)) {
	for day := local(10, 1, 0, 0, 0); day.Before(Now); day = day.AddDate(0, 0, 1) {
		do(day, busy(day))
	}
}

// within spreads n calls over a day.
func (w *writer) within(day time.Time, n int, call func()) {
	all := 0
	for _, weight := range hours {
		all += weight
	}
	for range n {
		hour, left := 0, w.rng.IntN(all)
		for left >= hours[hour] {
			left -= hours[hour]
			hour++
		}
		at := day.Add(time.Duration(hour)*time.Hour + time.Duration(w.rng.Int64N(int64(time.Hour))))
		if at.After(Begin.Add(time.Minute)) {
			w.at(at, call)
		}
	}
}

func (w *writer) companyDays() {
	w.begin(firstPlan)
	w.days(func(day time.Time, busy int) {
		w.within(day, 36*busy/100, w.shopCall)
		w.within(day, 28*busy/100, w.billingCall)
		w.within(day, 8*busy/100, w.reportCall)
		w.within(day, 3*busy/100, w.refusedCall)
		w.within(day, 1+busy/80, w.refusedConnection)
		for i := range 22 {
			w.at(day.Add(2*time.Hour+time.Duration(i*7)*time.Second+time.Duration(w.rng.IntN(3000))*time.Millisecond), w.reportCall)
		}
	})
}

func (w *writer) quietDays() {
	w.begin(firstPlan)
	w.days(func(day time.Time, busy int) { w.within(day, 9*busy/100, w.billingCall) })
	w.at(local(11, 6, 15, 47, 3), func() { w.unknownPayment(billing, acme, 88_000, "") })
}

// begin puts the first configuration in force.
func (w *writer) begin(plan string) {
	for name, key := range firstKeys {
		w.keys[name] = key
	}
	w.at(Begin.Add(time.Second), func() {
		w.load(plan)
		w.event(logfile.EventConfigLoaded, "", "", "", "plan", w.plan)
	})
}

// pick chooses one of some functions. Pairs: how often, against the others, and what.
func (w *writer) pick(of ...any) func() {
	all := 0
	for i := 0; i < len(of); i += 2 {
		all += of[i].(int)
	}
	left := w.rng.IntN(all)
	for i := 0; ; i += 2 {
		if left -= of[i].(int); left < 0 {
			return of[i+1].(func())
		}
	}
}

func (w *writer) shopCall() {
	if w.stopped {
		return
	}
	w.pick(
		26, func() { w.read(shop, acme, "ListCustomerOrders", "limit=50&offset=0&status=6") },
		20, func() { w.orderDetails(shop, acme) },
		14, func() { w.read(shop, acme, "ShowCustomerAccountBalances", "") },
		27, func() { w.pay(shop, acme, 2_000+w.rng.Int64N(120_000), "") },
		5, func() { w.cancelOrder() },
		6, func() { w.unsubscribe("") },
		2, func() {
			if w.now.After(thirdLoaded) {
				w.pay(shop, globex, 1_000+w.rng.Int64N(20_000), "")
			}
		},
	)()
}

func (w *writer) billingCall() {
	if w.stopped {
		return
	}
	second := w.plan != "" && w.now.After(secondLoaded) && w.name == "tollgate/gateway-sh"
	of := []any{
		16, func() { w.read(billing, acme, "ListCustomerOrders", "limit=100&offset=0") },
		12, func() {
			w.read(billing, acme, "ShowCustomerMonthlySum", "bill_cycle="+w.now.In(Zone).Format("2006-01"))
		},
		10, func() { w.read(billing, acme, "queryOrdersList", "pageNumber=1&pageSize=50") },
		14, func() { w.renew("") },
		16, func() { w.pay(billing, globex, 5_000+w.rng.Int64N(90_000), "") },
		9, func() { w.pay(billing, acme, 20_000+w.rng.Int64N(900_000), "") },
		4, func() { w.setRenewal() },
	}
	if second {
		of = append(of, 11, func() { w.giveCoupons("") }, 7, func() { w.give("") }, 4, func() { w.takeBack() })
	}
	w.pick(of...)()
}

func (w *writer) reportCall() {
	if w.stopped {
		return
	}
	cycle := "bill_cycle=" + w.now.In(Zone).Format("2006-01")
	w.pick(
		30, func() {
			customer := w.customer()
			w.call(request{
				app: reports, credential: partnerCN, operation: "ListSubCustomerBillDetail", query: cycle + "&customer_id=" + customer + "&limit=1000",
				fields: []logfile.Field{field("customer_id", "customer", customer)}, end: w.usual("read"),
			})
		},
		14, func() { w.read(reports, partnerCN, "ListSubcustomerMonthlyBills", cycle) },
		10, func() { w.read(reports, partnerCN, "ListPartnerBalances", "") },
		12, func() { w.read(reports, partnerIntl, "ListSubCustomers", "") },
		12, func() { w.read(reports, partnerIntl, "ListPostpaidBillSum", cycle) },
		8, func() { w.read(reports, partnerCN, "ListIssuedPartnerCoupons", "limit=100") },
	)()
}

// usual ends as most calls do.
func (w *writer) usual(effect string) ending {
	switch n := w.rng.IntN(100); {
	case n >= 3:
		return ending{}
	case effect == "read":
		return ending{outcome: logfile.Failed, status: 500, code: "CBC.0999", message: "Internal error."}
	case n == 2:
		return ending{outcome: logfile.Failed, status: 400, code: "CBC.30000010", message: "The order does not exist."}
	}
	return ending{outcome: logfile.Failed, status: 400, code: "CBC.5003", message: "账户余额不足。"}
}

func (w *writer) read(a *application, credential, operation, query string) {
	w.call(request{app: a, credential: credential, operation: operation, query: query, end: w.usual("read")})
}
