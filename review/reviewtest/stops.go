package reviewtest

import (
	"time"

	"tollgate/audit/logfile"
	"tollgate/freeze"
)

// pauses are of credentials whose signature the provider rejects: one that is over, by another key, and one that lasts.
func (w *writer) pauses() {
	w.expired()
	since, key := local(10, 20, 11, 2, 0), firstKeys[globex]
	w.at(since, func() { w.pause(globex, "verify aksk signature fail", since) })
	w.at(since.Add(time.Minute), w.unsigned)
	w.at(since.Add(10*time.Minute), func() {
		w.keys[globex] = "HPUAGLOBEX00000002"
		before := w.load(secondPlan)
		w.event(logfile.EventConfigReloaded, "", "", "credentials.globex.generation changed",
			"plan", w.plan, "plan_before", before, "trigger", "watch", "changes", "1")
		w.event(logfile.EventCredentialResumed, "", globex, "credential globex signs again",
			"access_key", w.keys[globex], "paused_since", stamp(since), "paused_access_key", key)
	})
	still := local(11, 20, 8, 41, 0)
	w.at(still, func() { w.pause(partnerIntl, "decrypt token fail", still) })
}

func (w *writer) pause(credential, why string, since time.Time) {
	w.event(logfile.EventCredentialPaused, "", credential, "credential "+credential+" is paused: the provider rejected its signature",
		"access_key", w.keys[credential], "reason", "APIG.0301: Incorrect IAM authentication information: "+why, "paused_since", stamp(since),
		"until", stamp(since.Add(5*time.Minute)))
}

// unsigned is a payment while its credential is paused.
func (w *writer) unsigned() {
	q := w.payment(billing, globex, w.order(), 20_000)
	q.as, q.end = NotSigned, ending{
		outcome: logfile.NotSent, stage: logfile.StageSign, reason: "credential_paused", took: time.Millisecond, detail: "credential globex is paused: the provider rejected its signature",
	}
	w.call(q)
}

// expired is a payment that met an expired certificate.
func (w *writer) expired() {
	w.at(local(10, 13, 14, 5, 0), func() {
		q := w.payment(billing, globex, w.order(), 52_000)
		q.as, q.end = NotSent, ending{
			outcome: logfile.NotSent, stage: logfile.StageConnect, reason: "not_sent", failure: logfile.TLSExpired, took: 84 * time.Millisecond,
			detail: "the upstream did not take the call: TLS handshake: certificate has expired",
		}
		w.call(q)
	})
}

func (w *writer) freezes() {
	from := local(11, 6, 15, 10, 0)
	f := freeze.Freeze{ID: "f-8d31c0", Subject: freeze.Subject{Kind: freeze.Caller, Name: "shop"}, Reason: "duplicate orders in the shop, FIN-2216", Since: from.UTC(), By: "uid 0"}
	w.freeze(from, f)
	for i := range 6 {
		w.at(from.Add(time.Duration(i*4+1)*time.Minute), func() {
			w.refuse(refusal{
				app: shop, operation: "PayOrders", site: "cn", credential: acme, stage: logfile.StageDecide, reason: "frozen", status: 403,
				detail: "the operator has stopped calls of caller shop: duplicate orders in the shop, FIN-2216", fields: []logfile.Field{field("order_id", "order", w.order())},
			})
		})
	}
	w.at(from.Add(31*time.Minute), func() {
		w.frozen = nil
		w.event(logfile.EventUnfrozen, "", "caller shop", "calls of caller shop go out again",
			"freeze", f.ID, "kind", "caller", "name", "shop", "by", "uid 0", "reason", "fixed")
	})
	since := local(11, 18, 10, 0, 0)
	w.freeze(since, freeze.Freeze{
		ID: "f-90aa17", Subject: freeze.Subject{Kind: freeze.Customer, Name: customers[3]}, Reason: "customer in arrears, do not extend credit", Since: since.UTC(), By: "uid 1001",
	})
}

func (w *writer) freeze(at time.Time, f freeze.Freeze) {
	w.at(at, func() {
		w.frozen = append(w.frozen, f)
		w.event(logfile.EventFrozen, "", f.Subject.String(), "calls of "+f.Subject.String()+" are stopped",
			"freeze", f.ID, "kind", string(f.Kind), "name", f.Name, "reason", f.Reason, "by", f.By)
	})
}
