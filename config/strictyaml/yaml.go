package strictyaml

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

// Bounds on the file.
const (
	MaxFile     = 4 << 20
	maxDepth    = 32
	maxIndent   = 256
	maxSiblings = 16_384 // keys or entries of one block that cannot be parsed in pieces: each takes the parser's stack
	maxNulls    = 4096   // keys without a value in brackets: for each the parser copies all tokens behind it
)

// parse returns the one mapping that the text holds, or nil after it has reported why not.
func (d *Document) parse(text string, p pieces) *node {
	switch {
	case len(text) > MaxFile:
		d.Add(Position{}, "", "", "the file is larger than 4 MiB")
		return nil
	case !utf8.ValidString(text):
		d.Add(invalidUTF8(text), "", "", "the file is not UTF-8 text")
		return nil
	}
	if at := loneReturn.FindStringIndex(text); at != nil {
		d.Add(positionIn(text, at[0]), "", "end lines with a line feed", "a carriage return without a line feed ends a line for YAML, and for few other readers")
		return nil
	}
	text = strings.ReplaceAll(text, "\r\n", "\n") // behind a comment the lexer takes a carriage return for a line of its own
	if root, ok := quickly(text); ok {
		return &root
	}
	if root := (chunks{chunkSize}).read(text); root != nil {
		return root
	}
	tokens := d.tokens(text)
	if tokens == nil {
		return nil
	}
	return d.parseTokens(tokens, p)
}

// tokens returns those of a text, less comments; nil if some must not reach the parser.
func (d *Document) tokens(text string) token.Tokens {
	tokens := slices.DeleteFunc(joinPlain(lexer.Tokenize(text)), func(t *token.Token) bool { return t.Type == token.CommentType })
	if !d.checkTokens(tokens) {
		return nil
	}
	return tokens
}

// loneReturn finds the end of a line that most readers do not show as one: behind a comment a setting could be hidden.
var loneReturn = regexp.MustCompile(`\r([^\n]|$)`)

func invalidUTF8(text string) Position {
	valid := strings.ToValidUTF8(text, "\uFFFD")
	at := 0
	for at < len(text) && text[at] == valid[at] {
		at++
	}
	return positionIn(text, at)
}

// positionIn returns the place of a byte of a text.
func positionIn(text string, at int) Position {
	before := text[:at]
	return Position{strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1}
}

// unsupported are the parts of YAML that make a file hard to review: the same text would mean different things in
// different places, or a value would not stand where it is used.
var unsupported = map[token.Type]struct{ what, instead string }{
	token.AnchorType:     {"anchors (&name)", "write the value out where it is used"},
	token.AliasType:      {"aliases (*name)", `write the value out; for "any", put the asterisk in quotes: "*"`},
	token.MergeKeyType:   {"merge keys (<<)", "write the keys out"},
	token.TagType:        {"tags (!name)", "if it is text, put it in quotes"},
	token.DirectiveType:  {"directives (%NAME)", "remove the line"},
	token.MappingKeyType: {"complex keys (? key)", "write \"key: value\""},
	token.LiteralType:    {"block texts (|)", "write the text on the key's line"},
	token.FoldedType:     {"block texts (>)", "write the text on the key's line"},
}

// checkTokens adds a problem for what must not even reach the parser, and reports whether there is none.
func (d *Document) checkTokens(tokens token.Tokens) bool {
	before := len(d.problems)
	var deep depth
	for i, t := range tokens {
		at := positionOf(t)
		if u, ok := unsupported[t.Type]; ok {
			d.Add(at, "", u.instead, "%s are not supported", u.what)
		}
		if t.Type == token.DocumentHeaderType && i > 0 || t.Type == token.DocumentEndType && i+1 < len(tokens) {
			d.Add(at, "", "write one document, without a further \"---\"", "several YAML documents in one file are not supported")
		}
		if i > 0 && misread(tokens[i-1], t) {
			d.Add(positionOf(tokens[i-1]), "", "write a value behind the dash", "an entry of a list has no value")
		}
		if deep.add(t) {
			d.Add(at, "", "", "nested more than %d levels deep", maxDepth)
			return false
		}
	}
	return len(d.problems) == before
}

