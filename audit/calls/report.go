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
	"sync"

	"tollgate/audit/logfile"
	"tollgate/internal/decimal"
)

// Dimension is what a report groups calls by.
type Dimension string

// The dimensions.
const (
	ByCaller     Dimension = "caller"
	ByOperation  Dimension = "operation"
	ByCredential Dimension = "credential"
	ByAccount    Dimension = "account" // of the credential: who pays
	ByCustomer   Dimension = "customer"
)

// Dimensions are all of them, in the order of a report's columns.
var Dimensions = []Dimension{ByCaller, ByOperation, ByCredential, ByAccount, ByCustomer}

// ParseDimensions reads a list such as "caller,operation".
func ParseDimensions(text string) ([]Dimension, error) {
	var by []Dimension
	for word := range strings.SplitSeq(text, ",") {
		d := Dimension(strings.TrimSpace(word))
		if !slices.Contains(Dimensions, d) {
			return nil, fmt.Errorf("%q: choose from caller, operation, credential, account, customer", word)
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

// Counts are how many calls there were, and what became of them: Calls is the sum of the seven counts behind it.
type Counts struct {
	Calls     uint64 `json:"calls"`
	Succeeded uint64 `json:"succeeded"`
	Failed    uint64 `json:"failed"`
	Partial   uint64 `json:"partial"`
	Unknown   uint64 `json:"unknown"`
	NotSent   uint64 `json:"not_sent"`
	Open      uint64 `json:"open"`
	Refused   uint64 `json:"refused"`

	// NoAmount counts calls that moved or may have moved money, and of which the records do not tell how much.
	NoAmount uint64 `json:"no_amount"`
	// Unsummed counts the calls of any effect that were not refused, and tell of an amount that is in no sum, see [Call.Amounts].
	Unsummed uint64 `json:"unsummed"`
}

// Money is what calls moved in a currency. Each call is in one, by what it says or by its site.
type Money struct {
	Currency     string          `json:"currency"`
	Moved        decimal.Decimal `json:"moved"`         // by calls that succeeded, see [Call.Money]
	MovedPartly  decimal.Decimal `json:"moved_partly"`  // what calls asked for that did a part of it
	MovedPerhaps decimal.Decimal `json:"moved_perhaps"` // what calls asked for of which nobody knows whether they acted: unknown, open
	From         []string        `json:"from"`          // where these figures come from: some of the From constants, sorted
}

// Group is a row of a report: the calls that have its names and its currency.
type Group struct {
	Names []string // one for each of the report's dimensions, in their order; empty where a call has none
	Money
	Counts

	by []Dimension
}

// MarshalJSON writes the names under those of their dimensions, and then the sums.
func (g *Group) MarshalJSON() ([]byte, error) {
	var row struct {
		Caller     *string `json:"caller,omitempty"`
		Operation  *string `json:"operation,omitempty"`
		Credential *string `json:"credential,omitempty"`
		Account    *string `json:"account,omitempty"`
		Customer   *string `json:"customer,omitempty"`
		Money
		Counts
	}
	members := map[Dimension]**string{
		ByCaller: &row.Caller, ByOperation: &row.Operation, ByCredential: &row.Credential, ByAccount: &row.Account, ByCustomer: &row.Customer,
	}
	for i, d := range g.by {
		*members[d] = &g.Names[i]
	}
	row.Money, row.Counts = g.Money, g.Counts
	return json.Marshal(&row)
}

// Report sums calls up.
type Report struct {
	by     []Dimension
	groups map[string]*Group
	total  Counts
	money  map[string]*Money // by currency

	refunds func() (Refunds, error)
	bytes   int // of the groups' names

	maxGroups, maxBytes int
}

// NewReport returns an empty report. It calls refunds at the first call that may have been refunded, see [ReadRefunds]; nil: no refund is
// known.
func NewReport(by []Dimension, refunds func() (Refunds, error)) *Report {
	if refunds == nil {
		refunds = func() (Refunds, error) { return nil, nil }
	}
	return &Report{
		by: by, groups: map[string]*Group{}, money: map[string]*Money{}, refunds: sync.OnceValues(refunds),
		maxGroups: MaxGroups, maxBytes: maxKeyBytes,
	}
}

// Add counts a call. With [ByCustomer], a call that names several customers is in the group of each: rows then add up to
// more than the total, which counts it once. There can be [MaxGroups] groups.
func (r *Report) Add(c *Call) error {
	share, err := r.shareOf(c)
	if err != nil {
		return err
	}
	money := r.money[share.Currency]
	if money == nil {
		if len(r.money) == r.maxGroups {
			return errTooManyGroups
		}
		money = newMoney(share.Currency)
		r.money[share.Currency] = money
	}
	money.add(c, share)
	r.total.add(c, share)
	for _, customer := range r.customers(c) {
		group, err := r.group(c, customer.name, share.Currency)
		if err != nil {
			return err
		}
		part := customer.of(c, share)
		group.Money.add(c, part)
		group.Counts.add(c, part)
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
	g := &Group{Names: names, Money: *newMoney(currency), by: r.by}
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
	case ByAccount:
		return c.Account()
	}
	return customer
}

// share is a part of a call's money.
type share struct {
	Figure
	known bool
}

func (r *Report) shareOf(c *Call) (share, error) {
	figure, known := c.Money()
	if !known && refunded[c.Operation()] && c.mayHaveMoved() {
		refunds, err := r.refunds()
		if err != nil {
			return share{}, err
		}
		figure, known = refunds.of(c)
	}
	if !known {
		figure = Figure{Currency: c.Currency()}
	}
	return share{figure, known}, nil
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
		return share{Figure: Figure{Currency: s.Currency}}
	}
	amounts, _ := c.Amounts() // one, or the share would not be known
	return share{Figure{amounts[0].Value.Times(c.countOf(list, cu.name)), s.Currency, s.From}, true}
}

// add counts a call with its money, or a part of it.
func (n *Counts) add(c *Call, part share) {
	n.Calls++
	*n.of(c.State())++
	if _, unsummed := c.Amounts(); unsummed > 0 && c.State() != Refused {
		n.Unsummed++
	}
	if c.mayHaveMoved() && !part.known {
		n.NoAmount++
	}
}

func (n *Counts) of(state string) *uint64 {
	switch state {
	case logfile.Succeeded:
		return &n.Succeeded
	case logfile.Failed:
		return &n.Failed
	case logfile.Partial:
		return &n.Partial
	case logfile.NotSent:
		return &n.NotSent
	case Refused:
		return &n.Refused
	case Open:
		return &n.Open
	}
	return &n.Unknown // logfile.Unknown, and whatever a later version may write
}

// add adds the money of a call, or a part of it.
func (m *Money) add(c *Call, part share) {
	if !c.mayHaveMoved() || !part.known {
		return
	}
	sum := &m.MovedPerhaps
	switch c.State() {
	case logfile.Succeeded:
		sum = &m.Moved
	case logfile.Partial:
		sum = &m.MovedPartly
	}
	*sum = sum.Add(part.Value)
	if i, found := slices.BinarySearch(m.From, part.From); !found {
		m.From = slices.Insert(m.From, i, part.From)
	}
}

func newMoney(currency string) *Money { return &Money{Currency: currency, From: []string{}} }

// Groups gives the rows, sorted by their names and currencies.
func (r *Report) Groups() []*Group {
	for _, g := range r.groups {
		r.even(&g.Money)
	}
	return slices.SortedFunc(maps.Values(r.groups), func(a, b *Group) int {
		return cmp.Or(slices.Compare(a.Names, b.Names), strings.Compare(a.Currency, b.Currency))
	})
}

// Total counts all calls.
func (r *Report) Total() *Counts { return &r.total }

// Money returns what all calls moved, sorted by currency; without [NoCurrency] if nothing was moved in that.
func (r *Report) Money() []*Money {
	list := []*Money{}
	for _, m := range r.money {
		if r.even(m); m.Currency != NoCurrency || m.any() {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b *Money) int { return strings.Compare(a.Currency, b.Currency) })
	return list
}

func (m *Money) any() bool {
	return m.Moved.Sign() != 0 || m.MovedPartly.Sign() != 0 || m.MovedPerhaps.Sign() != 0
}

// minPlaces is how many digits a sum has behind the point at least: those of yuan and dollars.
const minPlaces = 2

// even has all sums of a currency written with as many digits behind the point as the totals, which have the most.
func (r *Report) even(m *Money) {
	total := r.money[m.Currency]
	places := max(minPlaces, total.Moved.Places(), total.MovedPartly.Places(), total.MovedPerhaps.Places())
	m.Moved, m.MovedPartly, m.MovedPerhaps = m.Moved.WithPlaces(places), m.MovedPartly.WithPlaces(places), m.MovedPerhaps.WithPlaces(places)
}

// SumColumns are the columns behind the names of a row, named as the members of [Money] and [Counts] are.
var SumColumns = []string{
	"currency", "calls", "succeeded", "failed", "partial", "unknown", "not_sent", "open", "refused", "moved", "moved_partly", "moved_perhaps", "from", "no_amount", "unsummed",
}

// Cells returns the cells of sums in the order of [SumColumns]: those of money and counts, of which one may be nil.
func Cells(m *Money, n *Counts) []string {
	money, states, rest := make([]string, 5), make([]string, 8), make([]string, 2)
	if m != nil {
		money = []string{m.Currency, m.Moved.String(), m.MovedPartly.String(), m.MovedPerhaps.String(), strings.Join(m.From, ", ")}
	}
	if n != nil {
		states = texts(n.Calls, n.Succeeded, n.Failed, n.Partial, n.Unknown, n.NotSent, n.Open, n.Refused)
		rest = texts(n.NoAmount, n.Unsummed)
	}
	return slices.Concat(money[:1], states, money[1:], rest)
}

func texts(numbers ...uint64) []string {
	list := make([]string, len(numbers))
	for i, n := range numbers {
		list[i] = strconv.FormatUint(n, 10)
	}
	return list
}
