package caller

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tollgate/signing"
)

// MaxSkew is how far the date of a signature may be off the gateway's clock, either way; the provider's limit too.
const MaxSkew = 15 * time.Minute

// Evidence is what a request brings to say who calls.
type Evidence struct {
	Fixed         string            // the listener's fixed caller, or empty
	Certificate   *x509.Certificate // the client's leaf certificate, verified; nil if there is none
	Authorization []string          // every value of the Authorization field
	Date          []string          // every value of the X-Sdk-Date field
}

// How an [Identity] was found (Identity.By).
const (
	ByListener    = "listener"
	ByCertificate = "certificate"
	ByAccessKey   = "access_key"
)

// Identity is who calls. The zero value is nobody.
type Identity struct {
	Caller string // the caller's name
	By     string // ByListener, ByCertificate or ByAccessKey
	Detail string // the certificate's name that matched, or the access key; empty for a listener
}

// Claim is a signature that is still to be verified. Only [Registry.Identify] makes one.
type Claim struct {
	Caller        string // who the caller says it is: no more than that before Verify
	Authorization signing.Authorization
	Date          time.Time // the signed date, in whole seconds
	key           *signing.Key
}

// Verify tells whether the signature is right for r. The date in r must be the one that Identify looked at.
func (c *Claim) Verify(r *signing.Request) bool {
	return c.key != nil && dated(r, signing.FormatDate(c.Date)) && c.key.Verify(r, c.Authorization.Signature)
}

func dated(r *signing.Request, date string) bool {
	for _, h := range r.Headers {
		if h.Name == signing.DateHeader && h.Value != date {
			return false
		}
	}
	return true // signing itself refuses a request without the header
}

// Identity is who the claim is of, for use after Verify has said yes.
func (c *Claim) Identity() Identity {
	return Identity{Caller: c.Caller, By: ByAccessKey, Detail: c.Authorization.AccessKey}
}

// Identify finds who calls. Three outcomes are good:
//
//   - an Identity and no Claim: settled; an Authorization, if there is one, passes [IsForApp];
//   - an Identity and a Claim of the same caller: settled if the claim verifies, else to be refused;
//   - an empty Identity and a Claim: Claim.Identity if it verifies, else to be refused.
//
// Any other outcome is an error, always an [*Error].
func (r *Registry) Identify(e Evidence, now time.Time) (Identity, *Claim, error) {
	known, err := r.settle(e)
	if err != nil {
		return Identity{}, nil, err
	}
	switch {
	case known.Caller != "" && (len(e.Authorization) == 0 || IsForApp(e.Authorization)):
		return known, nil, nil
	case len(e.Authorization) == 0:
		return Identity{}, nil, nobody(e)
	}
	claim, failure := r.claim(e, now)
	if failure == nil && known.Caller != "" && known.Caller != claim.Caller {
		failure = &Error{
			Reason:  ContradictingIdentities,
			Detail:  "the access key belongs to another caller than the " + known.By + " says",
			Claimed: claim.Caller,
		}
	}
	if failure != nil {
		failure.Known = known
		return Identity{}, nil, failure
	}
	return known, claim, nil
}

// settle gives the caller by listener and certificate, nobody if neither tells.
func (r *Registry) settle(e Evidence) (Identity, error) {
	var byListener, byCertificate Identity
	if e.Fixed != "" {
		if !r.Has(e.Fixed) {
			return Identity{}, &Error{Reason: NoIdentity, Detail: "this listener's caller is not configured"}
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
			Detail: "the client certificate belongs to another caller than this listener serves",
		}
	}
	return byListener, nil
}

// nobody says why there is no identity at all.
func nobody(e Evidence) error {
	if e.Certificate == nil {
		return &Error{Reason: NoIdentity, Detail: "nothing says who is calling: sign the request with an access key of this gateway (" +
			signing.Scheme + "), or present a client certificate"}
	}
	detail := "the client certificate names no known caller"
	if hasAlternativeNames(e.Certificate) {
		detail += "; its common name does not count, because it has subject alternative names"
	}
	return &Error{Reason: UnknownCertificate, Detail: detail}
}

