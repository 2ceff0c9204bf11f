package calls

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"tollgate/audit/logfile"
	"tollgate/internal/decimal"
)

// Counts are numbers of calls by state. Calls is the sum of the seven behind it.
type Counts struct {
	Calls     uint64 `json:"calls"`
	Succeeded uint64 `json:"succeeded"`
	Failed    uint64 `json:"failed"`
	Partial   uint64 `json:"partial"`
	Unknown   uint64 `json:"unknown"`
	NotSent   uint64 `json:"not_sent"`
	Open      uint64 `json:"open"`
	Refused   uint64 `json:"refused"`

	// NoAmount counts the calls that moved or may have moved money, but no amount is on record.
	NoAmount uint64 `json:"no_amount"`
	// Unsummed counts the calls of any effect that were not refused and have an amount that is in no sum, see [Call.Amounts].
	Unsummed uint64 `json:"unsummed"`
}

// Money is what calls moved in a currency. Each call has one, of its records or of its site.
type Money struct {
	Currency     string          `json:"currency"`
	Moved        decimal.Decimal `json:"moved"`         // by calls that succeeded, see [Call.Money]
	MovedPartly  decimal.Decimal `json:"moved_partly"`  // requested by calls that were done in part
	MovedPerhaps decimal.Decimal `json:"moved_perhaps"` // requested by calls that may have been done: unknown, open
	From         []string        `json:"from"`          // the sources of these figures: some of the From constants, sorted
}

// Group is a row of a report: the calls that have its names and its currency.
type Group struct {
	Names []string // one for each of the report's dimensions, in their order; empty where a call has none
	Money
	Counts

	by []Dimension
}

// MarshalJSON implements [json.Marshaler]. The names are members named after their dimensions.
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

func (n *Counts) add(e *Entry) {
	n.Calls += e.Calls
	*n.of(e.State) += e.Calls
	n.NoAmount += e.NoAmount
	n.Unsummed += e.Unsummed
}

// Of returns the number of calls in a state.
func (n *Counts) Of(state string) uint64 { return *n.of(state) }

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
	return &n.Unknown // logfile.Unknown, and outcomes of later versions
}

func (m *Money) add(e *Entry) {
	if e.PriceFrom == "" {
		return
	}
	sum := &m.MovedPerhaps
	switch e.State {
	case logfile.Succeeded:
		sum = &m.Moved
	case logfile.Partial:
		sum = &m.MovedPartly
	}
	*sum = sum.Add(e.Money)
	if i, found := slices.BinarySearch(m.From, e.PriceFrom); !found {
		m.From = slices.Insert(m.From, i, e.PriceFrom)
	}
}

func newMoney(currency string) *Money { return &Money{Currency: currency, From: []string{}} }

// None reports whether nothing was moved.
func (m *Money) None() bool {
	return m.Moved.Sign() == 0 && m.MovedPartly.Sign() == 0 && m.MovedPerhaps.Sign() == 0
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
