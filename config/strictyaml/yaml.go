package strictyaml

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds on the file. The YAML parser recurses, also from one key of a block to the next, and copies those behind it each time: for
// 10,000 keys side by side it needs half a second and 400 MB that it frees again, for twice as many four times that.
const (
	MaxFile     = 4 << 20
	maxDepth    = 32
	maxIndent   = 256
	maxSiblings = 16_384 // keys or entries of one block
)

// parse returns the one mapping that the text holds, or nil after it has reported why not.
func (d *Document) parse(text string) *ast.MappingNode {
	switch {
	case len(text) > MaxFile:
		d.Add(Position{}, "", "", "the file is larger than 4 MiB")
		return nil
	case !utf8.ValidString(text):
		d.Add(invalidUTF8(text), "", "", "the file is not UTF-8 text")
		return nil
	}
	tokens := joinPlain(lexer.Tokenize(text))
	if !d.checkTokens(tokens) {
		return nil
	}
	return d.parseTokens(tokens)
}

func invalidUTF8(text string) Position {
	valid := strings.ToValidUTF8(text, "\uFFFD")
	at := 0
	for at < len(text) && text[at] == valid[at] {
		at++
	}
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

// checkTokens reports what must not even reach the parser.
func (d *Document) checkTokens(tokens token.Tokens) bool {
	before := len(d.problems)
	var deep depth
	for i, t := range tokens {
		at := tokenPosition(t)
		if u, ok := unsupported[t.Type]; ok {
			d.Add(at, "", u.instead, "%s are not supported", u.what)
		}
		if t.Type == token.DocumentHeaderType && !leads(tokens[:i]) {
			d.Add(at, "", "write one document, without a further \"---\"", "several YAML documents in one file are not supported")
		}
		if deep.add(t) {
			d.Add(at, "", "", "nested more than %d levels deep", maxDepth)
			return false
		}
		if deep.widest > maxSiblings {
			d.Add(at, "", "", "more than %d keys or entries in one block", maxSiblings)
			return false
		}
	}
	return len(d.problems) == before
}

// leads reports whether only comments come before.
func leads(tokens token.Tokens) bool {
	for _, t := range tokens {
		if t.Type != token.CommentType {
			return false
		}
	}
	return true
}

// depth follows how deep tokens nest, and how many lines stand in one block.
type depth struct {
	flow, line, entries int
	blocks              []int // lines of the open blocks, by their column
	widest              int   // the most of them
}

// add reports whether the token is too deep: in brackets, in list entries on one line, or in indentation.
func (d *depth) add(t *token.Token) bool {
	if t.Position.Line != d.line {
		d.line, d.entries = t.Position.Line, 0
		if d.flow == 0 && t.Type != token.CommentType {
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
		d.flow++
	case token.SequenceEndType, token.MappingEndType:
		d.flow--
	}
	return d.flow+d.entries > maxDepth
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

func (d *Document) parseTokens(tokens token.Tokens) (root *ast.MappingNode) {
	defer func() {
		// The parser is not ours and the file is a person's: a fault of the parser is reported like one of the file.
		if fault := recover(); fault != nil {
			d.Add(Position{}, "", "", "the YAML parser cannot read this file")
			root = nil
		}
	}()
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		d.reportSyntax(err)
		return nil
	}
	var body ast.Node
	for _, document := range file.Docs {
		if document.Body != nil {
			body = document.Body
		}
	}
	switch n := body.(type) {
	case nil:
		d.Add(Position{}, "", "", "the file is empty")
	case *ast.MappingNode:
		return n
	default:
		d.Add(nodePosition(body), "", d.source.lookalikes(nodePosition(body).Line), "want \"key: value\" lines, beginning with one such as \"listeners:\"")
	}
	return nil
}

func (d *Document) reportSyntax(err error) {
	var syntax yaml.Error
	if !errors.As(err, &syntax) || syntax.GetToken() == nil {
		d.Add(Position{}, "", "", "this is not YAML")
		return
	}
	at := tokenPosition(syntax.GetToken())
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

func tokenPosition(t *token.Token) Position {
	return Position{max(t.Position.Line, 1), max(t.Position.Column, 1)}
}

// nodePosition is where a value begins. The token of a block mapping is its first colon, so its first key is asked.
func nodePosition(n ast.Node) Position {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return tokenPosition(m.Values[0].Key.GetToken())
	}
	return tokenPosition(n.GetToken())
}
