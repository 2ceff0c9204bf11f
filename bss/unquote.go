package bss

import (
	"bytes"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// unquote appends the content of a string that was scanned.
func unquote(dst, raw []byte) []byte {
	raw = raw[1 : len(raw)-1]
	for i := bytes.IndexByte(raw, '\\'); i >= 0; i = bytes.IndexByte(raw, '\\') {
		dst = append(dst, raw[:i]...)
		dst, raw = unescape(dst, raw[i:])
	}
	return append(dst, raw...)
}

// unescape appends what the escape sequence at the beginning of raw stands for, and returns what follows it.
func unescape(dst, raw []byte) (_, rest []byte) {
	n := escapeLength(raw)
	switch r := hex4(raw[2:]); {
	case n == 2:
		dst = append(dst, shortEscape(raw[1]))
	case n == 6:
		dst = utf8.AppendRune(dst, r)
	default:
		dst = utf8.AppendRune(dst, utf16.DecodeRune(r, hex4(raw[8:])))
	}
	return dst, raw[n:]
}

// shortEscape returns what a letter after a backslash stands for.
func shortEscape(c byte) byte {
	if i := strings.IndexByte("bfnrt", c); i >= 0 {
		return "\b\f\n\r\t"[i]
	}
	return c
}
