package reviewtest

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"tollgate/audit/logfile"
)

// refusal is a call that is refused.
type refusal struct {
	app                                  *application // nil: an unauthenticated peer
	source, claimed, identity            string
	operation, site, credential          string // as far as they were found
	method, path                         string
	stage, reason, detail, limit, heldBy string
	status                               int
	fields                               []logfile.Field
	as                                   string
}

func (w *writer) refuse(f refusal) string {
	r := &logfile.Record{
		Kind: logfile.KindRefusal, Call: w.id(), Plan: w.plan, Listener: "central", Source: f.source, SourcePort: uint16(32768 + w.rng.IntN(28000)),
		ClaimedCaller: f.claimed, Identity: f.identity, Method: f.method, Path: f.path,
		Decision: logfile.Refused, Reason: f.reason, Detail: f.detail, Stage: f.stage, Status: f.status,
		Fields: f.fields, TotalMicros: 40 + w.rng.Int64N(400),
	}
	w.made.Calling++
	w.named(f.as, r.Call)
	if f.app != nil {
		r.Listener, r.Caller, r.IdentifiedBy, r.Identity, r.Source = f.app.listener, f.app.name, f.app.by, f.app.identity, f.app.sources[0]
		r.TLSIn = w.tlsIn(f.app, r)
	} else {
		r.TLSIn = &logfile.TLS{
			Version: "TLS 1.3", Suite: "TLS_AES_128_GCM_SHA256", Group: "X25519", ALPN: "http/1.1", ServerName: "gateway.corp.example", Offer: offer13,
		}
	}
	if f.operation != "" {
		op := operation(f.site, f.operation)
		r.Site, r.Operation, r.Effect, r.Deprecated, r.Method, r.Path = f.site, op.Name, op.Effect.String(), op.Deprecated, op.Method, op.Path
		r.Upstream = map[string]string{"cn": "bss", "intl": "bss-intl"}[f.site]
	}
	if c, ok := credentials[f.credential]; ok {
		r.Credential, r.Class, r.AccessKey, r.Account = c.name, c.class, w.keys[c.name], c.account
	}
	if f.limit != "" {
		r.Limited = &logfile.Limited{Limit: f.limit}
	}
	if f.heldBy != "" {
		r.Spending = &logfile.Spending{Act: operation(f.site, f.operation).Act.Name, HeldBy: f.heldBy}
	}
	if passed := slices.Index(logfile.Stages(), f.stage); w.timed && passed > slices.Index(logfile.Stages(), logfile.StageDecide) {
		r.Steps = &logfile.Steps{Decided: r.TotalMicros / 2}
		if passed > slices.Index(logfile.Stages(), logfile.StageLimit) {
			r.Steps.Limited = max(r.TotalMicros*3/4, 1)
		}
	}
	w.add(r)
	return r.Call
}

// everyday are refusals that an ordinary day has, by how many of them there are against the others.
var everyday = []struct {
	weight int
	refusal
}{
	{20, notGranted},
	{14, refusal{
		app: shop, operation: "PayOrders", site: "cn", credential: acme, stage: logfile.StageLimit, reason: "over_limit", status: 429,
		detail: `limit "per-caller" (50/s) is reached`, limit: "per-caller",
	}},
	{14, refusal{
		source: "10.20.7.99", claimed: "shop", identity: "TGSHOP", operation: "ListCustomerOrders", site: "cn", stage: logfile.StageVerify,
		reason: "bad_signature", status: 401, detail: "the signature does not match the request",
	}},
	{12, refusal{
		app: reports, operation: "ListFreeResourceInfos", site: "cn", stage: logfile.StageDecide, reason: "wrong_class", status: 403,
		detail: "credential partner-cn is of class partner, but ListFreeResourceInfos takes customer credentials only",
	}},
	{10, refusal{
		source: "10.20.9.5", method: "GET", path: "/v2/orders/costumer-orders", stage: logfile.StageMatch, reason: "unknown_operation", status: 404,
		detail: "no operation of this listener has this method and path",
	}},
	{8, refusal{
		app: shop, operation: "PayOrders", site: "cn", credential: acme, stage: logfile.StageIntend, reason: "replayed", status: 409,
		detail: "this signature was used before", fields: []logfile.Field{field("order_id", "order", "CS26100812345678")},
	}},
	{6, refusal{
		app: billing, operation: "queryOrdersList", site: "cn", credential: acme, stage: logfile.StageDecide, reason: "wrong_account", status: 403,
		detail: "the account in the path is not that of credential acme",
	}},
}

