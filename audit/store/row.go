package store

import (
	"math"
	"strconv"
	"strings"
	"time"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/catalog"
	"tollgate/internal/decimal"
	"tollgate/internal/text"
)

// column is what a filter compares with equality and what few different values are of. The table seen has where each value occurs.
type column struct {
	name   string
	call   func(*calls.Call) string
	filter func(*calls.Filter) string
}

var columns = [...]column{
	{"caller", (*calls.Call).Caller, func(f *calls.Filter) string { return f.Caller }},
	{"operation", (*calls.Call).Operation, func(f *calls.Filter) string { return f.Operation }},
	{"effect", (*calls.Call).Effect, func(f *calls.Filter) string { return f.Effect }},
	{"site", (*calls.Call).Site, func(f *calls.Filter) string { return f.Site }},
	{"credential", (*calls.Call).Credential, func(f *calls.Filter) string { return f.Credential }},
	{"class", (*calls.Call).Class, func(f *calls.Filter) string { return f.Class }},
	{"account", (*calls.Call).Account, func(f *calls.Filter) string { return f.Account }},
	{"plan", (*calls.Call).Plan, func(f *calls.Filter) string { return f.Plan }},
	{"deprecated", func(c *calls.Call) string { return text.NotZero(c.Deprecated()) }, func(f *calls.Filter) string { return text.NotZero(f.Deprecated) }},
	{"decision", (*calls.Call).Decision, func(f *calls.Filter) string { return f.Decision }},
	{stateColumn, (*calls.Call).State, func(f *calls.Filter) string { return f.State }},
	{"status", func(c *calls.Call) string { return text.NotZero(c.Status()) }, func(f *calls.Filter) string { return text.NotZero(f.Status) }},
	{"error_code", (*calls.Call).ErrorCode, func(f *calls.Filter) string { return f.ErrorCode }},
	{"currency", currency, func(f *calls.Filter) string { return f.Currency }},
}

// truth is a text for true, and none for false, which filters take for any.
func currency(c *calls.Call) string {
	if amounts, unsummed := c.Amounts(); len(amounts)+unsummed == 0 {
		return ""
	}
	return c.Currency()
}

// id is what few calls have in common.
type id struct {
	kind   string
	call   func(*calls.Call) []string
	filter func(*calls.Filter) string
}

var ids = [...]id{
	{"call", one((*calls.Call).ID), func(f *calls.Filter) string { return f.Call }},
	{"request", one((*calls.Call).RequestID), func(f *calls.Filter) string { return f.RequestID }},
	{"order", fields(catalog.FieldOrder), func(f *calls.Filter) string { return f.Order }},
	{"customer", fields(catalog.FieldCustomer), func(f *calls.Filter) string { return f.Customer }},
	{"coupon", fields(catalog.FieldCoupon), func(f *calls.Filter) string { return f.Coupon }},
}

func one(text func(*calls.Call) string) func(*calls.Call) []string {
	return func(c *calls.Call) []string { return []string{text(c)} }
}

func fields(kind catalog.FieldKind) func(*calls.Call) []string {
	return func(c *calls.Call) []string { return c.Fields(kind) }
}

// row is a call that ended, as the index holds it. A zero position stands for an intent that the call does not have.
type row struct {
	ord           int64
	time          int64 // microseconds since 1970
	intent, ended logfile.Position
	low, high     any // of the amounts; nil when there are none
	columns       [len(columns)]any
}

// pair is a row of the tables ids and amounts.
type pair struct{ key, ord int64 }

// sighting is a row of the table seen.
type sighting struct{ key, block int64 }

// sightings calls yield with what the table seen has of a row.
func (r *row) sightings(yield func(sighting)) {
	for i, hash := range r.columns {
		if hash == nil {
			continue
		}
		yield(sighting{seenKey(i, hash.(int64)), r.ord >> blockShift})
		if columns[i].name == stateColumn && hash == unknown {
			for _, state := range calls.SettledStates {
				yield(sighting{seenKey(i, hash32(state).(int64)), r.ord >> blockShift})
			}
		}
	}
}

// stateColumn is the column of a call's state. An unknown one may be settled by a record behind the call, which changes no row: such a
// call is found by each state that it may have by then.
const stateColumn = "state"

var unknown = hash32(logfile.Unknown)

// seenKey is the key of a column's hash in the table seen.
func seenKey(column int, hash int64) int64 { return int64(column)<<32 | hash }

// newRow gives the row of a call, and what goes into the tables ids and amounts.
func newRow(c *calls.Call, intent, ended logfile.Position) (r row, terms, amounts []pair) {
	r = row{ord: int64(c.Order()), time: micros(c.Time()), intent: intent, ended: ended}
	for i, column := range columns {
		r.columns[i] = hash32(column.call(c))
	}
	for _, id := range ids {
		for _, value := range id.call(c) {
			if value != "" {
				terms = append(terms, pair{hash48(id.kind, value), r.ord})
			}
		}
	}
	all, unsummed := c.Amounts()
	least, most := int64(math.MaxInt64), int64(math.MinInt64)
	for _, amount := range all {
		key := amountKey(amount.Value)
		amounts = append(amounts, pair{key, r.ord})
		least, most = min(least, key), max(most, key)
	}
	switch {
	case unsummed > 0:
		amounts = append(amounts, pair{anyAmount, r.ord})
		r.low, r.high = int64(math.MinInt64), int64(math.MaxInt64)
	case len(all) > 0:
		r.low, r.high = least, most
	}
	return r, terms, amounts
}

// anyAmount is the key of amounts that are in no sum: filters take them for any.
const anyAmount = math.MinInt64

// micros keeps the order of times, those of years that nanoseconds do not reach as well.
func micros(t time.Time) int64 { return t.UnixMicro() }

// hash32 is what a column holds of a text, nil for none.
func hash32(text string) any {
	if text == "" {
		return nil
	}
	hash := uint32(2166136261)
	for i := range len(text) {
		hash = (hash ^ uint32(text[i])) * 16777619
	}
	return int64(hash)
}

// hash48 is the key of an id: 48 bits, which SQLite keeps in six bytes.
func hash48(kind, value string) int64 {
	hash := uint64(14695981039346656037)
	for _, text := range [...]string{kind, "\x00", value} {
		for i := range len(text) {
			hash = (hash ^ uint64(text[i])) * 1099511628211
		}
	}
	return int64(hash >> 16)
}

// amountKey is never greater for the lesser of two amounts: whole ten-thousandths, cut off, at most what 64 bits hold.
func amountKey(d decimal.Decimal) int64 {
	whole, fraction, _ := strings.Cut(d.String(), ".")
	key, _ := strconv.ParseInt(whole+(fraction + "0000")[:4], 10, 64) // out of range gives the nearest
	return key
}
