package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"tollgate/audit"
	"tollgate/business"
	"tollgate/credential"
	"tollgate/tlspolicy"
	"tollgate/upstream"
)

// answer is what came back.
type answer struct {
	response *http.Response
	held     []byte // the body, or its beginning
	whole    bool   // held is all of it
	result   business.Outcome
	outcome  string // of the audit package
}

// dispatch takes an intended call to its end: sign, send, settle, answer. It no longer depends on the caller.
func (c *call) dispatch() {
	settled := false
	defer func() {
		if !settled { // only by panic: the call may have gone out
			c.settle(c.outcome(audit.Unknown, &Refusal{Code: internalFault}))
		}
	}()
	ctx, cancel := context.WithTimeout(c.sending(), c.upstream.Timeout)
	defer cancel()
	defer c.closeReceived() // also after a panic: its connection must not stay taken
	a, refusal := c.send(ctx)
	c.releaseBody()
	if refusal != nil {
		c.closeReceived() // nobody waits for the log, or for the caller, with a connection in hand
		settled = true
		c.settle(c.outcome(outcomeOf(refusal), refusal))
		c.answerRefusal(refusal)
		return
	}
	settled = true
	c.settle(c.answered(a))
	c.answer(a)
}

func (c *call) closeReceived() {
	if c.received != nil {
		_ = c.received.Close()
	}
}

// releaseBody gives back what the body took: a caller that is slow to read its answer must not hold it.
func (c *call) releaseBody() {
	c.bodies.give(c.budgeted)
	c.body, c.budgeted = nil, 0
}

// outcomeOf tells what a failed attempt means.
func outcomeOf(refusal *Refusal) string {
	if refusal.Code == outcomeUnknown || refusal.Code == unknownInTime {
		return audit.Unknown
	}
	return audit.NotSent
}

// send is step 10: one attempt.
func (c *call) send(ctx context.Context) (*answer, *Refusal) {
	c.sentAt = c.Now()
	request := c.outbound(ctx)
	if !c.upstream.Signed {
		return c.attempt(request)
	}
	_, wasPaused := c.decision.Credential.Paused()
	lease, err := c.decision.Permit.Lease(ctx, c.Now())
	if err != nil {
		return nil, c.paused(err)
	}
	verdict, reason := credential.Unheard, ""
	defer func() { lease.Done(verdict, reason, c.Now()) }()
	if err := c.sign(request, lease); err != nil {
		c.warn("signing failed; the call is not sent", err.Error())
		return nil, refusal(internalFault, "the call could not be signed, so it was not sent")
	}
	a, refused := c.attempt(request)
	if refused == nil {
		c.noteReopened(wasPaused)
		verdict, reason = c.hear(a)
	}
	return a, refused
}

// paused is a call without a lease: its credential is paused, or still on trial with other calls until the deadline.
func (c *call) paused(err error) *Refusal {
	c.warn("credential signs nothing now", err.Error())
	paused, ok := errors.AsType[*credential.PausedError](err)
	if !ok {
		return refusal(notSentInTime, "the credential's first calls are not answered yet; no byte of this one was sent")
	}
	r := refusal(credentialPaused, "the provider rejected the credential's signature; the operator must look at it")
	r.RetryAfter = max(paused.Pause.ProbeAt.Sub(c.Now()), 0)
	return r
}

// attempt sends and reads the answer, whole if it is not larger than what is held.
func (c *call) attempt(request *http.Request) (*answer, *Refusal) {
	response, err := c.upstream.Transport.RoundTrip(request)
	if err != nil {
		return nil, c.failed(request, err)
	}
	c.received, c.tlsOut = response.Body, c.evidence.of(response.TLS)
	held, err := readHeld(response, c.Bounds.HeldAnswer+1)
	if err != nil {
		return nil, c.failed(request, &upstream.Error{Err: err, MaybeSent: true, TLS: response.TLS})
	}
	a := &answer{response: response, held: held, whole: int64(len(held)) <= c.Bounds.HeldAnswer}
	if response.StatusCode >= 400 && request.Header["X-Security-Token"] != nil { // only errors quote what was sent
		if !a.whole {
			return nil, c.failed(request, &upstream.Error{Err: errors.New("an error larger than what is held"), MaybeSent: true, TLS: response.TLS})
		}
		a.held = withoutToken(held, request.Header)
	}
	headersWithoutToken(response.Header, request.Header)
	return a, c.judge(a)
}

