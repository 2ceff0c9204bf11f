package chaos

import (
	"context"
	"errors"
	"syscall"

	"tollgate/audit/logfile"
	"tollgate/gateway"
)

// checkOutcomes: an outcome says no more than what the provider saw. Where an act has one call, the two can be compared exactly.
func (c *evidence) checkOutcomes() {
	f := &faults{c: c, name: "what is on record is true"}
	seen := map[string]int{}
	for at, calls := range c.about {
		if len(calls) != 1 {
			continue
		}
		acted, outcome := false, calls[0].outcome.outcome
		for _, a := range c.arrived[at] {
			acted = acted || a.status/100 == 2
		}
		seen[outcome]++
		wrong := outcome == logfile.Succeeded && !acted || outcome == logfile.Failed && acted || outcome == logfile.NotSent && len(c.arrived[at]) > 0
		if wrong && changes(at) || outcome == logfile.Succeeded && !acted {
			f.add("the outcome of %+v is %s; the provider acted: %v, arrivals %+v", at, outcome, acted, c.arrived[at])
		}
	}
	for _, outcome := range []string{logfile.Succeeded, logfile.Failed, logfile.NotSent, logfile.Unknown} {
		if seen[outcome] == 0 {
			c.w.t.Errorf("no call has the outcome %s: the test says little", outcome)
		}
	}
}

func changes(at subject) bool {
	k := kindOf(at.act)
	return k != nil && k.changes && at.operation == k.operation
}

// reasons are what records say in the place of the codes of answers.
var reasons = func() map[string]string {
	all := map[string]string{}
	for _, code := range gateway.Codes() {
		all[code.Number] = code.Reason
	}
	return all
}()

// checkAnswers: each caller got an answer with its reason, or lost the connection to a gateway that was being ended.
func (c *evidence) checkAnswers() {
	f := &faults{c: c, name: "every caller got an answer"}
	for _, n := range c.notes {
		wrong := c.answered(n)
		if n.err != nil {
			wrong = c.lost(n)
		}
		if wrong != "" {
			f.add("%s: %s at %s (process %d), %v to %v: %d %s %s %v", wrong, n.act, n.life.name, n.life.number, n.began.UTC().Format(clock), n.ended.UTC().Format(clock),
				n.status, n.code, n.call, n.err)
		}
	}
}

const clock = "15:04:05.000"

// lost returns what is wrong with a lost connection; empty: nothing.
func (c *evidence) lost(n *note) string {
	how := n.life.endingBy(n.ended)
	switch {
	case n.leaves > 0 && errors.Is(n.err, context.DeadlineExceeded):
		return ""
	case how == "":
		return "the connection to a gateway that was not ended is lost"
	case how == stopped && !errors.Is(n.err, syscall.ECONNREFUSED) && !n.copied && !n.repeated && c.intended(n):
		return "a gateway that was stopped in good order lost a call"
	case n.call != "" && c.calls[n.call] == nil:
		return "the call is not on record"
	}
	return ""
}

// intended reports whether the log has an intent of what a caller asked for.
func (c *evidence) intended(n *note) bool {
	for _, h := range c.about[subject{n.kind.operation, n.act}] {
		if h.replica == n.life.replica && !h.intent.time.Before(n.began) && !h.intent.time.After(n.ended) {
			return true
		}
	}
	return false
}

// causes are the gateway's own errors that this test brings about. Others are faults.
var causes = map[string]string{
	"TG.3001": "no grant",
	"TG.3011": "the cap is full",
	"TG.3012": "the price could not be read",
	"TG.4003": "a copy",
	"TG.4008": "the act was attempted before",
	"TG.6001": "a disk is full",
	"TG.6004": "cloud keys are rotated",
	"TG.6006": "the caller left",
	"TG.6009": "the gateway is stopped",
	"TG.6010": "cloud keys are rotated",
	"TG.6012": "Redis is away",
	"TG.7001": "the upstream is away",
	"TG.7002": "the upstream gave no answer",
	"TG.7003": "the upstream is away",
	"TG.7004": "the upstream gave no answer",
}

// answered returns what is wrong with an answer; empty: nothing.
func (c *evidence) answered(n *note) string {
	h := c.calls[n.call]
	switch {
	case n.call == "":
		return "the answer has no call id"
	case n.kind.refused != n.code && (n.kind.refused != "" || n.code == "TG.3001"):
		return "the answer is not that of the grants"
	case n.code != "" && causes[n.code] == "":
		return "nothing that happened is a reason for this answer"
	case n.code == "TG.4003" && !n.copied, n.code == "TG.4008" && !n.repeated, n.code == "TG.6006" && n.leaves == 0,
		(n.code == "TG.3011" || n.code == "TG.3012") && n.kind.where != alone:
		return "the reason is not that of the request"
	case h == nil:
		return "" // checkRecords says whether it may be missing
	case h.intent == nil && (h.refusal == nil || h.refusal.why != reasons[n.code]):
		return "the record has another reason"
	case h.intent != nil && !c.confirmed(n, h.outcome):
		return "the record has another outcome: " + h.outcome.outcome + " " + h.outcome.why
	}
	return ""
}

// confirmed reports whether an outcome is what the caller was answered. That of a read may be lost in a kill.
func (c *evidence) confirmed(n *note, outcome *entry) bool {
	if !n.kind.changes && n.life.how == killed && outcome.outcome == logfile.Unknown {
		return true
	}
	switch n.code {
	case "":
		return outcome.status == n.status
	case "TG.7002", "TG.7004":
		return outcome.why == reasons[n.code] && outcome.outcome == logfile.Unknown
	default:
		return outcome.why == reasons[n.code] && (outcome.outcome == logfile.NotSent || n.code == "TG.6004" && outcome.outcome == logfile.Failed)
	}
}
