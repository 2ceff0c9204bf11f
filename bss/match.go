package bss

import (
	"bytes"
	"unicode/utf8"
)

// expects reports whether the value at a path belongs to a field of the catalog, or holds what belongs to it. rest is the
// field's name after the path: "" for the field's own value, "[]..." where an array should be, ".name..." an object.
// exact is false if path and name differ in case only. ascii says that all of the path is ASCII: it is then as long as
// what it matches, which spares the search.
func expects(path []byte, ascii bool, field string) (rest string, exact, ok bool) {
	if len(path) == 0 {
		return "", false, false
	}
	if ascii {
		if !mayExpect(path, field) {
			return "", false, false
		}
		return matches(path, field, len(path))
	}
	for end := 1; end <= len(field) && !ok; end++ {
		if endsAt(field, end) {
			rest, exact, ok = matches(path, field, end)
		}
	}
	return rest, exact, ok
}

// mayExpect reports, by a cheap look, whether a path that is not empty and all ASCII can be one of a field: every value of a body is held
// against every field.
func mayExpect(path []byte, field string) bool {
	return endsAt(field, len(path)) && (path[0]^field[0])&^0x20 == 0
}

// endsAt reports whether a part of a field's name ends there.
func endsAt(field string, end int) bool {
	return end == len(field) || end < len(field) && (field[end] == '.' || field[end] == '[')
}

func matches(path []byte, field string, end int) (rest string, exact, ok bool) {
	prefix := field[:end]
	exact = string(path) == prefix
	return field[end:], exact, exact || equalFold(path, prefix)
}

// fits reports whether a value is of the JSON type that the rest of a field's name asks for.
func fits(kind kind, rest string) bool {
	switch {
	case rest == "":
		return kind != '{' && kind != '['
	case rest[0] == '[':
		return kind == '['
	}
	return kind == '{'
}

// equalFold reports whether name and known (ASCII) are the same for encoding/json, which ignores case by Unicode simple
// folding. That folds two letters of more bytes to ASCII: the Kelvin sign and the long s.
func equalFold(name []byte, known string) bool {
	return len(name) >= len(known) && len(name) <= 3*len(known) && (name[0] >= utf8.RuneSelf || (name[0]^known[0])&^0x20 == 0) &&
		bytes.EqualFold(name, []byte(known))
}
