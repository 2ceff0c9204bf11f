package caller

import (
	"crypto/x509"
	"errors"
	"net/http"
	"time"

	"tollgate/internal/words"
	"tollgate/signing"
)

// MaxSkew is how far the date of a signature may be off the gateway's clock, either way; the provider's limit too.
const MaxSkew = 15 * time.Minute

// Evidence is what a request brings to say who calls.
type Evidence struct {
	Fixed       string            // the listener's fixed caller, or empty
	Certificate *x509.Certificate // the client's leaf certificate, verified; nil if there is none
	Header      http.Header       // of the request: Authorization, and what else belongs to its scheme
}

// How an [Identity] was found (Identity.By).
const (
	ByListener    = "listener"
	ByCertificate = "certificate"
	ByAccessKey   = "access_key"
)

// Identity is who calls. The zero value is no caller.
type Identity struct {
	Caller string // the caller's name
	By     string // ByListener, ByCertificate or ByAccessKey
	Detail string // the certificate's name that matched, or the access key; empty for a listener
}

// Claim is a signature that is still to be verified. Only [Registry.Identify] makes one.
type Claim struct {
	signing.Claim
	Caller string // who the caller says it is: no more than that before Verify
	Scheme signing.Scheme
	key    *accessKey
	at     int64 // when it was identified, in nanoseconds since 1970
}

// Verify reports whether the signature is right for r, which then counts as a use of the key. The date in r must be the one that Identify
// looked at.
func (c *Claim) Verify(r signing.Request) bool {
	if c.key == nil || !c.key.key.Verify(r, &c.Claim) {
		return false
	}
	c.key.used.Store(c.at)
	return true
}

// Identity is who the claim is of, for use after Verify has said yes.
func (c *Claim) Identity() Identity {
	return Identity{Caller: c.Caller, By: ByAccessKey, Detail: c.AccessKey}
}

// Identify finds who calls. Three outcomes are good:
//
//   - an Identity and no Claim: settled; an Authorization, if there is one, passes [signing.Schemes.ForApp];
//   - an Identity and a Claim of the same caller: settled if the claim verifies, else to be refused;
//   - an empty Identity and a Claim: Claim.Identity if it verifies, else to be refused.
//
// Any other outcome is an error, always an [*Error].
func (r *Registry) Identify(e Evidence, now time.Time) (Identity, *Claim, error) {
	known, err := r.settle(e)
	if err != nil {
		return Identity{}, nil, err
	}
	authorization := e.Header[signing.AuthorizationHeader]
	switch {
	case known.Caller != "" && (len(authorization) == 0 || r.schemes.ForApp(authorization)):
		return known, nil, nil
	case len(authorization) == 0:
		return Identity{}, nil, r.unidentified(e)
	}
	claim, failure := r.claim(e.Header, now)
	if failure == nil && known.Caller != "" && known.Caller != claim.Caller {
		failure = &Error{
			Reason:  ContradictingIdentities,
			Detail:  words.Say("error.caller.key_contradicts_" + known.By),
			Claimed: claim.Caller,
		}
	}
	if failure != nil {
		failure.Known = known
		return Identity{}, nil, failure
	}
	return known, claim, nil
}

// settle returns the caller by listener and certificate, or the zero Identity if neither names one.
func (r *Registry) settle(e Evidence) (Identity, error) {
	var byListener, byCertificate Identity
	if e.Fixed != "" {
		if !r.Has(e.Fixed) {
			return Identity{}, &Error{Reason: NoIdentity, Detail: words.Say("error.caller.listener")}
		}
		byListener = Identity{Caller: e.Fixed, By: ByListener}
	}
	if e.Certificate != nil {
		var err error
		if byCertificate, err = r.match(e.Certificate); err != nil {
			return Identity{}, err
		}
	}
	switch {
	case byListener.Caller == "":
		return byCertificate, nil
	case byCertificate.Caller != "" && byCertificate.Caller != byListener.Caller:
		return Identity{}, &Error{
			Reason: ContradictingIdentities,
			Detail: words.Say("error.caller.certificate_contradicts"),
		}
	}
	return byListener, nil
}

// unidentified returns the error for a request without an identity.
func (r *Registry) unidentified(e Evidence) error {
	if e.Certificate == nil {
		return &Error{Reason: NoIdentity, Detail: words.Say("error.caller.nothing", "Schemes", words.Join("error.or", r.schemes.Names()))}
	}
	detail := words.Say("error.caller.certificate")
	if hasAlternativeNames(e.Certificate) {
		detail = words.Say("error.caller.common_name")
	}
	return &Error{Reason: UnknownCertificate, Detail: detail}
}

// ReadClaim reads the Authorization of a request that has one as a signature. If only the date is at fault, the rest of the claim is
// returned with the error.
func (r *Registry) ReadClaim(header http.Header) (signing.Scheme, signing.Claim, *Error) {
	scheme, claim, err := r.schemes.ParseClaim(header)
	if err == nil {
		return scheme, claim, nil
	}
	reason := BadAuthorization
	if _, ok := errors.AsType[*signing.SchemeError](err); ok {
		reason = UnknownScheme
	} else if failure, ok := errors.AsType[*signing.DateError](err); ok && failure.Missing {
		reason = DateMissing
	} else if ok {
		reason = DateMalformed
	}
	return scheme, claim, &Error{Reason: reason, Detail: words.Of(err)} // errors of package signing do not quote the header
}

// OfDate reports whether only the date of a signature is at fault.
func (e *Error) OfDate() bool {
	return e.Reason == DateMissing || e.Reason == DateMalformed || e.Reason == DateSkew
}

// claim reads the Authorization header and looks its access key up.
func (r *Registry) claim(header http.Header, now time.Time) (*Claim, *Error) {
	scheme, claim, failure := r.ReadClaim(header)
	if failure != nil && !failure.OfDate() {
		return nil, failure
	}
	k, ok := r.keys[keyName{scheme.Name(), claim.AccessKey}]
	if !ok {
		return nil, &Error{Reason: UnknownAccessKey, Detail: words.Say("error.caller.key")}
	}
	if k.notAfter.Passed(now) {
		failure = &Error{Reason: ExpiredAccessKey, Detail: words.Say("error.caller.expired")}
	}
	if skew := now.Sub(claim.Date); failure == nil && (skew > MaxSkew || skew < -MaxSkew) {
		failure = &Error{Reason: DateSkew, Detail: skewText(claim.Date, now)}
	}
	if failure != nil {
		failure.Claimed = k.caller
		return nil, failure
	}
	return &Claim{Claim: claim, Caller: k.caller, Scheme: scheme, key: k, at: now.UnixNano()}, nil
}

// skewText describes how far off a date is, which distinguishes a wrong clock or time zone from a queue that is too slow.
func skewText(date, now time.Time) words.Message {
	id, off := "error.caller.behind", now.Sub(date)
	if off < 0 {
		id, off = "error.caller.ahead", date.Sub(now) // not -off: the least Duration has no positive
	}
	return words.Say(id, "Date", signing.FormatDate(date), "Off", off.Round(time.Second), "Now", signing.FormatDate(now), "Most", MaxSkew)
}
