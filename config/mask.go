package config

import (
	"reflect"
	"regexp"
	"slices"
	"strings"

	"tollgate/internal/nearest"
)

// Secrets belong into a reference, but people do write them into the file, and the error about that must not carry
// them into logs. So no line is quoted that holds the name of a secret's key, nor what stands below it. This works on raw lines,
// not on parsed ones, because syntax errors have excerpts too. It rather hides too much: file, line and column are given anyway.

// secretKeys are the keys whose values are secrets, or references to secrets.
var secretKeys = []string{"access_key", "secret_key", "secret", "security_token"}

var (
	anyKey   = regexp.MustCompile(`[A-Za-z0-9_.-]+`)
	firstKey = regexp.MustCompile(`^["']?[A-Za-z0-9_.-]+["']?\s*:(\s|$)`)
	userinfo = regexp.MustCompile(`://[^/\s@]*@`)
)

// hide finds the lines that must not be quoted: those that hold the name of a secret's key or of one of the further keys, the lines
// that are given, and for each what belongs to it.
func (s *fileText) hide(further []string) {
	s.hidden = make([]bool, len(s.lines))
	known := map[string]bool{} // finding out takes its time, and files repeat their words
	secret := func(word string) bool {
		found, ok := known[word]
		if !ok {
			found = sensitive(word) || slices.Contains(further, word)
			known[word] = found
		}
		return found
	}
	opens := func(i int) bool {
		return s.secret[i] || userinfo.MatchString(s.lines[i]) || secretName(s.lines[i], secret) >= 0
	}
	var b *secretBlock
	for i, line := range s.lines {
		if b != nil && !b.holds(line) {
			b = nil
		}
		if b == nil && opens(i) {
			b = &secretBlock{indent: indentOf(line), item: isItem(line)}
		}
		if s.hidden[i] = b != nil; s.hidden[i] {
			b.flow += strings.Count(line, "{") + strings.Count(line, "[") - strings.Count(line, "}") - strings.Count(line, "]")
		}
	}
}

// secretBlock is what belongs to a line with the name of a secret's key.
type secretBlock struct {
	indent int
	item   bool // the line is an entry of a list
	flow   int  // brackets that are open
}

// holds reports whether the next line belongs to the block: as an indented one, as one of a list or a mapping in brackets, or since it
// begins no entry of its own.
func (b *secretBlock) holds(line string) bool {
	ownEntry := firstKey.MatchString(strings.TrimLeft(line, " \t-")) && (b.item || !isItem(line))
	return indentOf(line) > b.indent || b.flow > 0 || !ownEntry
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }

func isItem(line string) bool { return strings.HasPrefix(strings.TrimLeft(line, " \t"), "- ") }

// secretName returns where the first word that is the name of a secret's key ends in a text; -1 if there is none. The names of files and
// folders do not count.
func secretName(text string, secret func(word string) bool) int {
	for _, m := range anyKey.FindAllStringIndex(text, -1) {
		inPath := strings.HasSuffix(text[:m[0]], "/") || strings.HasPrefix(text[m[1]:], "/")
		if !inPath && secret(text[m[0]:m[1]]) {
			return m[1]
		}
	}
	return -1
}

// secretSections are the keys of sections in which an unknown key may hold a secret. Of a file that could not be parsed nothing in
// them is quoted.
func secretSections(t reflect.Type) (names []string) {
	for _, f := range fieldsOf(t) {
		inner := sectionOf(t.Field(f.index).Type)
		if !isSection(inner) {
			continue
		}
		if nearSecret(inner) {
			names = append(names, f.name)
		}
		names = append(names, secretSections(inner)...)
	}
	return names
}

// sectionOf is the type of a section, or of what it is a list or mapping of.
func sectionOf(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	return t
}

func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(reflect.TypeFor[scalar]())
}

// nearSecret reports whether a section is a reference to a secret, has one, or has a section with one.
func nearSecret(t reflect.Type) bool { return secretWithin(t, 2) }

func secretWithin(t reflect.Type, levels int) bool {
	if t == reflect.TypeFor[reference]() {
		return true
	}
	if levels == 0 || !isSection(t) {
		return false
	}
	return slices.ContainsFunc(fieldsOf(t), func(f field) bool {
		inner := t.Field(f.index).Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		return secretWithin(inner, levels-1)
	})
}

// insideSecret tells whether a config path leads to a secret's reference, or into it.
func insideSecret(path string) bool {
	for part := range strings.SplitSeq(path, ".") {
		if slices.Contains(secretKeys, part) {
			return true
		}
	}
	return false
}

var withoutMarks = strings.NewReplacer("_", "", "-", "", ".", "")

// sensitive tells whether a key, perhaps mistyped, holds a secret. "key" alone is the path of a certificate's key.
func sensitive(key string) bool {
	if len(key) > 64 {
		return false
	}
	plain := withoutMarks.Replace(strings.ToLower(key))
	if slices.Contains([]string{"sk", "ak", "pwd", "accesskey", "secretkey"}, plain) {
		return true
	}
	for _, part := range []string{"secret", "token", "passw", "passphr", "apikey", "privatekey"} {
		if strings.Contains(plain, part) {
			return true
		}
	}
	return len(nearest.Words(key, secretKeys)) > 0
}
