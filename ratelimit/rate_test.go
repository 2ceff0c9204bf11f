package ratelimit

import (
	"math"
	"regexp"
	"testing"
)

func TestRates(t *testing.T) {
	for _, test := range []struct {
		text string
		want string // what it prints as, or "" for an error
	}{
		{"10/s", "10/s"},
		{"30/min", "30/min"},
		{"120/min", "2/s"},
		{"30/h", "30/h"},
		{"0.5/s", "30/min"},
		{"10", ""},
		{"10/m", ""},
		{"0/s", ""},
		{"-1/s", ""},
		{"1e3/s", ""},
		{"NaN/s", ""},
		{"1000001/s", ""},
	} {
		var r Rate
		err := r.UnmarshalText([]byte(test.text))
		if err == nil && r.String() != test.want || err != nil && test.want != "" {
			t.Errorf("%q: got %v, %v, want %q", test.text, r, err, test.want)
		}
	}
}

// FuzzRate: what is accepted fits the schema's pattern and the bounds, and what is printed for it, with six digits, means nearly the same.
func FuzzRate(f *testing.F) {
	for _, seed := range []string{"10/s", "0.5/min", "1/h", "1e3/s", "0x1/s", "0.0001/h", "1000000/s", "1/d", "12"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var r, again Rate
		if err := r.UnmarshalText([]byte(text)); err != nil {
			if len(err.Error()) > 300+len(text) {
				t.Errorf("a message of %d bytes", len(err.Error()))
			}
			return
		}
		if !regexp.MustCompile(r.Pattern()).MatchString(text) || !(r > 0 && r <= MaxPerSecond) {
			t.Errorf("%q is accepted as %g", text, float64(r))
		}
		if err := again.UnmarshalText([]byte(r.String())); err == nil && math.Abs(float64(again/r)-1) > 1e-5 {
			t.Errorf("%q prints as %v, which reads as %g", text, r, float64(again))
		}
	})
}
