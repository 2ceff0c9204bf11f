package signing

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"tollgate/internal/secret"
	"tollgate/internal/words"
)

// maxAuthorization bounds an Authorization header, in bytes.
const maxAuthorization = 4 << 10

// AuthorizationHeader names the scheme of a signature, in its first word, and carries the signature itself.
const AuthorizationHeader = "Authorization"

// Scheme is a way to sign requests. What else is to be known of a scheme follows from the headers that it owns.
type Scheme interface {
	// Name is the first word of Authorization, spelt as it must be.
	Name() string
	// Owned returns the headers that belong to the scheme, Authorization among them. The slice must not be changed.
	Owned() []Owned
	// ParseClaim reads what a request with one Authorization header of the scheme says of its signature. The error is an
	// [*AuthorizationError], or a [*DateError], with which the claim is whole but for its date. Errors quote nothing of the header.
	ParseClaim(header http.Header) (Claim, error)
	// NewKey prepares a key. One that cannot be used signs and verifies nothing.
	NewKey(accessKey string, secretKey secret.String) Key
}

// Key signs and verifies with one access key and secret key (AK/SK) by one scheme. It is safe for concurrent use and prints
// without the secret. It may keep what it derives from the secret, so it should live as long as that does.
type Key interface {
	// Sign returns the headers to add to a request, in canonical spelling. They are signed with those of the request, which must
	// not be among them. The error is the mistake of the code that signs.
	Sign(now time.Time, r Request, account Account) ([]Header, error)
	// Verify reports whether a claim's signature is this key's over the request, whose headers are those that the claim says are
	// signed. A request that cannot be signed has no good signature, nor has one of another date than the claim's. The time
	// taken does not depend on where a signature differs.
	Verify(r Request, c *Claim) bool
}

// Claim is what a request says of its signature. Nothing of it is verified.
type Claim struct {
	AccessKey     string
	SignedHeaders []string  // lower-case names in rising order, that of the date among them
	Signature     string    // of which a scheme takes one spelling only, so that a replay cannot be dressed up as another one
	Date          time.Time // of the signature, in whole seconds
	DateText      string    // Date as it was sent, of which a scheme takes one spelling only
}

// Account is what a request is signed with besides the access key and its secret.
type Account struct {
	DomainID      string        // the account's id; optional
	SecurityToken secret.String // of temporary keys; empty otherwise
}

// Owned is a header that belongs to a scheme.
type Owned struct {
	Name string // in canonical spelling; of a [Family] how its names begin
	Use  Use
}

// Use is what a header of a scheme is for. Its text says why a call cannot bring the header to a signed upstream.
type Use uint8

// The uses. None of these headers is passed on to a signed upstream, where the gateway's own signature stands.
const (
	Proof       Use = iota // Authorization
	Token                  // the token of temporary keys: a secret, and not taken from callers
	AccountName            // the account that a call is meant for
	Date                   // when the request was signed
	ContentHash            // stands in place of the hash of the body
	Family                 // all headers whose names begin so: an upstream of the scheme may understand one

	uses
)

func (u Use) String() string {
	switch u {
	case Proof, Token:
		return "it authenticates"
	case AccountName:
		return "it chooses the account, which the credential does"
	}
	return "it belongs to the signature"
}

// Schemes are the schemes that a gateway knows. They do not change. Create them with [NewSchemes].
type Schemes struct {
	all     []Scheme
	names   []string
	headers [uses][]string
}

// NewSchemes joins schemes.
func NewSchemes(all ...Scheme) *Schemes {
	s := &Schemes{all: all}
	for _, scheme := range all {
		s.names = append(s.names, scheme.Name())
		for _, owned := range scheme.Owned() {
			if !slices.Contains(s.headers[owned.Use], owned.Name) {
				s.headers[owned.Use] = append(s.headers[owned.Use], owned.Name)
			}
		}
	}
	s.names = slices.Clip(s.names) // an append elsewhere must not write to it
	return s
}

// All returns the schemes.
func (s *Schemes) All() []Scheme { return s.all }

// Names returns the names of the schemes, as WWW-Authenticate lists them. The slice must not be changed.
func (s *Schemes) Names() []string { return s.names }

// Headers returns the headers of one use, in canonical spelling. The slice must not be changed.
func (s *Schemes) Headers(use Use) []string { return s.headers[use] }

// Owns reports whether a header belongs to a scheme, without regard to case, and what for.
func (s *Schemes) Owns(name string) (Use, bool) {
	for use, headers := range s.headers {
		for _, owned := range headers {
			if (len(name) == len(owned) || Use(use) == Family) && begins(name, owned) {
				return Use(use), true
			}
		}
	}
	return 0, false
}

// ParseClaim reads what a request that has an Authorization header says of its signature, by the scheme that the header names. The
// error is a [*SchemeError] for none of these, otherwise as of [Scheme].ParseClaim.
func (s *Schemes) ParseClaim(header http.Header) (Scheme, Claim, error) {
	values := header[AuthorizationHeader]
	switch {
	case len(values) != 1:
		return nil, Claim{}, &AuthorizationError{words.Say("error.authorization.twice")}
	case len(values[0]) > maxAuthorization:
		return nil, Claim{}, authorizationError("error.authorization.long")
	}
	name, _, _ := strings.Cut(values[0], " ")
	for _, scheme := range s.all {
		if scheme.Name() == name {
			claim, err := scheme.ParseClaim(header)
			return scheme, claim, err
		}
	}
	return nil, Claim{}, &SchemeError{knownScheme(name), s.names}
}

// otherSchemes are the schemes that a caller may well send, and that are named in the answer where they are not taken. The first five
// are the provider's.
var otherSchemes = [...]string{
	"V11-HMAC-SHA256", "V11-HMAC-SM3", "SDK-HMAC-SM3", "SDK-ECDSA-P256-SHA256", "SDK-SM2-SM3",
	"AWS4-HMAC-SHA256", "Basic", "Bearer", "Digest", "Negotiate",
}

// knownScheme returns the usual spelling of a scheme in use, "" for another: it may be a secret without a scheme.
func knownScheme(scheme string) string {
	for _, known := range otherSchemes {
		if strings.EqualFold(known, scheme) {
			return known
		}
	}
	return ""
}

// signatureSchemes are what the names of schemes begin with that are signatures to the provider's SDKs, or to those of others.
var signatureSchemes = []string{"SDK-", "V11-", "AWS4-"}

// ForApp reports whether the values of Authorization say nothing to the gateway, so that they may be meant for an internal app: there
// is one, and its scheme is not that of a signature.
func (s *Schemes) ForApp(values []string) bool {
	signs := func(prefix string) bool { return begins(values[0], prefix) }
	return len(values) == 1 && !slices.ContainsFunc(signatureSchemes, signs) && !slices.ContainsFunc(s.names, signs)
}

// begins reports whether a text begins with another, without regard to case.
func begins(text, prefix string) bool {
	return len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix)
}

// HeaderOf returns the header that a scheme has for one use; "" if it has none.
func HeaderOf(scheme Scheme, use Use) string {
	for _, owned := range scheme.Owned() {
		if owned.Use == use {
			return owned.Name
		}
	}
	return ""
}
