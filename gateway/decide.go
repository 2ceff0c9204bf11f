package gateway

import (
	"cmp"
	"errors"

	"tollgate/grants"
)

// credentialHeader names one of the granted credentials where several fit.
const credentialHeader = "Tollgate-Credential"

// decide is step 6: the grant, and so the credential.
func (c *call) decide() *Refusal {
	var refused *Refusal
	account := ""
	if c.upstream.Signed {
		if account, refused = ReadAccount(c.Callers.Schemes(), c.request.Header); refused != nil {
			return refused
		}
	}
	c.facts, refused = ReadFacts(&Asked{c.operation, c.request.Method, c.path, c.params, c.query, c.body, !c.bodyType.JSON, account})
	if refused != nil {
		return refused
	}
	named := c.request.Header[credentialHeader]
	if len(named) > 1 {
		return refusal(badRequest, "%s must be given once", credentialHeader)
	}
	asked := grants.Call{
		Caller: c.identity.Caller, Upstream: c.upstream.Name, Operation: c.operation, Param: c.params.Get, Accounts: c.facts.Accounts,
		Account: c.facts.Account,
	}
	if len(named) == 1 {
		asked.Credential = named[0]
	}
	var err error
	c.decision, err = c.Grants.Decide(&asked)
	if err == nil {
		c.facts.confirm(c.decision.Credential)
		return nil
	}
	reason, ok := errors.AsType[*grants.Refusal](err)
	if !ok {
		return refusal(internalFault, "no decision could be made")
	}
	r := refusal(cmp.Or(decideCodes[reason.Reason], noGrant), "%s", reason.Detail)
	r.Choices = reason.Choices
	return r
}

// decideCodes are the codes of what no grant allows; noGrant is that of anything else.
var decideCodes = map[grants.Reason]Code{
	grants.WrongClass:           wrongClass,
	grants.WrongAccount:         wrongAccount,
	grants.CustomerNotGranted:   customerNotGranted,
	grants.CredentialNotGranted: credentialNotGranted,
	grants.AmbiguousCredential:  ambiguousCredential,
	grants.DeprecatedForbidden:  deprecatedForbidden,
}
