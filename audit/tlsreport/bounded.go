package tlsreport

import (
	"cmp"
	"maps"
	"slices"

	"tollgate/internal/text"
)

// bounded is a map with at most max entries, and one more, under the key other, for all others.
type bounded[K comparable, V any] struct {
	max     int
	other   K
	entries map[K]*V
}

func newBounded[K comparable, V any](limit int, other K) bounded[K, V] {
	return bounded[K, V]{limit, other, map[K]*V{}}
}

func (b *bounded[K, V]) at(key K) *V {
	v, ok := b.entries[key]
	if !ok && len(b.entries) >= b.max {
		key = b.other
		v, ok = b.entries[key]
	}
	if !ok {
		v = new(V)
		b.entries[key] = v
	}
	return v
}

// list returns a row for each entry, in the order of compare.
func list[K comparable, V, R any](b bounded[K, V], row func(K, *V) R, compare func(a, b R) int) []R {
	rows := make([]R, 0, len(b.entries))
	for key, value := range b.entries {
		rows = append(rows, row(key, value))
	}
	slices.SortFunc(rows, compare)
	return rows
}

// most compares by counts, the largest first, and then by names.
func most(a, b uint64, namesA, namesB []string) int {
	return cmp.Or(cmp.Compare(b, a), slices.Compare(namesA, namesB))
}

const (
	maxSources  = 64 // counted for one caller or reason
	maxExamples = 3  // of them in the report
)

// sources counts different addresses up to maxSources.
type sources struct {
	seen map[string]struct{}
	more bool
}

func (s *sources) add(source string) {
	if source == "" {
		return
	}
	source = truncated(source)
	if s.seen == nil {
		s.seen = map[string]struct{}{}
	}
	if _, ok := s.seen[source]; ok {
		return
	}
	if len(s.seen) == maxSources {
		s.more = true
		return
	}
	s.seen[source] = struct{}{}
}

// examples returns a few of them.
func (s *sources) examples() []string {
	all := slices.AppendSeq(make([]string, 0, len(s.seen)), maps.Keys(s.seen))
	slices.Sort(all)
	return all[:min(len(all), maxExamples)]
}

// maxText bounds a text of the log, in bytes.
const maxText = 160

func truncated(s string) string { return text.Truncate(s, maxText, "…") }
