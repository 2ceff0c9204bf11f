package nearest

import (
	"fmt"
	"slices"
	"strings"
)

// maxListed is how many known words are listed when none is near to the wrong one.
const maxListed = 12

// Suggest asks whether the known words nearest to a wrong one were meant, or lists what is known if that is little.
func Suggest(word string, known []string) string {
	if near := Words(word, known); len(near) > 0 {
		return Meant(near)
	}
	return List(known)
}

// List returns the known words if they are few.
func List(known []string) string {
	if len(known) == 0 || len(known) > maxListed {
		return ""
	}
	return "known: " + strings.Join(slices.Sorted(slices.Values(known)), ", ")
}

// Meant asks whether one of the words was meant.
func Meant(words []string) string {
	if len(words) == 0 {
		return ""
	}
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = fmt.Sprintf("%q", w)
	}
	return "did you mean " + strings.Join(quoted, " or ") + "?"
}
