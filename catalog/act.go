package catalog

import (
	"slices"
	"strings"
	"time"
)

// Direction says which way an act moves what it moves.
type Direction string

// The directions.
const (
	Out  Direction = "out"  // to another party: it counts in caps of money
	Back Direction = "back" // to where it came from
	Set  Direction = "set"  // nowhere yet: it sets what may move later, such as a budget
)

// Unit says what an act moves.
type Unit string

// The units. All are amounts of a currency.
const (
	Cash   Unit = "cash"
	Coupon Unit = "coupon"
	Budget Unit = "budget"
)

// PriceSource says where the price of an act is read, before it is sent.
type PriceSource string

// The sources.
const (
	PriceNone    PriceSource = "none"    // nowhere: it costs nothing now, or nothing says what
	PriceRequest PriceSource = "request" // in the request itself
	PriceOrder   PriceSource = "order"   // ShowCustomerOrderDetails, of each order
	PriceRenewal PriceSource = "renewal" // ListRenewRateOnPeriod, of all resources
)

// Act says what a call of an operation is as a business act: what it is about, so that a second one can be recognized, and what it moves.
// Operations of several versions of the API can be one act.
type Act struct {
	Name      string // "pay"
	Parts     []Part // of requests, that keys are made of or that decide whether a call's act is known
	Keys      []ActKey
	Direction Direction
	Unit      Unit
	Amount    *Part    // of Parts: what is moved for each key; nil: requests do not say
	Measure   []string // spellings of the field with the unit of Amount: 1 (the default), 2 (a tenth) or 3 (a hundredth)
	// AutoPay are the spellings of the field of a request that says whether the call pays. Any value but 0 does; where there is none,
	// PaysUnsaid does. Without spellings every call pays.
	AutoPay    []string
	PaysUnsaid bool
	Price      PriceSource
	// Doubt is what no source confirms; it is decided on the safe side. Empty: no doubt is known.
	Doubt string
}

// ActKey says how keys of a call are made: one for each combination of values of the parts.
type ActKey struct {
	Parts  []*Part       // of Act.Parts
	Window time.Duration // how long a key is held after success, unless configured otherwise; 0: not at all
}

// Part is something that requests say of an act.
type Part struct {
	Name     string   // the same in all operations of an act
	Fields   []string // its spellings: names of Operation.Request. All that a request has count
	Kind     FieldKind
	Optional bool     // without it there is no key that has it
	Values   []string // that it can have; empty: ids or amounts
	Default  string   // where a request does not say
}

// Each reports whether a request can name several of the part.
func (p *Part) Each() bool {
	return slices.ContainsFunc(p.Fields, func(field string) bool { return strings.Contains(field, "[]") })
}

// Subject returns the part that an act's keys have one each of; nil where requests name one thing only.
func (a *Act) Subject() *Part {
	if i := slices.IndexFunc(a.Parts, func(p Part) bool { return p.Each() }); i >= 0 {
		return &a.Parts[i]
	}
	return nil
}

// String writes the key as its parts' spellings: "resource_ids[]|resourceIds[] + unsubscribe_type".
func (k ActKey) String() string {
	var parts []string
	for _, p := range k.Parts {
		parts = append(parts, p.String())
	}
	return strings.Join(parts, " + ")
}

// String writes the part's spellings, with "?" behind what may be missing, and the default behind "=".
func (p *Part) String() string {
	text := strings.Join(p.Fields, "|")
	if p.Optional {
		text += "?"
	}
	if p.Default != "" {
		text += "=" + p.Default
	}
	return text
}

// Measure returns what an amount with a measure_id is in, as a power of ten of the currency's main unit: 1 is yuan, 2 jiao, 3 fen. A call
// that does not say means 1.
func Measure(id string) (power int, known bool) {
	switch id {
	case "", "1":
		return 0, true
	case "2":
		return -1, true
	case "3":
		return -2, true
	}
	return 0, false
}
