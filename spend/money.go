package spend

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"tollgate/internal/decimal"
	"tollgate/internal/words"
)

// Money is an amount in 1/10,000 of a currency's main unit, or a number of calls. It is never negative.
type Money int64

// perUnit is how much Money one main unit is.
const perUnit, moneyDigits = 10_000, 4

// MaxMoney is the highest amount that is read: a trillion. Sums may be higher.
const MaxMoney Money = 1_000_000_000_000 * perUnit

// Errors of [ParseMoney] and [Ceil].
var (
	ErrAmount   = words.Err("error.money.form")
	ErrNegative = words.Err("error.money.negative")
	ErrDigits   = words.Err("error.money.digits")
	ErrTooMuch  = words.Err("error.money.most")
)

// ParseMoney reads an amount as bodies carry it (see [decimal.Parse]). Of more than four digits behind the point the further ones must be 0.
func ParseMoney(text string) (Money, error) {
	m, err := ParseSum(text)
	if err == nil && m > MaxMoney {
		return 0, ErrTooMuch
	}
	return m, err
}

// ParseSum reads a sum of amounts, as [Money.String] writes it. It may be higher than [MaxMoney].
func ParseSum(text string) (Money, error) {
	m, exact, err := read(text)
	if err == nil && !exact {
		return 0, ErrDigits
	}
	return m, err
}

// Ceil reads a price as ParseMoney reads an amount, and rounds further digits up.
func Ceil(text string) (Money, error) {
	m, exact, err := read(text)
	switch {
	case err != nil:
		return 0, err
	case !exact && m < MaxMoney:
		return m + 1, nil
	case !exact || m > MaxMoney:
		return 0, ErrTooMuch
	}
	return m, nil
}

// read returns the amount without what is less than 1/10,000, and whether nothing is.
func read(text string) (m Money, exact bool, err error) {
	d, err := decimal.Parse(text)
	if err != nil {
		return 0, false, ErrAmount
	}
	if d.Sign() < 0 {
		return 0, false, ErrNegative
	}
	whole, fraction, _ := strings.Cut(d.Shift(moneyDigits).String(), ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return 0, false, ErrTooMuch
	}
	return Money(n), strings.Trim(fraction, "0") == "", nil
}

// Plus returns the sum, or the highest number where it would be beyond: there it stays.
func (m Money) Plus(n Money) Money {
	if m > math.MaxInt64-n {
		return math.MaxInt64
	}
	return m + n
}

// minus takes back what Plus added.
func (m Money) minus(n Money) Money {
	if m == math.MaxInt64 {
		return m
	}
	return max(0, m-n)
}

const moneyPattern = `^[0-9]{1,13}(\.[0-9]{1,4})?$`

var moneyExpr = regexp.MustCompile(moneyPattern)

// UnmarshalText implements [encoding.TextUnmarshaler]: plain decimals, as people write them.
func (m *Money) UnmarshalText(b []byte) error {
	if !moneyExpr.Match(b) {
		return ErrAmount
	}
	read, err := ParseMoney(string(b))
	if err == nil {
		*m = read
	}
	return err
}

// UnmarshalJSON implements [json.Unmarshaler]: JSON has the whole number, exact also for sums and for calls, and not the text of people.
func (m *Money) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err == nil {
		*m = Money(n)
	}
	return err
}

func (m Money) Pattern() string { return moneyPattern }
func (m Money) Kind() string    { return "amount of money" }

// String returns the amount in the main unit, with two digits behind the point or, where it needs them, up to four: "1000.00", "0.0001".
func (m Money) String() string {
	text := fmt.Sprintf("%s.%04d", strconv.FormatInt(int64(m/perUnit), 10), m%perUnit)
	return strings.TrimSuffix(strings.TrimSuffix(text, "0"), "0")
}
