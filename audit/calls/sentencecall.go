package calls

import (
	"cmp"
	"fmt"
	"strconv"

	"tollgate/audit/logfile"
)

// valuesOf returns what messages about a call say of it, by name.
func (w *writer) valuesOf(c *Call) values {
	first, last, out, said := c.first(), c.last(), c.outcome(), spendingOf(c.first())
	limited := cmp.Or(last.Limited, &logfile.Limited{})
	return values{
		"Call": c.ID(), "For": c.For(), "Caller": c.Caller(), "Claimed": c.Claimed(), "Operation": w.with(c.Operation(), c.Effect(), c.Site()),
		"Time": w.time(c.Time()), "Zone": w.zone.String(),
		"Method": first.Method, "Path": first.Path, "Query": first.Query, "Source": first.Source, "Listener": first.Listener, "TLS": w.tls(first.TLSIn),
		"IdentifiedBy": first.IdentifiedBy, "Identity": first.Identity, "Fields": w.fields(first), "Plan": c.Plan(),
		"Stage": last.Stage, "Status": last.Status, "Reason": w.quotes(reasonOf(last), last.Detail), "Failure": logfile.TLSFailureText(last.TLSFailure),
		"Credential": c.Credential(), "Class": c.Class(), "AccessKey": c.text(func(r *logfile.Record) string { return r.AccessKey }), "Account": c.Account(),
		"Limit": limited.Limit, "Waited": spent(max(first.WaitedMicros, last.WaitedMicros)), "Limits": w.quotes(limited.WouldRefuse...),
		"Act": said.Act, "Repeats": said.Repeats,
		"Upstream": out.Upstream, "UpstreamTLS": w.tls(out.TLSOut), "Note": w.quotes(reasonOf(out), out.Detail, out.Note),
		"RequestID": out.RequestID, "Within": spent(out.UpstreamMicros), "Error": w.quotes(out.ErrorCode, out.ErrorMessage), "Answer": w.fields(out),
		"Outcome": out.Outcome, "Ended": w.after(c.Time(), out.Time), "Took": spent(out.TotalMicros),
	}
}

// call writes of one call.
func (w *writer) call(c *Call) {
	v, first := w.valuesOf(c), c.first()
	w.who(c, v)
	w.say(v, "request_query", "request", "request_path")
	w.count(len(first.QueryWithheld), "withheld")
	w.say(v, "from_listener_tls", "from_tls", "from_listener_plain", "from_plain")
	w.session(first.TLSIn, "caller")
	w.proof(c, v)
	w.say(v, "asked")
	w.count(int(first.BodyBytes), "body")
	w.end()
	w.decision(c, v)
	w.credential(c, v)
	w.limits(c, v)
	w.spending(c, v)
	w.end()
	w.outcome(c, v)
	w.money(c)
	w.end()
}

// summary writes of one call in short.
func (w *writer) summary(c *Call) {
	v := w.valuesOf(c)
	w.who(c, v)
	switch {
	case c.Refusal != nil:
		w.decision(c, v)
	case c.Outcome == nil || c.Outcome.Outcome == logfile.NotSent:
		w.sent(c, v)
	default:
		w.ended(c, v)
		w.moved(c)
	}
}

// who writes who called what, and when.
func (w *writer) who(c *Call, v values) {
	if c.Operation() == "" {
		w.say(v, "unmatched_by_gateway", "unmatched", "unmatched_claimed", "unmatched_unidentified")
	} else {
		w.say(v, "called_by_gateway", "called", "called_claimed", "called_unidentified")
	}
	if c.Deprecated() {
		w.say(v, "deprecated")
	}
}

// session writes whether a session was resumed, and which certificate the peer at that end showed.
func (w *writer) session(t *logfile.TLS, end string) {
	if t == nil {
		return
	}
	v := values{"Peer": t.Peer, "Fingerprint": fingerprint(t)}
	if t.Resumed {
		w.say(v, "resumed")
	}
	w.say(v, "certificate_"+end, "fingerprint_"+end, "peer_"+end)
}

// proof writes how the caller was proven.
func (w *writer) proof(c *Call, v values) {
	if c.Claimed() != "" {
		w.say(v, "proof_missing")
		return
	}
	switch by := c.first().IdentifiedBy; by {
	case "listener", "certificate", "access_key":
		w.say(v, "proof_"+by)
	default:
		w.say(v, "proof_other")
	}
}

// decision writes whether the call was allowed, and by what.
func (w *writer) decision(c *Call, v values) {
	if c.Refusal == nil {
		w.say(v, "allowed_by", "allowed")
		return
	}
	w.say(v, "refused_stage_status", "refused_stage", "refused_status", "refused", "refused_bare")
	w.say(v, "plan")
}

// credential writes whose credential signed the call, or was to.
func (w *writer) credential(c *Call, v values) {
	if wasSent(c.Outcome) {
		w.say(v, "signed")
	} else {
		w.say(v, "to_sign")
	}
	w.say(v, "class_key", "class", "key")
	if c.MovesMoney() {
		w.say(v, "account_pays")
	} else {
		w.say(v, "account")
	}
}

// limits writes what limits did to the call.
func (w *writer) limits(c *Call, v values) {
	last := c.last()
	if c.Refusal != nil && last.Stage == logfile.StageLimit {
		w.say(v, "limit_refused", "waited")
	} else {
		w.say(v, "limit_waited", "waited", "limit_counted")
	}
	if last.Limited != nil && (last.LimitFrom == "fleet" || last.LimitFrom == "share") {
		w.say(v, "limit_from_"+last.LimitFrom)
	}
	w.say(v, "limits_shadow")
}

// made writes of a call that the gateway made for another.
func (w *writer) made(c *Call) {
	v := w.valuesOf(c)
	status := ""
	if c.Status() != 0 {
		status = strconv.Itoa(c.Status())
	}
	v["Result"] = w.list("comma", string(w.noun("state", c.State())))
	if more := w.quotes(status, c.ErrorCode(), reasonOf(c.last())); more != "" {
		v["Result"] = w.list("comma", string(w.noun("state", c.State())), string(more))
	}
	w.say(v, "made")
}

// event writes of an event about the call. What settles the call is written with its outcome.
func (w *writer) event(r *logfile.Record) {
	if Settles(r) {
		return
	}
	var data []string
	for _, name := range []string{"by", "reason", "call", "allowed_by"} {
		if value := r.Data[name]; value != "" {
			data = append(data, name+" "+quoted(value))
		}
	}
	v := values{"Time": w.time(r.Time), "Event": string(r.Event), "Detail": r.Detail, "Data": w.list("semicolon", data...)}
	switch r.Event {
	case logfile.EventUnresolved, logfile.EventRepeated, logfile.EventRepeatAllowed:
		w.say(v, "event_"+string(r.Event))
	default:
		w.say(v, "event_detail", "event")
	}
	w.say(v, "event_data")
}

// places writes where the records stand.
func (w *writer) places(records []*logfile.Record) {
	var places []string
	cut := false
	for _, r := range records {
		places = append(places, fmt.Sprintf("%d (%s)", r.Seq, quoted(string(r.Kind))))
		cut = cut || r.Cut
	}
	v := values{"Records": w.list("and", places...)}
	if len(places) == 1 {
		w.say(v, "place")
	} else {
		w.say(v, "places")
	}
	if cut {
		w.say(v, "cut")
	}
}
