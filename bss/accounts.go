package bss

import (
	"slices"
	"strings"

	"tollgate/catalog"
	"tollgate/internal/words"
)

// account describes a name that chooses whose money or data a call is about.
type account struct {
	name    string // as the API spells it
	partner bool
	list    bool // an array in a body; may be repeated in a query
}

// accountNames are all such names: of the present API, and in the camel case of v1.
var accountNames = [...]account{
	{name: "customer_id"}, {name: "customerId"},
	{name: "customer_ids", list: true}, {name: "customerIds", list: true},
	{name: "sub_customer_id"}, {name: "subCustomerId"},
	{name: "sub_customer_ids", list: true}, {name: "subCustomerIds", list: true},
	{name: "payer_account_id"},
	{name: "indirect_partner_id", partner: true}, {name: "indirectPartnerId", partner: true},
	{name: "indirect_partner_ids", partner: true, list: true}, {name: "indirectPartnerIds", partner: true, list: true},
}

// domain is the account in the path of operations whose {domain_id} is a customer. Elsewhere the name means the credential's own
// account, or a new customer's.
var domain = account{name: catalog.DomainID}

// accountOf finds the account that a name means, ignoring case; nil: it is none.
func accountOf(name []byte) *account {
	if len(name) < len("customerId") {
		return nil
	}
	for i := range accountNames {
		if a := &accountNames[i]; equalFold(name, a.name) {
			return a
		}
	}
	return nil
}

// add takes up an account.
func (a *Accounts) add(kind *account, value string, k *arena) error {
	if len(value) > maxValueBytes {
		return &BodyError{Msg: words.Say("error.body.long_account", "Field", kind.name)}
	}
	if len(a.Customers)+len(a.Partners) == maxAccounts {
		return &BodyError{Msg: words.Say("error.body.many_accounts")}
	}
	if kind.partner {
		a.Partners = k.add(a.Partners, value)
	} else {
		a.Customers = k.add(a.Customers, value)
	}
	return nil
}

// reads reports whether an operation reads an account from a field, by the catalog. For an endpoint that the operator
// declared it is not known: each field counts.
func reads(op *catalog.Operation, field string) bool {
	if op.Site == "" {
		return true
	}
	return slices.ContainsFunc(op.Request, func(f catalog.Field) bool { return strings.TrimSuffix(f.Name, "[]") == field })
}

// misplaced remembers that an account stands where the provider does not look for it.
func (a *Accounts) misplaced(kind *account, place words.Message) {
	if a.Ambiguous.IsZero() {
		a.Ambiguous = words.Say("error.body.misplaced", "Field", kind.name, "Place", place)
	}
}
