package signing

import (
	"net/http"
	"strings"

	"tollgate/internal/words"
)

// SignedHeaders collects the headers that a caller says it signed, for [Request].Headers. The names are those of
// [Claim].SignedHeaders. The value of host comes from the argument, with the port as received, because net/http
// keeps it apart; every other one, content-length included, from h as received. A header that is missing or that occurs
// more than once is refused with a [*HeaderError]: signers disagree about repeated ones.
func SignedHeaders(h http.Header, host string, names []string) ([]Header, error) {
	headers := make([]Header, len(names))
	for i, name := range names {
		value, err := signedValue(h, host, name)
		if err != nil {
			return nil, err
		}
		headers[i] = Header{name, value}
	}
	return headers, nil
}

func signedValue(h http.Header, host, name string) (string, error) {
	if name == "host" {
		if host == "" {
			return "", &HeaderError{name, words.Say("error.header.missing")}
		}
		return host, nil
	}
	switch values := h[headerKey(name)]; len(values) {
	case 0:
		return "", &HeaderError{name, words.Say("error.header.missing")}
	case 1:
		return values[0], nil
	}
	return "", &HeaderError{name, words.Say("error.header.twice")}
}

// headerKey is http.CanonicalHeaderKey without an allocation for the names that the SDKs sign.
func headerKey(name string) string {
	switch name {
	case dateHeader:
		return dateName
	case contentHashHeader:
		return contentHashName
	case accountHeader:
		return accountName
	case tokenHeader:
		return tokenName
	case "x-project-id":
		return "X-Project-Id"
	}
	return http.CanonicalHeaderKey(name)
}

// PayloadHash returns the payload hash that a caller signed, from its signed headers and the hash of the body received
// ([HashHex]): the body's own hash, unless the scheme's header of the use [ContentHash] is signed and says [UnsignedPayload]. Where
// that header says anything else than the body's hash the error is a [*HeaderError]. If it is there but not signed it is ignored.
func PayloadHash(scheme Scheme, headers []Header, bodyHash string) (string, error) {
	name := HeaderOf(scheme, ContentHash)
	for _, h := range headers {
		if !strings.EqualFold(h.Name, name) {
			continue
		}
		if h.Value != UnsignedPayload && h.Value != bodyHash {
			return "", &HeaderError{h.Name, words.Say("error.header.hash")}
		}
		return h.Value, nil
	}
	return bodyHash, nil
}
