package grants

import (
	"cmp"
	"slices"
	"strconv"

	"tollgate/bss"
	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/internal/setting"
	"tollgate/internal/words"
)

// Call is what a decision looks at.
type Call struct {
	Caller     string
	Upstream   string
	Operation  *catalog.Operation
	Param      func(name string) string // decoded path parameters
	Accounts   bss.Accounts             // whose money moves, from body and query
	Credential string                   // the one the caller asked for by name; empty: none
	Account    string                   // the one that the caller's X-Domain-Id names; empty: none
}

// Decision is the grant that was found.
type Decision struct {
	// Credential signs the call; nil for an unsigned upstream.
	Credential *credential.Facts
	// Grant is the index of the grant among those given to New.
	Grant int
	// MayRepeat reports whether some grant that allows the call with this credential lets the caller repeat an act.
	MayRepeat bool
}

// Reason says why a call is refused, in one word for records and metrics.
type Reason string

// The reasons.
const (
	NoGrant              Reason = "no_grant"
	WrongClass           Reason = "wrong_class"
	CredentialNotGranted Reason = "credential_not_granted"
	AmbiguousCredential  Reason = "ambiguous_credential"
	WrongAccount         Reason = "wrong_account"
	CustomerNotGranted   Reason = "customer_not_granted"
	DeprecatedForbidden  Reason = "deprecated_forbidden"
)

// Refusal is the error of a decision. Its text is meant for the caller.
type Refusal struct {
	Reason  Reason
	Detail  words.Message
	Choices []string // credentials that the caller may name
}

func (r *Refusal) Error() string { return r.Detail.String() }

// Message returns the text.
func (r *Refusal) Message() words.Message { return r.Detail }

func refuse(reason Reason, id string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Detail: words.Say(id, args...)}
}

// Decide finds the one credential for a call. The error is a *[Refusal].
//
// Of the grants that cover the operation those count whose credential the caller named (all, if it named none); of these, those whose
// credential is of the account that it named, if there are any; and of these, those whose conditions on accounts hold. If they are of
// several credentials, the caller must name one.
func (p *Table) Decide(call *Call) (Decision, error) {
	rules, refusal := p.candidates(call)
	if refusal != nil {
		return Decision{}, refusal
	}
	rules = ofAccount(rules, call.Account)
	var chosen *rule
	var first *Refusal
	several, foreign, mayRepeat := false, true, false
	for _, r := range rules {
		why := r.refuses(call)
		foreign = foreign && (why != nil || r.contradicts(call.Account))
		switch {
		case why != nil:
			first = cmp.Or(first, why)
		case chosen == nil:
			chosen = r
		case chosen.Credential != r.Credential:
			several = true
		}
		mayRepeat = mayRepeat || why == nil && r.MayRepeat
	}
	switch {
	case chosen == nil:
		return Decision{}, first
	case foreign:
		return Decision{}, refuse(WrongAccount, "error.grant.account")
	case several:
		return Decision{}, ambiguous(call, rules)
	}
	return Decision{chosen.credential, chosen.index, mayRepeat}, nil
}

// ofAccount returns the rules whose credential is of an account, also those that refuse the call: what is meant for one account is not
// done in the name of another. If there is none, it returns all.
func ofAccount(rules []*rule, account string) []*rule {
	var found []*rule
	for _, r := range rules {
		if r.isOf(account) {
			found = append(found, r)
		}
	}
	if found == nil {
		return rules
	}
	return found
}

// isOf reports whether the rule's credential is known to be of an account.
func (r *rule) isOf(account string) bool {
	return account != "" && r.credential != nil && string(r.credential.DomainID) == account
}

// contradicts reports whether the rule's credential is known to be of another account than the one that is named.
func (r *rule) contradicts(account string) bool {
	return account != "" && r.credential != nil && r.credential.DomainID != "" && !r.isOf(account)
}

// candidates are the rules for the operation with the credential that the caller named.
func (p *Table) candidates(call *Call) ([]*rule, *Refusal) {
	k := key{call.Caller, call.Upstream, call.Operation.Name}
	rules := p.rules[k]
	switch {
	case len(rules) > 0 && call.Credential == "":
		return rules, nil
	case len(rules) > 0:
		return named(rules, call)
	case !p.leftOut[k].IsZero():
		return nil, &Refusal{Reason: WrongClass, Detail: p.leftOut[k]}
	}
	return nil, refuse(NoGrant, "error.grant.none", "Caller", call.Caller, "Operation", call.Operation.Name)
}

func named(rules []*rule, call *Call) ([]*rule, *Refusal) {
	var found []*rule
	for _, r := range rules {
		if r.Credential == call.Credential {
			found = append(found, r)
		}
	}
	if len(found) == 0 {
		refusal := refuse(CredentialNotGranted, "error.grant.named", "Caller", call.Caller, "Operation", call.Operation.Name)
		refusal.Choices = credentialNames(rules)
		return nil, refusal
	}
	return found, nil
}

func ambiguous(call *Call, rules []*rule) *Refusal {
	refusal := refuse(AmbiguousCredential, "error.grant.several", "Caller", call.Caller, "Operation", call.Operation.Name)
	refusal.Choices = credentialNames(rules)
	return refusal
}

func credentialNames(rules []*rule) []string {
	var names []string
	for _, r := range rules {
		if name := r.Credential; name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// refuses returns why a rule does not allow the call; nil if it does.
func (r *rule) refuses(call *Call) *Refusal {
	if r.forbidden {
		return forbidden(call.Operation)
	}
	if refusal := r.refusesCredential(call); refusal != nil {
		return refusal
	}
	return r.refusesCustomers(call)
}

func forbidden(operation *catalog.Operation) *Refusal {
	if len(operation.ReplacedBy) == 0 {
		return refuse(DeprecatedForbidden, "error.grant.deprecated", "Operation", operation.Name)
	}
	return refuse(DeprecatedForbidden, "error.grant.replaced", "Operation", operation.Name, "Replacement", words.Join("error.or", operation.ReplacedBy))
}

// refusesCredential repeats at the call what New checked (the class), and compares the accounts in the path, which the
// provider does not always check. One that is a customer's is left to refusesCustomers.
func (r *rule) refusesCredential(call *Call) *Refusal {
	c := r.credential
	if c == nil {
		return nil
	}
	if err := c.Permits(call.Operation); err != nil {
		return &Refusal{Reason: WrongClass, Detail: words.Of(err)}
	}
	if id := call.Param(catalog.DomainID); id != "" && id != string(c.DomainID) && !r.domainIsCustomer {
		return refuse(WrongAccount, "error.grant.domain")
	}
	if id := call.Param("partner_id"); id != "" && id != string(c.Partner()) {
		return refuse(WrongAccount, "error.grant.partner")
	}
	return nil
}

func (r *rule) refusesCustomers(call *Call) *Refusal {
	granted := r.Customers
	if granted == nil {
		return nil
	}
	accounts := call.Accounts
	if !accounts.Ambiguous.IsZero() {
		return refuse(CustomerNotGranted, "error.grant.unclear_customers", "Why", accounts.Ambiguous)
	}
	if len(accounts.Customers) == 0 && !(call.Operation.AddressesResellersOnly && len(accounts.Partners) > 0) {
		return refuse(CustomerNotGranted, "error.grant.no_customer")
	}
	for _, id := range slices.Concat(accounts.Customers, accounts.Partners) {
		if !slices.Contains(granted, setting.Account(id)) {
			return refuse(CustomerNotGranted, "error.grant.customer", "Account", strconv.Quote(id))
		}
	}
	return nil
}
