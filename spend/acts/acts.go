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
	"slices"
	"strings"

	"tollgate/bss"
	"tollgate/catalog"
	"tollgate/internal/words"
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
	Direction catalog.Direction
	Unit      catalog.Unit
	Pays      bool                // the call pays now; otherwise its price is 0
	Amount    *spend.Money        // that all keys move together; nil: the request does not say
	Currency  string              // of Amount; empty: the request does not say, and it is that of the upstream
	Customers []Part              // whose money it is; none: that of the credential's own account
	PriceFrom catalog.PriceSource // where the price is read, where the call pays
	IDs       []string            // what the price is asked of: orders or resources, as the request spells them

	of    *catalog.Act
	items *catalog.Part // of which answers may say that some failed; nil: of none
	found [][]value     // of each part
	space space
}

// space is where the slices of an act begin, so that most acts are one allocation.
type space struct {
	keys   [1]spend.Key
	ids    [1]string
	found  [4][]value
	values [4]value
	text   [128]byte
}

// Part is the part of an act that is one customer's.
type Part struct {
	Customer string      // its id, in lower case
	Amount   spend.Money // 0 where the request does not say
}

// Error says, for the caller to read, why a call is no act that can be distinguished from others.
type Error struct{ Msg words.Message }

func (e *Error) Error() string { return e.Msg.String() }

// Message returns the text.
func (e *Error) Message() words.Message { return e.Msg }

func refuse(id string, args ...any) error { return &Error{words.Say(id, args...)} }

// Hash is the keyed hash of the canonical text of a key.
type Hash func(text []byte) [16]byte

// Read returns the act of a call, by what was read of its request; nil if its operation has none. The upstream is named for endpoints that an
// operator declared. Without a hash, keys have no digest, as suffices to explain a call. The error is an [*Error].
func Read(op *catalog.Operation, upstream string, request *bss.Request, hash Hash) (*Act, error) {
	if op.Act == nil {
		return nil, nil
	}
	if why := request.Accounts.Ambiguous; op.Site == "" && !why.IsZero() {
		return nil, refuse("error.act.unclear", "Why", why)
	}
	a := &Act{Name: op.Act.Name, Direction: op.Act.Direction, Unit: op.Act.Unit, PriceFrom: op.Act.Price, of: op.Act}
	if op.Site != "" { // of answers of a declared endpoint it is not known how they say what failed
		a.items = op.Act.Subject()
	}
	r := reader{Act: a, op: op, request: request}
	if err := r.readParts(); err != nil {
		return nil, err
	}
	if err := r.makeKeys(upstream, hash); err != nil {
		return nil, err
	}
	if err := r.sum(); err != nil {
		return nil, err
	}
	return a, nil
}

// Names returns of each key what it is about, as the request names it: "order_id CS1".
func (a *Act) Names() []string {
	if len(a.Keys) == 0 {
		return nil
	}
	names := make([]string, 0, len(a.Keys))
	for key, n := range a.combinations() {
		var parts []string
		for i, p := range key.Parts {
			parts = append(parts, p.Name+" "+a.value(key, i, n).text)
		}
		names = append(names, strings.Join(parts, ", "))
	}
	return names
}

// pays reports whether the call pays at once: it does not where it says so, or leaves it out and no payment is the default.
func (r *reader) pays() bool {
	if r.of.Direction != catalog.Out || len(r.of.AutoPay) == 0 {
		return r.of.Direction == catalog.Out
	}
	said := r.values(r.of.AutoPay)
	if len(said) == 0 {
		return r.of.PaysUnsaid
	}
	return slices.ContainsFunc(said, func(v string) bool { return v != "0" })
}