// signatureSchemes are what the names of schemes begin with that are signatures to the provider's SDKs, or to those of others.
var signatureSchemes = [...]string{"SDK-", "V11-", "AWS4-"}

// IsForApp reports whether the values of Authorization say nothing to the gateway, so that they may be meant for an internal app: there
// is one, and its scheme is not that of a signature.
func IsForApp(values []string) bool {
	return len(values) == 1 && !slices.ContainsFunc(signatureSchemes[:], func(prefix string) bool {
		return len(values[0]) >= len(prefix) && strings.EqualFold(values[0][:len(prefix)], prefix)
	})
}

// ReadAuthorization reads the values of Authorization, of which there is one at least, as a signature.
func ReadAuthorization(values []string) (signing.Authorization, *Error) {
	if len(values) > 1 {
		return signing.Authorization{}, &Error{Reason: BadAuthorization, Detail: "the Authorization header is sent more than once"}
	}
	authorization, err := signing.ParseAuthorization(values[0])
	if err != nil {
		return signing.Authorization{}, badAuthorization(err)
	}
	return authorization, nil
}

// claim reads the Authorization header and looks its access key up.
func (r *Registry) claim(e Evidence, now time.Time) (*Claim, *Error) {
	authorization, failure := ReadAuthorization(e.Authorization)
	if failure != nil {
		return nil, failure
	}
	k, ok := r.keys[authorization.AccessKey]
	if !ok {
		return nil, &Error{Reason: UnknownAccessKey, Detail: "the access key is not one of this gateway's"}
	}
	date, failure := checkDate(e.Date, now)
	if failure != nil {
		failure.Claimed = k.caller
		return nil, failure
	}
	return &Claim{Caller: k.caller, Authorization: authorization, Date: date, key: k.key}, nil
}

// badAuthorization tells what is wrong with the header. Errors of package signing do not quote it.
func badAuthorization(err error) *Error {
	var scheme *signing.SchemeError
	if !errors.As(err, &scheme) {
		return &Error{Reason: BadAuthorization, Detail: err.Error()}
	}
	detail := scheme.Error()
	if !scheme.Derived() && isProviderScheme(scheme.Scheme) {
		detail += " (leave the SDK's signing algorithm at its default)"
	}
	return &Error{Reason: UnknownScheme, Detail: detail}
}

func isProviderScheme(name string) bool { return len(name) > 4 && name[:4] == "SDK-" }

func checkDate(values []string, now time.Time) (time.Time, *Error) {
	switch len(values) {
	case 0:
		return time.Time{}, &Error{Reason: DateMissing, Detail: "the X-Sdk-Date header is missing"}
	case 1:
	default:
		return time.Time{}, &Error{Reason: DateMalformed, Detail: "the X-Sdk-Date header is sent more than once"}
	}
	date, err := signing.ParseDate(values[0])
	if err != nil {
		return time.Time{}, &Error{Reason: DateMalformed, Detail: err.Error()}
	}
	if skew := now.Sub(date); skew > MaxSkew || skew < -MaxSkew {
		return time.Time{}, &Error{Reason: DateSkew, Detail: skewText(date, now)}
	}
	return date, nil
}

// skewText says how far off a date is, so that a wrong clock or time zone can be told from a queue that is too slow.
func skewText(date, now time.Time) string {
	direction, off := "behind", now.Sub(date)
	if off < 0 {
		direction, off = "ahead of", date.Sub(now) // not -off: the least Duration has no positive
	}
	return fmt.Sprintf("the signed date %s is %v %s this gateway's clock (%s); %v are allowed",
		signing.FormatDate(date), off.Round(time.Second), direction, signing.FormatDate(now), MaxSkew)
}
