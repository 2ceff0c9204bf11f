package calls

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tollgate/audit"
	"tollgate/internal/decimal"
)

// Dimension is what a report groups calls by.
type Dimension string

// The dimensions.
const (
	ByCaller     Dimension = "caller"
	ByOperation  Dimension = "operation"
	ByCredential Dimension = "credential"
	ByCustomer   Dimension = "customer"
)

// Dimensions are all of them, in the order of a report's columns.
var Dimensions = []Dimension{ByCaller, ByOperation, ByCredential, ByCustomer}

// ParseDimensions reads a list such as "caller,operation".
func ParseDimensions(text string) ([]Dimension, error) {
	var by []Dimension
	for word := range strings.SplitSeq(text, ",") {
		d := Dimension(strings.TrimSpace(word))
		if !slices.Contains(Dimensions, d) {
			return nil, fmt.Errorf("%q: choose from caller, operation, credential, customer", word)
		}
		if slices.Contains(by, d) {
			return nil, fmt.Errorf("%s stands there twice", d)
		}
		by = append(by, d)
	}
	return by, nil
}

// Bounds of a report.
const (
	MaxGroups   = 100_000
	maxKeyBytes = 64 << 20 // of the groups' names together: customers are texts of the request
)

// Sum is what a group of calls comes to. Each call is in one currency, by what it says or by its site, and Calls is the
// sum of the seven counts behind it.
type Sum struct {
	Currency string `json:"currency"`

	Calls     uint64 `json:"calls"`
	Succeeded uint64 `json:"succeeded"`
	Failed    uint64 `json:"failed"`
	Partial   uint64 `json:"partial"`
	Unknown   uint64 `json:"unknown"`
	NotSent   uint64 `json:"not_sent"`
	Open      uint64 `json:"open"`
	Refused   uint64 `json:"refused"`

	Moved        decimal.Decimal `json:"moved"`         // by calls that succeeded, see [Call.Money]
	MovedPartly  decimal.Decimal `json:"moved_partly"`  // what calls asked for that did a part of it
	MovedPerhaps decimal.Decimal `json:"moved_perhaps"` // what calls asked for of which nobody knows whether they acted: unknown, open
	// NoAmount counts calls that moved or may have moved money, and of which the records do not tell how much.
	NoAmount uint64 `json:"no_amount"`
	// Unsummed counts the calls of any effect that were not refused, and tell of an amount that is in no sum, see [Call.Amounts].
	Unsummed uint64 `json:"unsummed"`
}

// Group is a row of a report.
type Group struct {
	Names []string // one for each of the report's dimensions, in their order; empty where a call has none
	Sum

	by []Dimension
}

// MarshalJSON writes the names under those of their dimensions, and then the sum.
func (g *Group) MarshalJSON() ([]byte, error) {
	var row struct {
		Caller     *string `json:"caller,omitempty"`
		Operation  *string `json:"operation,omitempty"`
		Credential *string `json:"credential,omitempty"`
		Customer   *string `json:"customer,omitempty"`
		Sum
	}
	members := map[Dimension]**string{ByCaller: &row.Caller, ByOperation: &row.Operation, ByCredential: &row.Credential, ByCustomer: &row.Customer}
	for i, d := range g.by {
		*members[d] = &g.Names[i]
	}
	row.Sum = g.Sum
	return json.Marshal(&row)
}

// Report sums calls up.
type Report struct {
	by     []Dimension
	groups map[string]*Group
	totals map[string]*Sum // by currency
	bytes  int             // of the groups' names

	maxGroups, maxBytes int
}

// NewReport gives an empty report.
func NewReport(by []Dimension) *Report {
	return &Report{by: by, groups: map[string]*Group{}, totals: map[string]*Sum{}, maxGroups: MaxGroups, maxBytes: maxKeyBytes}
}

// Add counts a call. With [ByCustomer], a call that names several customers is in the group of each: rows then add up to
// more than the total, which counts it once. There can be [MaxGroups] groups.
func (r *Report) Add(c *Call) error {
	share := shareOf(c)
	total := r.totals[share.currency]
	if total == nil {
		if len(r.totals) == r.maxGroups {
			return errTooManyGroups
		}
		total = &Sum{Currency: share.currency}
		r.totals[share.currency] = total
	}
	total.add(c, share)
	for _, customer := range r.customers(c) {
		group, err := r.group(c, customer.name, share.currency)
		if err != nil {
			return err
		}
		group.add(c, customer.of(c, share))
	}
	return nil
}

var errTooManyGroups = fmt.Errorf("the report has more than %d groups, or their names are too long: choose fewer calls, or group by less", MaxGroups)

