package gateway

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"go.uber.org/zap"

	"tollgate/bss"
	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/internal/words"
	"tollgate/signing"
)

// paused is a call without a lease: its credential is paused, or still on trial with other calls.
func (c *call) paused(err error) *Refusal {
	if c.givenUp() {
		return c.stopped()
	}
	c.warn("credential signs nothing now", err.Error())
	paused, ok := errors.AsType[*credential.PausedError](err)
	if !ok {
		r := refusal(keysOnTrial, "error.now.trial")
		r.RetryAfter = credential.TrialWait
		return r
	}
	r := refusal(credentialPaused, "error.now.paused")
	r.RetryAfter = max(paused.Pause.ProbeAt.Sub(c.Now()), 0)
	return r
}

// rejected ends a call whose signature was rejected before the billing system saw it. The caller has neither the key nor the
// clock that is wrong, and its SDK would take the provider's answer for one about its own; nil: there is nothing of the kind.
func (c *call) rejected(a *answer) (r *Refusal) {
	a.rejected = c.rejection(a)
	switch {
	case a.rejected == nil:
		return nil
	case a.broken && c.operation.Effect == catalog.Spend:
		// The status says that nothing was executed. But it is the body that shows whose answer this is, a broken one is what an
		// answer of another call may look like, and taking that one for this call's would have the payment made twice.
		r = c.unknownSince("error.upstream.unread_401", "Upstream", c.upstream.Name)
		r.Answer = a
		return r
	case a.rejected.OfKey():
		r = refusal(credentialPaused, "error.upstream.key")
		r.RetryAfter = credential.PauseTime
	case a.rejected.Kind == bss.ExpiredDate:
		r = c.outOfDate(a)
	default: // arrears and frozen accounts are the provider's to explain
		return nil
	}
	a.result.Result, a.result.ErrorCode = bss.Failure, cmp.Or(a.result.ErrorCode, a.rejected.Code)
	r.Answer = a
	return r
}

// rejection returns what an answer says of the signature, nil if nothing.
func (c *call) rejection(a *answer) *bss.Rejection {
	if !c.upstream.Signed || a.response.Status != http.StatusUnauthorized {
		return nil
	}
	if c.illegible(a) {
		rejection := bss.IllegibleRejection()
		return &rejection
	}
	query := c.query.Canonical()
	plain, _ := url.QueryUnescape(query)
	rejection, found := bss.ReadRejection(a.response.Status, a.held, c.path, signing.CanonicalPath(c.path), query, plain, string(c.body))
	if !found {
		return nil
	}
	return &rejection
}

// illegible reports whether no code can be looked for in a 401. The provider's own always have a body; a declared endpoint may
// answer without, and only its HEAD leaves open what a body would have said.
func (c *call) illegible(a *answer) bool {
	if a.coded || a.broken {
		return true
	}
	silent := c.request.Method == http.MethodHead && a.response.ContentLength != 0
	return len(a.held) == 0 && (silent || c.operation.Site != "")
}

// outOfDate names both times: the one that was signed and the one at the provider, as exactly as they are known.
func (c *call) outOfDate(a *answer) *Refusal {
	signed, server := a.rejected.SignatureTime, a.rejected.ServerTime
	if signed.IsZero() {
		signed = c.sentAt
	}
	if date, err := http.ParseTime(a.response.Header.Get("Date")); server.IsZero() && err == nil {
		server = date
	}
	theirs := words.Say("error.upstream.no_time")
	if !server.IsZero() {
		theirs = words.Plain(signing.FormatDate(server))
	}
	c.Logger.Error("the provider rejects the date of a signature: look at this gateway's clock",
		callFields(c, "signature_time", signing.FormatDate(signed), "server_time", theirs.String())...)
	return refusal(clockRejected, "error.upstream.clock", "Signed", signing.FormatDate(signed), "Server", theirs)
}

// signatureVerdict returns what an attempt says about the signature.
func (c *call) signatureVerdict(a *answer, refused *Refusal) (credential.Verdict, string) {
	switch {
	case a == nil || refused != nil && refused.Answer != a:
		return credential.NoVerdict, ""
	case a.rejected != nil && a.rejected.OfKey():
		return credential.Rejected, "the provider rejected it: " + a.rejected.String()
	case a.rejected != nil && a.rejected.KeysInDoubt():
		return credential.OtherCause, ""
	case refused == nil && bss.ReachedService(c.operation, a.response.Status, a.result.ErrorCode):
		return credential.Accepted, ""
	}
	return credential.NoVerdict, ""
}

// closeLease ends a lease and logs what that changed.
func (c *call) closeLease(lease *credential.Lease, verdict credential.Verdict, reason string) {
	pause := lease.Done(verdict, reason, c.ended())
	name := c.signer.Name()
	switch {
	case pause != nil:
		fields := callFields(c, "credential", name, "access_key", lease.AccessKey(), "rejected", reason, "paused_for", cmp.Or(pause.Caller, "all callers"))
		if fixed := c.signer.Fixed(); len(fixed) > 0 {
			fields = append(fields, zap.String("needs_a_restart_to_change", strings.Join(fixed, ", ")))
		}
		c.Logger.Error("the provider rejects the signature of a credential; it is paused", fields...)
	case verdict == credential.Rejected:
		c.Logger.Warn("the provider rejects keys that are not in use any more", callFields(c, "credential", name, "access_key", lease.AccessKey())...)
	case verdict == credential.Accepted && lease.Probes():
		c.Logger.Info("a paused credential is open again: the call that probed it was accepted", callFields(c, "credential", name)...)
	}
}

// compareClocks takes what an answer says about the upstream's clock: a success, or that the date was rejected. What is not an
// answer to this call says nothing.
func (c *call) compareClocks(a *answer, refused *Refusal) {
	switch {
	case a == nil:
	case refused == nil && a.response.Status/100 == 2:
		c.upstream.Skew.noteAnswer(a.response.Header, c.sentAt, c.ended())
	case refused != nil && refused.Code == clockRejected && !a.rejected.ServerTime.IsZero():
		c.upstream.Skew.note(a.rejected.ServerTime, c.sentAt, c.ended())
	}
}
