package text

import "testing"

func TestGrouped(t *testing.T) {
	for want, n := range map[string]any{
		"0": 0, "999": 999, "1,000": uint64(1000), "1,234,567.8901": "1234567.8901", "−12,000.50": "-12000.50", "1e9": "1e9", "x1000": "x1000", "": "",
	} {
		if got := Grouped(n); got != want {
			t.Errorf("%v: %q, want %q", n, got, want)
		}
	}
}
