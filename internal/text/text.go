// Package text shortens texts of strangers and takes out of them what a terminal would obey.
package text

import (
	"strings"
	"unicode"
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
