package store

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tollgate/audit/calls"
	"tollgate/internal/decimal"
)

// sums are what calls add to reports, by span, day and kind, as rows of the table days hold it.
type sums map[sumKey]sum

// sumKey is what calls that are summed up have in common.
type sumKey struct {
	dayKey
	kind                int64
	scope               calls.Scope
	customer, priceFrom string
}

// dayKey is what sums of one row of the table days have in common.
type dayKey struct {
	span int64 // what is written lately stands close together
	day  int64 // since 1970, in the index's zone
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
	key := sumKey{dayKey: dayKey{r.ord >> spanShift, dayOf(c.Time().In(zone))}, kind: r.kind}
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
	s.addSum(k, sum{e.Calls, e.NoAmount, e.Unsummed, e.Money})
}

func (s sums) addSum(k sumKey, n sum) {
	before := s[k]
	before.addSum(n, k.priceFrom != "")
	s[k] = before
}

// addSum adds other calls of the same key, which say whether they have money: most have none.
func (s *sum) addSum(n sum, money bool) {
	s.calls, s.noAmount, s.unsummed = s.calls+n.calls, s.noAmount+n.noAmount, s.unsummed+n.unsummed
	if money {
		s.money = s.money.Add(n.money)
	}
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

// Lists of sums are, one after the other: a byte of flags, the kind, the customer and where the price comes from, the numbers of calls and the
// money as decimal text. Flags say which of these are there. Numbers are as in [encoding/binary.Uvarint], texts begin with their length.
const (
	totalFlag = 1 << iota
	customerFlag
	namedFlag
	noAmountFlag
	unsummedFlag
	moneyFlag
)

// scopes are those of sums, by the flags that say them.
var scopes = [...]calls.Scope{0: calls.ScopeCall, totalFlag: calls.ScopeTotal, customerFlag: calls.ScopeCustomer}

// appendSum appends a sum to a list.
func appendSum(b []byte, k *sumKey, s *sum) []byte {
	at := len(b)
	b = append(b, byte(slices.Index(scopes[:], k.scope)))
	b = binary.AppendUvarint(b, uint64(k.kind))
	b = binary.AppendUvarint(b, s.calls)
	text := func(flag byte, text string) {
		if text != "" {
			b[at] |= flag
			b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
		}
	}
	number := func(flag byte, n uint64) {
		if n != 0 {
			b[at] |= flag
			b = binary.AppendUvarint(b, n)
		}
	}
	text(namedFlag, k.customer)
	number(noAmountFlag, s.noAmount)
	number(unsummedFlag, s.unsummed)
	if k.priceFrom != "" {
		text(moneyFlag, k.priceFrom)
		text(moneyFlag, s.money.String())
	}
	return b
}

// savedSum is a sum as a list holds it. Its texts are parts of the list.
type savedSum struct {
	scope                      byte // its place among scopes
	kind                       int64
	customer, priceFrom, money []byte
	calls, noAmount, unsummed  uint64
}

var errSums = fmt.Errorf("%w: the sums of a day are none", errMisfit)

// eachSum calls yield for each sum of a list.
func eachSum(list []byte, yield func(*savedSum) error) error {
	for len(list) > 0 {
		flags := list[0]
		l := listReader{rest: list[1:]}
		s := savedSum{kind: int64(l.number()), calls: l.number()}
		s.customer = l.textIf(flags & namedFlag)
		s.noAmount, s.unsummed = l.numberIf(flags&noAmountFlag), l.numberIf(flags&unsummedFlag)
		s.priceFrom, s.money = l.textIf(flags&moneyFlag), l.textIf(flags&moneyFlag)
		scope := flags & (totalFlag | customerFlag)
		if l.failed || int(scope) >= len(scopes) || s.kind < 0 || flags >= moneyFlag<<1 {
			return errSums
		}
		s.scope = scope
		if err := yield(&s); err != nil {
			return err
		}
		list = l.rest
	}
	return nil
}

// listReader reads numbers and texts from a list of sums.
type listReader struct {
	rest   []byte
	failed bool
}

func (l *listReader) number() uint64 {
	n, size := binary.Uvarint(l.rest)
	if size <= 0 {
		l.failed, l.rest = true, nil
		return 0
	}
	l.rest = l.rest[size:]
	return n
}

func (l *listReader) numberIf(flag byte) uint64 {
	if flag == 0 {
		return 0
	}
	return l.number()
}

func (l *listReader) textIf(flag byte) []byte {
	n := l.numberIf(flag)
	if n > uint64(len(l.rest)) {
		l.failed, n = true, 0
	}
	text := l.rest[:n:n]
	l.rest = l.rest[n:]
	return text
}

// sum returns the numbers and the money.
func (s *savedSum) sum() (sum, error) {
	n := sum{calls: s.calls, noAmount: s.noAmount, unsummed: s.unsummed}
	if len(s.priceFrom) == 0 {
		return n, nil
	}
	var err error
	if n.money, err = decimal.Parse(string(s.money)); err != nil {
		err = fmt.Errorf("%w: %w", errSums, err)
	}
	return n, err
}

// writeSums adds rows, behind those that were written of earlier calls of their spans. Last has the last call of each span.
func (d *database) writeSums(ctx context.Context, s sums, last map[int64]int64) error {
	lists := map[dayKey]*[2][]byte{} // totals, and sums by customer
	for _, k := range slices.SortedFunc(maps.Keys(s), sumKey.compare) {
		if lists[k.dayKey] == nil {
			lists[k.dayKey] = &[2][]byte{{}, {}}
		}
		list, sum := &lists[k.dayKey][one(k.scope == calls.ScopeCustomer)], s[k]
		*list = appendSum(*list, &k, &sum)
	}
	for _, k := range slices.SortedFunc(maps.Keys(lists), dayKey.compare) {
		if err := d.exec(ctx, "INSERT INTO days VALUES (?, ?, ?, ?)", last[k.span], k.day, lists[k][0], lists[k][1]); err != nil {
			return err
		}
		d.pace(ctx)
	}
	return nil
}

func (k dayKey) compare(l dayKey) int {
	return cmp.Or(cmp.Compare(k.span, l.span), cmp.Compare(k.day, l.day))
}

func (k sumKey) compare(l sumKey) int {
	return cmp.Or(k.dayKey.compare(l.dayKey), cmp.Compare(k.kind, l.kind), cmp.Compare(k.scope, l.scope),
		strings.Compare(k.customer, l.customer), strings.Compare(k.priceFrom, l.priceFrom))
}

// compactSums makes one row for each day of those that batches have written of a span.
func (d *database) compactSums(ctx context.Context, span int64) error {
	type row struct {
		day               int64
		totals, customers []byte
	}
	rows, err := fetch(ctx, d, func(r *row) []any { return []any{&r.day, &r.totals, &r.customers} },
		"SELECT day, totals, customers FROM days WHERE last BETWEEN ? AND ?", firstOf(span), lastOf(span))
	if err != nil {
		return err
	}
	all := sums{}
	for _, r := range rows {
		for _, list := range [...][]byte{r.totals, r.customers} {
			err := eachSum(list, func(saved *savedSum) error {
				n, err := saved.sum()
				all.addSum(sumKey{dayKey{span, r.day}, saved.kind, scopes[saved.scope], string(saved.customer), string(saved.priceFrom)}, n)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return d.replaceSums(ctx, span, all)
}

func (d *database) replaceSums(ctx context.Context, span int64, s sums) error {
	if err := d.exec(ctx, "DELETE FROM days WHERE last BETWEEN ? AND ?", firstOf(span), lastOf(span)); err != nil {
		return err
	}
	last, err := d.number(ctx, "SELECT max(last) FROM blocks WHERE last BETWEEN ? AND ?", firstOf(span), lastOf(span))
	if err != nil {
		return err
	}
	return d.writeSums(ctx, s, map[int64]int64{span: last})
}

// sumAgain sums up the calls of a span again, from their lines.
func (d *database) sumAgain(ctx context.Context, span int64) error {
	again := sums{}
	err := each(ctx, d, (*row).columns, func(r *row) error {
		c, err := d.read(ctx, r)
		if err == nil {
			again.addCall(r, c, d.zone)
		}
		return err
	}, "SELECT "+rowColumns+" FROM calls WHERE ord BETWEEN ? AND ? AND summed = 1", firstOf(span), lastOf(span))
	if err != nil {
		return err
	}
	return d.replaceSums(ctx, span, again)
}
