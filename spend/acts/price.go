package acts

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tollgate/bss"
	"tollgate/catalog"
	"tollgate/spend"
)

// Query is one read of the provider's by which something is looked up.
type Query struct {
	Operation *catalog.Operation
	Path      string // escaped; ids need no escaping
	Query     string // escaped
	Body      []byte // JSON; nil: none
}

// Reads of prices, and of the outcomes of orders.
const (
	orderRead   = "ShowCustomerOrderDetails"
	renewalRead = "ListRenewRateOnPeriod"
)

// PriceQuery returns the one read that says what an act costs, by what was read of its request at a site. The error says why none does.
func (a *Act) PriceQuery(site string, request *bss.Request) (*Query, error) {
	switch {
	case a.PriceFrom == catalog.PriceOrder && len(a.IDs) == 1:
		return OrderQuery(site, a.IDs[0])
	case a.PriceFrom == catalog.PriceOrder:
		return nil, errors.New("the call names several orders, and one read shows one")
	case a.PriceFrom == catalog.PriceRenewal:
		return renewalQuery(site, a.IDs, request)
	}
	return nil, errors.New("no read says it")
}

// OrderQuery returns the read that shows an order.
func OrderQuery(site, order string) (*Query, error) {
	if order == "" || len(order) > maxID || strings.ContainsFunc(order, notOfIDs) {
		return nil, errors.New("the order's id cannot stand in a path")
	}
	return newQuery(site, orderRead, order, "", nil)
}

// newQuery returns a read. Its path may have one parameter.
func newQuery(site, operation, param, query string, body any) (*Query, error) {
	op := catalog.Find(site, operation)
	if op == nil {
		return nil, fmt.Errorf("site %q has no %s", site, operation)
	}
	q := &Query{Operation: op, Path: op.Path, Query: query}
	if at := strings.IndexByte(op.Path, '{'); at >= 0 {
		q.Path = op.Path[:at] + param
	}
	var err error
	if body != nil {
		q.Body, err = json.Marshal(body)
	}
	return q, err
}

func renewalQuery(site string, resources []string, request *bss.Request) (*Query, error) {
	kind, kindErr := onlyNumber(request.Fields, "period_type", "periodType")
	count, countErr := onlyNumber(request.Fields, "period_num", "periodNum")
	if err := errors.Join(kindErr, countErr); err != nil {
		return nil, err
	}
	return newQuery(site, renewalRead, "", "", struct {
		Resources []string `json:"resource_ids"`
		Type      int      `json:"period_type"`
		Count     int      `json:"period_num"`
		Attached  bool     `json:"include_relative_resources"`
	}{resources, kind, count, true})
}

// onlyNumber returns the small number that a request has under any of some names.
func onlyNumber(fields []bss.Value, names ...string) (int, error) {
	said, err := only(fields, names...)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(said, 10, 8)
	if err != nil {
		return 0, fmt.Errorf("%s is no small number", names[0])
	}
	return int(n), nil
}

// only returns the one value that stands under any of some names.
func only(fields []bss.Value, names ...string) (string, error) {
	var all []string
	for i := range fields {
		if f := &fields[i]; slices.Contains(names, f.Name) {
			if f.Omitted > 0 {
				return "", fmt.Errorf("%s is too long", f.Name)
			}
			all = append(all, f.Values...)
		}
	}
	all = slices.Compact(all)
	if len(all) != 1 {
		return "", fmt.Errorf("%s has %d readings", names[0], len(all))
	}
	return all[0], nil
}

// Names of what answers say, as the catalog has them.
const (
	orderID       = "order_info.order_id"
	orderAmount   = "order_info.amount_after_discount"
	orderCurrency = "order_info.currency"
	orderMeasure  = "order_info.measure_id"
	orderStatus   = "order_info.status"

	renewalAmount   = "official_website_rating_result.official_website_amount"
	renewalMeasure  = "official_website_rating_result.measure_id"
	renewalCurrency = "currency"
	renewed         = "renew_inquiry_results[].resource_id"
)

