package calls

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"tollgate/audit/logfile"
	"tollgate/catalog"
	"tollgate/internal/decimal"
)

// Amount is one amount of a request or an answer, or the price that the gateway read before it sent the request.
type Amount struct {
	Field    string          `json:"field,omitempty"`  // as the provider's API names it; empty for a price
	Value    decimal.Decimal `json:"value"`            // in the currency's main unit (yuan, dollars)
	Currency string          `json:"currency"`         // three capital letters; NoCurrency where it is not known
	Answer   bool            `json:"answer,omitempty"` // of the answer, not of the request
	From     string          `json:"from,omitempty"`   // of a price: FromOrder or FromRenewal
}

// Where a figure of money comes from.
const (
	FromRequest = "request" // the caller's
	FromAnswer  = "answer"  // the provider's, to the call itself
	FromOrder   = "order"   // the order that was to be paid, as the gateway read it before
	FromRenewal = "renewal" // the price of a renewal, as the gateway read it before
	FromRefund  = "refund"  // the refund order of an unsubscription, as a caller read it later
)

// NoCurrency is the code of ISO 4217 for amounts without a currency.
const NoCurrency = "XXX"

// Amounts returns the call's amounts, those of the request first, and the number of others, which are in no sum: they are no decimal
// numbers (see [decimal.Parse]), are in an unknown unit, or were left out of the record.
func (c *Call) Amounts() (amounts []Amount, unsummed int) {
	for _, r := range c.records() {
		some, others := c.amountsOf(r)
		amounts, unsummed = append(amounts, some...), unsummed+others
	}
	if price, ok := c.price(); ok && price.From != FromRequest {
		amounts = append(amounts, price)
	}
	return amounts, unsummed
}

// FirstAmount returns the first of the call's amounts, and whether there are others that differ from it; ok is false if there is none.
func (c *Call) FirstAmount() (first Amount, others bool, unsummed int, ok bool) {
	amounts, unsummed := c.Amounts()
	if len(amounts) == 0 {
		return Amount{}, false, unsummed, false
	}
	first = amounts[0]
	others = slices.ContainsFunc(amounts[1:], func(a Amount) bool {
		return a.Value.String() != first.Value.String() || a.Currency != first.Currency
	})
	return first, others, unsummed, true
}

// price returns what the gateway reserved for the call before it was sent, if that was an amount of money.
func (c *Call) price() (Amount, bool) {
	said := spendingOf(c.first()).Price
	if said == nil || !IsCurrency(said.Currency) {
		return Amount{}, false
	}
	value, err := decimal.Parse(said.Amount)
	return Amount{Value: value, Currency: said.Currency, From: said.From}, err == nil && value.Sign() >= 0
}

// amountsOf returns those of one record, which may be nil.
func (c *Call) amountsOf(r *logfile.Record) (amounts []Amount, unsummed int) {
	for field := range fieldsOf(r, catalog.FieldAmount) {
		power, currency, known := c.unitOf(r)
		unsummed += field.Omitted
		for _, text := range field.Values {
			value, err := decimal.Parse(text)
			if err != nil || !known {
				unsummed++
				continue
			}
			amounts = append(amounts, Amount{Field: field.Name, Value: value.Shift(power), Currency: currency, Answer: r == c.Outcome})
		}
	}
	return amounts, unsummed
}

// unitOf returns the unit of a record's amounts as a power of ten of a currency's main unit.
func (c *Call) unitOf(r *logfile.Record) (power int, currency string, known bool) {
	measure, all := measureOf(r)
	if measure == "" && all {
		measure, all = measureOf(c.first()) // an answer without a unit is in the request's
	}
	power, known = catalog.Measure(measure)
	return power, c.Currency(), known && all
}

// measureOf returns the measure_id of a record, which v1 spells in two ways, and whether it is that of all amounts.
func measureOf(r *logfile.Record) (measure string, all bool) {
	var named []string
	all = true
	for field := range fieldsOf(r, catalog.FieldOther) {
		if member := field.Name[strings.LastIndexByte(field.Name, '.')+1:]; member == "measure_id" || member == "measureId" {
			named = append(named, field.Values...)
			all = all && speaksForAll(r, field)
		}
	}
	if len(named) == 0 {
		return "", all
	}
	return named[0], all && len(slices.Compact(named)) == 1
}

// speaksForAll reports whether a unit or currency is on record for each amount beside it: in a list, an item may have none, and
// values may have been left out of the record.
func speaksForAll(r *logfile.Record, unit *logfile.Field) bool {
	if unit.Omitted > 0 {
		return false
	}
	items, isList := listOf(unit.Name)
	for field := range fieldsOf(r, catalog.FieldAmount) {
		if of, _ := listOf(field.Name); isList && of == items && len(field.Values)+field.Omitted > len(unit.Values) {
			return false
		}
	}
	return true
}

// listOf returns the innermost list in which a field stands, or the field itself where it stands in none.
func listOf(name string) (list string, ok bool) {
	if i := strings.LastIndex(name, "[]."); i >= 0 {
		return name[:i], true
	}
	return name, false
}

