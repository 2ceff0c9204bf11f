package bss

import (
	"cmp"
	"net/http"
	"strings"

	"tollgate/catalog"
)

// What [BadSignature] finds wrong.
const (
	WrongSignature = "signature"   // wrong signature or secret key
	UnknownKey     = "unknown_key" // no such access key
)

// BadSignature tells whether an answer says that the signature or the access key of the call is wrong: kind is
// WrongSignature or UnknownKey. More than five such answers in a row lock the key for five minutes, so whoever sees one
// must stop using it. Accounts in arrears, bad tokens and keys that are locked already carry the same error code
// (APIG.0301) with other texts and are not meant.
func BadSignature(status int, body []byte) (kind string, ok bool) {
	if status != 401 {
		return "", false
	}
	r := answerReader{op: &catalog.Operation{}}
	if !r.read(body) || r.code != "APIG.0301" && r.code != "APIGW.0301" {
		return "", false
	}
	// Some texts quote the canonical request, and with it what the caller wrote, at their end.
	message, _, _ := strings.Cut(strings.ToLower(r.message), "canonicalrequest")
	contains := func(s string) bool { return strings.Contains(message, s) }
	switch {
	case contains("decrypt token fail"), contains("failed to reach the limit"):
		return "", false
	case contains("verify aksk signature fail"):
		return WrongSignature, true
	case contains("ak not exist"), contains("get secretkey failed"):
		return UnknownKey, true
	}
	return "", false
}

// RejectionText returns in words what a kind found by [BadSignature] means.
func RejectionText(kind string) string {
	if kind == UnknownKey {
		return "unknown access key"
	}
	return "wrong signature or secret key"
}

// ReachedService reports whether an answer comes from behind the point at which signatures are checked.
func ReachedService(op *catalog.Operation, status int, code string) bool {
	switch {
	case status < 300 || isBillingCode(code):
		return true
	case op.Site != "" || status >= 500:
		return false
	default: // a declared endpoint of another service, whose codes nobody knows
		return status != http.StatusUnauthorized && status != http.StatusForbidden && status != http.StatusTooManyRequests
	}
}

// GaveUpOnTheWay reports whether an answer is that of a server before the billing system, which may have passed the call on.
func GaveUpOnTheWay(status int, code string) bool {
	gaveUp := status >= 500 || status == http.StatusRequestTimeout || status == 499 // nginx: the client closed the request
	return gaveUp && !isBillingCode(code)
}

// isBillingCode knows the codes of the billing system itself. Others come from the gateway before it, which may not
// have looked at the signature, and does not know what became of a call.
func isBillingCode(code string) bool { return strings.HasPrefix(code, "CBC.") }

// RequestID returns the provider's id of a call, of at most 128 bytes: from the header of the answer, or else from its body.
func RequestID(header http.Header, o *Outcome) string {
	id := cmp.Or(header.Get("X-Request-Id"), header.Get("X-Iam-Trace-Id"), o.RequestID)
	return id[:min(len(id), 128)]
}
