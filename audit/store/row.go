package store

import (
	"cmp"
	"iter"
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
	intent, ended logfile.Position
	low, high     any   // of the amounts; nil when there are none
	summed        int64 // 1: the call is in the sums of days; 0: it is read when they are asked for
}

// rowColumns are the columns of calls in the order of [row.values], callColumns is how many these are.
const (
	rowColumns  = "calls.ord, calls.kind, calls.time, merged, intent_segment, intent_offset, segment, offset, calls.low, calls.high, summed"
	callColumns = 11
)

func (r *row) values() []any {
	return []any{r.ord, r.kind, r.time, r.merged, int64(r.intent.Segment), r.intent.Offset, int64(r.ended.Segment), r.ended.Offset, r.low, r.high, r.summed}
}

func (r *row) columns() []any {
	return []any{&r.ord, &r.kind, &r.time, &r.merged, &r.intent.Segment, &r.intent.Offset, &r.ended.Segment, &r.ended.Offset, &r.low, &r.high, &r.summed}
}

// crosses reports whether pruning may leave the call without its intent.
func (r *row) crosses() bool {
	return r.intent.Segment > 0 && r.intent.Segment != r.ended.Segment
}

// compare returns the order of calls: those that one record shows to be lost stand in the order of their intents.
func (r row) compare(s row) int {
	return cmp.Or(cmp.Compare(r.ord, s.ord), cmp.Compare(r.intent.Segment, s.intent.Segment), cmp.Compare(r.intent.Offset, s.intent.Offset))
}

// newRow returns the row of a call but for its kind's id, its place in the order of pages and whether it is summed up; and its kind.
func newRow(e *Ended) (row, kind) {
	r := row{ord: int64(e.Order()), time: micros(e.Time()), intent: e.Intent, ended: e.End}
	r.low, r.high = amountBounds(e.Call)
	return r, kindOf(e.Call, r.low != nil)
}

// amountBounds returns the least and the greatest of a call's amounts; one that is in no sum may be any.
func amountBounds(c *calls.Call) (low, high any) {
	amounts, unsummed := c.Amounts()
	if unsummed > 0 {
		return int64(math.MinInt64), int64(math.MaxInt64)
	}
	if len(amounts) == 0 {
		return nil, nil
	}
	least, most := int64(math.MaxInt64), int64(math.MinInt64)
	for _, a := range amounts {
		key := amountKey(a.Value)
		least, most = min(least, key), max(most, key)
	}
	return least, most
}

// id is what few calls have in common.
type id struct {
	kind   string
	call   func(*calls.Call) []string
	filter func(*calls.Filter) string
}

var ids = [...]id{
	{"call", sole(func(c *calls.Call) string { return calls.ShortID(c.ID()) }), func(f *calls.Filter) string { return calls.ShortID(f.Call) }},
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

// idKeys iterates over the keys of a call's ids.
func idKeys(c *calls.Call) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for _, id := range ids {
			for _, value := range id.call(c) {
				if value != "" && !yield(hash48(id.kind, value)) {
					return
				}
			}
		}
	}
}

func planKey(plan string) int64 { return hash48("plan", plan) }

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

// amountKey is never greater for the lesser of two amounts: whole ten-thousandths, cut off, at most what 64 bits hold.
func amountKey(d decimal.Decimal) int64 {
	whole, fraction, _ := strings.Cut(d.String(), ".")
	key, _ := strconv.ParseInt(whole+(fraction + "0000")[:4], 10, 64) // out of range is the nearest
	return key
}
