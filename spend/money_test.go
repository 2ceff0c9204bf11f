package spend

import (
	"errors"
	"math"
	"math/big"
	"regexp"
	"strings"
	"testing"
)

func TestMoney(t *testing.T) {
	for _, c := range []struct {
		text  string
		exact Money // -1: an error
		ceil  Money
		err   error
	}{
		{"0", 0, 0, nil}, {"-0.0", 0, 0, nil}, {"99.99", 99_9900, 99_9900, nil}, {"1e2", 100_0000, 100_0000, nil}, {".5", 5000, 5000, nil},
		{"0.0001", 1, 1, nil}, {"0.00010", 1, 1, nil}, {"0.00011", -1, 2, ErrDigits}, {"0.00001", -1, 1, ErrDigits}, {"1e-40", -1, 1, ErrDigits},
		{"0.99999", -1, 1_0000, ErrDigits}, {"1000000000000", MaxMoney, MaxMoney, nil}, {"1e12", MaxMoney, MaxMoney, nil},
		{"1000000000000.0001", -1, -1, ErrTooMuch}, {"999999999999.99999", -1, MaxMoney, ErrDigits}, {"1e40", -1, -1, ErrTooMuch},
		{"-0.01", -1, -1, ErrNegative}, {"-1e-40", -1, -1, ErrNegative}, {"", -1, -1, ErrAmount}, {"1,5", -1, -1, ErrAmount}, {"NaN", -1, -1, ErrAmount},
		{" 1", -1, -1, ErrAmount}, {"1e999999999", -1, -1, ErrAmount}, {"٣", -1, -1, ErrAmount}, {strings.Repeat("0", 65), -1, -1, ErrAmount},
	} {
		exact, err := ParseMoney(c.text)
		if err == nil && exact != c.exact || !errors.Is(err, c.err) {
			t.Errorf("%q: %d, %v", c.text, exact, err)
		}
		ceil, err := Ceil(c.text)
		if err == nil && ceil != c.ceil || (err != nil) != (c.ceil < 0) {
			t.Errorf("%q rounded up: %d, %v", c.text, ceil, err)
		}
	}
	if _, err := Ceil("1000000000000.00001"); !errors.Is(err, ErrTooMuch) {
		t.Errorf("rounded up beyond what is read: %v", err)
	}
}

func TestMoneyText(t *testing.T) {
	for m, want := range map[Money]string{0: "0.00", 1: "0.0001", 10: "0.001", 100: "0.01", 12_3456: "12.3456", 50_000_0000: "50000.00", MaxMoney: "1000000000000.00"} {
		if got := m.String(); got != want {
			t.Errorf("%d: %s, want %s", m, got, want)
		}
		var read Money
		if err := read.UnmarshalText([]byte(want)); err != nil || read != m {
			t.Errorf("%s: %d, %v", want, read, err)
		}
	}
	for _, bad := range []string{"", "1.", ".1", "1e3", "-1", "+1", "1.00001", "10000000000000", "1 ", "1000 CNY"} {
		if err := new(Money).UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
	var p Price
	if err := p.UnmarshalText([]byte("1000.5 CNY")); err != nil || p != (Price{1000_5000, "CNY"}) || p.String() != "1000.50 CNY" || (Price{}).String() != "" {
		t.Errorf("%v, %v", p, err)
	}
	for _, bad := range []string{"", "1000", "CNY", "1000CNY", "1000 cny", "1000  CNY", "1000 CNYX", "x CNY"} {
		if err := p.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

// TestSums: a sum that is too high stays so, and what is taken back from it does not make room.
func TestSums(t *testing.T) {
	const most = Money(math.MaxInt64)
	if got := (most - 1).Plus(2); got != most || got.minus(5) != most {
		t.Errorf("%d", got)
	}
	if got := Money(3).Plus(4).minus(2); got != 5 || got.minus(9) != 0 {
		t.Errorf("%d", got)
	}
}

// TestHighSums: what is written of a sum is read, also where it is more than one amount may be.
func TestHighSums(t *testing.T) {
	for _, m := range []Money{0, 1, MaxMoney, MaxMoney + 1, 256 * MaxMoney, math.MaxInt64} {
		if got, err := ParseSum(m.String()); err != nil || got != m {
			t.Errorf("%v: %v, %v", m, got, err)
		}
		if _, err := ParseMoney(m.String()); (err == nil) != (m <= MaxMoney) {
			t.Errorf("%v as one amount: %v", m, err)
		}
	}
	for _, bad := range []string{"0.00001", "922337203685477.5808", "-1", "x"} {
		if m, err := ParseSum(bad); err == nil {
			t.Errorf("%q is %v", bad, m)
		}
	}
}

// FuzzMoney holds what is read against rationals.
func FuzzMoney(f *testing.F) {
	for _, seed := range []string{"0", "99.99", "1e2", "0.00011", "1000000000000.0001", "-0.01", "1e-40", ".5", "5.", "00.1e1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		exact, exactErr := ParseMoney(text)
		ceil, ceilErr := Ceil(text)
		if errors.Is(ceilErr, ErrAmount) {
			return
		}
		r, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("%q is no number", text)
		}
		r.Mul(r, big.NewRat(perUnit, 1))
		if inside := r.Sign() >= 0 && r.Cmp(big.NewRat(int64(MaxMoney), 1)) <= 0; inside != (ceilErr == nil) {
			t.Fatalf("%q: %v", text, ceilErr)
		}
		if ceilErr != nil {
			return
		}
		if below := big.NewRat(int64(ceil)-1, 1); r.Cmp(big.NewRat(int64(ceil), 1)) > 0 || r.Cmp(below) <= 0 {
			t.Errorf("%q rounded up is %d", text, ceil)
		}
		if (exactErr == nil) != r.IsInt() || exactErr == nil && exact != ceil {
			t.Errorf("%q: %d, %v, rounded up %d", text, exact, exactErr, ceil)
		}
		if again, err := ParseMoney(ceil.String()); err != nil || again != ceil {
			t.Errorf("%d is written as %v, and read as %d, %v", ceil, ceil, again, err)
		}
	})
}

// FuzzPrice holds what configurations say against the patterns of their schema, and against what is written of it.
func FuzzPrice(f *testing.F) {
	for _, seed := range []string{"1000 CNY", "0.0001 USD", "1000000000000 CNY", "1000000000000.0001 CNY", "01.10 CNY", "1 cny", "1"} {
		f.Add(seed)
	}
	pattern := regexp.MustCompile(Price{}.Pattern())
	f.Fuzz(func(t *testing.T, text string) {
		var p, again Price
		if err := p.UnmarshalText([]byte(text)); err != nil {
			if p != (Price{}) {
				t.Errorf("%q is refused, and read as %v", text, p)
			}
			return
		}
		if !pattern.MatchString(text) {
			t.Errorf("%q is read, and does not match the pattern", text)
		}
		if err := again.UnmarshalText([]byte(p.String())); err != nil || again != p {
			t.Errorf("%q is written as %v, and read as %v, %v", text, p, again, err)
		}
	})
}
