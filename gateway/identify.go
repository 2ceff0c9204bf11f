package gateway

import (
	"cmp"
	"crypto/x509"
	"errors"
	"net/http"

	"tollgate/caller"
	"tollgate/signing"
	"tollgate/tlspolicy"
)

// recognized is who calls, or claims to, by what the request brings. Step 2 judges it; before that it decides only whose share the
// request takes.
type recognized struct {
	identity caller.Identity
	claim    *caller.Claim
	err      error
}

func (c *call) recognize() (r recognized) {
	r.identity, r.claim, r.err = c.Callers.Identify(caller.Evidence{
		Fixed: c.listener.Caller, Certificate: verifiedLeaf(c), Header: c.request.Header,
	}, c.started)
	if failure, ok := errors.AsType[*caller.Error](r.err); ok {
		r.identity = failure.Known
	}
	return r
}

// identify is step 2: who calls. An access key signature is a claim until verify.
func (c *call) identify() *Refusal {
	if refusal := c.checkCertificate(); refusal != nil {
		return refusal
	}
	if c.recognized.err == nil {
		c.identity, c.claim = c.recognized.identity, c.recognized.claim
		return c.begin()
	}
	if refusal := c.throttle(verifiedLeaf(c)); refusal != nil {
		return refusal
	}
	failure, ok := errors.AsType[*caller.Error](c.recognized.err)
	if !ok {
		return refusal(internalFault, "error.caller.unsettled")
	}
	c.identity = c.recognized.identity // for the record: it is a known caller's refusal, and does not count against its address
	return unidentified(failure)
}

func unidentified(failure *caller.Error) *Refusal {
	r := refuse(cmp.Or(identifyCodes[failure.Reason], noIdentity), failure.Detail)
	r.Claimed = failure.Claimed
	return r
}

// checkAuthorization refuses a header whose Authorization is neither a signature nor, where that is possible, for an internal app.
func checkAuthorization(callers *caller.Registry, header http.Header, forApp bool) *Refusal {
	values := header[signing.AuthorizationHeader]
	if len(values) == 0 || forApp && callers.Schemes().ForApp(values) {
		return nil
	}
	if _, _, failure := callers.ReadClaim(header); failure != nil && !failure.OfDate() {
		return unidentified(failure)
	}
	return nil
}

// throttle refuses a source whose requests fail to authenticate too often, without a reason and a record of its own for
// each. A request with an access key of ours does not come here, so a neighbour's failures cannot lock its caller out.
func (c *call) throttle(certificate *x509.Certificate) *Refusal {
	if c.listener.Caller != "" || certificate != nil {
		return nil
	}
	ok, wait := c.Sources.Allowed(c.from, c.started)
	if ok {
		return nil
	}
	r := refusal(tooManyFailures, "error.caller.failures")
	r.RetryAfter = wait
	return r
}

// checkCertificate refuses a certificate that counted when the connection was made and does not count any more.
func (c *call) checkCertificate() *Refusal {
	if c.listener.CheckClient == nil || verifiedLeaf(c) == nil {
		return nil
	}
	err := c.listener.CheckClient(c.connection.TLS.VerifiedChains)
	if err == nil {
		return nil
	}
	c.Logger.Info("a client certificate does not count any more", callFields(c, "cause", err.Error())...)
	return refusal(badCertificate, "error.caller.not_counting", "Kind", kindText(tlspolicy.KindOf(err)))
}

// verifiedLeaf is the certificate that the caller proved to hold, if the listener's CA vouches for it. Where the listener asks for none any
// more, since another plan is in force than when the connection was made, there is none.
func verifiedLeaf(c *call) *x509.Certificate {
	if state := c.connection.TLS; c.listener.Certificates && state != nil && len(state.VerifiedChains) > 0 {
		return state.VerifiedChains[0][0]
	}
	return nil
}

// identifyCodes are the codes of what an identification fails for; noIdentity is that of anything else.
var identifyCodes = map[caller.Reason]Code{
	caller.UnknownAccessKey: unknownKey,
	caller.ExpiredAccessKey: expiredKey,
	caller.BadAuthorization: badAuthorization,
	caller.UnknownScheme:    unknownScheme,
	caller.DateMissing:      badDate, caller.DateMalformed: badDate, caller.DateSkew: badDate,
	caller.ContradictingIdentities: contradiction,
	caller.UnknownCertificate:      badCertificate, caller.AmbiguousCertificate: badCertificate,
}
