package acts

import (
	"strconv"
	"strings"

	"tollgate/catalog"
	"tollgate/internal/decimal"
	"tollgate/spend"
)

// places is how many digits behind the point money has.
const places = 4

// readAmount returns an amount in the currency's main unit, and its canonical text.
func (r *reader) readAmount(field, text string) (spend.Money, string, error) {
	d, err := decimal.Parse(text)
	if err != nil {
		return 0, "", refuse("%s: %v", field, err)
	}
	if d.Sign() < 0 {
		return 0, "", refuse("%s must not be negative", field)
	}
	whole, fraction, _ := strings.Cut(d.Shift(r.power).Shift(places).String(), ".")
	if strings.Trim(fraction, "0") != "" {
		return 0, "", refuse("%s has more than %d digits behind the point", field, places)
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n > maxAmount {
		return 0, "", refuse("%s is too large", field)
	}
	return spend.Money(n), strconv.FormatInt(n, 10), nil
}

// maxAmount is so low that the sum of all keys' is none that overflows.
const maxAmount = 1<<63/maxKeys - 1

// sum adds up what the act moves, and whose money it is.
func (r *reader) sum(a *Act) {
	customer, subject := r.customer(), r.act.Subject()
	var each spend.Money
	if p := r.act.Amount; p != nil {
		if values := r.valuesOf(p); len(values) > 0 {
			each = values[0].amount
			total := each
			if subject != nil {
				total *= spend.Money(len(r.valuesOf(subject)))
			}
			a.Amount = &total
		}
	}
	if customer != nil {
		for _, v := range r.valuesOf(customer) {
			a.Customers = append(a.Customers, Part{v.same, each})
		}
	}
	if a.PriceFrom == catalog.PriceOrder || a.PriceFrom == catalog.PriceRenewal {
		for _, v := range r.valuesOf(&r.act.Parts[0]) {
			a.IDs = append(a.IDs, v.text)
		}
	}
}

// customer returns the part that names customers; nil if there is none.
func (r *reader) customer() *catalog.Part {
	for i := range r.act.Parts {
		if p := &r.act.Parts[i]; p.Kind == catalog.FieldCustomer {
			return p
		}
	}
	return nil
}
