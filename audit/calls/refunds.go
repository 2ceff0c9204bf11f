package calls

import (
	"context"
	"fmt"

	"tollgate/audit/logfile"
	"tollgate/catalog"
)

// refundReads are the operations whose answers have the amounts of a refund order.
var refundReads = []string{"ShowRefundOrderDetails", "queryRefundOrder"}

// refunded are the operations that refund by orders, all of which their answers name.
var refunded = map[string]bool{"CancelResourcesSubscription": true, "orderDeleteByResourceId": true}

// Refunds are the amounts of refund orders, by site and order, as far as callers have read them through the gateway.
type Refunds map[refundOrder]Figure

type refundOrder struct{ site, order string }

// ReadRefunds returns the refunds that a source has. Of several reads of an order the last one counts.
func ReadRefunds(ctx context.Context, source Source) (Refunds, error) {
	refunds := Refunds{}
	for _, operation := range refundReads {
		if err := source.Calls(ctx, &Filter{Operation: operation, State: logfile.Succeeded}, refunds.add); err != nil {
			return nil, err
		}
	}
	return refunds, nil
}

func (f Refunds) add(c *Call) error {
	asked := fieldsNamed(c.first(), catalog.FieldOrder)
	amounts, unsummed := c.amountsOf(c.Outcome)
	if c.Intent == nil || c.Outcome.Cut || len(asked) != 1 || unsummed > 0 {
		return nil
	}
	if figure, ok := refundOf(amounts); ok {
		f[refundOrder{c.Site(), asked[0]}] = figure
	}
	if len(f) > MaxGroups {
		return fmt.Errorf("callers have read more than %d refund orders: the report cannot hold them", MaxGroups)
	}
	return nil
}

// refundOf adds up what was refunded, which the provider states as negative amounts; positive ones were used up or kept as a fee.
func refundOf(amounts []Amount) (sum Figure, ok bool) {
	for _, a := range amounts {
		if a.Value.Sign() > 0 {
			continue
		}
		if ok && a.Currency != sum.Currency {
			return Figure{}, false
		}
		sum, ok = Figure{sum.Value.Add(a.Value.Times(-1)), a.Currency, FromRefund}, true
	}
	return sum, ok
}

// of returns what an unsubscription refunded, if each of its refund orders was read.
func (f Refunds) of(c *Call) (sum Figure, ok bool) {
	for _, order := range fieldsNamed(c.Outcome, catalog.FieldOrder) {
		refund, read := f[refundOrder{c.Site(), order}]
		if !read || ok && refund.Currency != sum.Currency {
			return Figure{}, false
		}
		sum, ok = Figure{sum.Value.Add(refund.Value), refund.Currency, FromRefund}, true
	}
	return sum, ok
}

// fieldsNamed returns the values of a record's fields of a kind; none where values were left out.
func fieldsNamed(r *logfile.Record, kind catalog.FieldKind) (values []string) {
	for field := range fieldsOf(r, kind) {
		if field.Omitted > 0 {
			return nil
		}
		values = append(values, field.Values...)
	}
	return values
}
