package gateway

import (
	"errors"

	"tollgate/grants"
)

// credentialHeader names one of the granted credentials where several fit.
const credentialHeader = "Tollgate-Credential"

// decide is step 6: the grant, and so the credential.
func (c *call) decide() *Refusal {
	var refused *Refusal
	c.facts, refused = ReadFacts(&Asked{c.operation, c.request.Method, c.path, c.params, c.query, c.body})
	if refused != nil {
		return refused
	}
	named := c.request.Header[credentialHeader]
	if len(named) > 1 {
		return refusal(badRequest, "%s must be given once", credentialHeader)
	}
	asked := grants.Call{
		Caller: c.identity.Caller, Upstream: c.upstream.Name, Operation: c.operation, Param: c.params.Get, Accounts: c.facts.Accounts,
	}
	if len(named) == 1 {
		asked.Credential = named[0]
	}
	var err error
	c.decision, err = c.Grants.Decide(&asked)
	if err == nil {
		return nil
	}
	reason, ok := errors.AsType[*grants.Refusal](err)
	if !ok {
		return refusal(internalFault, "no decision could be made")
	}
	r := refusal(decideCode(reason.Reason), "%s", reason.Detail)
	r.Choices = reason.Choices
	return r
}

func decideCode(reason grants.Reason) Code {
	switch reason {
	case grants.WrongClass:
		return wrongClass
	case grants.WrongAccount:
		return wrongAccount
	case grants.CustomerNotGranted:
		return customerNotGranted
	case grants.CredentialNotGranted:
		return credentialNotGranted
	case grants.AmbiguousCredential:
		return ambiguousCredential
	case grants.DeprecatedForbidden:
		return deprecatedForbidden
	}
	return noGrant
}
