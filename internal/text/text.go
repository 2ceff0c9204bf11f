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

// Visible returns s with the code point of each character that does not print or that changes how others are read: "⟨U+202E⟩".
func Visible(s string) string {
	hidden := func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if hidden(r) {
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
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
