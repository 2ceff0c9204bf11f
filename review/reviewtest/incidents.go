package reviewtest

import (
	"fmt"
	"time"

	"tollgate/audit/logfile"
)

// incidents are what a reviewer should find.
func (w *writer) incidents() {
	w.plans()
	w.restarts()
	w.payments()
	w.doubts()
	w.repeats()
	w.pauses()
	w.freezes()
	w.bursts()
	w.storage()
	w.under()
}

func (w *writer) plans() {
	reload := func(plan, by, detail, changes string, limits ...string) {
		before := w.load(plan)
		data := []string{"plan", w.plan, "plan_before", before, "trigger", "signal", "changes", changes}
		if len(limits) > 0 {
			data = append(data, "limits_reset", limits[0])
		}
		w.event(logfile.EventConfigReloaded, by, "", detail, data...)
	}
	w.at(secondLoaded, func() {
		reload(secondPlan, "uid 0", "callers.billing-app.grants: 1 added, 1 changed; caps: coupons-day added", "3")
		w.event(logfile.EventCapCounted, "", "coupons-day", "the cap counts from now on; with what calls before take of it",
			"definition", couponsDay, "mode", "hard", "since", stamp(local(10, 19, 0, 0, 0)))
	})
	w.at(thirdLoaded.Add(-10*time.Minute), func() {
		w.event(logfile.EventConfigRefused, "uid 0", "", `/etc/tollgate/tollgate.yaml:33: limits.rules[1].mode: unknown word "enforced"; did you mean "enforce"?`,
			"plan_before", w.plan, "trigger", "signal")
	})
	w.at(thirdLoaded, func() {
		reload(thirdPlan, "uid 1001", "callers.shop.grants: 1 added; limits.payments: mode enforce; caps.shop-day: amount changed", "3")
		w.event(logfile.EventCapCounted, "", "shop-day", "the cap counts from now on; with what calls before take of it",
			"definition", shopDay[true], "mode", "hard", "since", stamp(local(11, 9, 0, 0, 0)))
	})
}

func (w *writer) restarts() {
	w.at(local(10, 21, 3, 0, 0), w.stop)
	w.at(local(10, 21, 3, 1, 10), func() { w.start(false) })
	w.at(local(11, 2, 3, 10, 0), w.stop)
	w.at(local(11, 2, 3, 12, 5), func() { w.start(true) }) // with another key
	w.at(local(11, 3, 14, 20, 0), func() {
		q := w.unsubscription(w.resource(), w.resource())
		q.end.crash = true
		w.call(q)
	})
	w.at(local(11, 3, 14, 20, 1), func() { w.stopped = true }) // killed
	w.at(local(11, 3, 14, 22, 30), func() { w.start(false) })
	w.at(local(11, 5, 4, 0, 0), func() {
		for _, first := range w.segments[:4] {
			w.log.Prune(first)
		}
	})
}

func (w *writer) payments() {
	w.at(local(11, 16, 14, 12, 20), func() { w.pay(shop, acme, 12_930, Paid) })
	w.at(local(11, 16, 14, 40, 2), func() { w.renew(Renewed) })
	w.at(local(11, 16, 15, 5, 31), func() { w.giveCoupons(Coupons) })
	w.at(local(11, 16, 15, 20, 8), func() { w.give(Given) })
	w.at(local(10, 15, 11, 2, 44), func() {
		q := w.payment(billing, acme, w.order(), 31_800)
		q.operation, q.path, q.from, q.as = "orderPay", "", "order", Deprecated
		q.end.fields, q.end.code, q.end.message = nil, "CBC.0000", "Success."
		w.call(q)
	})
	w.at(local(11, 17, 9, 41, 0), func() {
		q := w.payment(shop, acme, w.order(), 9_900)
		q.as, q.end = Failed, ending{outcome: logfile.Failed, status: 400, code: "CBC.5003", message: "账户余额不足。"}
		w.call(q)
	})
	w.at(local(10, 16, 10, 12, 9), func() {
		q := w.unsubscription(w.resource(), w.resource(), w.resource())
		q.as, q.end = PartlyDone, ending{outcome: logfile.Partial, released: []int{1}, fields: []logfile.Field{
			field("order_ids[]", "order", w.order()), field("fail_resource_infos[].resource_id", "resource", q.keys[1]),
			field("fail_resource_infos[].error_code", "other", "CBC.0101"),
		}}
		w.call(q)
	})
	w.fill(local(10, 30, 10, 0, 0))
	w.fill(local(11, 11, 10, 30, 0))
	w.limits()
}

