package gateway

import (
	"net/http"
	"slices"
	"strings"

	"tollgate/credential"
	"tollgate/internal/words"
	"tollgate/signing"
)

// accountField is how records call the account that a call names.
const accountField = "X-Domain-Id"

// foreignTokens are the headers with which the provider identifies callers by a token, besides those of signatures. They are no
// identity here, and a call that was meant to be made in their name must not be made in that of a credential.
var foreignTokens = [...]string{"X-Auth-Token", "X-Subject-Token"}

// readAccount returns the account that a call to a signed upstream names in a scheme's header, as the provider's SDKs do; "" if it names
// none. The header that is sent upstream has the credential's account.
func readAccount(schemes *signing.Schemes, header http.Header) (string, *Refusal) {
	brings := func(name string) bool {
		return slices.ContainsFunc(header[name], func(value string) bool { return value != "" })
	}
	for _, names := range [...][]string{schemes.Headers(signing.Token), foreignTokens[:]} {
		if i := slices.IndexFunc(names, brings); i >= 0 {
			return "", refusal(foreignToken, "error.request.token", "Header", names[i])
		}
	}
	account := ""
	for _, name := range schemes.Headers(signing.AccountName) {
		named := header[name]
		if len(named) == 0 || len(named) == 1 && named[0] == "" {
			continue
		}
		if account != "" || len(named) > 1 || len(named[0]) > 64 || strings.ContainsFunc(named[0], oddInAccount) {
			return "", refusal(badRequest, "error.request.account", "Header", name)
		}
		account = named[0]
	}
	return account, nil
}

// passOn takes up the account that a call to an unsigned upstream names in a scheme's header, which reaches the upstream as it is.
func (f *Facts) passOn(schemes *signing.Schemes, header http.Header) {
	for _, name := range schemes.Headers(signing.AccountName) {
		for _, account := range header[name] {
			if f.Account != "" && f.Account != account && f.Accounts.Ambiguous.IsZero() {
				f.Accounts.Ambiguous = words.Say("error.body.accounts_differ")
			}
			f.Account = account
		}
	}
}

func oddInAccount(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// confirm takes the account that the caller named off the record where it is that of the credential. Otherwise it was not compared
// with anything, and the record shows what the caller meant.
func (f *Facts) confirm(c *credential.Facts) {
	if f.Account != "" && string(c.DomainID) == f.Account {
		f.recorded = f.recorded[:len(f.recorded)-1]
	}
}
