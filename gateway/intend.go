package gateway

import (
	"context"
	"errors"

	"tollgate/audit"
	"tollgate/audit/logfile"
	"tollgate/replay"
)

// intend is step 10: the signature is remembered, and the intent is durable. From here the call ends with an outcome.
func (c *call) intend() *Refusal {
	if refusal := c.checkFrozen(); refusal != nil { // it may have waited for its limits
		return refusal
	}
	if refusal := c.markSignature(); refusal != nil {
		return refusal
	}
	intent := c.intent()
	c.handOver()
	err := c.Log.Intent(c.logContext(), intent)
	if c.steps.Limited == 0 && !intent.Time.IsZero() { // it reserves nothing: nearly the same, for no further reading of the clock
		c.reached(&c.steps.Limited, intent.Time)
	}
	if err != nil {
		return c.unrecorded(intent, err)
	}
	c.intended = true
	return nil
}

// unrecorded is a call whose intent did not become durable.
func (c *call) unrecorded(intent *logfile.Record, err error) *Refusal {
	taken := intent.Seq != 0 // it may still reach the disk
	if !taken {
		c.rollBack()
		c.connection.unrecorded(intent)
	}
	if errors.Is(err, audit.ErrCut) { // readFacts leaves room for all else that an intent holds
		c.Logger.Error("intent cannot be recorded whole; the call is not sent", callFields(c)...)
		return refusal(internalFault, "error.now.whole")
	}
	c.warn("intent was not made durable; the call is not sent", err.Error())
	if taken {
		c.withdraw()
	}
	return later(logUnavailable, "error.now.log")
}

// logContext outlives the caller: whether a record becomes durable must not depend on whether the caller waits.
func (c *call) logContext() context.Context {
	if c.own != nil {
		return c.request.Context()
	}
	return c.recording.in(c.LogDeadline)
}

// markSignature remembers the signature of a call that changes something, for as long as its date is valid.
func (c *call) markSignature() *Refusal {
	if c.claim == nil || !c.changes() {
		return nil
	}
	key := replay.KeyOf(c.claim.AccessKey, c.claim.Signature, c.claim.DateText)
	switch err := c.Replay.Mark(c.request.Context(), key, c.claim.Date, c.Now()); {
	case errors.Is(err, replay.ErrReplay):
		return refusal(replayed, "error.signature.replayed")
	case errors.Is(err, replay.ErrDate):
		return refusal(badDate, "error.date.late")
	case errors.Is(err, replay.ErrUnavailable):
		return c.marksUnknown(err)
	case err != nil && c.request.Context().Err() != nil:
		return c.gone("error.now.left")
	case err != nil:
		return later(replayFull, "error.now.replay")
	}
	c.signature = replaySignature{key.String(), c.claim.Date}
	return nil
}

// marksUnknown refuses a call of which it is not known whether its signature was used. It may be marked by now, so the same bytes are not
// taken again.
func (c *call) marksUnknown(err error) *Refusal {
	c.warn("used signatures cannot be looked up; the call is not sent", err.Error())
	r := later(marksUnknown, "error.now.signatures")
	r.Inside = err.Error()
	return r
}
