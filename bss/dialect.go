package bss

import (
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

// FromOnTheWay knows the statuses with which servers on the way give up on a call that they may have passed on.
func FromOnTheWay(status int) bool {
	return status >= 500 || status == http.StatusRequestTimeout || status == 499 // nginx: the client closed the request
}

// IsBillingCode knows the codes of the billing system itself. Others come from the gateway before it, which may not
// have looked at the signature, and does not know what became of a call.
func IsBillingCode(code string) bool { return strings.HasPrefix(code, "CBC.") }
