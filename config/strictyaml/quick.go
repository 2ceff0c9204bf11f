package strictyaml

import (
	"strings"

	"github.com/goccy/go-yaml/token"
)

// quick reads the YAML that most of a long file is: blocks of keys and lists, flow mappings and lists on one line, plain words, and texts
// in quotes. It takes a tenth of the parser's time and memory. At anything else it stops, and the parser reads the text: quick has no
// messages, and none of what it returns differs from what the parser's tree comes to.
type quick struct {
	lines []quickLine
	next  int
	depth int // of open brackets
}

// quickLine is a line that is neither blank nor a comment.
type quickLine struct {
	number, indent int
	text           string // from the indentation on
}

// quickly returns the mapping that a text is; ok is false if it may be none, or has what quick does not read.
func quickly(text string) (root node, ok bool) {
	var q quick
	if !q.split(text) || len(q.lines) == 0 || q.lines[0].text[0] == '-' {
		return node{}, false
	}
	root, ok = q.mapping(q.lines[0].indent)
	return root, ok && q.next == len(q.lines)
}

// split takes the lines of a text; it reports whether all have only characters that quick knows.
func (q *quick) split(text string) bool {
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSuffix(line, "\n")
		content := strings.TrimLeft(line, " ")
		if content == "" || content[0] == '#' {
			continue
		}
		indent := len(line) - len(content)
		if indent >= maxIndent || content[len(content)-1] == ' ' || strings.IndexFunc(content, isUnknown) >= 0 {
			return false
		}
		q.lines = append(q.lines, quickLine{number, indent, content})
	}
	return true
}

func isUnknown(r rune) bool {
	return r >= 0x80 || !isWordByte(byte(r)) && !strings.ContainsRune(" {}[],:\"'", r)
}

func isWordByte(c byte) bool { return isNameByte(c) || c == '.' || c == '/' }

// at returns the next line, if it is indented so.
func (q *quick) at(indent int) (l *quickLine, ok bool) {
	if q.next == len(q.lines) || q.lines[q.next].indent != indent {
		return nil, false
	}
	return &q.lines[q.next], true
}

// mapping reads the keys at an indentation.
func (q *quick) mapping(indent int) (n node, ok bool) {
	n = node{kind: kindMapping, at: Position{q.lines[q.next].number, indent + 1}}
	for l, more := q.at(indent); more && l.text[0] != '-'; l, more = q.at(indent) {
		end := keyEnd(l.text)
		if end < 0 {
			return n, false
		}
		e := entry{key: l.text[:end], keyAt: Position{l.number, indent + 1}}
		if e.node, ok = q.value(l, end+1); !ok {
			return n, false
		}
		n.entries = append(n.entries, e)
	}
	return n, len(n.entries) > 0 && q.endsAt(indent)
}

// endsAt reports whether the block at an indentation ends where it may.
func (q *quick) endsAt(indent int) bool {
	return q.next == len(q.lines) || q.lines[q.next].indent <= indent
}

