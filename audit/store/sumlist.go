package store

import (
	"encoding/binary"
	"fmt"
	"slices"

	"tollgate/audit/calls"
	"tollgate/internal/decimal"
)

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
