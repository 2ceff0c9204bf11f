package main

import (
	"cmp"
	"slices"
	"time"
)

// spread sums up the results of several rounds.
type spread struct{ median, min, max float64 }

// spreadOf sums up the values of rounds; with none it is zero.
func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	median := sorted[middle]
	if len(sorted)%2 == 0 {
		median = (sorted[middle-1] + sorted[middle]) / 2
	}
	return spread{median, sorted[0], sorted[len(sorted)-1]}
}

// ratios pairs the values of the same rounds: what disturbed the machine in a round disturbed both.
func ratios(values, by []float64) []float64 {
	all := make([]float64, 0, len(values))
	for i := range min(len(values), len(by)) {
		all = append(all, values[i]/by[i])
	}
	return all
}

// quantile returns the value below which a part of the sorted values lies.
func quantile[T cmp.Ordered](sorted []T, part float64) T {
	return sorted[min(int(part*float64(len(sorted))), len(sorted)-1)]
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
