package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"tollgate/audit/calls"
	"tollgate/internal/decimal"
)

// sums are what calls add to reports, by day and kind, as rows of the table days hold it.
type sums map[sumKey]sum

// sumKey is what calls that are summed up have in common.
type sumKey struct {
	dayKey
	scope               calls.Scope
	customer, priceFrom string
}

// dayKey identifies a row of the table days.
type dayKey struct {
	span int64 // what is written lately stands close together
	day  int64 // since 1970, in the index's zone
	kind int64
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
	key := sumKey{dayKey: dayKey{r.ord >> spanShift, dayOf(c.Time().In(zone)), r.kind}}
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

// savedSum is an element of the lists of a row of days.
type savedSum struct {
	Scope     calls.Scope `json:"s,omitempty"`
	Customer  string      `json:"c,omitempty"`
	PriceFrom string      `json:"p,omitempty"`
	Calls     uint64      `json:"n"`
	NoAmount  uint64      `json:"a,omitempty"`
	Unsummed  uint64      `json:"u,omitempty"`
	Money     string      `json:"m,omitempty"`
}

// readSums calls yield for each sum of a list.
func readSums(list string, yield func(*calls.Entry) error) error {
	var saved []savedSum
	if err := json.Unmarshal([]byte(list), &saved); err != nil {
		return fmt.Errorf("%w: sums of a day: %w", errMisfit, err)
	}
	for _, s := range saved {
		e := calls.Entry{Key: calls.Key{Scope: s.Scope, Customer: s.Customer, PriceFrom: s.PriceFrom}, Calls: s.Calls, NoAmount: s.NoAmount, Unsummed: s.Unsummed}
		var err error
		if e.Money, err = decimal.Parse(cmp.Or(s.Money, "0")); err != nil {
			return fmt.Errorf("%w: sums of a day: %w", errMisfit, err)
		}
		if err := yield(&e); err != nil {
			return err
		}
	}
	return nil
}

// writeSums adds sums to the rows that are there.
func (d *database) writeSums(ctx context.Context, s sums) error {
	keys := map[dayKey]bool{}
	for k := range s {
		keys[k.dayKey] = true
	}
	for k := range keys {
		if err := d.addSaved(ctx, s, k); err != nil {
			return err
		}
	}
	values, err := s.values()
	if err != nil {
		return err
	}
	return d.insert(ctx, "INSERT OR REPLACE INTO days VALUES", 5, values)
}

// addSaved adds what a row has, if there is one.
func (d *database) addSaved(ctx context.Context, s sums, k dayKey) error {
	type lists struct{ totals, customers string }
	saved, err := fetch(ctx, d, func(l *lists) []any { return []any{&l.totals, &l.customers} },
		"SELECT totals, customers FROM days WHERE span = ? AND day = ? AND kind = ?", k.span, k.day, k.kind)
	if err != nil || len(saved) == 0 {
		return err
	}
	add := func(e *calls.Entry) error { s.add(sumKey{k, e.Scope, e.Customer, e.PriceFrom}, e); return nil }
	if err := readSums(saved[0].totals, add); err != nil {
		return err
	}
	return readSums(saved[0].customers, add)
}

// values returns the rows of days.
func (s sums) values() (values []any, err error) {
	rows := map[dayKey]*[2][]savedSum{}
	for k, sum := range s {
		saved := savedSum{k.scope, k.customer, k.priceFrom, sum.calls, sum.noAmount, sum.unsummed, ""}
		if k.priceFrom != "" {
			saved.Money = sum.money.String()
		}
		if rows[k.dayKey] == nil {
			rows[k.dayKey] = &[2][]savedSum{{}, {}}
		}
		list := &rows[k.dayKey][one(k.scope == calls.ScopeCustomer)]
		*list = append(*list, saved)
	}
	for _, k := range slices.SortedFunc(maps.Keys(rows), dayKey.compare) {
		totals, err := json.Marshal(rows[k][0])
		if err != nil {
			return nil, err
		}
		customers, err := json.Marshal(rows[k][1])
		if err != nil {
			return nil, err
		}
		values = append(values, k.span, k.day, k.kind, string(totals), string(customers))
	}
	return values, nil
}

func (k dayKey) compare(l dayKey) int {
	return cmp.Or(cmp.Compare(k.span, l.span), cmp.Compare(k.day, l.day), cmp.Compare(k.kind, l.kind))
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