// mainUnit is the measure_id of amounts in the currency's main unit.
const mainUnit = "1"

// ReadPrice returns what an act costs by the answer to its price query. The error says why that is not known.
func (a *Act) ReadPrice(answer *bss.Outcome, body []byte) (spend.Price, error) {
	if err := checkAnswer(answer, body); err != nil {
		return spend.Price{}, err
	}
	if a.PriceFrom == catalog.PriceOrder {
		return orderPrice(a.IDs[0], answer.Fields)
	}
	return a.renewalPrice(answer.Fields)
}

// checkAnswer returns an error unless an answer is a success, and one that all readers read alike.
func checkAnswer(answer *bss.Outcome, body []byte) error {
	switch {
	case answer.Result != bss.Success:
		return fmt.Errorf("the answer is no success (%s)", answer.Result)
	case !bss.OneReading(body):
		return errors.New("the answer has more than one reading")
	}
	return nil
}

func orderPrice(order string, fields []bss.Value) (spend.Price, error) {
	if err := checkOrder(order, fields); err != nil {
		return spend.Price{}, err
	}
	if measure, err := only(fields, orderMeasure); err != nil || measure != mainUnit {
		return spend.Price{}, fmt.Errorf("%s is not %s", orderMeasure, mainUnit)
	}
	return price(fields, orderAmount, orderCurrency)
}

// checkOrder returns an error unless the answer is about the order.
func checkOrder(order string, fields []bss.Value) error {
	if shown, err := only(fields, orderID); err != nil || !strings.EqualFold(shown, order) {
		return errors.New("the answer is not about the order")
	}
	return nil
}

// renewalPrice returns the price of the renewal of all resources. The provider documents no measure_id there.
func (a *Act) renewalPrice(fields []bss.Value) (spend.Price, error) {
	if i := slices.IndexFunc(fields, func(f bss.Value) bool { return f.Name == renewalMeasure }); i >= 0 {
		if measure, err := only(fields, renewalMeasure); err != nil || measure != mainUnit {
			return spend.Price{}, fmt.Errorf("%s is not %s", renewalMeasure, mainUnit)
		}
	}
	var shown []string
	for i := range fields {
		if fields[i].Name == renewed {
			shown = fields[i].Values
		}
	}
	for _, id := range a.IDs {
		if !slices.ContainsFunc(shown, func(s string) bool { return strings.EqualFold(s, id) }) {
			return spend.Price{}, fmt.Errorf("the answer has no price of %s", id)
		}
	}
	return price(fields, renewalAmount, renewalCurrency)
}

func price(fields []bss.Value, amount, currency string) (p spend.Price, err error) {
	text, err := only(fields, amount)
	if err != nil {
		return p, err
	}
	if p.Amount, err = spend.Ceil(text); err != nil {
		return spend.Price{}, fmt.Errorf("%s: %w", amount, err)
	}
	said, err := only(fields, currency)
	if err != nil || !isCurrency(said) {
		return spend.Price{}, fmt.Errorf("%s is no code of three letters", currency)
	}
	p.Currency = strings.ToUpper(said)
	return p, nil
}

// isCurrency reports whether a text is a code of three letters, such as CNY.
func isCurrency(text string) bool {
	return len(text) == 3 && strings.Trim(strings.ToUpper(text), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// States of an order that the provider documents and that say whether it was paid.
const (
	orderPaid   = "5"
	orderUnpaid = "6"
)

// ReadPaid reports whether an order was paid, by the answer to its [OrderQuery]. The error says why that is not known.
func ReadPaid(order string, answer *bss.Outcome, body []byte) (bool, error) {
	if err := checkAnswer(answer, body); err != nil {
		return false, err
	}
	if err := checkOrder(order, answer.Fields); err != nil {
		return false, err
	}
	switch status, err := only(answer.Fields, orderStatus); {
	case err != nil:
		return false, err
	case status == orderPaid:
		return true, nil
	case status == orderUnpaid:
		return false, nil
	default:
		return false, fmt.Errorf("%s is %.20s, which says neither that it was paid nor that it was not", orderStatus, status)
	}
}
