// Package catalog knows the operations of the billing API: which method and path each has, which credential class may
// call it, whether it moves money, and what of its bodies belongs into the audit log.
//
// The facts are data: bss-apis.csv (all operations of both sites), facts.csv (quotas, narrower credential kinds,
// audited fields, what answers repeat of requests, and sensitive bodies), each with its source in docs/coverage.md, and
// acts.csv (what operations that spend are as business acts), of which docs/acts.md says more.
package catalog

import (
	"slices"
	"time"
)

// Effect says what an operation does to money and accounts.
type Effect uint8

// The effects, in rising order of what they can harm.
const (
	Read  Effect = iota + 1 // changes nothing
	Write                   // changes an account or a resource, moves no money
	Spend                   // moves money, or binds an account to pay
)

// Class is the credential class that an operation's documentation asks for.
type Class uint8

// The classes. ClassNone is for declared endpoints of unsigned upstreams.
const (
	ClassNone     Class = iota
	ClassPartner        // partner credentials only
	ClassCustomer       // customer credentials only
	ClassEither         // both, with different scope: the grant decides
	ClassUnknown        // no source says: a grant must name the operation with class_confirmed
)

// Kind is a narrower kind of credential that some operations ask for beyond the class.
type Kind string

// The narrower kinds.
const (
	KindAny              Kind = ""
	KindDistributor      Kind = "distributor"       // partner: general distributor (tier 1) only
	KindEnterpriseMaster Kind = "enterprise-master" // customer: master account of an enterprise only
)

// FieldKind says what an audited field holds.
type FieldKind string

// The kinds of audited fields.
const (
	FieldOrder       FieldKind = "order"
	FieldAmount      FieldKind = "amount"
	FieldCurrency    FieldKind = "currency"
	FieldCustomer    FieldKind = "customer"
	FieldPartner     FieldKind = "partner" // a reseller (indirect partner)
	FieldCoupon      FieldKind = "coupon"
	FieldResource    FieldKind = "resource"
	FieldTransaction FieldKind = "transaction"
	FieldOther       FieldKind = "other"
)

// Field is one audited member of a JSON body.
type Field struct {
	// Name is the member's path as the API spells it: members joined by ".", "[]" after one that holds an array
	// ("coupon_infos[].id").
	Name string
	Kind FieldKind
}

// Repeat says that a member of an operation's answer repeats one of its request: each value of the one is among those of the
// other.
type Repeat struct {
	Answer, Request string // names of fields, as in Operation.Answer and Operation.Request
}

// Operation is one API of a site, or an endpoint that the operator declared. Operations are shared and never changed.
type Operation struct {
	Site          string // "cn", "intl"; empty for a declared endpoint
	Name          string
	Method        string // upper case; "*" on a declared endpoint that takes any
	Path          string // template: "/v2/orders/{order_id}"; a declared endpoint may end in "/{name...}"
	Title         string
	Class         Class
	ClassInferred bool // no page of this very operation says the class
	Kind          Kind
	Effect        Effect
	Deprecated    bool
	ReplacedBy    []string
	Announced     time.Time // day of the notice that the operation ends; zero: no notice is known
	Sunset        time.Time // the last day that the notice names; zero: none is known
	Success       []int     // HTTP statuses documented as success; empty: any 2xx
	CodeAlways    bool      // v1: a 200 answer always carries error_code, CBC.0000 on success
	Quota         float64   // published calls per second and source address; the default of 10 where none is published
	Request       []Field
	Query         []string // of a POST or PUT that spends: the names of Request that the provider takes from the query
	Answer        []Field
	ItemList      bool // the answer lists the items that failed, inside a 200
	// Repeats are the members of the answer that repeat one of the request, which the answer to another call does not. Where
	// several are about one member of the answer, any of them will do.
	Repeats []Repeat
	// AddressesResellersOnly marks the operations whose only account field names resellers (indirect_partner_id,
	// indirect_partner_ids): a list of customers has nothing to say about them.
	AddressesResellersOnly bool
	Act                    *Act     // what a call is as a business act; nil: nothing is known, or it is none
	Sensitive              bool     // bodies or queries carry passwords, codes or identity data: neither they nor their hashes are recorded
	RecordQuery            bool     // declared endpoint: queries are recorded as text, not by names and lengths
	ForwardHeaders         []string // declared endpoint: further caller headers passed on to a signed upstream, canonical spelling
	AnswerHeaders          []string // declared endpoint: further answer headers of a signed upstream passed on to the caller, canonical spelling
	ContentTypes           []string // declared endpoint: media types that bodies for a signed upstream may have, lower case; empty: JSON
}

// DomainID is the parameter of v1 paths that names an account: the credential's, unless [Operation.DomainIsCustomer].
const DomainID = "domain_id"

// DomainIsCustomer reports whether {domain_id} in the path is the customer whose data the call is about: with a partner's key it
// is one of the partner's customers.
func (o *Operation) DomainIsCustomer() bool {
	return slices.Contains(o.Request, Field{DomainID, FieldCustomer})
}