// fill makes large payments until the cap of the day has no room.
func (w *writer) fill(from time.Time) {
	for i := range 19 {
		w.at(from.Add(time.Duration(i)*13*time.Minute), func() { w.call(w.payment(shop, acme, w.order(), 134_000+w.rng.Int64N(9_000))) })
	}
}

func (w *writer) limits() {
	w.at(local(11, 11, 10, 5, 7), func() {
		q := w.payment(shop, acme, w.order(), 4_200)
		q.waited, q.as = 1_430*time.Millisecond, Waited
		w.call(q)
	})
	w.at(local(10, 28, 10, 5, 7), func() {
		q := w.payment(shop, acme, w.order(), 5_600)
		q.shadow, q.as = true, Shadowed
		w.call(q)
	})
}

// doubts are calls whose outcome is not known, at first or still. One more is left by a crash.
func (w *writer) doubts() {
	w.at(local(10, 23, 16, 20, 0), func() {
		call := w.unknownPayment(shop, acme, 45_500, ResolvedPaid)
		w.after(62*time.Second, func() { w.lookUp(call) })
	})
	w.at(local(10, 28, 11, 30, 0), func() {
		call := w.unknownPayment(billing, acme, 120_000, ResolvedBy)
		w.after(23*time.Hour, func() {
			w.resolve(call, logfile.Failed, "uid 0", "the provider's console shows the order as unpaid; ticket FIN-2207", "")
		})
	})
	w.at(local(11, 12, 17, 31, 0), func() { w.unknownPayment(shop, acme, 66_000, "") })
	w.at(local(11, 17, 10, 44, 0), func() { w.unknownPayment(shop, acme, 18_700, "") })
	w.at(local(11, 18, 9, 15, 0), func() { w.unknownPayment(billing, globex, 240_000, "") })
	w.at(local(11, 19, 16, 2, 0), func() {
		q := w.payment(shop, acme, w.order(), 8_800)
		q.end = noAnswer("PayOrders")
		call := w.call(q)
		for i := range 2 {
			w.after(time.Duration(3+i*4)*time.Minute, func() { w.hold(q.keys[0], call, "unknown", "") })
		}
	})
}

// lookUp reads whether an order is paid, and settles its payment.
func (w *writer) lookUp(call string) {
	order := w.order()
	end := ending{took: 71 * time.Millisecond, fields: []logfile.Field{field("order_info.order_id", "order", order), field("order_info.status", "other", "5")}}
	from := w.call(request{
		credential: acme, of: call, operation: "ShowCustomerOrderDetails", path: "/v2/orders/customer-orders/details/" + order,
		fields: []logfile.Field{field("order_id", "order", order)}, end: end,
	})
	w.after(80*time.Millisecond, func() {
		w.resolve(call, logfile.Succeeded, "gateway", "the order is paid (status 5)", from)
	})
}

// hold refuses the repeat of a payment.
func (w *writer) hold(order, holder, how, as string) {
	w.refuse(refusal{
		app: shop, operation: "PayOrders", site: "cn", credential: acme, stage: logfile.StageReserve, reason: "act_held", status: 409, heldBy: holder, as: as,
		detail: fmt.Sprintf("order_id %s is held by call %s (%s)", order, holder, how), fields: []logfile.Field{field("order_id", "order", order)},
	})
}

