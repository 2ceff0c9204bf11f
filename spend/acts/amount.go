package acts

import (
	"slices"
	"strconv"
	"strings"

	"tollgate/catalog"
	"tollgate/internal/decimal"
	"tollgate/spend"
)

// readAmount returns an amount in the currency's main unit, and its canonical text.
func (r *reader) readAmount(field, text string) (spend.Money, string, error) {
	d, err := decimal.Parse(text)
	if err != nil {
		return 0, "", refuse("%s: %v", field, err)
	}
	m, err := spend.ParseMoney(d.Shift(r.power).String())
	if err != nil {
		return 0, "", refuse("%s: %v", field, err)
	}
	return m, strconv.FormatInt(int64(m), 10), nil
}

// sum adds up what the act moves, and whose money it is.
func (r *reader) sum(a *Act) (err error) {
	if a.Currency, err = r.currency(); err != nil {
		return err
	}
	each, total := r.amounts()
	a.Amount = total
	for _, customer := range r.customers() {
		a.Customers = append(a.Customers, Part{customer, each})
	}
	if a.PriceFrom == catalog.PriceOrder || a.PriceFrom == catalog.PriceRenewal {
		for _, v := range r.found[0] {
			a.IDs = append(a.IDs, v.text)
		}
	}
	return nil
}

// currency returns what the request says that its amount is in; empty if it does not.
func (r *reader) currency() (string, error) {
	for i := range r.request.Fields {
		f := &r.request.Fields[i]
		if f.Kind != catalog.FieldCurrency || len(f.Values)+f.Omitted == 0 {
			continue
		}
		if len(f.Values) != 1 || !isCurrency(f.Values[0]) {
			return "", refuse("%s must be a code of three letters, such as CNY", f.Name)
		}
		return strings.ToUpper(f.Values[0]), nil
	}
	return "", nil
}

// amounts returns what the act moves for each of the things that the call names, and for all; nil if the request does not say.
func (r *reader) amounts() (each spend.Money, all *spend.Money) {
	if r.act.Amount == nil || len(r.valuesOf(r.act.Amount)) == 0 {
		return 0, nil
	}
	each = r.valuesOf(r.act.Amount)[0].amount
	total := each
	if subject := r.act.Subject(); subject != nil {
		total *= spend.Money(len(r.valuesOf(subject)))
	}
	return each, &total
}

// customers returns the customers that the call names where the upstream looks for them, in lower case, each once.
func (r *reader) customers() (all []string) {
	named := r.request.Accounts.Customers
	if r.op.Site != "" {
		named = nil
		for i := range r.request.Fields {
			if f := &r.request.Fields[i]; f.Kind == catalog.FieldCustomer {
				named = append(named, f.Values...)
			}
		}
	}
	for _, customer := range named {
		if customer = strings.ToLower(customer); !slices.Contains(all, customer) {
			all = append(all, customer)
		}
	}
	return all
}