// keyEnd returns where the colon behind the key is with which a line begins; -1 if it begins with none.
func keyEnd(text string) int {
	n := 0
	for n < len(text) && isNameByte(text[n]) {
		n++
	}
	if !isLetter(text[0]) || n == len(text) || text[n] != ':' || n+1 < len(text) && text[n+1] != ' ' {
		return -1
	}
	return n
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

// value reads what stands behind the colon of a line's key: on the line, or below it.
func (q *quick) value(l *quickLine, from int) (node, bool) {
	q.next++
	if from < len(l.text) {
		return q.inline(l, from)
	}
	if q.next == len(q.lines) {
		return node{}, false
	}
	below := &q.lines[q.next]
	switch {
	case below.text[0] == '-' && below.indent >= l.indent:
		return q.list(below.indent)
	case below.indent > l.indent:
		if keyEnd(below.text) < 0 {
			return node{}, false
		}
		return q.mapping(below.indent)
	}
	return node{}, false // there is none
}

// list reads the entries at an indentation.
func (q *quick) list(indent int) (n node, ok bool) {
	n = node{kind: kindSequence, at: Position{q.lines[q.next].number, indent + 1}}
	for l, more := q.at(indent); more && strings.HasPrefix(l.text, "- "); l, more = q.at(indent) {
		from := 2 + len(l.text[2:]) - len(strings.TrimLeft(l.text[2:], " "))
		var e entry
		if keyEnd(l.text[from:]) >= 0 { // the first key of a mapping
			l.indent, l.text = indent+from, l.text[from:]
			e.node, ok = q.mapping(l.indent)
		} else {
			q.next++
			e.node, ok = q.inline(l, from)
		}
		if !ok {
			return n, false
		}
		n.entries = append(n.entries, e)
	}
	return n, len(n.entries) > 0 && q.endsAt(indent)
}

// inline reads the rest of a line as one value.
func (q *quick) inline(l *quickLine, from int) (node, bool) {
	q.depth = 0
	n, end, ok := q.flow(l, from)
	return n, ok && end == len(l.text)
}

// flow reads the value at a place of a line, and returns where it ends.
func (q *quick) flow(l *quickLine, from int) (n node, end int, ok bool) {
	for from < len(l.text) && l.text[from] == ' ' {
		from++
	}
	if from == len(l.text) {
		return n, from, false
	}
	switch l.text[from] {
	case '{':
		return q.brackets(l, from, kindMapping, '}')
	case '[':
		return q.brackets(l, from, kindSequence, ']')
	case '"', '\'':
		return q.quoted(l, from)
	}
	return q.word(l, from)
}

// brackets reads what stands between brackets, of which the first is at the place.
func (q *quick) brackets(l *quickLine, from int, k kind, closing byte) (n node, end int, ok bool) {
	n = node{kind: k, at: l.position(from), entries: []entry{}}
	if q.depth++; q.depth == maxDepth { // with a dash in front the parser takes no more
		return n, from, false
	}
	for end = from + 1; ; end++ {
		end += len(l.text[end:]) - len(strings.TrimLeft(l.text[end:], " "))
		if end < len(l.text) && l.text[end] == closing && len(n.entries) == 0 {
			break
		}
		var e entry
		if k == kindMapping {
			colon := -1
			if end < len(l.text) {
				colon = keyEnd(l.text[end:])
			}
			if colon < 0 {
				return n, end, false
			}
			e.key, e.keyAt = l.text[end:end+colon], l.position(end)
			end += colon + 1
		}
		if e.node, end, ok = q.flow(l, end); !ok {
			return n, end, false
		}
		n.entries = append(n.entries, e)
		end += len(l.text[end:]) - len(strings.TrimLeft(l.text[end:], " "))
		if end == len(l.text) || l.text[end] != ',' && l.text[end] != closing {
			return n, end, false
		}
		if l.text[end] == closing {
			break
		}
	}
	q.depth--
	return n, end + 1, true
}

// quoted reads a text in quotes whose characters all stand for themselves: split refuses those that escape others.
func (q *quick) quoted(l *quickLine, from int) (n node, end int, ok bool) {
	text, _, ok := strings.Cut(l.text[from+1:], l.text[from:from+1])
	return node{kind: kindText, text: text, at: l.position(from)}, from + len(text) + 2, ok
}

// word reads a plain word. A colon in it is a part of it if none of what ends a word is behind.
func (q *quick) word(l *quickLine, from int) (n node, end int, ok bool) {
	for end = from; end < len(l.text) && (isWordByte(l.text[end]) || l.text[end] == ':'); end++ {
		if l.text[end] == ':' && (end == from || end+1 == len(l.text) || !isWordByte(l.text[end+1])) {
			return n, end, false
		}
	}
	if end == from {
		return n, end, false
	}
	n = node{kind: wordKind(l.text[from:end]), text: l.text[from:end], at: l.position(from)}
	return n, end, n.kind != kindNone
}

// wordKind returns what a word is; kindNone if that is for the parser to say.
func wordKind(word string) kind {
	switch c := word[0]; {
	case c == '-' || c == '.' || c == '_' || c == '0' && len(word) > 1:
		return kindNone
	case c == '/' || isLetter(c) && len(word) > len("false"): // longer than all words that mean something
		return kindText
	}
	switch token.New(word, word, new(token.Position)).Type {
	case token.StringType:
		return kindText
	case token.BoolType:
		return kindBoolean
	case token.IntegerType:
		return kindInteger
	}
	return kindNone
}

func (l *quickLine) position(at int) Position { return Position{l.number, l.indent + at + 1} }
