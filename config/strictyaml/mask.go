package strictyaml

import (
	"reflect"
	"regexp"
	"slices"
	"strings"

	"tollgate/internal/nearest"
	"tollgate/internal/text"
)

// Secrets belong into a reference, but people do write them into the file, and the error about that must not carry
// them into logs. So no line is quoted that holds the name of a secret's key, nor what stands below it. This works on raw lines,
// not on parsed ones, because syntax errors have excerpts too. It rather hides too much: file, line and column are given anyway.

// secretKeys are the names of keys at which secrets may stand.
type secretKeys struct {
	names  []string // of those that say where a secret is kept
	parts  []string // of what stands below those, where it should
	others []string // all other keys: they are words of their own, however near they are to a name
	// sections are those in which an unknown key may hold a secret. Of a file that could not be parsed nothing in them is shown.
	sections []string
}

func secretKeysOf(root reflect.Type) (keys secretKeys) {
	keys.collect(root)
	return keys
}

func (k *secretKeys) collect(t reflect.Type) {
	for _, f := range Fields(t) {
		inner := Section(f.Type)
		if inner == nil || !inner.Implements(secretType) {
			k.others = append(k.others, f.Key)
		}
		if inner == nil {
			continue
		}
		if inner.Implements(secretType) && !slices.Contains(k.names, f.Key) {
			k.names, k.parts = append(k.names, f.Key), append(k.parts, keysOf(Fields(inner))...)
		}
		if nearSecret(inner) {
			k.sections = append(k.sections, f.Key)
		}
		k.collect(inner)
	}
}

var (
	anyKey   = regexp.MustCompile(`[A-Za-z0-9_.-]+`)
	firstKey = regexp.MustCompile(`^["']?[A-Za-z0-9_.-]+["']?\s*:(\s|$)`)
	userinfo = regexp.MustCompile(`\S:\S.*@`) // a password may have any characters where it was not escaped
	colon    = regexp.MustCompile(`^["']?\s*(=|:(\D|$))`)
)

// hide finds the lines that must not be quoted: those with the name of a secret's key, those marked in s.secret, and after each the lines
// that belong to it. In a text that could not be parsed these are all up to the next of the root's keys; for other texts root is nil.
func (s *sourceText) hide(isName func(word string) bool, root []string) {
	s.hidden = make([]bool, len(s.lines))
	known := map[string]bool{} // isName is slow, and files repeat their words
	secret := func(word string) bool {
		found, ok := known[word]
		if !ok {
			found = isName(word)
			known[word] = found
		}
		return found
	}
	opens := func(i int) bool {
		// A line with NUL is UTF-16, in which no word would be recognised.
		return s.secret[i] || strings.ContainsRune(s.lines[i], 0) || userinfo.MatchString(s.lines[i]) || secretName(s.lines[i], secret) >= 0
	}
	var b *secretBlock
	for i, line := range s.lines {
		if b != nil && (root == nil && !b.holds(line) || slices.Contains(root, keyAtMargin(line))) {
			b = nil
		}
		if b == nil && opens(i) {
			b = &secretBlock{indent: indentOf(line), item: isItem(line)}
		}
		if s.hidden[i] = b != nil; s.hidden[i] {
			b.count(line)
		}
	}
}

// hideNode hides the lines on which the parts of a value begin.
func (s *sourceText) hideNode(n *node) {
	s.hideLine(n.at)
	for i := range n.entries {
		s.hideEntry(&n.entries[i])
	}
}

func (s *sourceText) hideEntry(e *entry) {
	s.hideLine(e.keyAt)
	s.hideNode(&e.node)
}

func (s *sourceText) hideLine(at Position) {
	if at.Line >= 1 && at.Line <= len(s.secret) {
		s.secret[at.Line-1] = true
	}
}

// keyAtMargin returns the key with which a line begins that is not indented.
func keyAtMargin(line string) string {
	if !firstKey.MatchString(line) {
		return ""
	}
	return anyKey.FindString(line)
}

// secretBlock is what belongs to a line with the name of a secret's key.
type secretBlock struct {
	indent int
	item   bool // the line is an entry of a list
	flow   int  // brackets that are open
}

// count counts the brackets of a line. One that closes closes nothing from before the block.
func (b *secretBlock) count(line string) {
	for _, c := range line {
		switch c {
		case '{', '[':
			b.flow++
		case '}', ']':
			b.flow = max(b.flow-1, 0)
		}
	}
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
// folders do not count, unless a colon makes them a key.
func secretName(text string, secret func(word string) bool) int {
	for _, m := range anyKey.FindAllStringIndex(text, -1) {
		inPath := (strings.HasSuffix(text[:m[0]], "/") || strings.HasPrefix(text[m[1]:], "/")) && !colon.MatchString(text[m[1]:])
		if !inPath && secret(text[m[0]:m[1]]) {
			return m[1]
		}
	}
	return -1
}

// nearSecret reports whether a section is a reference to a secret, has one, or has a section with one.
func nearSecret(t reflect.Type) bool { return secretWithin(t, 2) }

func secretWithin(t reflect.Type, levels int) bool {
	if t.Implements(secretType) {
		return true
	}
	if levels == 0 || !isSection(t) {
		return false
	}
	return slices.ContainsFunc(Fields(t), func(f Field) bool {
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		return secretWithin(inner, levels-1)
	})
}

// inPath reports whether a path leads to where a secret is kept, or into it.
func (k *secretKeys) inPath(path string) bool {
	for part := range strings.SplitSeq(path, ".") {
		if slices.Contains(k.names, part) {
			return true
		}
	}
	return false
}

var withoutMarks = strings.NewReplacer("_", "", "-", "", ".", "")

func plainName(key string) string { return withoutMarks.Replace(strings.ToLower(key)) }

func isDash(r rune) bool { return r == '_' || r == '-' }

// looksLikeName reports whether a word is the name of a key that holds a secret, perhaps mistyped, or is what such keys are called
// elsewhere. "key" alone is the path of a certificate's key.
func (k *secretKeys) looksLikeName(word string) bool {
	if len(word) > 64 {
		return false
	}
	plain := plainName(word)
	isShort := func(part string) bool { return slices.Contains([]string{"sk", "ak", "pwd", "pass"}, part) }
	if slices.ContainsFunc(strings.FieldsFunc(strings.ToLower(word), isDash), isShort) ||
		slices.ContainsFunc(k.names, func(name string) bool { return strings.Contains(plain, plainName(name)) }) {
		return true
	}
	for _, part := range []string{"secret", "token", "passw", "passphr", "apikey", "privatekey"} {
		if strings.Contains(plain, part) {
			return true
		}
	}
	return !slices.Contains(k.others, word) && len(nearest.Words(word, k.names)) > 0
}

// Shown returns what of a value a message may repeat: a bounded part, without what follows the name of a secret's key in it, since such a
// key without its colon, or a blank behind that, is one text with the secret.
func (d *Document) Shown(value string) string {
	if end := secretName(value, d.secrets.looksLikeName); end >= 0 && end < len(value) {
		value = value[:end] + " [masked]"
	}
	return text.Truncate(value, 80, "...")
}
