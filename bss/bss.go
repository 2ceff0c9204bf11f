// Package bss reads what the bodies of billing calls say: which of it belongs into the audit log, whose accounts a
// call is about, and whether an answer means success. It neither changes nor keeps a body.
//
// # Requests
//
// [ReadRequest] takes the fields that the catalog names for the operation from the path, the query and the body, and the
// accounts (customer_id and its kin) wherever they occur. The log must not show one amount or customer while the
// provider reads another, and readers of JSON differ: encoding/json and others match names without regard to case and
// take the last of several equal names, some take the first. So for operations of the catalog that write or spend, a
// body that is not empty must be one JSON object (RFC 8259, UTF-8, nothing after it), nested at most 32 deep, with at
// most 256 members in an object, no two of which are equal or differ in case only; audited fields and accounts must be
// spelt exactly and be of the expected JSON type; and none may be given twice with different values (path, query,
// body). Anything else is a [*BodyError].
//
// What an amount says is not judged here: [Value].Unsummed counts those that are no decimal number. Nor is what is longer than
// the record takes: [Value].Omitted counts it. Callers of ReadRequest refuse both for operations that write or spend.
//
// For reads, and for endpoints that an operator declared (an internal application takes any body), the same rules only
// decide whether the body can be relied on: where they are broken no field is reported and [Accounts].Ambiguous says
// why, so that a grant that is limited to some customers refuses the call.
//
// # Accounts
//
// Accounts count where the provider reads them: in the query of GET, HEAD and DELETE; in the body of other methods; and
// only in fields that the catalog knows of the operation. (In the provider's SDK v0.1.207 no GET takes a body and no other
// method a query.) An account anywhere else makes the accounts ambiguous: a name that the provider does not look at would otherwise
// satisfy a grant that asks for one. In a path {domain_id} is an account where the catalog says so.
//
// # Answers
//
// [ReadAnswer] reads the business result: HTTP 200 does not mean success. The old API (v1) puts error_code into every
// answer, CBC.0000 for success; the present one (v2) only into failures; its batch calls report items that failed inside
// a 200 (error_details[], fail_resource_infos[], to_ondemand_service_results[] whose result is neither SUCCESS nor
// AUDIT). What cannot be read is "unread", never success.
//
// Some answers repeat what was asked for: the catalog marks these members. Where one of them names anything else, the answer
// belongs to another request. Nothing else in it counts.
package bss

import (
	"iter"

	"tollgate/catalog"
	"tollgate/internal/words"
)

// Bounds of what is read and recorded.
const (
	maxDepth      = 32   // nesting of objects and arrays
	maxMembers    = 256  // members of one object
	maxValues     = 100  // recorded values of one field
	maxValueBytes = 1024 // of one recorded value, and of one account
	maxAccounts   = 1000 // of one call
)

// Value is an audited field with what was found for it.
type Value struct {
	Name   string // as in the catalog: "coupon_infos[].id"
	Kind   catalog.FieldKind
	Values []string // in the order found; numbers as written, strings unescaped, never rounded or trimmed

	// Omitted counts further values that are not recorded: those after the first 100, and those longer than 1 KiB, which
	// are left out whole, since half an amount is worse than none.
	Omitted int

	// Unsummed counts the values of an amount, omitted ones included, that are no decimal number (see package decimal).
	Unsummed int

	// Inexact counts the values that are JSON numbers which readers turn into different texts: 1e3, 1.0, and those of more than 15 digits.
	Inexact int

	// InQuery is true of values that stand in the query, and not in the path.
	InQuery bool

	// AllBytes and AllHash are of all values, where some are omitted: their length together, and the hash of the list (see
	// package digest), which sensitive operations do not have, since a short code can be searched from it.
	AllBytes int64
	AllHash  string
}

// Accounts are the accounts that a call names.
type Accounts struct {
	Customers []string // customer_id, customer_ids, sub_customer_id and the v1 spellings; at most 1000 together with Partners
	Partners  []string // resellers: indirect_partner_id and indirect_partner_ids, and the v1 spellings

	// Ambiguous says, for the caller to read, why the lists cannot be relied on. Where it is zero they are complete.
	Ambiguous words.Message
}

// Request is what was read of a request.
type Request struct {
	Fields   []Value // in the catalog's order, only those that occur
	Accounts Accounts
}

// BodyError is a body or a query that two readers could take for different things, or none at all. Its text is meant
// for the caller and quotes nothing but names from the catalog.
type BodyError struct {
	Msg    words.Message
	Amount bool // an object or array stands where an amount should
}

func (e *BodyError) Error() string { return e.Msg.String() }

// Message returns the text.
func (e *BodyError) Message() words.Message { return e.Msg }

// ReadRequest reads the audited fields and the accounts of a call. The parameters of the path are looked up decoded, by
// name, "" where there is none (nil: there are none at all); query yields decoded pairs. The error, always a
// [*BodyError], occurs only for operations of the catalog that are not reads: see the package comment.
func ReadRequest(op *catalog.Operation, params func(name string) string, query iter.Seq2[string, string], body []byte) (Request, error) {
	r := newRequestReader(op)
	defer r.release()
	err := r.read(params, query, body)
	if err == nil {
		return Request{r.found.values(!op.Sensitive), r.accounts}, nil
	}
	if op.Site != "" && op.Effect != catalog.Read {
		return Request{}, err
	}
	r.accounts.Ambiguous = words.Of(err)
	return Request{Accounts: r.accounts}, nil
}