func (w *writer) repeats() {
	w.at(local(11, 13, 11, 20, 0), func() {
		q := w.payment(shop, acme, w.order(), 23_400)
		q.as = Holder
		holder := w.call(q)
		for i := range 4 {
			w.after(time.Duration(2+i*5)*time.Minute, func() { w.hold(q.keys[0], holder, "succeeded", Held) })
		}
	})
	w.at(local(11, 16, 9, 31, 0), func() {
		q := w.payment(shop, acme, w.order(), 15_000)
		first := w.call(q)
		w.after(20*time.Minute, func() {
			w.event(logfile.EventRepeatAllowed, "", first, "an operator lets the call be repeated once",
				"reason", "the provider reversed the payment; ticket FIN-2231", "by", "uid 0")
		})
		w.after(26*time.Minute, func() {
			q.repeats, q.as = first, Repeated
			w.call(q)
		})
	})
}

func (w *writer) bursts() {
	for i := range 40 {
		w.at(local(10, 27, 15, 0, 30).Add(time.Duration(i)*85*time.Second), func() {
			w.refuse(refusal{
				source: "203.0.113.77", method: "GET", path: "/v2/accounts/customer-accounts/balances", stage: logfile.StageIdentify,
				reason: "unknown_access_key", status: 401, detail: "the access key is not one of this gateway's",
			})
		})
	}
	w.at(local(10, 27, 16, 0, 0), func() {
		w.summary(time.Hour,
			logfile.Count{Reason: "unknown_access_key", Stage: logfile.StageIdentify, Source: "203.0.113.77", Count: 312},
			logfile.Count{Reason: "too_many_failures", Stage: logfile.StageIdentify, Source: "203.0.113.77", Count: 1804},
			logfile.Count{Reason: "no common suite", Stage: logfile.StageHandshake, TLSFailure: logfile.TLSSuite, Source: "198.51.100.21", Count: 66},
			logfile.Count{Reason: "timeout", Stage: logfile.StageHandshake, TLSFailure: logfile.TLSTimeout, Source: logfile.Other, Count: 9})
	})
	for i := range 25 {
		w.at(local(11, 12, 10, 3, 0).Add(time.Duration(i)*125*time.Second), func() {
			f := notGranted
			if i == 0 {
				f.as = Refused
			}
			w.refuse(f)
		})
	}
}

// storage has trouble.
func (w *writer) storage() {
	since := local(11, 10, 2, 10, 0)
	w.at(since.Add(4*time.Minute), func() {
		w.event(logfile.EventLogStalled, "", "", "audit log unavailable: writing: no space left on device", "at", stamp(since))
		w.event(logfile.EventLogRecovered, "", "", "the audit log takes intents again", "stalled_since", stamp(since))
	})
	const place = "file /mnt/witness/tollgate-checkpoints.jsonl"
	failing := local(11, 17, 22, 0, 0)
	w.at(failing, func() {
		w.event(logfile.EventCopyFailing, "", place, "writing /mnt/witness/tollgate-checkpoints.jsonl: stale NFS file handle")
	})
	w.at(failing.Add(47*time.Minute), func() {
		w.event(logfile.EventCopyRecovered, "", place, "the newest checkpoint is there", "failing_since", stamp(failing))
	})
	w.at(local(11, 19, 23, 20, 0), func() {
		w.event(logfile.EventCopyFailing, "", place, "writing /mnt/witness/tollgate-checkpoints.jsonl: input/output error")
	})
}

// under has the calls that are under way at the end.
func (w *writer) under() {
	w.at(Now.Add(-9*time.Second), func() {
		q := w.payment(shop, acme, w.order(), 21_000)
		q.as, q.end = Open, ending{never: true}
		w.call(q)
	})
	w.at(Now.Add(-3*time.Second), func() {
		w.call(request{app: billing, credential: acme, operation: "ListCustomerOrders", query: "limit=100&offset=0", end: ending{never: true}})
	})
}
