// Package nearest finds known words that a mistyped one may have meant, and asks for them.
package nearest

import (
	"cmp"
	"slices"
	"strings"
)

// most is how many words are suggested.
const most = 3

// Words returns up to three of the known words that are near to the given one, the nearest first: by edit distance, up to
// a quarter of the word's length, without regard to case.
func Words(word string, known []string) []string {
	type candidate struct {
		word     string
		distance int
	}
	lower := strings.ToLower(word)
	var found []candidate
	for _, k := range known {
		d := Distance(lower, strings.ToLower(k))
		if d <= 1+len(word)/4 {
			found = append(found, candidate{k, d})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.word, b.word))
	})
	var words []string
	for _, c := range found[:min(most, len(found))] {
		words = append(words, c.word)
	}
	return words
}

// longest is how much of a word counts, in bytes.
const longest = 100

// Distance returns the Levenshtein distance of two words, in bytes, of which the first hundred count.
func Distance(a, b string) int {
	a, b = a[:min(len(a), longest)], b[:min(len(b), longest)]
	var previous, current [longest + 1]int
	for j := range len(b) + 1 {
		previous[j] = j
	}
	for i := range len(a) {
		current[0] = i + 1
		for j := range len(b) {
			substitute := previous[j]
			if a[i] != b[j] {
				substitute++
			}
			current[j+1] = min(substitute, previous[j+1]+1, current[j]+1)
		}
		previous = current
	}
	return previous[len(b)]
}
