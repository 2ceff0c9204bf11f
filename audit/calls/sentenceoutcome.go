package calls

import (
	"slices"

	"tollgate/audit/logfile"
)

// outcome writes how the call went out, what came back, and how it ended.
func (w *writer) outcome(c *Call, v values) {
	w.sent(c, v)
	r := c.Outcome
	if r == nil || r.Outcome == logfile.NotSent {
		return
	}
	if r.Status != 0 {
		w.say(v, "answer_id_within", "answer_within", "answer_id", "answer")
	} else if wasSent(r) {
		w.failed(v, "no_answer")
	}
	w.say(v, "error")
	w.say(v, "answered")
	w.ended(c, v)
	if r.ResultFrom == "body" || r.ResultFrom == "status" {
		w.say(v, "read_from_"+r.ResultFrom)
	}
	w.say(v, "took")
}

// sent writes when the call went out, and over what connection.
func (w *writer) sent(c *Call, v values) {
	r := c.Outcome
	switch {
	case c.Refusal != nil:
		return
	case r == nil:
		w.say(v, "no_outcome")
		return
	case r.Outcome == logfile.NotSent:
		w.failed(v, "not_sent")
		return
	case wasSent(r):
		w.say(v, "sent_upstream_tls", "sent_tls", "sent_upstream_plain", "sent_plain")
		w.session(r.TLSOut, "upstream")
	default:
		w.say(v, "sent_unrecorded_note", "sent_unrecorded")
	}
	if c.Intent == nil {
		w.say(v, "intent_pruned")
		return
	}
	w.say(values{"Time": w.after(c.Time(), c.Intent.Time)}, "intent")
}

// wasSent reports whether an outcome says that the call was sent. One that a start of the gateway wrote, since the one before had stopped
// without any, does not, nor does that of a panic.
func wasSent(r *logfile.Record) bool {
	return r != nil && r.Outcome != logfile.NotSent && (r.Outcome != logfile.Unknown || r.Status != 0 || r.Stage != "" || r.TLSOut != nil)
}

// failed writes that a call failed, and why its handshake did.
func (w *writer) failed(v values, message string) {
	w.say(v, message+"_stage_reason", message+"_stage", message+"_reason", message)
	w.say(v, "tls_failure")
}

// reasonOf returns the reason of a record, where its outcome does not say it.
func reasonOf(r *logfile.Record) string {
	if r.Reason == r.Outcome {
		return ""
	}
	return r.Reason
}

// ended writes how the call ended.
func (w *writer) ended(c *Call, v values) {
	if outcome := c.Outcome.Outcome; slices.Contains(logfile.Outcomes(), outcome) {
		w.say(v, outcome)
	} else {
		w.say(v, "other_outcome")
	}
	if c.Settled != nil {
		w.settlement(c.Settled)
	}
}

// settlement writes how an outcome that was unknown was settled by an event.
func (w *writer) settlement(r *logfile.Record) {
	said := r.Data
	v := values{"Outcome": w.noun("state", said["outcome"]), "Time": w.time(r.Time), "By": said["by"], "Call": said["from"], "Reason": said["reason"]}
	if said["by"] == "gateway" {
		w.say(v, "settled_by_gateway")
	} else {
		w.say(v, "settled_by", "settled")
	}
	w.say(v, "settled_from")
	w.say(v, "settled_reason")
}
