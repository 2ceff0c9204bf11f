package acts

import (
	"slices"
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
		if len(f.Values) != 1 || len(f.Values[0]) != 3 || strings.Trim(strings.ToUpper(f.Values[0]), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
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
