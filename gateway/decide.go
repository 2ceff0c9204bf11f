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
		return c.permitSigning()
	}
	reason, ok := errors.AsType[*grants.Refusal](err)
	if !ok {
		return refusal(internalFault, "no decision could be made")
	}
	r := refusal(cmp.Or(decideCodes[reason.Reason], noGrant), "%s", reason.Detail)
	r.Choices = reason.Choices
	return r
}

// permitSigning takes the right to sign the call with the credential that was decided on. The grants know it by its facts alone; if
// what runs under its name is something else, nothing is signed.
func (c *call) permitSigning() *Refusal {
	facts := c.decision.Credential
	if facts == nil {
		return nil
	}
	signer := c.Credentials[facts.Name]
	if signer == nil || !signer.Facts().Equal(facts) {
		return refusal(internalFault, "the credential of the grant is not there")
	}
	var err error
	if c.permit, err = signer.Permit(c.operation); err != nil {
		return refusal(internalFault, "the credential of the grant does not sign the operation")
	}
	c.signer = signer
	c.facts.confirm(facts)
	return nil
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
