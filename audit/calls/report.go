package calls

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
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
			return nil, fmt.Errorf("%s is listed twice", d)
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

// Report adds up calls by dimensions.
type Report struct {
	by     []Dimension
	groups map[string]*Group
	total  Counts
	money  map[string]*Money // by currency

	refunds func() (Refunds, error)
	bytes   int    // of the groups' names
	key     []byte // of the group that was asked for last

	maxGroups, maxBytes int
}

// NewReport returns an empty report. It calls refunds once, at the first call that may have been refunded, see [ReadRefunds]. If refunds is
// nil, no refund is known.
func NewReport(by []Dimension, refunds func() (Refunds, error)) *Report {
	if refunds == nil {
		refunds = func() (Refunds, error) { return nil, nil }
	}
	return &Report{
		by: by, groups: map[string]*Group{}, money: map[string]*Money{}, refunds: sync.OnceValues(refunds),
		maxGroups: MaxGroups, maxBytes: maxKeyBytes,
	}
}

// Add adds a call. With [ByCustomer], a call for several customers is in the group of each: rows then add up to more than the
// total, which counts the call once. It returns an error if there are more than [MaxGroups] groups.
func (r *Report) Add(c *Call) error { return AddEntries(c, r.refunds, r.AddEntry) }

// AddEntry adds an entry of one call or of several, see [Entries].
func (r *Report) AddEntry(e *Entry) error {
	if e.Scope != ScopeCustomer {
		if err := r.addTotal(e); err != nil {
			return err
		}
	}
	if e.Scope != ScopeCall && (e.Scope == ScopeCustomer) != r.byCustomer() {
		return nil
	}
	group, err := r.group(e)
	if err != nil {
		return err
	}
	group.Money.add(e)
	group.Counts.add(e)
	return nil
}

func (r *Report) byCustomer() bool { return slices.Contains(r.by, ByCustomer) }

func (r *Report) addTotal(e *Entry) error {
	money := r.money[e.Currency]
	if money == nil {
		if len(r.money) == r.maxGroups {
			return errTooManyGroups
		}
		money = newMoney(e.Currency)
		r.money[e.Currency] = money
	}
	money.add(e)
	r.total.add(e)
	return nil
}

var errTooManyGroups = fmt.Errorf("the report has more than %d groups, or their names are too long: choose fewer calls, or group by less", MaxGroups)

func (r *Report) group(e *Entry) (*Group, error) {
	r.key = r.key[:0]
	for _, d := range r.by {
		r.key = appendText(r.key, e.name(d))
	}
	r.key = appendText(r.key, e.Currency)
	if g := r.groups[string(r.key)]; g != nil {
		return g, nil
	}
	key, names := string(r.key), make([]string, len(r.by))
	for i, d := range r.by {
		names[i] = e.name(d)
	}
	if r.bytes += 2 * len(key); len(r.groups) == r.maxGroups || r.bytes > r.maxBytes {
		return nil, errTooManyGroups
	}
	g := &Group{Names: names, Money: *newMoney(e.Currency), by: r.by}
	r.groups[key] = g
	return g, nil
}

// appendText appends a text with its length: different lists of texts make different keys.
func appendText(key []byte, text string) []byte {
	return append(binary.AppendUvarint(key, uint64(len(text))), text...)
}

func (k *Key) name(d Dimension) string {
	switch d {
	case ByCaller:
		return k.Caller
	case ByOperation:
		return k.Operation
	case ByCredential:
		return k.Credential
	case ByAccount:
		return k.Account
	}
	return k.Customer
}

// Groups returns the rows, sorted by names and currency.
func (r *Report) Groups() []*Group {
	for _, g := range r.groups {
		r.even(&g.Money)
	}
	return slices.SortedFunc(maps.Values(r.groups), func(a, b *Group) int {
		return cmp.Or(slices.Compare(a.Names, b.Names), strings.Compare(a.Currency, b.Currency))
	})
}

// Total returns the counts of all calls.
func (r *Report) Total() *Counts { return &r.total }

// Money returns what all calls moved, sorted by currency; without [NoCurrency] if nothing was moved in that.
func (r *Report) Money() []*Money {
	list := []*Money{}
	for _, m := range r.money {
		if r.even(m); m.Currency != NoCurrency || !m.None() {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b *Money) int { return strings.Compare(a.Currency, b.Currency) })
	return list
}

// minPlaces is the least number of digits behind the point of a sum: that of yuan and dollars.
const minPlaces = 2

// even sets as many digits behind the point in all sums of a currency as the totals have, which have the most.
func (r *Report) even(m *Money) {
	total := cmp.Or(r.money[m.Currency], m) // without a total if entries were added of customers alone
	places := max(minPlaces, total.Moved.Places(), total.MovedPartly.Places(), total.MovedPerhaps.Places())
	m.Moved, m.MovedPartly, m.MovedPerhaps = m.Moved.WithPlaces(places), m.MovedPartly.WithPlaces(places), m.MovedPerhaps.WithPlaces(places)
}
