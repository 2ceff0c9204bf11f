package calls

import (
	"slices"
	"time"

	"tollgate/catalog"
	"tollgate/internal/decimal"
)

// Filter chooses calls. A call has to match every member that is not empty.
type Filter struct {
	Since time.Time // calls of this time or later, by [Call.Time]
	Until time.Time // calls before this time

	Call string // an id, or its short form, see [ShortID]

	Caller, Operation, Effect, Site, Credential, Class, Account, Plan, Decision string

	Deprecated bool // only calls of operations that were deprecated at the time

	State     string // as of [Call.State]
	Reason    string // of a refusal, or of an outcome without an answer
	Status    int
	ErrorCode string
	RequestID string // the provider's

	Order, Customer, Coupon string // an id in a field of that kind, of the request or of the answer

	// An amount of the request or the answer is in this range, both ends included, and in this currency. An amount that is in
	// no sum (see [Call.Amounts]) is in every range.
	MinAmount, MaxAmount *decimal.Decimal
	Currency             string // three capital letters

	// Last has a [Source] return only the last calls that match; 0: all of them. Match ignores it.
	Last int
}

// Match reports whether the filter chooses a call.
func (f *Filter) Match(c *Call) bool {
	return f.matchTexts(c) && f.matchTime(c.Time()) && (!f.Deprecated || c.Deprecated()) && (f.Status == 0 || f.Status == c.Status()) && f.matchFields(c) && f.matchAmounts(c)
}

// Passing returns a function that calls yield for the calls that match.
func (f *Filter) Passing(yield func(*Call) error) func(*Call) error {
	return func(c *Call) error {
		if !f.Match(c) {
			return nil
		}
		return yield(c)
	}
}

func (f *Filter) matchTexts(c *Call) bool {
	for _, text := range [...]struct {
		want string
		got  func() string
	}{
		{f.Caller, c.Caller}, {f.Operation, c.Operation}, {f.Effect, c.Effect}, {f.Site, c.Site}, {f.Credential, c.Credential},
		{f.Class, c.Class}, {f.Account, c.Account}, {f.Plan, c.Plan}, {f.Decision, c.Decision}, {f.State, c.State}, {f.Reason, c.Reason}, {f.ErrorCode, c.ErrorCode}, {f.RequestID, c.RequestID},
	} {
		if text.want != "" && text.want != text.got() {
			return false
		}
	}
	return f.Call == "" || f.Call == c.ID() || f.Call == ShortID(c.ID())
}

func (f *Filter) matchTime(t time.Time) bool {
	return (f.Since.IsZero() || !t.Before(f.Since)) && (f.Until.IsZero() || t.Before(f.Until))
}

func (f *Filter) matchFields(c *Call) bool {
	for _, id := range [...]struct {
		want string
		kind catalog.FieldKind
	}{{f.Order, catalog.FieldOrder}, {f.Customer, catalog.FieldCustomer}, {f.Coupon, catalog.FieldCoupon}} {
		if id.want != "" && !slices.Contains(c.Fields(id.kind), id.want) {
			return false
		}
	}
	return true
}

func (f *Filter) matchAmounts(c *Call) bool {
	if f.MinAmount == nil && f.MaxAmount == nil && f.Currency == "" {
		return true
	}
	amounts, unsummed := c.Amounts()
	if unsummed > 0 && (f.Currency == "" || f.Currency == c.Currency()) {
		return true
	}
	return slices.ContainsFunc(amounts, func(a Amount) bool {
		return (f.MinAmount == nil || a.Value.Cmp(*f.MinAmount) >= 0) && (f.MaxAmount == nil || a.Value.Cmp(*f.MaxAmount) <= 0) &&
			(f.Currency == "" || a.Currency == f.Currency)
	})
}
