package caller

import "tollgate/internal/words"

// Reason says in one word why no caller could be identified. There are only the ones below, so metrics may be labelled with
// it.
type Reason string

// The reasons of an [Error].
const (
	NoIdentity              Reason = "no_identity"              // nothing says who calls
	UnknownAccessKey        Reason = "unknown_access_key"       // none of the gateway's access keys
	ExpiredAccessKey        Reason = "expired_access_key"       // one of the gateway's access keys, after its end
	BadAuthorization        Reason = "bad_authorization"        // the Authorization header is malformed or repeated
	UnknownScheme           Reason = "unknown_scheme"           // the Authorization header has another scheme
	DateMissing             Reason = "date_missing"             // the date of the signature is missing
	DateMalformed           Reason = "date_malformed"           // the date of the signature is no date, or repeated
	DateSkew                Reason = "date_skew"                // the date of the signature is more than MaxSkew off
	ContradictingIdentities Reason = "contradicting_identities" // listener, certificate and claim are not of one caller
	UnknownCertificate      Reason = "unknown_certificate"      // the certificate names no caller
	AmbiguousCertificate    Reason = "ambiguous_certificate"    // the certificate names several callers, or one among several common names
)

// Reasons lists every [Reason].
func Reasons() []Reason {
	return []Reason{
		NoIdentity, UnknownAccessKey, ExpiredAccessKey, BadAuthorization, UnknownScheme, DateMissing, DateMalformed, DateSkew,
		ContradictingIdentities, UnknownCertificate, AmbiguousCertificate,
	}
}

// Error says why a request was refused. All of them are answered with status 401.
type Error struct {
	Reason Reason
	Detail words.Message // for the caller: what is wrong and what to do; see "What errors reveal" in the package comment
	// Claimed is the caller whose access key was used, if it was known. Nothing was verified: it is for records only.
	Claimed string
	// Known is the caller by listener or certificate, if they identified one before the request was refused for its
	// Authorization header; for records only.
	Known Identity
}

func (e *Error) Error() string { return e.Detail.String() }

// Message returns the text.
func (e *Error) Message() words.Message { return e.Detail }
