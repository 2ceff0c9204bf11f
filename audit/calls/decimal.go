package calls

import (
	"bytes"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// Decimal is an exact decimal number: amounts are neither rounded nor made floats. The zero value is 0. Decimals are values:
// no method changes one.
type Decimal struct {
	digits *big.Int // nil is 0
	scale  int      // how many of the digits stand behind the point; never negative
}

// Bounds of what [ParseDecimal] takes. They are far beyond any amount of money, and keep a sum small.
const (
	maxDecimalText     = 64
	maxDecimalExponent = 40
)

// ParseDecimal reads a number as bodies carry it, as a JSON number or in a string: an optional sign, digits with an optional
// point, and an optional exponent. Of at most 64 bytes, with an exponent of -40 to 40. Zeros behind the point are kept.
func ParseDecimal(text string) (Decimal, error) {
	if len(text) > maxDecimalText {
		return Decimal{}, fmt.Errorf("%.20q… is longer than the %d bytes that a number may have", text, maxDecimalText)
	}
	mantissa, exponent, err := cutExponent(text)
	if err != nil {
		return Decimal{}, err
	}
	whole, fraction, _ := strings.Cut(strings.TrimLeft(mantissa, "+-"), ".")
	if len(mantissa)-len(strings.TrimLeft(mantissa, "+-")) > 1 || !onlyDigits(whole+fraction) {
		return Decimal{}, fmt.Errorf("%q is no decimal number, such as 99.99", text)
	}
	digits, _ := new(big.Int).SetString(whole+fraction, 10)
	if mantissa[0] == '-' {
		digits.Neg(digits)
	}
	return Decimal{digits, len(fraction)}.Shift(exponent), nil
}

// cutExponent splits a number before its exponent, which is 0 if there is none.
func cutExponent(text string) (mantissa string, exponent int, err error) {
	at := strings.IndexAny(text, "eE")
	if at < 0 {
		return text, 0, nil
	}
	if exponent, err = strconv.Atoi(text[at+1:]); err != nil {
		return "", 0, fmt.Errorf("%q is no decimal number, such as 99.99", text)
	}
	if exponent < -maxDecimalExponent || exponent > maxDecimalExponent {
		return "", 0, fmt.Errorf("the exponent of %q is beyond ±%d", text, maxDecimalExponent)
	}
	return text[:at], exponent, nil
}

func onlyDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}

// Shift gives d times ten to the power of n.
func (d Decimal) Shift(n int) Decimal {
	if n <= d.scale {
		return Decimal{d.digits, d.scale - n}
	}
	return Decimal{new(big.Int).Mul(d.int(), tenTo(n-d.scale)), 0}
}

// Add gives the sum of d and e.
func (d Decimal) Add(e Decimal) Decimal {
	scale := max(d.scale, e.scale)
	return Decimal{new(big.Int).Add(d.at(scale), e.at(scale)), scale}
}

// Times gives d, n times.
func (d Decimal) Times(n int) Decimal {
	return Decimal{new(big.Int).Mul(d.int(), big.NewInt(int64(n))), d.scale}
}

// Cmp gives -1 if d is less than e, 0 if they are equal, and 1 if d is more; 1.5 and 1.50 are equal.
func (d Decimal) Cmp(e Decimal) int {
	scale := max(d.scale, e.scale)
	return d.at(scale).Cmp(e.at(scale))
}

// Sign gives -1, 0 or 1.
func (d Decimal) Sign() int { return d.int().Sign() }

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

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Decimal) UnmarshalText(text []byte) error {
	parsed, err := ParseDecimal(string(bytes.TrimSpace(text)))
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

// at gives the digits of d at a scale that is not below its own.
func (d Decimal) at(scale int) *big.Int {
	if scale == d.scale {
		return d.int()
	}
	return new(big.Int).Mul(d.int(), tenTo(scale-d.scale))
}

func tenTo(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }
