// Package acts reads which business act a call is, by what the catalog says of its operation: the keys by which a second one is recognized,
// and what it moves. It judges what package bss has read of a request, and reads no body itself.
//
// # Keys
//
// A call has one key for each order, resource, customer or quota that it names. The canonical text of a key has a line for the act, one for
// the scope ("site cn", since all credentials of a site pay the same orders; "upstream NAME" for an endpoint that an operator declared),
// and one for each part, with its value:
//
//	act fund-give
//	site cn
//	customer_id c-17
//	amount 999000
//
// Ids are in lower case. Amounts are in 1/10,000 of the currency's main unit, so that 99.9, "99.90" and 9990 hundredths are one. All
// operations of an act have the same names of parts, however their requests spell them. The keyed hash of the text is what is recorded.
package acts

import (
	"fmt"
	"slices"

	"tollgate/bss"
	"tollgate/catalog"
	"tollgate/spend"
)

// Bounds of what a call may name.
const (
	maxKeys = 256
	maxID   = 128 // bytes
)

// Act is what one call is.
type Act struct {
	Name      string
	Keys      []spend.Key
	Names     []string // of each key, as the request names it: "order_id CS1"
	Direction catalog.Direction
	Unit      catalog.Unit
	Pays      bool                // the call pays now; otherwise its price is 0
	Amount    *spend.Money        // that all keys move together; nil: the request does not say
	Currency  string              // of Amount; empty: the request does not say, and it is that of the upstream
	Customers []Part              // whose money it is; none: that of the credential's own account
	PriceFrom catalog.PriceSource // where the price is read, where the call pays
	IDs       []string            // what the price is asked of: orders or resources, as the request spells them

	subjects []string // what each key is about of several things that the call names, in lower case; empty: of one
}

// Part is the part of an act that is one customer's.
type Part struct {
	Customer string      // its id, in lower case
	Amount   spend.Money // 0 where the request does not say
}

// Error says, for the caller to read, why a call is no act that can be told from others.
type Error struct{ Msg string }

func (e *Error) Error() string { return e.Msg }

func refuse(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// Hash is the keyed hash of the canonical text of a key.
type Hash func(text string) [16]byte

// Read returns the act of a call, by what was read of its request; nil if its operation has none. The upstream is named for endpoints that an
// operator declared. Without a hash, keys have no digest, as suffices to explain a call. The error is an [*Error].
func Read(op *catalog.Operation, upstream string, request *bss.Request, hash Hash) (*Act, error) {
	if op.Act == nil {
		return nil, nil
	}
	if why := request.Accounts.Ambiguous; op.Site == "" && why != "" {
		return nil, refuse("what the call does cannot be told: %s", why)
	}
	r := reader{op: op, act: op.Act, request: request, found: make([][]value, len(op.Act.Parts))}
	if err := r.readParts(); err != nil {
		return nil, err
	}
	a := &Act{Name: op.Act.Name, Direction: op.Act.Direction, Unit: op.Act.Unit, Pays: r.pays(), PriceFrom: op.Act.Price}
	k := keyMaker{act: a, head: "act " + a.Name + "\n" + scope(op, upstream), hash: hash}
	if op.Site != "" { // of answers of a declared endpoint it is not known how they say what failed
		k.subject = op.Act.Subject()
	}
	if err := r.makeKeys(&k); err != nil {
		return nil, err
	}
	if err := r.sum(a); err != nil {
		return nil, err
	}
	return a, nil
}

// scope returns the line of a key's text that says within what it is the same thing.
func scope(op *catalog.Operation, upstream string) string {
	if op.Site != "" {
		return "site " + op.Site
	}
	return "upstream " + upstream
}

// pays reports whether the call pays at once: it does not where it says so, or leaves it out and no payment is the default.
func (r *reader) pays() bool {
	if r.act.Direction != catalog.Out || len(r.act.AutoPay) == 0 {
		return r.act.Direction == catalog.Out
	}
	said := r.values(r.act.AutoPay)
	if len(said) == 0 {
		return r.act.PaysUnsaid
	}
	return slices.ContainsFunc(said, func(v string) bool { return v != "0" })
}
