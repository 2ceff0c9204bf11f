package signing

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
)

// maxHeaders bounds the signed headers of a request, both ways.
const maxHeaders = 64

var (
	errMethod  = errors.New("signing: method is not a token")
	errPath    = errors.New("signing: path is not an escaped path that starts with a slash")
	errQuery   = errors.New("signing: query is not in canonical form")
	errHash    = errors.New("signing: payload hash is neither 64 lower-case hex digits nor UNSIGNED-PAYLOAD")
	errHeaders = errors.New("signing: more than 64 headers")
	errNoDate  = errors.New("signing: no x-sdk-date among the headers")
)

// checkRequest finds what would make the canonical request ambiguous (a line feed inside a part, above all) or
// different from what goes over the wire, and returns the value of x-sdk-date.
func checkRequest(r *Request) (date string, err error) {
	switch {
	case r.Method == "" || !all(r.Method, token):
		return "", errMethod
	case r.Path == "" || r.Path[0] != '/' || !all(r.Path, wirePath):
		return "", errPath
	case !all(r.Query, wireQuery):
		return "", errQuery
	case r.PayloadHash != EmptyHash && r.PayloadHash != UnsignedPayload && (len(r.PayloadHash) != 2*sha256.Size || !all(r.PayloadHash, lowerHex)):
		return "", errHash
	case len(r.Headers) > maxHeaders:
		return "", errHeaders
	}
	return checkHeaders(r.Headers)
}

func checkHeaders(headers []Header) (date string, err error) {
	previous := ""
	for _, h := range headers {
		switch {
		case h.Name == "" || !all(h.Name, lowerToken):
			return "", errors.New("signing: header name is not a lower-case token")
		case h.Name <= previous:
			return "", fmt.Errorf("signing: header %s is out of order or repeated", h.Name)
		case !isFieldValue(h.Value):
			return "", fmt.Errorf("signing: header %s has a control character in its value", h.Name)
		}
		if h.Name == dateHeader {
			date = trim(h.Value)
		}
		previous = h.Name
	}
	switch {
	case date == "":
		return "", errNoDate
	case !isDate(date):
		return "", errDate
	}
	return date, nil
}

// appendCanonical appends the canonical request, see the package comment.
func appendCanonical(dst []byte, r *Request) []byte {
	dst = append(append(dst, r.Method...), '\n')
	dst = append(dst, r.Path...)
	if r.Path[len(r.Path)-1] != '/' {
		dst = append(dst, '/')
	}
	dst = append(dst, '\n')
	dst = append(append(dst, r.Query...), '\n')
	for _, h := range r.Headers {
		dst = append(append(dst, h.Name...), ':')
		dst = append(append(dst, trim(h.Value)...), '\n')
	}
	dst = append(dst, '\n')
	dst = append(appendNames(dst, r.Headers), '\n')
	return append(dst, r.PayloadHash...)
}

// trim is strings.TrimSpace, which the SDKs apply to values, with a way around it for nearly all of them.
func trim(s string) string {
	if s == "" || isPrintable(s[0]) && isPrintable(s[len(s)-1]) {
		return s
	}
	return strings.TrimSpace(s)
}

func isPrintable(c byte) bool { return ' ' < c && c < 0x7f }

func appendNames(dst []byte, headers []Header) []byte {
	for i, h := range headers {
		if i > 0 {
			dst = append(dst, ';')
		}
		dst = append(dst, h.Name...)
	}
	return dst
}

func appendStringToSign(dst []byte, date string, digest [sha256.Size]byte) []byte {
	dst = append(dst, sdkName+"\n"...)
	dst = append(append(dst, date...), '\n')
	return appendHex(dst, &digest)
}
