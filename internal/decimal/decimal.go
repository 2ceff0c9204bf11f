// Package decimal reads and adds up exact decimal numbers, as bodies of billing calls carry them.
package decimal

import (
	"fmt"
	"math/big"
	"strings"

	"tollgate/internal/words"
)

// Decimal is an exact decimal number: amounts are neither rounded nor made floats. The zero value is 0. Decimals are values:
// no method changes one.
type Decimal struct {
	digits *big.Int // nil is 0
	scale  int      // how many of the digits stand behind the point; never negative
}

// Bounds of what [Parse] takes. They are far beyond any amount of money, and keep a sum small.
const (
	MaxText     = 64 // bytes
	MaxExponent = 40
)

// Parse reads a number as bodies carry it, as a JSON number or in a string: an optional sign (+ or -), ASCII digits with at
// most one point before, among or behind them, and an optional exponent (e or E, an optional sign, digits) of -40 to 40; of at
// most 64 bytes, and nothing else: no blank, no separator of thousands, no unit, no other digits. Zeros in front count for
// nothing, zeros behind the point are kept.
func Parse(text string) (Decimal, error) {
	n, problem := split(text)
	if problem != "" {
		shown := MaxText
		if problem == tooLong {
			shown = 20
		}
		return Decimal{}, words.Err(problem, "Text", fmt.Sprintf("%.*q", shown, text))
	}
	digits, _ := new(big.Int).SetString(n.whole+n.fraction, 10)
	if n.negative {
		digits.Neg(digits)
	}
	return Decimal{digits, len(n.fraction)}.Shift(n.exponent), nil
}

// Valid reports whether [Parse] reads a text as a number. It does not allocate.
func Valid(text string) bool {
	_, problem := split(text)
	return problem == ""
}

// number is a text that was split into its parts.
type number struct {
	negative        bool
	whole, fraction string // digits
	exponent        int
}

// What is wrong with a text, as messages.
const (
	tooLong     = "error.decimal.long"
	noNumber    = "error.decimal.none"
	farExponent = "error.decimal.exponent"
)

func split(text string) (n number, problem string) {
	if len(text) > MaxText {
		return n, tooLong
	}
	mantissa := text
	if at := strings.IndexAny(text, "eE"); at >= 0 {
		if n.exponent, problem = exponent(text[at+1:]); problem != "" {
			return n, problem
		}
		mantissa = text[:at]
	}
	n.negative, mantissa = cutSign(mantissa)
	n.whole, n.fraction, _ = strings.Cut(mantissa, ".")
	if len(n.whole)+len(n.fraction) == 0 || !onlyDigits(n.whole) || !onlyDigits(n.fraction) {
		return n, noNumber
	}
	return n, ""
}

// exponent reads what stands behind an e.
func exponent(text string) (value int, problem string) {
	negative, digits := cutSign(text)
	if digits == "" || !onlyDigits(digits) {
		return 0, noNumber
	}
	digits = strings.TrimLeft(digits, "0")
	if len(digits) > len("40") {
		return 0, farExponent
	}
	for i := range len(digits) {
		value = 10*value + int(digits[i]-'0')
	}
	if value > MaxExponent {
		return 0, farExponent
	}
	if negative {
		value = -value
	}
	return value, ""
}

func cutSign(text string) (negative bool, rest string) {
	if text != "" && (text[0] == '+' || text[0] == '-') {
		return text[0] == '-', text[1:]
	}
	return false, text
}

func onlyDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// Shift returns d times ten to the power of n.
func (d Decimal) Shift(n int) Decimal {
	if n <= d.scale {
		return Decimal{d.digits, d.scale - n}
	}
	return Decimal{new(big.Int).Mul(d.int(), tenTo(n-d.scale)), 0}
}

// Add returns the sum of d and e.
func (d Decimal) Add(e Decimal) Decimal {
	scale := max(d.scale, e.scale)
	return Decimal{new(big.Int).Add(d.at(scale), e.at(scale)), scale}
}

// Times returns d, n times.
func (d Decimal) Times(n int) Decimal {
	return Decimal{new(big.Int).Mul(d.int(), big.NewInt(int64(n))), d.scale}
}

// Cmp returns -1 if d is less than e, 0 if they are equal, and 1 if d is more; 1.5 and 1.50 are equal.
func (d Decimal) Cmp(e Decimal) int {
	scale := max(d.scale, e.scale)
	return d.at(scale).Cmp(e.at(scale))
}

// Sign returns -1, 0 or 1.
func (d Decimal) Sign() int { return d.int().Sign() }

// Places returns how many digits stand behind the point.
func (d Decimal) Places() int { return d.scale }

// WithPlaces returns d, written with at least so many digits behind the point.
func (d Decimal) WithPlaces(n int) Decimal {
	n = max(n, d.scale)
	return Decimal{d.at(n), n}
}

// String writes d without exponent, with as many digits behind the point as were read: "99.90".
func (d Decimal) String() string {
	text := new(big.Int).Abs(d.int()).String()
	if missing := d.scale + 1 - len(text); missing > 0 {
		text = strings.Repeat("0", missing) + text
	}
	if d.scale > 0 {
		text = text[:len(text)-d.scale] + "." + text[len(text)-d.scale:]
	}
	if d.Sign() < 0 {
		return "-" + text
	}
	return text
}

// MarshalText implements [encoding.TextMarshaler]: in JSON an amount is a string, which no reader rounds.
func (d Decimal) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. It takes what [Parse] takes.
func (d *Decimal) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err == nil {
		*d = parsed
	}
	return err
}

func (d Decimal) int() *big.Int {
	if d.digits == nil {
		return new(big.Int)
	}
	return d.digits
}

// at returns the digits of d at a scale that is not below its own.
func (d Decimal) at(scale int) *big.Int {
	if scale == d.scale {
		return d.int()
	}
	return new(big.Int).Mul(d.int(), tenTo(scale-d.scale))
}

func tenTo(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }
