package gateway

import (
	"net/http"

	"tollgate/audit/logfile"
	"tollgate/bss"
	"tollgate/catalog"
	"tollgate/upstream"
)

// judge is the first half of step 13: what the answer means for money. A refusal means that this is unknown.
func (c *call) judge(a *answer) *Refusal {
	if c.upstream.Signed && a.response.Status/100 == 3 {
		return c.redirected(a)
	}
	a.result = bss.Outcome{Result: bss.Unread, From: bss.FromStatus}
	if a.whole {
		a.result = bss.ReadAnswer(c.operation, c.facts.Fields, a.response.Status, a.contentType(), a.held)
	}
	if a.result.Foreign != "" {
		return c.foreign(a)
	}
	if refusal := c.rejected(a); refusal != nil {
		return refusal
	}
	a.outcome = c.outcomeOfAnswer(a)
	if c.changes() && c.mayBeCut(a) {
		return c.unknown(outcomeUnknown)
	}
	return nil
}

// mayBeCut reports whether an answer ends as one that was cut does, and what came does not show that it is whole. Where a body may
// come, nothing at all does not.
func (c *call) mayBeCut(a *answer) bool {
	empty := a.whole && len(a.held) == 0 && a.response.Status != http.StatusNoContent && c.request.Method != http.MethodHead
	return a.response.EndsByClose && (empty || a.result.Result == bss.Unread)
}

// contentType is that of what is held. What is in a coding says nothing, whatever it looks like: who undoes it reads something else.
func (a *answer) contentType() string {
	if a.coded {
		return "application/octet-stream"
	}
	return a.response.Header.Get("Content-Type")
}

// withheld refuses to pass on an answer in which the credential's security token cannot be looked for.
func (c *call) withheld(a *answer) *Refusal {
	r := c.unknownSince("error.upstream.coding", "Upstream", c.upstream.Name)
	r.Answer = a
	return r
}

// foreign ends a call whose answer belongs to another one. Nothing of that answer is passed on or recorded.
func (c *call) foreign(a *answer) *Refusal {
	upstream.Distrust(a.response)
	c.warn("upstream gave no usable answer", "the answer's "+a.result.Foreign+" is not the request's: it is the answer to another call")
	return c.unknownSince("error.upstream.foreign", "Member", a.result.Foreign)
}

// redirected refuses to pass a redirect on: clients that follow it, and most do, would have the call signed and sent again.
func (c *call) redirected(a *answer) *Refusal {
	because := c.unknownSince
	if !c.changes() {
		because = func(id string, args ...any) *Refusal { return refusal(redirected, id, args...) }
	}
	r := because("error.upstream.redirect", "Upstream", c.upstream.Name, "Status", a.response.Status)
	r.Answer = a
	return r
}

func (c *call) outcomeOfAnswer(a *answer) string {
	status := a.response.Status
	switch {
	case (c.changes() && c.upstream.Signed || c.operation.Effect == catalog.Spend) && bss.GaveUpOnTheWay(status, a.result.ErrorCode):
		return logfile.Unknown // some server before the billing system, or an internal app, failed, perhaps after it had acted
	case c.changes() && c.upstream.Signed && a.result.Result == bss.Unread:
		return logfile.Unknown // the status says success, and the body that should confirm it cannot be read, or is too large to be
	case a.result.Result == bss.Success:
		return logfile.Succeeded
	case a.result.Result == bss.Partial:
		return logfile.Partial
	case a.result.Result == bss.Unread && status >= 200 && status < 400: // by its status; a redirect of a signed upstream never comes here
		return logfile.Succeeded
	}
	return logfile.Failed
}

// outcomeOf returns what a failed attempt means.
func outcomeOf(refusal *Refusal) string {
	switch refusal.Code {
	case outcomeUnknown, unknownInTime:
		return logfile.Unknown
	case redirected:
		return logfile.Failed
	case credentialPaused, clockRejected:
		if refusal.Answer != nil { // sent, and rejected unexecuted
			return logfile.Failed
		}
	}
	return logfile.NotSent
}

// settle is the second half of step 13. Where something may have changed, the outcome is durable before the answer's
// first byte. A failing log never replaces the upstream's answer: it closes the gateway for new calls instead.
func (c *call) settle(r *logfile.Record) {
	var err error
	if c.changes() {
		err = c.Log.Outcome(c.logContext(), r)
	} else {
		err = c.Log.Queue(r)
	}
	if err != nil {
		c.Logger.Error("outcome is not durable", callFields(c, "outcome", r.Outcome, "error", err.Error())...)
	}
	c.settleSpending(r)
	c.passage.End()
	c.observe(r)
}
