package review

import "testing"

// BenchmarkPeriod is a page of a month of 2,453 calls, from the index, with all calls read for caps and TLS.
func BenchmarkPeriod(b *testing.B) {
	s := pagesOf(large().indexed())
	for b.Loop() {
		got(b, b.Context(), s, "/period/2026-10", 200)
	}
}
