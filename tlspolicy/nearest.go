package tlspolicy

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName bounds what error texts and records repeat of a name that somebody else chose.
const maxName = 80

// clip makes foreign text short and printable.
func clip(text string) string {
	if len(text) > maxName {
		cut := maxName
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// didYouMean gives `, did you mean "x"?` for the nearest of the candidates, or nothing if none is near.
func didYouMean(word string, candidates []string) string {
	if len(word) > maxName {
		return ""
	}
	word = strings.ToUpper(word)
	best, bestDistance := "", len(word)/3+1 // a third of the letters may be wrong
	for _, candidate := range candidates {
		if d := distance(word, strings.ToUpper(candidate)); candidate != "" && d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", best)
}

// distance is the Levenshtein distance in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
