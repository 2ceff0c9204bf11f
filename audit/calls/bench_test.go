package calls

import (
	"path/filepath"
	"testing"

	"tollgate/internal/testlog"
)

// BenchmarkScan reads a log of 100,000 calls from the page cache. Reading and decoding the lines dominates; the filters and
// the report come on top. Divide 200,000 by the time for records per second.
func BenchmarkScan(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "audit")
	l := testlog.New(dir, nil)
	l.Calls(100_000)
	l.Close()
	min := amount(b, "5000")
	for _, c := range []struct {
		name   string
		filter Filter
		report bool
	}{
		{"all", Filter{}, false},
		{"spend over 5000", Filter{Effect: "spend", MinAmount: min}, false},
		{"last 20 of a customer", Filter{Customer: "c-17", Last: 20}, false},
		{"report", Filter{}, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				yield := func(*Call) error { return nil }
				if c.report {
					yield = NewReport(Dimensions, nil).Add
				}
				if err := (Scan{dir}).Calls(b.Context(), &c.filter, yield); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