// minHeld is the room for an answer of unknown length, to begin with.
const minHeld = 2 << 10

// readHeld reads an answer's body, or its first bytes up to limit.
func readHeld(response *http.Response, limit int64) ([]byte, error) {
	room := min(minHeld, limit)
	if length := response.ContentLength; length >= 0 {
		room = min(length, limit-1) + 1 // to see its end; a length may be the largest number there is
	}
	held := make([]byte, 0, room)
	for int64(len(held)) < limit {
		if len(held) == cap(held) {
			held = slices.Grow(held, len(held))
		}
		n, err := response.Body.Read(held[len(held):min(int64(cap(held)), limit)])
		held = held[:len(held)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return held, nil
}

// withoutToken overwrites the credential's security token in an answer: the provider answers a signature that does not
// fit with the text that it signed itself, this header included. Neither the caller nor the log must see it.
func withoutToken(body []byte, sent http.Header) []byte {
	for _, token := range sent["X-Security-Token"] {
		for at := 0; at < len(body); at++ {
			if n := spelled(body[at:], token); n > 0 {
				copy(body[at:], bytes.Repeat([]byte{'*'}, n))
				at += n - 1
			}
		}
	}
	return body
}

// headersWithoutToken does the same in an answer's header.
func headersWithoutToken(header, sent http.Header) {
	for _, token := range sent["X-Security-Token"] {
		for name, values := range header {
			if slices.ContainsFunc(values, func(value string) bool { return contains([]byte(value), token) }) {
				delete(header, name)
			}
		}
	}
}

func contains(text []byte, token string) bool {
	for at := range text {
		if spelled(text[at:], token) > 0 {
			return true
		}
	}
	return false
}

// spelled tells how many bytes the token takes at the beginning of a text, 0 if it does not stand there. Each character
// may be as it is, escaped as in a URL, or as in JSON, which Java's writers do with "=" and others with "/".
func spelled(text []byte, token string) (length int) {
	for i := range len(token) {
		n := spelledByte(text[length:], token[i])
		if n == 0 {
			return 0
		}
		length += n
	}
	return length
}

// maxBackslashes is how many may stand before a character: JSON in JSON has two or three.
const maxBackslashes = 4

func spelledByte(text []byte, c byte) int {
	slashes := 0
	for slashes < len(text) && slashes < maxBackslashes && text[slashes] == '\\' {
		slashes++
	}
	switch rest := text[slashes:]; {
	case len(rest) > 0 && rest[0] == c:
		return slashes + 1
	case slashes > 0 && len(rest) >= 5 && rest[0] == 'u' && isHex(rest[1:5], c):
		return slashes + 5
	case slashes == 0 && len(rest) >= 3 && rest[0] == '%' && isHex(rest[1:3], c):
		return 3
	}
	return 0
}

// isHex tells whether digits are the number of a character.
func isHex(digits []byte, c byte) bool {
	n, err := strconv.ParseUint(string(digits), 16, 16)
	return err == nil && n == uint64(c)
}

// failed turns an attempt without a usable answer into what the caller is told.
func (c *call) failed(request *http.Request, err error) *Refusal {
	c.warn("upstream gave no usable answer", string(withoutToken([]byte(err.Error()), request.Header)))
	var failure *upstream.Error
	if !errors.As(err, &failure) { // a transport that does not say may have sent it
		failure = &upstream.Error{Err: err, MaybeSent: true}
	}
	if failure.TLS != nil {
		c.tlsOut = c.evidence.of(failure.TLS)
	}
	alert, alerted := tlspolicy.AlertOf(err)
	switch {
	case failure.MaybeSent && failure.Timeout():
		return c.unknown(unknownInTime)
	case failure.MaybeSent && alerted:
		return c.unknownSince("upstream %s ended the TLS connection with the alert %s", c.upstream.Name, alert)
	case failure.MaybeSent:
		return c.unknown(outcomeUnknown)
	case failure.Timeout():
		return refusal(notSentInTime, "upstream %s was not reached in time; no byte of the call was sent", c.upstream.Name)
	}
	return c.notTaken(err)
}

func (c *call) unknown(code Code) *Refusal {
	if !c.changes() {
		return refusal(code, "the answer did not arrive, or not whole")
	}
	return refusal(code, "%s may have had its effect: do not repeat it, look the order up first", c.operation.Name)
}

// judge is the first half of step 11: what the answer means for money. A refusal means that nobody can tell.
func (c *call) judge(a *answer) *Refusal {
	a.result = business.Outcome{Result: business.Unread, From: business.FromStatus}
	if a.whole {
		a.result = business.ReadAnswer(c.operation, c.facts.Fields, a.response.StatusCode, a.response.Header.Get("Content-Type"), a.held)
	}
	if a.result.Foreign != "" {
		return c.foreign(a)
	}
	a.outcome = c.outcomeOfAnswer(a)
	endsByClose := a.response.ContentLength < 0 && len(a.response.TransferEncoding) == 0 && a.response.Close
	if endsByClose && a.result.Result == business.Unread && c.changes() {
		return c.unknown(outcomeUnknown) // the end of such an answer cannot be told from a cut
	}
	return nil
}

func (c *call) outcomeOfAnswer(a *answer) string {
	status := a.response.StatusCode
	switch {
	case c.changes() && c.upstream.Signed && fromOnTheWay(status) && !isBillingCode(a.result.ErrorCode):
		return audit.Unknown // some server before the billing system failed; the billing system may have acted
	case c.changes() && c.upstream.Signed && a.result.Result == business.Unread:
		return audit.Unknown // the status says success, and the body that should confirm it cannot be read, or is too large to be
	case a.result.Result == business.Success:
		return audit.Succeeded
	case a.result.Result == business.Partial:
		return audit.Partial
	case a.result.Result == business.Unread && status >= 200 && status < 300: // by its status
		return audit.Succeeded
	}
	return audit.Failed
}

// fromOnTheWay knows the statuses with which servers on the way give up on a call that they may have passed on.
func fromOnTheWay(status int) bool {
	return status >= 500 || status == http.StatusRequestTimeout || status == 499 // nginx: the client closed the request
}

// hear tells what an answer says about the signature.
func (c *call) hear(a *answer) (credential.Verdict, string) {
	if kind, bad := business.BadSignature(a.response.StatusCode, a.held); bad {
		c.Logger.Error("the provider rejects the signature of a credential; it is paused",
			callFields(c, "credential", c.decision.Credential.Name(), "rejected", kind)...)
		return credential.Rejected, "the provider rejected it: " + rejections[kind]
	}
	if c.reachedTheService(a) {
		return credential.Accepted, ""
	}
	return credential.Unheard, ""
}

// rejections says in words what [business.BadSignature] finds.
var rejections = map[string]string{business.WrongSignature: "wrong signature or secret key", business.UnknownKey: "unknown access key"}

// noteReopened logs that a credential which was paused before this call signs again: it has new keys, or was probed.
func (c *call) noteReopened(wasPaused bool) {
	if wasPaused {
		c.Logger.Info("a paused credential was used again, with new keys or as a probe", callFields(c, "credential", c.decision.Credential.Name())...)
	}
}

// reachedTheService tells that an answer came from behind the point at which signatures are checked.
func (c *call) reachedTheService(a *answer) bool {
	switch status := a.response.StatusCode; {
	case status < 400 || isBillingCode(a.result.ErrorCode):
		return true
	case c.operation.Site != "" || status >= 500:
		return false
	default: // a declared endpoint of another service, whose codes nobody knows
		return status != http.StatusUnauthorized && status != http.StatusForbidden && status != http.StatusTooManyRequests
	}
}

// isBillingCode knows the codes of the billing system itself. Others come from the gateway before it, which may not
// have looked at the signature, and does not know what became of a call.
func isBillingCode(code string) bool { return strings.HasPrefix(code, "CBC.") }

// settle is the second half of step 11. Where something may have changed, the outcome is durable before the answer's
// first byte. A failing log never replaces the upstream's answer: it closes the gateway for new calls instead.
func (c *call) settle(r *audit.Record) {
	var err error
	if c.changes() {
		ctx, cancel := c.logContext()
		defer cancel()
		err = c.Log.Outcome(ctx, r)
	} else {
		err = c.Log.Queue(r)
	}
	if err != nil {
		c.Logger.Error("outcome is not durable", callFields(c, "outcome", r.Outcome, "error", err.Error())...)
	}
	c.ended(r)
}
