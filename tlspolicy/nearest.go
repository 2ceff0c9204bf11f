package tlspolicy

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"tollgate/internal/nearest"
)

// maxName bounds what error texts and records repeat of a name that a peer or a file chose.
const maxName = 80

// truncate makes foreign text short and printable.
func truncate(text string) string {
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

// didYouMean returns `, did you mean "x"?` for the nearest of the candidates, or nothing if none is near.
func didYouMean(word string, candidates []string) string {
	if len(word) > maxName {
		return ""
	}
	near := nearest.Words(word, candidates)
	if len(near) == 0 {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", near[0])
}
