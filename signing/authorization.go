package signing

import (
	"slices"
	"strings"
)

// maxAuthorization bounds an Authorization header, in bytes.
const maxAuthorization = 4 << 10

// Authorization is a parsed Authorization header.
type Authorization struct {
	Scheme        string   // always [Scheme]
	AccessKey     string   // 1 to 128 of A-Z a-z 0-9 - _ .
	SignedHeaders []string // 1 to 64 lower-case names in rising order, among them x-sdk-date
	Signature     string   // 64 lower-case hex digits
}

// otherSchemes are the schemes that a caller may well send, and that are named in the answer. The first five are the
// provider's.
var otherSchemes = [...]string{
	"V11-HMAC-SHA256", "V11-HMAC-SM3", "SDK-HMAC-SM3", "SDK-ECDSA-P256-SHA256", "SDK-SM2-SM3",
	"AWS4-HMAC-SHA256", "Basic", "Bearer", "Digest", "Negotiate",
}

// ParseAuthorization reads an Authorization header of [Scheme], see "Authorization" in the package comment. The error is
// a [*SchemeError] for another scheme, otherwise an [*AuthorizationError].
func ParseAuthorization(value string) (Authorization, error) {
	if len(value) > maxAuthorization {
		return Authorization{}, authorizationError("longer than 4096 bytes")
	}
	scheme, rest, _ := strings.Cut(value, " ")
	if scheme != Scheme {
		return Authorization{}, &SchemeError{knownScheme(scheme)}
	}
	params, err := splitParams(rest)
	if err != nil {
		return Authorization{}, err
	}
	a := Authorization{Scheme: Scheme, AccessKey: params[0], Signature: params[2]}
	if !validKeyID(a.AccessKey) {
		return Authorization{}, authorizationError("Access is not an access key: 1 to 128 of A-Z a-z 0-9 - _ .")
	}
	if a.SignedHeaders, err = parseNames(params[1]); err != nil {
		return Authorization{}, err
	}
	if !validSignature(a.Signature) {
		return Authorization{}, authorizationError("Signature must be 64 lower-case hex digits")
	}
	return a, nil
}

// knownScheme gives the usual spelling of a scheme in use, "" for another: it may be a secret without a scheme.
func knownScheme(scheme string) string {
	for _, known := range otherSchemes {
		if strings.EqualFold(known, scheme) {
			return known
		}
	}
	return ""
}

// splitParams gives the values of Access, SignedHeaders and Signature, each of which must occur once, in any order.
func splitParams(s string) (values [3]string, err error) {
	names := [...]string{"Access", "SignedHeaders", "Signature"}
	var seen [len(names)]bool
	for more := true; more; {
		var param string
		param, s, more = strings.Cut(s, ",")
		name, value, _ := strings.Cut(strings.TrimPrefix(param, " "), "=")
		i := slices.Index(names[:], name)
		switch {
		case i < 0:
			return values, authorizationError("parameters must be Access, SignedHeaders and Signature, separated by commas")
		case seen[i]:
			return values, authorizationError(name + " occurs twice")
		}
		values[i], seen[i] = value, true
	}
	for i, name := range names {
		if !seen[i] {
			return values, authorizationError(name + " is missing")
		}
	}
	return values, nil
}

func parseNames(list string) ([]string, error) {
	if strings.Count(list, ";") >= maxHeaders {
		return nil, authorizationError("SignedHeaders has more than 64 names")
	}
	names := strings.Split(list, ";")
	for i, name := range names {
		switch {
		case name == "" || !all(name, lowerToken):
			return nil, authorizationError("SignedHeaders must be lower-case header names, separated by semicolons")
		case i > 0 && name == names[i-1]:
			return nil, authorizationError("SignedHeaders names a header twice")
		case i > 0 && name < names[i-1]:
			return nil, authorizationError("SignedHeaders is not sorted")
		}
	}
	if !slices.Contains(names, DateHeader) {
		return nil, authorizationError("SignedHeaders does not contain x-sdk-date")
	}
	return names, nil
}

func authorizationError(msg string) error { return &AuthorizationError{msg} }
