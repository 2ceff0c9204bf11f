package calls

import (
	"fmt"

	"tollgate/audit/logfile"
	"tollgate/internal/text"
)

// sent writes when the call went out, and over what connection.
func (w *writer) sent(c *Call) {
	r := c.Outcome
	switch {
	case c.Refusal != nil:
		return
	case r == nil:
		w.say("No outcome is on record: the call is in flight, or the next start of the gateway closes it as unknown.")
		return
	case r.Outcome == logfile.NotSent:
		w.say("It was not sent%s%s.", failure(r), list(": ", "", "", reasonText(r)))
		return
	}
	intent := "Its intent was pruned from the log."
	if c.Intent != nil {
		intent = fmt.Sprintf("Its intent was on record at %s, before a byte could go out.", w.after(c.Time(), c.Intent.Time))
	}
	if wasSent(r) {
		how := "without TLS"
		if r.TLSOut != nil {
			how = "over " + tlsText(r.TLSOut)
		}
		w.say("It was sent%s %s.", list(" to the upstream ", "", "", r.Upstream), how)
	} else {
		w.say("Whether it was sent is not on record%s.", list(": ", ", ", "", reasonText(r), quotedIf(r.Note)))
	}
	w.say("%s", intent)
}

// wasSent reports whether an outcome says that the call was sent. One that a start of the gateway wrote, since the one before had stopped
// without any, does not, nor does that of a panic.
func wasSent(r *logfile.Record) bool {
	return r != nil && r.Outcome != logfile.NotSent && (r.Outcome != logfile.Unknown || r.Status != 0 || r.Stage != "" || r.TLSOut != nil)
}

// failure returns where a call failed.
func failure(r *logfile.Record) string {
	tls := ""
	if r.TLSFailure != "" {
		tls = "TLS: " + logfile.TLSFailureText(r.TLSFailure)
	}
	return list(" (", ", ", ")", list("stage ", "", "", r.Stage), quotedIf(tls))
}

// reasonText returns the reason of a record of an outcome, where the outcome does not say it, and the detail.
func reasonText(r *logfile.Record) string {
	reason := r.Reason
	if reason == r.Outcome {
		reason = ""
	}
	return list("", ", ", "", quotedIf(reason), quotedIf(r.Detail))
}

// outcomes say what the outcomes of calls that were sent mean.
var outcomes = map[string]string{
	logfile.Succeeded: "succeeded, the provider did what was asked",
	logfile.Failed:    "failed, the provider did nothing",
	logfile.Partial:   "partial, the provider did a part of it",
	logfile.Unknown:   "unknown, the provider may have acted",
}

// answer writes what came back, and how the call ended.
func (w *writer) answer(c *Call) {
	r := c.Outcome
	if r == nil || r.Outcome == logfile.NotSent {
		return
	}
	switch {
	case !wasSent(r):
	case r.Status != 0:
		w.say("The answer had status %d%s%s.", r.Status, list(" and the request id ", "", "", quotedIf(r.RequestID)), list(", and was complete ", "", " after the call was sent", micros(r.UpstreamMicros)))
	default:
		w.say("No answer came that can be used%s%s.", failure(r), list(": ", "", "", reasonText(r)))
	}
	if r.ErrorCode != "" || r.ErrorMessage != "" {
		w.say("Its error is %s.", list("", ": ", "", quotedIf(r.ErrorCode), quotedIf(r.ErrorMessage)))
	}
	if fields := fieldsText(r); fields != "" {
		w.say("It said: %s.", fields)
	}
	meaning := outcomes[r.Outcome]
	if meaning == "" {
		meaning = quoted(r.Outcome)
	}
	w.say("The outcome, recorded at %s, is %s%s.", w.after(c.Time(), r.Time), meaning, list(" (read from the ", "", " of the answer)", r.ResultFrom))
	if r.TotalMicros > 0 {
		w.say("The call took %s.", spent(r.TotalMicros))
	}
}

func micros(n int64) string {
	if n == 0 {
		return ""
	}
	return spent(n)
}

// settlement writes how an outcome that was unknown was settled.
func (w *writer) settlement(c *Call) {
	if c.Settled == nil {
		return
	}
	said := c.Settled.Data
	by := quotedIf(said["by"])
	if by == "gateway" {
		by = "the gateway itself"
	}
	w.say("It was settled as %s on %s%s%s%s.", quoted(said["outcome"]), w.time(c.Settled.Time), list(" by ", "", "", by),
		list(", as the gateway's call ", "", " showed", quotedIf(said["from"])), list(": ", "", "", quotedIf(said["reason"])))
}

// made writes of a call that the gateway made.
func (w *writer) made(c *Call) {
	w.say("For it, the gateway called %s on %s (call %s): %s.", c.Operation(), w.time(c.Time()), c.ID(),
		list("", " ", "", c.State(), text.NotZero(c.Status()), quotedIf(c.ErrorCode()), when(c.Reason() != c.State(), quotedIf(c.Reason()))))
}
