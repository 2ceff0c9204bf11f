package gateway

import (
	"cmp"
	"errors"
	"net/http"

	"tollgate/grants"
	"tollgate/ratelimit"
)

// credentialHeader names one of the granted credentials where several fit.
const credentialHeader = "Tollgate-Credential"

// ruling is what a plan has decided on a call.
type ruling struct {
	facts    Facts
	decision grants.Decision
	demand   *ratelimit.Demand // which limits count the call
}

// decide is step 6: the grant, and so the credential, the business act, and the freezes that stop any of them.
func (c *call) decide() (refused *Refusal) {
	if c.ruling, refused = c.rule(c.identity.Caller, &c.asked, c.request.Header); refused != nil {
		return refused
	}
	if refused = c.permitSigning(); refused != nil {
		return refused
	}
	if refused = c.readSpending(); refused != nil {
		return refused
	}
	if refused = c.checkFrozen(); refused != nil {
		return refused
	}
	c.reached(&c.steps.Decided, c.Now())
	return nil
}

// rule decides on what a caller asks for. With a refusal the facts are returned as far as they are known.
func (p *Plan) rule(caller string, a *asked, header http.Header) (r ruling, refused *Refusal) {
	account := ""
	if a.upstream.Signed {
		if account, refused = readAccount(p.Callers.Schemes(), header); refused != nil {
			return r, refused
		}
	}
	if r.facts, refused = a.readFacts(account); refused != nil {
		return r, refused
	}
	if !a.upstream.Signed {
		r.facts.passOn(p.Callers.Schemes(), header)
	}
	named := header[credentialHeader]
	if len(named) > 1 {
		return r, refusal(badRequest, "error.request.once", "Header", credentialHeader)
	}
	if r.decision, refused = p.grant(caller, a, &r.facts, header.Get(credentialHeader)); refused != nil {
		return r, refused
	}
	subject := ratelimit.Subject{Caller: caller, Operation: a.operation.Name, Upstream: a.upstream.Name}
	if granted := r.decision.Credential; granted != nil {
		subject.Credential, subject.Quota = granted.Name, a.operation.Quota
	}
	r.demand = p.Limits.Of(subject)
	return r, nil
}

// grant finds the grant by which a caller may have what it asks for. credential is the one that the call names.
func (p *Plan) grant(caller string, a *asked, facts *Facts, credential string) (grants.Decision, *Refusal) {
	decision, err := p.Grants.Decide(&grants.Call{
		Caller: caller, Upstream: a.upstream.Name, Operation: a.operation, Param: a.param(), Accounts: facts.Accounts, Account: facts.Account,
		Credential: credential,
	})
	if err == nil {
		return decision, nil
	}
	reason, ok := errors.AsType[*grants.Refusal](err)
	if !ok {
		return decision, refusal(internalFault, "error.grant.undecided")
	}
	r := refuse(cmp.Or(decideCodes[reason.Reason], noGrant), reason.Detail)
	r.Choices = reason.Choices
	return decision, r
}

// permitSigning takes the permit to sign the call with the credential that was decided on. Grants decide on the facts of a credential; if
// the one in use under that name has other facts, nothing is signed.
func (c *call) permitSigning() *Refusal {
	facts := c.decision.Credential
	if facts == nil {
		return nil
	}
	signer := c.Credentials[facts.Name]
	if signer == nil || !signer.Facts().Equal(facts) {
		return refusal(internalFault, "error.grant.no_signer")
	}
	var err error
	if c.permit, err = signer.Permit(c.operation); err != nil {
		return refusal(internalFault, "error.grant.no_permit")
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
