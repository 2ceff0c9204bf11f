// Package text truncates texts of unauthenticated peers, takes out of them or makes visible what a terminal or a browser would obey, and counts in words.
package text

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Truncate returns s if it has up to limit bytes. Otherwise it returns as many whole characters as that, with mark behind them.
func Truncate(s string, limit int, mark string) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + mark
}

// Printable returns s in valid UTF-8, with another character in the place of each that [unicode.IsPrint] does not know.
func Printable(s string, instead rune) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return instead
	}, s)
}

// Visible returns s with the code point of each character that does not print or that changes how others are read: "⟨U+202E⟩". So it does with
// letters that print as nothing, with marks that would stand on what is before s, and with those beyond the number that scripts put on one letter.
func Visible(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	marks := maxMarks
	for _, r := range s {
		if marks++; !unicode.IsMark(r) {
			marks = 0
		}
		if hidden(r) || marks > maxMarks {
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// maxMarks is how many combining marks in a row stay as they are: more would cover the lines above and below.
const maxMarks = 4

// plain reports whether s has only characters that need no look.
func plain(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return hidden(r) || unicode.IsMark(r) })
}

// hidden reports whether a character does not print, or prints as nothing.
func hidden(r rune) bool {
	return !unicode.IsPrint(r) || r == unicode.ReplacementChar || r == '\u2800' || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || unicode.Is(unicode.Variation_Selector, r)
}

// Are returns what [Count] does and the verb: "1 record is", "2 records are".
func Are[N int | int64 | uint64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun + " is"
	}
	return Count(n, noun) + " are"
}

// Count returns n and what is counted, whose plural has an s: "1 record", "2 records".
func Count[N int | int64 | uint64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// NotZero returns v in words or digits, and nothing where it is the zero of its type: "404", "true", "".
func NotZero[T comparable](v T) string {
	var zero T
	if v == zero {
		return ""
	}
	return fmt.Sprint(v)
}

// EscapeUnprintable escapes in JSON what a terminal would not print, which encoding/json lets through in part: peers
// may have put it into a path, and it could forge or hide what a reviewer sees.
func EscapeUnprintable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r == '\n' || strconv.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}
