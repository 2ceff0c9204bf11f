package decimal

import (
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func parse(t testing.TB, text string) Decimal {
	t.Helper()
	d, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDecimalText(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0", "-0": "0", "99.90": "99.90", "+5": "5", "007": "7", ".5": "0.5", "5.": "5", "-.05": "-0.05", "1e3": "1000", "1.25E+1": "12.5", "1e+05": "100000", "1e-0": "1",
		"1e-3": "0.001", "12.34e-2": "0.1234", "-1e2": "-100", "0.00": "0.00", "1e40": "1" + strings.Repeat("0", 40), "1e-40": "0." + strings.Repeat("0", 39) + "1",
		strings.Repeat("9", 64): strings.Repeat("9", 64),
	} {
		if got := parse(t, text).String(); got != want {
			t.Errorf("%q is written %q, want %q", text, got, want)
		}
	}
}

func TestWithPlaces(t *testing.T) {
	for text, want := range map[string]string{"0": "0.00", "-5": "-5.00", "1000.5": "1000.50", "0.125": "0.125", "3e2": "300.00"} {
		d, err := Parse(text)
		if got := d.WithPlaces(2); err != nil || got.String() != want || got.Cmp(d) != 0 || got.Places() != max(2, d.Places()) {
			t.Errorf("%s is %s, want %s, %v", text, got, want, err)
		}
	}
}

func TestDecimalErrors(t *testing.T) {
	for _, text := range []string{
		"", " ", "-", "+-1", "--1", ".", "1.2.3", "1,000", "1 ", " 1", "1_000", "0x10", "1e", "e1", "1e1.5", "1e41", "1e-41", "1e99999999999999999999",
		"1e+", "1e-", "NaN", "Inf", "777780f", "777,779", "1e401", "+", "e", ".e1", "+.", "１２", "5\n", "\t5", "\u00a05", "5\x00", "0b1", "0o7", "1p3", "1/3", "true", "null", "¥5", "٣", "1e+-1", strings.Repeat("9", 65), "1-2", "1e1e1",
	} {
		if d, err := Parse(text); err == nil || Valid(text) {
			t.Errorf("%q is taken for %s", text, d)
		}
	}
}

// rat is what a decimal means, worked out by other means.
func rat(t testing.TB, text string) *big.Rat {
	t.Helper()
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		t.Fatalf("%q is no number for math/big", text)
	}
	return r
}

// TestDecimalAgainstRationals computes with random amounts in both ways.
func TestDecimalAgainstRationals(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 2))
	number := func() string {
		text := strconv.FormatInt(rng.Int64N(1<<rng.IntN(40)), 10)
		if rng.IntN(2) == 0 {
			text = "-" + text
		}
		if n := rng.IntN(6); n > 0 {
			text += "." + strings.Repeat("0", rng.IntN(3)) + strconv.Itoa(rng.IntN(1<<n))
		}
		if rng.IntN(4) == 0 {
			text += "e" + strconv.Itoa(rng.IntN(81)-40)
		}
		return text
	}
	var sum Decimal
	exact := new(big.Rat)
	for range 5000 {
		a, b := number(), number()
		x, y := parse(t, a), parse(t, b)
		p, q := rat(t, a), rat(t, b)
		if got, want := x.Cmp(y), p.Cmp(q); got != want {
			t.Fatalf("%s compared to %s is %d, want %d", a, b, got, want)
		}
		if x.Sign() != p.Sign() {
			t.Fatalf("the sign of %s is %d", a, x.Sign())
		}
		n, shift := rng.IntN(1000), rng.IntN(9)-4
		for _, c := range []struct {
			what string
			got  Decimal
			want *big.Rat
		}{
			{"the number", x, p}, {"the sum", x.Add(y), new(big.Rat).Add(p, q)},
			{"times", x.Times(n), new(big.Rat).Mul(p, big.NewRat(int64(n), 1))},
			{"shifted", x.Shift(shift), new(big.Rat).Mul(p, rat(t, "1e"+strconv.Itoa(shift)))},
		} {
			if text := c.got.String(); strings.ContainsAny(text, "eE") || rat(t, text).Cmp(c.want) != 0 {
				t.Fatalf("%s of %s, %s, %d, %d is %s, want %s", c.what, a, b, n, shift, text, c.want)
			}
		}
		sum, exact = sum.Add(x), exact.Add(exact, p)
		if x.String() != parse(t, a).String() {
			t.Fatalf("computing changed %s", a)
		}
	}
	if rat(t, sum.String()).Cmp(exact) != 0 {
		t.Errorf("the sum is %s, want %s", sum, exact)
	}
}

func TestDecimalJSON(t *testing.T) {
	var d struct{ A, B Decimal }
	if err := json.Unmarshal([]byte(`{"A":"1.50"}`), &d); err != nil {
		t.Fatal(err)
	}
	if text, err := json.Marshal(d); err != nil || string(text) != `{"A":"1.50","B":"0"}` {
		t.Errorf("%s, %v", text, err)
	}
	for _, text := range []string{"x", " 1", "1 ", ""} {
		if err := json.Unmarshal([]byte(`{"A":"`+text+`"}`), &d); err == nil {
			t.Errorf("%q is taken for a number", text)
		}
	}
}

// plain is the grammar of [Parse], said in another way; the bound of the exponent stands apart.
var plain = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE]([+-]?)0*([0-9]{1,2}))?$`)

func isPlain(text string) bool {
	parts := plain.FindStringSubmatch(text)
	if parts == nil || len(text) > MaxText {
		return false
	}
	exponent, _ := strconv.Atoi(parts[4])
	return exponent <= MaxExponent
}

func TestValidDoesNotAllocate(t *testing.T) {
	for _, text := range []string{"99.99", "-1.5e-40", "777,779", "1e41", strings.Repeat("9", 64), strings.Repeat("9", 1<<10)} {
		if n := testing.AllocsPerRun(100, func() { Valid(text) }); n > 0 {
			t.Errorf("%.20q: %v allocations", text, n)
		}
	}
}

// FuzzDecimal: exactly what the grammar says is taken; it means the same to math/big, is written within bounds, and is read
// back as it was written.
func FuzzDecimal(f *testing.F) {
	for _, seed := range []string{
		"99.99", "-0.10", "1e40", "1E-40", "1e+040", "1e41", ".5", "5.", "+7", "1e", "0x1p-2", "1_0", "1/3", strings.Repeat("9", 64), strings.Repeat("9", 65),
		" 777777", "777780f", "777,779", "１２", "--5", "", "e5", "NaN", "Inf", "1e99999999999", "1e00000000000000000000000000005",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Parse(text)
		if Valid(text) != (err == nil) || isPlain(text) != (err == nil) {
			t.Fatalf("%q: Parse says %v, Valid %v, the grammar %v", text, err, Valid(text), isPlain(text))
		}
		if err != nil {
			return
		}
		written := d.String()
		if len(written) > 2*MaxText+MaxExponent || rat(t, text).Cmp(rat(t, written)) != 0 {
			t.Errorf("%q is written %q", text, written)
		}
		if len(written) <= MaxText {
			if again := parse(t, written); again.Cmp(d) != 0 || again.String() != written {
				t.Errorf("%q is read back as %s", written, again)
			}
		}
	})
}
