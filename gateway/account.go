package gateway

import (
	"net/http"
	"slices"
	"strings"

	"tollgate/credential"
)

// accountHeader names the account that a call is meant for. The provider's SDKs send and sign it; upstream it comes from the
// credential.
const accountHeader = "X-Domain-Id"

// foreignTokens are the headers with which the provider identifies callers by a token. They are no identity here, and a call that
// was meant to be made in their name must not be made in that of a credential.
var foreignTokens = [...]string{"X-Auth-Token", "X-Security-Token", "X-Subject-Token"}

// readAccount returns the account that a call to a signed upstream names in its header; "" if it names none.
func readAccount(header http.Header) (string, *Refusal) {
	for _, name := range foreignTokens {
		if slices.ContainsFunc(header[name], func(value string) bool { return value != "" }) {
			return "", refusal(foreignToken, "the call brings a token of the provider (%s), which this gateway neither checks nor passes on: leave it out", name)
		}
	}
	named := header[accountHeader]
	if len(named) == 0 || len(named) == 1 && named[0] == "" {
		return "", nil
	}
	if len(named) > 1 || len(named[0]) > 64 || strings.ContainsFunc(named[0], oddInAccount) {
		return "", refusal(badRequest, "%s must be given once, and be an account id: up to 64 letters, digits, - or _", accountHeader)
	}
	return named[0], nil
}

func oddInAccount(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// confirm takes the account that the caller named off the record where it is that of the credential. Otherwise it was not compared
// with anything, and the record shows what the caller meant.
func (f *Facts) confirm(c *credential.Facts) {
	if f.Account != "" && c.DomainID == f.Account {
		f.recorded = f.recorded[:len(f.recorded)-1]
	}
}
