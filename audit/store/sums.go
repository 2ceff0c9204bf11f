package store

import (
	"cmp"
	"context"
	"database/sql/driver"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"modernc.org/sqlite"

	"tollgate/audit/calls"
	"tollgate/internal/decimal"
)

// sums are rows of the table days.
type sums map[sumKey]sum

// sumKey is what calls that are summed up have in common.
type sumKey struct {
	span                int64 // what is written lately stands close together
	day                 int64 // since 1970, in the index's zone
	kind                int64
	scope               calls.Scope
	customer, priceFrom string
}

type sum struct {
	calls, noAmount, unsummed uint64
	money                     decimal.Decimal
}

// addCall adds a call and reports true, unless later records may change what it adds to reports, or the sum might not be exact. What a call for
// one customer adds to totals stands apart from what it adds for the customer: reports that are not by customer read few rows.
func (s sums) addCall(r *row, c *calls.Call, zone *time.Location) bool {
	if !calls.Final(c) {
		return false
	}
	var some [4]calls.Entry
	entries := slices.AppendSeq(some[:0], calls.Entries(c, nil))
	for i := range entries {
		if !summable(entries[i].Money) {
			return false
		}
	}
	key := sumKey{span: r.ord >> spanShift, day: dayOf(c.Time().In(zone)), kind: r.kind}
	for i := range entries {
		e := &entries[i]
		key.scope, key.customer, key.priceFrom = e.Scope, e.Customer, e.PriceFrom
		if e.Scope == calls.ScopeCall && e.Customer != "" {
			key.scope = calls.ScopeCustomer
			s.add(key, e)
			key.scope, key.customer = calls.ScopeTotal, ""
		}
		s.add(key, e)
	}
	return true
}

func (s sums) add(k sumKey, e *calls.Entry) {
	before := s[k]
	s[k] = sum{before.calls + e.Calls, before.noAmount + e.NoAmount, before.unsummed + e.Unsummed, before.money.Add(e.Money)}
}

// summable reports whether an amount is one of those that may be added up without end, and still be read by package decimal.
func summable(d decimal.Decimal) bool {
	const most = 24 // digits before the point, and behind it
	if d.Sign() == 0 && d.Places() == 0 {
		return true
	}
	return d.Places() <= most && len(d.String())-d.Places() <= most
}

// dayOf returns the number of the day of a time in its zone.
func dayOf(t time.Time) int64 {
	year, month, day := t.Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / 86400
}

// startOf returns when a day begins in a zone.
func startOf(day int64, zone *time.Location) time.Time {
	year, month, date := time.Unix(day*86400, 0).UTC().Date()
	t := time.Date(year, month, date, 0, 0, 0, 0, zone)
	if dayOf(t) != day { // there is no midnight: the clock is put forward then
		_, t = t.ZoneBounds()
	}
	return t
}

// addText is the function of SQL that adds decimal numbers.
const addText = "tollgate_add"

func init() {
	sqlite.MustRegisterDeterministicScalarFunction(addText, 2, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		var sum decimal.Decimal
		for _, value := range args {
			money, err := decimal.Parse(fmt.Sprint(value))
			if err != nil {
				return nil, fmt.Errorf("%w: %w", errMisfit, err)
			}
			sum = sum.Add(money)
		}
		return sum.String(), nil
	})
}

func (k sumKey) compare(l sumKey) int {
	return cmp.Or(cmp.Compare(k.span, l.span), strings.Compare(string(k.scope), string(l.scope)), cmp.Compare(k.day, l.day), cmp.Compare(k.kind, l.kind),
		strings.Compare(k.customer, l.customer))
}

func (d *database) writeSums(ctx context.Context, s sums) error {
	values := make([]any, 0, 10*len(s))
	for _, k := range slices.SortedFunc(maps.Keys(s), sumKey.compare) {
		sum := s[k]
		values = append(values, k.span, string(k.scope), k.day, k.kind, k.customer, k.priceFrom,
			int64(sum.calls), int64(sum.noAmount), int64(sum.unsummed), sum.money.String())
	}
	return d.insert(ctx, "INSERT INTO days VALUES", 10, values, " ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, no_amount = no_amount + excluded.no_amount,"+
		" unsummed = unsummed + excluded.unsummed, money = CASE excluded.price_from WHEN '' THEN money ELSE "+addText+"(money, excluded.money) END")
}

// sumAgain sums up the calls of a span again, from their lines.
func (d *database) sumAgain(ctx context.Context, span int64) error {
	if err := d.exec(ctx, "DELETE FROM days WHERE span = ?", span); err != nil {
		return err
	}
	again := sums{}
	err := each(ctx, d, (*row).columns, func(r *row) error {
		c, err := d.read(ctx, r)
		if err == nil {
			again.addCall(r, c, d.zone)
		}
		return err
	}, "SELECT "+rowColumns+" FROM calls WHERE ord BETWEEN ? AND ? AND summed = 1", span<<spanShift, (span+1)<<spanShift-1)
	if err != nil {
		return err
	}
	return d.writeSums(ctx, again)
}
