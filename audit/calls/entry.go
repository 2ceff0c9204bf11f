package calls

import (
	"iter"

	"tollgate/audit/logfile"
	"tollgate/internal/decimal"
)

// Scope is which sums of a report an entry is counted in.
type Scope string

// The scopes. A call for one customer, or for none, has one entry, of ScopeCall. A call for several customers has one of ScopeCalls and one
// of ScopeCustomer for each of them: rows by customer then add up to more than the total, which counts the call once.
const (
	ScopeCall     Scope = ""         // totals and all rows
	ScopeTotal    Scope = "total"    // totals, and rows that are not by customer
	ScopeCustomer Scope = "customer" // rows by customer alone
)

// Key identifies entries that may be added up without a change to any report.
type Key struct {
	Scope      Scope
	Caller     string // as [Call.CallerText]
	Operation  string
	Credential string
	Account    string
	Customer   string // empty in ScopeTotal; NotRecorded where the record does not have the name
	Effect     string
	State      string // as [Call.State]
	Reason     string
	Currency   string // NoCurrency where none is known
	PriceFrom  string // where Money comes from, one of the From constants; empty: the entry has no money
}

// Entry is what one call, or several of one key, add to a report.
type Entry struct {
	Key
	Money    decimal.Decimal // what was moved or may have been, see Key.State; zero without Key.PriceFrom
	Calls    uint64
	NoAmount uint64 // of these calls, see Counts.NoAmount
	Unsummed uint64 // of these calls, see Counts.Unsummed
}

// Add adds an entry of the same key to e.
func (e *Entry) Add(other *Entry) {
	e.Money = e.Money.Add(other.Money)
	e.Calls += other.Calls
	e.NoAmount += other.NoAmount
	e.Unsummed += other.Unsummed
}

// Final reports whether the entries of a call can no longer change: it has ended, its outcome is not unknown, which may be settled later, and
// no refund that is read later says how much it moved.
func Final(c *Call) bool {
	if c.Outcome == nil {
		return c.Refusal != nil
	}
	return c.Outcome.Outcome != logfile.Unknown && !c.needsRefunds()
}

// Entries iterates over what a call adds to reports. Only calls that are not final need refunds.
func Entries(c *Call, refunds Refunds) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		share := c.share(refunds)
		customers := c.customers()
		if len(customers) == 1 {
			yield(c.entry(ScopeCall, customers[0], share))
			return
		}
		if !yield(c.entry(ScopeTotal, "", share)) {
			return
		}
		for _, customer := range customers {
			if !yield(c.entry(ScopeCustomer, customer, c.shareFor(customer, share))) {
				return
			}
		}
	}
}

// AddEntries calls add for what a call adds to reports, see [Entries]. It calls refunds only if the call needs them.
func AddEntries(c *Call, refunds func() (Refunds, error), add func(*Entry) error) error {
	var known Refunds
	if c.needsRefunds() {
		var err error
		if known, err = refunds(); err != nil {
			return err
		}
	}
	for e := range Entries(c, known) {
		if err := add(&e); err != nil {
			return err
		}
	}
	return nil
}

func (c *Call) entry(scope Scope, customer string, s share) Entry {
	e := Entry{Calls: 1, Key: Key{
		Scope: scope, Caller: c.CallerText(), Operation: c.Operation(), Credential: c.Credential(), Account: c.Account(), Customer: customer,
		Effect: c.Effect(), State: c.State(), Reason: c.Reason(), Currency: s.Currency,
	}}
	if _, unsummed := c.Amounts(); unsummed > 0 && e.State != Refused {
		e.Unsummed = 1
	}
	switch {
	case !c.mayHaveMoved():
	case s.known:
		e.Money, e.PriceFrom = s.Value, s.From
	default:
		e.NoAmount = 1
	}
	return e
}

// share is a part of a call's money. If it is not known, it has a currency all the same.
type share struct {
	Figure
	known bool
}

func (c *Call) share(refunds Refunds) share {
	figure, known := c.Money()
	if c.needsRefunds() {
		figure, known = refunds.of(c)
	}
	if !known {
		figure = Figure{Currency: c.Currency()}
	}
	return share{figure, known}
}

// needsRefunds reports whether only refunds say how much the call moved.
func (c *Call) needsRefunds() bool {
	if !refunded[c.Operation()] || !c.mayHaveMoved() {
		return false
	}
	_, known := c.Money()
	return !known
}

// NotRecorded is the customer of an entry, where a request names more than the log holds.
const NotRecorded = "(not recorded)"

// customers returns those that the call is about, at least one: the empty name stands for none.
func (c *Call) customers() []string {
	names, more := c.Recipients()
	if more {
		names = append(names, NotRecorded)
	}
	if len(names) == 0 {
		return []string{""}
	}
	return names
}

// shareFor returns the part of a share that is for one of several customers: what each recipient gets, or an unknown one.
func (c *Call) shareFor(customer string, all share) share {
	list, each := perRecipient[c.Operation()]
	switch {
	case !all.known:
		return all
	case !each:
		return share{Figure: Figure{Currency: all.Currency}}
	}
	amounts, _ := c.Amounts() // one, or the share would not be known
	return share{Figure{amounts[0].Value.Times(c.countOf(list, customer)), all.Currency, all.From}, true}
}
