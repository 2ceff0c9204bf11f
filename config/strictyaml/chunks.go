package strictyaml

import (
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/token"
)

// chunkSize is how much of a long text is read at once. The lexer's tokens take fifty times as much memory as the text, and the parser's
// tree as much again: so a text is cut at lines that begin a key, and of each chunk only the nodes are kept.
const chunkSize = 32 << 10

// chunk is a part of a text: whole lines, of which some begin a key of one mapping each.
type chunk struct {
	text string
	line int // lines before it
	keys int
	root node
}

// section is a key at the margin with its value, or several; the value of one that is long may stand in chunks of its own.
type section struct {
	head     *chunk
	children []*chunk
}

// chunks reads texts in chunks of a size.
type chunks struct{ size int }

// read returns what the text is as a whole, or nil: if it cannot be cut, or anything is wrong with it, which is for the parser to say
// that has all of it.
func (c chunks) read(text string) *node {
	if len(text) <= c.size || tabbed.MatchString(text) {
		return nil
	}
	sections, ok := c.cut(text)
	if !ok {
		return nil
	}
	for _, s := range sections {
		for _, one := range append(s.children, s.head) {
			if !one.read() {
				return nil
			}
		}
	}
	return assemble(sections)
}

// read reports whether the chunk is one mapping with as many keys as it was cut out for, and nothing that could reach beyond it.
func (c *chunk) read() bool {
	root, ok := quickly(c.text)
	if !ok {
		if root, ok = slowly(c.text); !ok {
			return false
		}
	}
	if len(root.entries) != c.keys {
		return false
	}
	root.shift(c.line)
	c.root, c.text = root, ""
	return true
}

// slowly parses a chunk, which has to be a mapping.
func slowly(text string) (root node, ok bool) {
	tokens := new(Document).tokens(text)
	if !isClosed(tokens) {
		return node{}, false
	}
	root, err := pieces{pieceSize}.value(tokens)
	return root, err == nil && root.kind == kindMapping
}

// isClosed reports whether all brackets of the tokens are closed, no document ends, and no value is waited for. Texts over several lines are
// left to the whole as well: the lexer places some of them by the lines below.
func isClosed(tokens token.Tokens) bool {
	open := 0
	for _, t := range tokens {
		open += bracket(t)
		if open < 0 || t.Type == token.DocumentHeaderType || t.Type == token.DocumentEndType || strings.Contains(strings.Trim(t.Origin, " \t\n"), "\n") {
			return false
		}
	}
	return open == 0 && len(tokens) > 0 && tokens[len(tokens)-1].Type != token.SequenceEntryType
}

// shift moves a node some lines down.
func (n *node) shift(lines int) {
	n.at.Line += lines
	for i := range n.entries {
		e := &n.entries[i]
		if n.kind == kindMapping {
			e.keyAt.Line += lines
		}
		e.shift(lines)
	}
}

// assemble returns the mapping that the sections are.
func assemble(sections []section) *node {
	whole := sections[0].head.root
	for i, s := range sections {
		if len(s.children) > 0 {
			value := &s.head.root.entries[0].node
			*value = s.children[0].root
			for _, child := range s.children[1:] {
				value.entries = append(value.entries, child.root.entries...)
			}
		}
		if i > 0 {
			whole.entries = append(whole.entries, s.head.root.entries...)
		}
	}
	return &whole
}

// cut returns the sections of a text, in chunks; ok is false if its first key is not found.
func (c chunks) cut(text string) (sections []section, ok bool) {
	begins := keyLines(text, 0)
	if len(begins) == 0 || !isBlank(text[:begins[0]]) {
		return nil, false
	}
	begins[0] = 0 // comments in front
	for _, one := range c.group(text, begins, 0) {
		s := section{head: one}
		if len(one.text) > c.size && one.keys == 1 {
			c.cutSection(&s)
		}
		sections = append(sections, s)
	}
	return sections, true
}

// cutSection leaves a section's key alone in its head, if its value is a mapping with keys on lines of their own.
func (c chunks) cutSection(s *section) {
	text := s.head.text
	end := keyAlone.FindStringIndex(text)
	if end == nil {
		return
	}
	head, value := text[:end[1]], text[end[1]:]
	first := firstLine.FindStringIndex(value)
	if first == nil {
		return
	}
	column := indentOf(value[first[0]:])
	begins := keyLines(value, column)
	if column == 0 || len(begins) == 0 || begins[0] != first[0] {
		return
	}
	begins[0] = 0
	s.children = c.group(value, begins, s.head.line+strings.Count(head, "\n"))
	s.head.text = head
}

// group puts what begins at the places of a text into chunks.
func (c chunks) group(text string, begins []int, line int) (all []*chunk) {
	for len(begins) > 0 {
		count := 1
		for count < len(begins) && end(text, begins, count+1)-begins[0] <= c.size {
			count++
		}
		part := text[begins[0]:end(text, begins, count)]
		all = append(all, &chunk{text: part, line: line, keys: count})
		line += strings.Count(part, "\n")
		begins = begins[count:]
	}
	return all
}

// end returns where the first of what begins at the places of a text end.
func end(text string, begins []int, count int) int {
	if count < len(begins) {
		return begins[count]
	}
	return len(text)
}

var (
	keyAlone  = regexp.MustCompile(`^(?:[ \t]*(?:#[^\n]*)?\n)*[A-Za-z0-9_-]+:[ \t]*(?:[ \t]#[^\n]*)?\n`)
	tabbed    = regexp.MustCompile(`(?m)^ *\t`) // what the parser says to that depends on the lines around
	firstLine = regexp.MustCompile(`(?m)^[ ]*[^ \t\n#]`)
)

// keyLines returns where the lines begin that have a key at a column, counted from 0.
func keyLines(text string, column int) (begins []int) {
	at := 0
	for line := range strings.Lines(text) {
		if len(line) > column && strings.Trim(line[:column], " ") == "" && isKeyLine(line[column:]) {
			begins = append(begins, at)
		}
		at += len(line)
	}
	return begins
}

// isKeyLine reports whether a text begins with a key that needs no quotes, and a colon.
func isKeyLine(line string) bool {
	n := 0
	for n < len(line) && isNameByte(line[n]) {
		n++
	}
	if n == 0 || n == len(line) || line[0] == '-' || line[n] != ':' {
		return false
	}
	return n+1 == len(line) || strings.IndexByte(" \t\n", line[n+1]) >= 0
}

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}

// isBlank reports whether a text has only blank lines and comments.
func isBlank(text string) bool { return firstLine.FindStringIndex(text) == nil }
