package gateway

import (
	"context"
	"errors"
	"fmt"
	"math"

	"tollgate/audit"
	"tollgate/grants"
	"tollgate/ratelimit"
	"tollgate/replay"
)

// credentialHeader names one of the granted credentials where several fit.
const credentialHeader = "Tollgate-Credential"

// decide is step 6: the grant, and so the credential.
func (c *call) decide() *Refusal {
	var refused *Refusal
	c.facts, refused = ReadFacts(&Asked{c.operation, c.request.Method, c.path, c.params, c.query, c.body})
	if refused != nil {
		return refused
	}
	named := c.request.Header[credentialHeader]
	if len(named) > 1 {
		return refusal(badRequest, "%s must be given once", credentialHeader)
	}
	asked := grants.Call{
		Caller: c.identity.Caller, Upstream: c.upstream.Name, Operation: c.operation, Param: c.params.Get, Accounts: c.facts.Accounts,
	}
	if len(named) == 1 {
		asked.Credential = named[0]
	}
	var err error
	c.decision, err = c.Grants.Decide(&asked)
	if err == nil {
		return nil
	}
	reason, ok := errors.AsType[*grants.Refusal](err)
	if !ok {
		return refusal(internalFault, "no decision could be made")
	}
	r := refusal(decideCode(reason.Reason), "%s", reason.Detail)
	r.Choices = reason.Choices
	return r
}

func decideCode(reason grants.Reason) Code {
	switch reason {
	case grants.WrongClass:
		return wrongClass
	case grants.WrongAccount:
		return wrongAccount
	case grants.CustomerNotGranted:
		return customerNotGranted
	case grants.CredentialNotGranted:
		return credentialNotGranted
	case grants.AmbiguousCredential:
		return ambiguousCredential
	case grants.DeprecatedForbidden:
		return deprecatedForbidden
	}
	return noGrant
}

// limit is step 7: within all rates, or after a short wait.
func (c *call) limit() *Refusal {
	subject := ratelimit.Subject{Caller: c.identity.Caller, Operation: c.operation.Name, Upstream: c.upstream.Name}
	if c.decision.Credential != nil {
		subject.Credential, subject.Quota = c.decision.Credential.Name(), c.operation.Quota
	}
	var err error
	if c.verdict, err = c.Limiter.Take(c.request.Context(), subject); err != nil {
		return refusal(callerLeft, "the caller left while the call waited for its turn")
	}
	if !c.verdict.Allowed {
		r := refusal(overLimit, "limit %q (%s) is reached", c.verdict.Limit, rateText(c.verdict.Rate.PerSecond))
		r.RetryAfter = c.verdict.RetryAfter
		return r
	}
	if c.request.Context().Err() != nil {
		return refusal(callerLeft, "the caller left before the call was sent")
	}
	return nil
}

// rateText says a rate as the configuration does.
func rateText(perSecond float64) string {
	if perSecond >= 1 {
		return fmt.Sprintf("%g/s", math.Round(perSecond*100)/100)
	}
	return fmt.Sprintf("%g/min", math.Round(perSecond*60*100)/100)
}

// intend is step 8: the signature is remembered, and the intent is durable. From here the call ends with an outcome.
func (c *call) intend() *Refusal {
	if refusal := c.markSignature(); refusal != nil {
		return refusal
	}
	ctx, cancel := c.logContext()
	defer cancel()
	intent := c.intent()
	if err := c.Log.Intent(ctx, intent); err != nil {
		return c.unrecorded(intent, err)
	}
	c.intended = true
	return nil
}

// unrecorded is a call whose intent did not become durable.
func (c *call) unrecorded(intent *audit.Record, err error) *Refusal {
	if errors.Is(err, audit.ErrCut) { // ReadFacts leaves room for all else that an intent holds
		c.Logger.Error("intent cannot be recorded whole; the call is not sent", callFields(c)...)
		return refusal(internalFault, "the call cannot be recorded whole, so it was not sent")
	}
	c.warn("intent was not made durable; the call is not sent", err.Error())
	if taken := intent.Seq != 0; taken { // it may still reach the disk: say that nothing came of it
		_ = c.Log.Queue(c.outcome(audit.NotSent, &Refusal{Code: logUnavailable, Detail: "the intent was not durable in time"}))
	}
	return later(logUnavailable, "the call cannot be recorded now, so it was not sent")
}

// logContext outlives the caller: whether a record becomes durable must not depend on whether the caller waits.
func (c *call) logContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), c.Bounds.LogDeadline)
}

// markSignature remembers the signature of a call that changes something, for as long as its date is valid.
func (c *call) markSignature() *Refusal {
	if c.claim == nil || !c.changes() {
		return nil
	}
	signed := c.claim.Authorization
	key := replay.KeyOf(signed.AccessKey, signed.Signature, c.request.Header.Get("X-Sdk-Date"))
	switch err := c.Replay.Mark(key, c.claim.Date, c.Now()); {
	case errors.Is(err, replay.ErrReplay):
		return refusal(replayed, "a request with this signature was taken before; sign again (with a new date) if you mean a second call")
	case errors.Is(err, replay.ErrDate):
		return refusal(badDate, "the signed date went out of the window while the call waited; sign again")
	case err != nil:
		return later(replayFull, "too many signed calls in the last half hour")
	}
	c.signature = replaySignature{key.String(), c.claim.Date}
	return nil
}