func (r *Report) group(c *Call, customer, currency string) (*Group, error) {
	names := make([]string, len(r.by))
	for i, d := range r.by {
		names[i] = name(c, d, customer)
	}
	key := keyOf(append(names, currency))
	if g := r.groups[key]; g != nil {
		return g, nil
	}
	if r.bytes += 2 * len(key); len(r.groups) == r.maxGroups || r.bytes > r.maxBytes {
		return nil, errTooManyGroups
	}
	g := &Group{names, Sum{Currency: currency}, r.by}
	r.groups[key] = g
	return g, nil
}

// keyOf makes one text of several, whatever is in them.
func keyOf(texts []string) string {
	var key []byte
	for _, text := range texts {
		key = binary.AppendUvarint(key, uint64(len(text)))
		key = append(key, text...)
	}
	return string(key)
}

func name(c *Call, d Dimension, customer string) string {
	switch d {
	case ByCaller:
		return c.CallerText()
	case ByOperation:
		return c.Operation()
	case ByCredential:
		return c.Credential()
	}
	return customer
}

// share is a part of a call's money.
type share struct {
	value    decimal.Decimal
	currency string
	known    bool
}

func shareOf(c *Call) share {
	value, currency, known := c.Money()
	if !known {
		currency = c.Currency()
	}
	return share{value, currency, known}
}

// NotRecorded is the customer of a group, where a request names more than the log holds.
const NotRecorded = "(not recorded)"

// customer is one of those that a call is about.
type customer struct {
	name string
	sole bool
}

// customers gives the groups by customer that a call is in: one, when the report does not ask.
func (r *Report) customers(c *Call) []customer {
	names, more := c.Recipients()
	if more {
		names = append(names, NotRecorded)
	}
	if len(names) == 0 || !slices.Contains(r.by, ByCustomer) {
		return []customer{{"", true}}
	}
	list := make([]customer, len(names))
	for i, name := range names {
		list[i] = customer{name, len(names) == 1}
	}
	return list
}

// of gives the customer's part of the call's money: all of it, or what each recipient gets; else nobody knows.
func (cu customer) of(c *Call, s share) share {
	list, each := perRecipient[c.Operation()]
	switch {
	case cu.sole || !s.known:
		return s
	case !each:
		return share{currency: s.currency}
	}
	amounts, _ := c.Amounts() // one, or the share would not be known
	return share{amounts[0].Value.Times(c.countOf(list, cu.name)), s.currency, true}
}

// add counts a call with its money, or a part of it.
func (s *Sum) add(c *Call, part share) {
	s.Calls++
	if _, unsummed := c.Amounts(); unsummed > 0 && c.State() != Refused {
		s.Unsummed++
	}
	var money *decimal.Decimal // where the call's money belongs; nil: it moved none
	switch c.State() {
	case audit.Succeeded:
		s.Succeeded++
		money = &s.Moved
	case audit.Failed:
		s.Failed++
	case audit.Partial:
		s.Partial++
		money = &s.MovedPartly
	case audit.NotSent:
		s.NotSent++
	case Refused:
		s.Refused++
	case Open:
		s.Open++
		money = &s.MovedPerhaps
	default: // audit.Unknown, and whatever a later version may write
		s.Unknown++
		money = &s.MovedPerhaps
	}
	switch {
	case money == nil || !c.MovesMoney():
	case part.known:
		*money = money.Add(part.value)
	default:
		s.NoAmount++
	}
}

// Groups gives the rows, sorted by their names and currencies.
func (r *Report) Groups() []*Group {
	return slices.SortedFunc(maps.Values(r.groups), func(a, b *Group) int {
		return cmp.Or(slices.Compare(a.Names, b.Names), strings.Compare(a.Currency, b.Currency))
	})
}

// Totals gives the sums over all calls, sorted by currency.
func (r *Report) Totals() []*Sum {
	return slices.SortedFunc(maps.Values(r.totals), func(a, b *Sum) int { return strings.Compare(a.Currency, b.Currency) })
}

// SumColumns are the columns of a [Sum], named as its members are.
var SumColumns = []string{
	"currency", "calls", "succeeded", "failed", "partial", "unknown", "not_sent", "open", "refused", "moved", "moved_partly", "moved_perhaps", "no_amount", "unsummed",
}

// Cells gives the cells of the sum in the order of [SumColumns].
func (s *Sum) Cells() []string {
	cells := []string{s.Currency}
	for _, n := range [...]uint64{s.Calls, s.Succeeded, s.Failed, s.Partial, s.Unknown, s.NotSent, s.Open, s.Refused} {
		cells = append(cells, strconv.FormatUint(n, 10))
	}
	return append(cells, s.Moved.String(), s.MovedPartly.String(), s.MovedPerhaps.String(), strconv.FormatUint(s.NoAmount, 10), strconv.FormatUint(s.Unsummed, 10))
}
