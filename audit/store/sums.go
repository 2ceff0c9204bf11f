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

// sums are rows of the tables days and customers.
type sums map[sumKey]sum

// sumKey is what calls that are summed up have in common.
type sumKey struct {
	segment    uint64 // of the record that ended them: pruned with it
	day        int64  // since 1970, in the index's zone
	kind       int64
	byCustomer bool // of the table customers, not of days
	customer   string
	priceFrom  string
}

type sum struct {
	calls, noAmount, unsummed uint64
	money                     decimal.Decimal
}

// addCall adds a call and reports true, unless later records may change what it adds to reports, or the sum might not be exact.
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
	key := sumKey{segment: r.ended.Segment, day: dayOf(c.Time().In(zone)), kind: r.kind}
	for i := range entries {
		e := &entries[i]
		key.priceFrom = e.PriceFrom
		if e.Scope != calls.ScopeCustomer {
			key.byCustomer, key.customer = false, ""
			s.add(key, e)
		}
		if e.Scope != calls.ScopeTotal {
			key.byCustomer, key.customer = true, e.Customer
			s.add(key, e)
		}
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
		sum, err := parseMoney(args[0])
		if err != nil {
			return nil, err
		}
		more, err := parseMoney(args[1])
		return sum.Add(more).String(), err
	})
}

func parseMoney(value any) (decimal.Decimal, error) {
	text, ok := value.(string)
	if !ok {
		return decimal.Decimal{}, fmt.Errorf("%w: an amount is no text", errMisfit)
	}
	return decimal.Parse(text)
}

func (k sumKey) compare(l sumKey) int {
	return cmp.Or(cmp.Compare(k.segment, l.segment), cmp.Compare(k.day, l.day), cmp.Compare(k.kind, l.kind), strings.Compare(k.customer, l.customer))
}

func (d *database) writeSums(ctx context.Context, s sums) error {
	keys := slices.Collect(maps.Keys(s))
	slices.SortFunc(keys, sumKey.compare)
	days, customers := make([]any, 0, 8*len(keys)), make([]any, 0, 9*len(keys))
	for _, k := range keys {
		sum := s[k]
		if k.byCustomer {
			customers = append(customers, int64(k.segment), k.day, k.kind, k.customer, k.priceFrom, int64(sum.calls), int64(sum.noAmount), int64(sum.unsummed), sum.money.String())
		} else {
			days = append(days, int64(k.segment), k.day, k.kind, k.priceFrom, int64(sum.calls), int64(sum.noAmount), int64(sum.unsummed), sum.money.String())
		}
	}
	const conflict = " ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, no_amount = no_amount + excluded.no_amount," +
		" unsummed = unsummed + excluded.unsummed, money = CASE excluded.price_from WHEN '' THEN money ELSE " + addText + "(money, excluded.money) END"
	if err := d.insert(ctx, "INSERT OR ROLLBACK INTO days VALUES", 8, days, conflict); err != nil {
		return err
	}
	return d.insert(ctx, "INSERT OR ROLLBACK INTO customers VALUES", 9, customers, conflict)
}
