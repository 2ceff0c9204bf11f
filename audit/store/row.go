package store

import (
	"cmp"
	"math"
	"strconv"
	"strings"
	"time"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/catalog"
	"tollgate/internal/decimal"
)

// row is a call that ended, as the index holds it. A zero position stands for an intent that the call does not have.
type row struct {
	ord           int64
	kind          int64 // its id
	time          int64 // microseconds since 1970, as merged
	merged        int64 // the running maximum of the times at which calls ended
	late          int64 // how long before that the call ended
	back          int64 // how many records before the end the intent is; 0: there is none
	intent, ended logfile.Position
	low, high     any   // of the amounts; nil when there are none
	summed        int64 // 1: the call is in the sums of days; 0: it is read when they are asked for
}

// rowColumns are the columns of calls in the order of [row.values].
const rowColumns = "calls.ord, calls.kind, calls.time, calls.merged, calls.late, calls.back, intent_segment, intent_offset, segment, offset, calls.low, calls.high, summed"

// callColumns is how many these are.
const callColumns = 13

func (r *row) values() []any {
	return []any{
		r.ord, r.kind, r.time, r.merged, r.late, r.back, int64(r.intent.Segment), r.intent.Offset, int64(r.ended.Segment), r.ended.Offset, r.low, r.high, r.summed,
	}
}

func (r *row) columns() []any {
	return []any{
		&r.ord, &r.kind, &r.time, &r.merged, &r.late, &r.back, &r.intent.Segment, &r.intent.Offset, &r.ended.Segment, &r.ended.Offset, &r.low, &r.high, &r.summed,
	}
}

// crosses reports whether pruning may leave the call without its intent.
func (r *row) crosses() bool {
	return r.intent.Segment > 0 && r.intent.Segment != r.ended.Segment
}

// compare returns the order of calls: those that one record shows to be lost stand in the order of their intents.
func (r row) compare(s row) int {
	return cmp.Or(cmp.Compare(r.ord, s.ord), cmp.Compare(r.intent.Segment, s.intent.Segment), cmp.Compare(r.intent.Offset, s.intent.Offset))
}

// newRow returns the row of a call but for its kind's id, its place in the order of pages and whether it is summed up; its kind; and the
// keys of its amounts.
func newRow(e *Ended) (r row, k kind, amounts []int64) {
	r = row{ord: int64(e.Order()), time: micros(e.Time()), intent: e.Intent, ended: e.End}
	if e.Call.Intent != nil {
		r.back = r.ord - int64(e.Seq())
	}
	amounts = amountKeys(e.Call)
	r.low, r.high = amountBounds(amounts)
	return r, kindOf(e.Call, len(amounts) > 0), amounts
}

// placed sets the place in the order of pages behind one that ended at or before merged.
func (r *row) placed(e *Ended, merged int64) {
	ended := micros(e.Ended())
	r.merged = max(merged, ended)
	r.late = r.merged - ended
}

// amountKeys are the keys of a call's amounts.
func amountKeys(c *calls.Call) (keys []int64) {
	amounts, unsummed := c.Amounts()
	for _, a := range amounts {
		keys = append(keys, amountKey(a.Value))
	}
	if unsummed > 0 {
		keys = append(keys, anyAmount)
	}
	return keys
}

func amountBounds(keys []int64) (low, high any) {
	least, most := int64(math.MaxInt64), int64(math.MinInt64)
	for _, key := range keys {
		if key == anyAmount {
			return int64(math.MinInt64), int64(math.MaxInt64)
		}
		least, most = min(least, key), max(most, key)
	}
	if least > most {
		return nil, nil
	}
	return least, most
}

// id is what few calls have in common.
type id struct {
	kind   string
	call   func(*calls.Call) []string
	filter func(*calls.Filter) string
}

const callID = "call"

var ids = [...]id{
	{callID, sole((*calls.Call).ID), func(f *calls.Filter) string { return f.Call }},
	{"request", sole((*calls.Call).RequestID), func(f *calls.Filter) string { return f.RequestID }},
	{"order", fields(catalog.FieldOrder), func(f *calls.Filter) string { return f.Order }},
	{"customer", fields(catalog.FieldCustomer), func(f *calls.Filter) string { return f.Customer }},
	{"coupon", fields(catalog.FieldCoupon), func(f *calls.Filter) string { return f.Coupon }},
}

func sole(text func(*calls.Call) string) func(*calls.Call) []string {
	return func(c *calls.Call) []string { return []string{text(c)} }
}

func fields(kind catalog.FieldKind) func(*calls.Call) []string {
	return func(c *calls.Call) []string { return c.Fields(kind) }
}

// idKeys are the keys of a call's ids.
func idKeys(c *calls.Call) (keys []int64) {
	for _, id := range ids {
		for _, value := range id.call(c) {
			if value != "" {
				keys = append(keys, hash48(id.kind, value))
			}
		}
	}
	return keys
}

// anyAmount is the key of amounts that are in no sum: a filter has to look at their calls.
const anyAmount = math.MinInt64

// micros keeps the order of times, those of years that nanoseconds do not reach as well.
func micros(t time.Time) int64 { return t.UnixMicro() }

// hash48 is the key of an id: 48 bits of an FNV-1a hash, which SQLite keeps in six bytes.
func hash48(kind, value string) int64 {
	hash := uint64(14695981039346656037)
	for _, text := range [...]string{kind, "\x00", value} {
		for i := range len(text) {
			hash = (hash ^ uint64(text[i])) * 1099511628211
		}
	}
	return int64(hash >> 16)
}

// amountKey is never greater for the lesser of two amounts: whole ten-thousandths, cut off, at most what 64 bits hold, and never anyAmount.
func amountKey(d decimal.Decimal) int64 {
	whole, fraction, _ := strings.Cut(d.String(), ".")
	key, _ := strconv.ParseInt(whole+(fraction + "0000")[:4], 10, 64) // out of range is the nearest
	return max(key, anyAmount+1)
}
