package bss

import (
	"cmp"
	"net/http"
	"regexp"
	"strings"

	"tollgate/catalog"
	"tollgate/http1"
)

// ReachedService reports whether an answer comes from behind the point at which signatures are checked: a success, or a failure
// with a code of the service's own. Others may be of a server that did not look at the signature: no such API, too large a body.
func ReachedService(op *catalog.Operation, status int, code string) bool {
	switch {
	case status/100 == 2 || isBillingCode(code):
		return true
	case op.Site != "" || status >= 500:
		return false
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusTooManyRequests:
		return false
	}
	return ownCode.MatchString(code) && !gatewayCode.MatchString(code) // a declared endpoint of another service
}

var (
	// ownCode is anything but a number, which is often the status again.
	ownCode = regexp.MustCompile(`[A-Za-z]`)
	// gatewayCode is one of the provider's gateway, by all names of the product, or of its check of identities.
	gatewayCode = regexp.MustCompile(`(?i)^(?:apig|apic|iam\b)`)
)

// GaveUpOnTheWay reports whether an answer is that of a server before the billing system, which may have passed the call on.
func GaveUpOnTheWay(status int, code string) bool {
	gaveUp := status >= 500 || status == http.StatusRequestTimeout || status == 499 // nginx: the client closed the request
	return gaveUp && !isBillingCode(code)
}

// isBillingCode reports whether a code is the billing system's own. Others come from the gateway before it, which may not
// have looked at the signature, and does not know the outcome of a call.
func isBillingCode(code string) bool { return strings.HasPrefix(code, "CBC.") }

// RequestID returns the provider's id of a call, of at most 128 bytes: from the header of the answer, or else from its body.
func RequestID(header http1.Fields, o *Outcome) string {
	id := cmp.Or(header.Get("X-Request-Id"), header.Get("X-Iam-Trace-Id"), o.RequestID)
	return id[:min(len(id), 128)]
}