// misread reports whether an entry without a value stands right above what is no entry: the parser takes that and all keys below for its
// value.
func misread(t, next *token.Token) bool {
	return t.Type == token.SequenceEntryType && next.Type != token.SequenceEntryType && next.Position.Column == t.Position.Column
}

// depth follows how deep tokens nest, and how many lines stand in one block.
type depth struct {
	line, entries int
	brackets      []token.Type // those that are open
	blocks        []int        // lines of the open blocks, by their column
	widest        int          // the most of them
}

// add reports whether the token is too deep: in brackets, in list entries on one line, or in indentation.
func (d *depth) add(t *token.Token) bool {
	if t.Position.Line != d.line {
		d.line, d.entries = t.Position.Line, 0
		if len(d.brackets) == 0 {
			if t.Position.Column > maxIndent {
				return true
			}
			d.begin(t.Position.Column)
		}
	}
	switch t.Type {
	case token.SequenceEntryType:
		d.entries++
	case token.SequenceStartType, token.MappingStartType:
		d.brackets = append(d.brackets, t.Type)
	case token.SequenceEndType, token.MappingEndType:
		d.brackets = d.brackets[:max(len(d.brackets)-1, 0)]
	}
	return len(d.brackets)+d.entries > maxDepth
}

func (d *depth) inBraces() bool {
	return len(d.brackets) > 0 && d.brackets[len(d.brackets)-1] == token.MappingStartType
}

// begin counts a line of the block at a column. Blocks further right end with it.
func (d *depth) begin(column int) {
	for len(d.blocks) <= column {
		d.blocks = append(d.blocks, 0)
	}
	d.blocks = d.blocks[:column+1]
	d.blocks[column]++
	d.widest = max(d.widest, d.blocks[column])
}

func (d *Document) parseTokens(tokens token.Tokens, p pieces) *node {
	if len(tokens) > 1 && tokens[0].Type == token.DocumentHeaderType && tokens[1].Position.Line > tokens[0].Position.Line {
		tokens = tokens[1:]
	}
	root, err := p.value(tokens)
	switch {
	case err != nil:
		d.reportSyntax(err)
	case root.kind == kindNone:
		d.Add(Position{}, "", "", "the file is empty")
	case root.kind != kindMapping:
		d.Add(root.at, "", d.source.lookalikes(root.at.Line), "want \"key: value\" lines, beginning with one such as \"%s:\"", d.rootKeys[0])
	default:
		return &root
	}
	return nil
}

func (d *Document) reportSyntax(err error) {
	var syntax yaml.Error
	if slices.Contains([]error{errParser, errWide, errNulls}, err) {
		d.Add(Position{}, "", "", "%v", err)
		return
	}
	if !errors.As(err, &syntax) || syntax.GetToken() == nil {
		d.Add(Position{}, "", "", "this is not YAML")
		return
	}
	at := positionOf(syntax.GetToken())
	if line, found := d.source.tabNear(at.Line); found {
		d.Add(Position{line, 1}, "", "indent with blanks only", "this line is indented with a tab, which YAML does not allow")
		return
	}
	// The message is a fixed text of the parser; the error's own text would carry lines of the file.
	d.Add(at, "", d.source.lookalikes(at.Line), "this is not YAML: %s", withoutQuotes(syntax.GetMessage()))
}

// withoutQuotes cuts a message of the parser before it quotes the file.
func withoutQuotes(message string) string {
	if i := strings.IndexAny(message, "\"\n`"); i >= 0 {
		message = strings.TrimSpace(message[:i]) + " ..."
	}
	return fmt.Sprintf("%.120s", printable(message))
}