// Currency returns the currency of the call's amounts: that of its price; else the one that its records name, or NoCurrency where they name
// several or not that of each amount; else that of its upstream, else of its site.
func (c *Call) Currency() string {
	if price, ok := c.price(); ok {
		return price.Currency
	}
	for _, r := range c.records() {
		for field := range fieldsOf(r, catalog.FieldCurrency) {
			if !speaksForAll(r, field) {
				return NoCurrency
			}
		}
	}
	if said := c.Fields(catalog.FieldCurrency); len(said) > 0 {
		code := strings.ToUpper(said[0])
		if !IsCurrency(code) || slices.ContainsFunc(said, func(other string) bool { return !strings.EqualFold(other, code) }) {
			return NoCurrency
		}
		return code
	}
	return cmp.Or(c.text(func(r *logfile.Record) string { return r.Currency }), catalog.Currency(c.Site()), NoCurrency)
}

// IsCurrency reports whether a code has three capital letters, as those of ISO 4217 have.
func IsCurrency(code string) bool {
	return len(code) == 3 && strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// perRecipient has the operations whose amount is for each entry of a list, and the list's field.
var perRecipient = map[string]string{"CreatePartnerCoupons": "customer_ids[]", "UpdateCouponQuotas": "indirect_partner_ids[]"}

// moneyInAnswer are the operations whose answer has the amount that they moved.
var moneyInAnswer = map[string]bool{"ReclaimEnterpriseMultiAccountCoupon": true}

// setsLimit are the operations that set a limit of spending and move nothing: their amounts must not be added up.
var setsLimit = map[string]bool{"UpdateSubCustomerBudget": true, "setCredit": true}

// MovesMoney reports whether the call's operation moves money when it succeeds.
func (c *Call) MovesMoney() bool {
	return c.Effect() == catalog.Spend.String() && !setsLimit[c.Operation()]
}

// mayHaveMoved reports whether the call moved money or may have: one with an unknown outcome may.
func (c *Call) mayHaveMoved() bool {
	switch c.State() {
	case logfile.Failed, logfile.NotSent, Refused:
		return false
	}
	return c.MovesMoney()
}

// Figure is an amount of money that a call moved or was to move, and where it comes from.
type Figure struct {
	Value    decimal.Decimal
	Currency string
	From     string // one of the From constants
}

// Money returns what the call was to move: its price where the gateway knew that beforehand, else the amount of the request, or of the
// answer where only that has one. ok is false if there is no single amount that is not negative: payments, for one, name orders and no
// amounts.
func (c *Call) Money() (figure Figure, ok bool) {
	if !c.MovesMoney() {
		return Figure{}, false
	}
	if price, ok := c.price(); ok {
		return Figure{price.Value, price.Currency, price.From}, true
	}
	r := c.amountRecord()
	amounts, unsummed := c.amountsOf(r)
	if r == nil || r.Cut || unsummed > 0 || len(amounts) != 1 || amounts[0].Value.Sign() < 0 {
		return Figure{}, false
	}
	figure = Figure{amounts[0].Value, amounts[0].Currency, FromRequest}
	if amounts[0].Answer {
		figure.From = FromAnswer
	}
	if list, each := perRecipient[c.Operation()]; each {
		recipients := c.count(list)
		figure.Value = figure.Value.Times(recipients)
		return figure, recipients > 0
	}
	return figure, true
}

// countOf returns how often a customer is in a list; [NotRecorded] stands for those that the log left out.
func (c *Call) countOf(list, customer string) (n int) {
	for _, field := range c.first().Fields {
		switch {
		case field.Name != list:
		case customer == NotRecorded:
			n += field.Omitted
		default:
			for _, value := range field.Values {
				if value == customer {
					n++
				}
			}
		}
	}
	return n
}

// Recipients returns the customers that the request names, and whether there are more, which the log left out.
func (c *Call) Recipients() (customers []string, more bool) {
	for field := range fieldsOf(c.first(), catalog.FieldCustomer) {
		for _, value := range field.Values {
			if !slices.Contains(customers, value) {
				customers = append(customers, value)
			}
		}
		more = more || field.Omitted > 0
	}
	return customers, more || c.first().Cut
}

// amountRecord returns the record that has the amount that the call moves; nil if the log does not have it.
func (c *Call) amountRecord() *logfile.Record {
	switch {
	case moneyInAnswer[c.Operation()]:
		return c.Outcome
	case c.first() == c.Outcome:
		return nil
	}
	return c.first()
}

// count returns how many values a field of the request has.
func (c *Call) count(name string) int {
	for _, field := range c.first().Fields {
		if field.Name == name {
			return len(field.Values) + field.Omitted
		}
	}
	return 0
}

// fieldsOf iterates over the fields of a kind. A nil record has none.
func fieldsOf(r *logfile.Record, kind catalog.FieldKind) iter.Seq[*logfile.Field] {
	return func(yield func(*logfile.Field) bool) {
		if r == nil {
			return
		}
		for i := range r.Fields {
			if r.Fields[i].Kind == string(kind) && !yield(&r.Fields[i]) {
				return
			}
		}
	}
}
