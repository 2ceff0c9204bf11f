package acts

import (
	"slices"
	"strconv"
	"strings"

	"tollgate/catalog"
	"tollgate/internal/decimal"
	"tollgate/internal/words"
	"tollgate/spend"
)

// readAmount returns an amount in the currency's main unit, and its canonical text.
func (r *reader) readAmount(field, text string) (spend.Money, string, error) {
	d, err := decimal.Parse(text)
	if err != nil {
		return 0, "", refuse("error.act.field", "Field", field, "Why", words.Of(err))
	}
	m, err := spend.ParseMoney(d.Shift(r.power).String())
	if err != nil {
		return 0, "", refuse("error.act.field", "Field", field, "Why", words.Of(err))
	}
	return m, strconv.FormatInt(int64(m), 10), nil
}

// sum adds up what the act moves, and whose money it is.
func (r *reader) sum() (err error) {
	r.Pays = r.pays()
	if r.Currency, err = r.currency(); err != nil {
		return err
	}
	var each spend.Money
	each, r.Amount = r.amounts()
	if r.Customers, err = r.customers(each); err != nil {
		return err
	}
	if r.PriceFrom == catalog.PriceOrder || r.PriceFrom == catalog.PriceRenewal {
		r.IDs = r.space.ids[:0]
		for _, v := range r.found[0] {
			r.IDs = append(r.IDs, v.text)
		}
	}
	return nil
}

// currency returns what the request says that its amount is in; empty if it does not.
func (r *reader) currency() (string, error) {
	for i := range r.request.Fields {
		f := &r.request.Fields[i]
		if f.Kind != catalog.FieldCurrency || len(f.Values) == 0 {
			continue
		}
		if len(f.Values) != 1 || !isCurrency(f.Values[0]) {
			return "", refuse("error.act.currency", "Field", f.Name)
		}
		return strings.ToUpper(f.Values[0]), nil
	}
	return "", nil
}

// amounts returns what the act moves for each of the things that the call names, and for all; nil if the request does not say.
func (r *reader) amounts() (each spend.Money, all *spend.Money) {
	if r.of.Amount == nil || len(r.valuesOf(r.of.Amount)) == 0 {
		return 0, nil
	}
	each = r.valuesOf(r.of.Amount)[0].amount
	total := each
	if subject := r.of.Subject(); subject != nil {
		total *= spend.Money(len(r.valuesOf(subject)))
	}
	return each, &total
}

// customers returns the parts of the customers that the call names where the upstream looks for them, of each once.
func (r *reader) customers(each spend.Money) (parts []Part, err error) {
	for _, text := range r.customersNamed() {
		if !isID(text) {
			return nil, noID(words.Say("error.act.customer_id"))
		}
		part := Part{strings.ToLower(text), each}
		if !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	return parts, nil
}

func (r *reader) customersNamed() (all []string) {
	if r.op.Site == "" {
		return r.request.Accounts.Customers
	}
	for i := range r.request.Fields {
		if f := &r.request.Fields[i]; f.Kind == catalog.FieldCustomer {
			all = append(all, f.Values...)
		}
	}
	return all
}