// notGranted is what billing-app tries again and again.
var notGranted = refusal{
	app: billing, operation: "ReclaimPartnerCoupons", site: "cn", stage: logfile.StageDecide, reason: "no_grant", status: 403,
	detail: "no grant of billing-app covers ReclaimPartnerCoupons",
}

// refusedCall is one of those.
func (w *writer) refusedCall() {
	if w.stopped {
		return
	}
	var of []any
	for _, e := range everyday {
		of = append(of, e.weight, func() { w.refuse(e.refusal) })
	}
	w.pick(of...)()
}

// refusedConnection is a handshake that failed.
func (w *writer) refusedConnection() {
	if w.stopped {
		return
	}
	w.pick(
		30, func() {
			w.handshake("10.20.9.5", logfile.TLSVersion, "the peer offers TLS 1.0 at the most", &logfile.Offer{
				Versions: []string{"TLS 1.0", "SSL 3.0"}, Suites: offer12.Suites[2:], Groups: []string{"P-256"}, ServerName: "gateway.corp.example",
			})
		},
		24, func() {
			w.handshake("10.20.9.18", logfile.TLSSuite, "the policy huawei-high allows none of the peer's cipher suites", &logfile.Offer{
				Versions: []string{"TLS 1.2"}, Suites: offer12.Suites[2:], Groups: offer12.Groups, ServerName: "gateway.corp.example",
			})
		},
		16, func() {
			source := fmt.Sprintf("198.51.100.%d", 20+w.rng.IntN(4))
			w.handshake(source, logfile.TLSSuite, "the policy huawei-high allows none of the peer's cipher suites", scannerOffer())
		},
		12, func() {
			w.handshake("10.20.7.31", logfile.TLSAlert+"unknown_ca", "the peer does not trust the gateway's certificate", offer12)
		},
		10, func() { w.handshake("198.51.100.23", logfile.TLSNotTLS, "not a TLS handshake", nil) },
		8, func() { w.handshake("10.20.4.12", logfile.TLSExpired, "the client certificate has expired", offer13) },
	)()
}

// reasons of refused connections, where they are not the failure in words.
var reasons = map[string]string{logfile.TLSExpired: "certificate", logfile.TLSAlert + "unknown_ca": "refused by peer"}

func (w *writer) handshake(source, failure, detail string, offer *logfile.Offer) {
	r := &logfile.Record{
		Kind: logfile.KindRefusal, Plan: w.plan, Listener: "central", Source: source, SourcePort: uint16(32768 + w.rng.IntN(28000)),
		Decision: logfile.Refused, Reason: cmp.Or(reasons[failure], logfile.TLSFailureText(failure)), Detail: detail, Stage: logfile.StageHandshake, TLSFailure: failure, TLSIn: &logfile.TLS{Offer: offer},
	}
	w.add(r)
}

// scannerOffer is that of a scanner: as many suites as there are, none of them allowed.
func scannerOffer() *logfile.Offer {
	o := &logfile.Offer{Versions: []string{"TLS 1.2", "TLS 1.1", "TLS 1.0"}, Groups: []string{"P-521", "P-384", "P-256", "0x0016", "0x0017"}}
	for _, exchange := range []string{"RSA", "DHE_RSA", "DHE_DSS", "ECDH_RSA", "ECDH_ECDSA", "ECDHE_RSA"} {
		for _, cipher := range []string{
			"AES_128_CBC_SHA", "AES_256_CBC_SHA", "AES_128_CBC_SHA256", "AES_256_CBC_SHA256", "CAMELLIA_128_CBC_SHA", "CAMELLIA_256_CBC_SHA",
			"3DES_EDE_CBC_SHA", "RC4_128_SHA", "SEED_CBC_SHA", "NULL_SHA",
		} {
			o.Suites = append(o.Suites, "TLS_"+exchange+"_WITH_"+cipher)
		}
	}
	return o
}

// summary is of refusals that have no record of their own.
func (w *writer) summary(since time.Duration, counts ...logfile.Count) {
	w.add(&logfile.Record{Kind: logfile.KindRefusals, Since: w.now.Add(-since).UTC(), Counts: counts})
}
