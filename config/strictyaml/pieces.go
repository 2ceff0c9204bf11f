package strictyaml

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// pieceSize is how many tokens are parsed at once. The parser recurses from one key of a block to the next, and copies the tokens behind it
// each time: 20,000 keys side by side take it 2 s and 1.6 GB. So a longer text is cut where one key or entry of a block ends and the
// next begins, and what the pieces come to is put together. Their tokens are let go one piece after another.
const pieceSize = 16_384

var (
	errParser = errors.New("the YAML parser cannot read this file") // or its result does not fit the text
	errWide   = fmt.Errorf("more than %d keys or entries in one block", maxSiblings)
	errNulls  = fmt.Errorf("more than %d keys without a value", maxNulls)
)

// pieces parses a text in pieces of a size.
type pieces struct{ size int }

// value parses the tokens of one value.
func (p pieces) value(tokens token.Tokens) (node, error) {
	if len(tokens) == 0 {
		return node{}, nil
	}
	begins := siblings(tokens)
	if len(tokens) <= p.size || len(begins) == 0 {
		return parsePiece(tokens)
	}
	var whole node
	for len(begins) > 0 {
		count, end := p.fitting(begins, len(tokens))
		part, err := p.part(tokens[begins[0]:end], count)
		if err != nil {
			return node{}, err
		}
		if whole.entries == nil {
			whole = part
		} else {
			whole.entries = append(whole.entries, part.entries...)
		}
		clear(tokens[begins[0]:end])
		begins = begins[count:]
	}
	return whole, nil
}

// fitting returns how many of the siblings fit into one piece, one at least, and where they end.
func (p pieces) fitting(begins []int, end int) (count, until int) {
	for count, until = 1, end; count < len(begins); count++ {
		next := end
		if count+1 < len(begins) {
			next = begins[count+1]
		}
		if next-begins[0] > p.size {
			return count, begins[count]
		}
	}
	return count, end
}

// part parses some siblings. A long one is not parsed whole if its value is a block.
func (p pieces) part(tokens token.Tokens, count int) (part node, err error) {
	head, isList := 2, tokens[0].Type == token.SequenceEntryType
	if isList {
		head = 1
	}
	if len(tokens) <= p.size || !isBlock(tokens, head) {
		part, err = parsePiece(tokens)
	} else if part, err = parsePiece(tokens[:head:head]); err == nil && len(part.entries) == 1 {
		part.entries[0].node, err = p.value(tokens[head:])
	}
	if err == nil && (len(part.entries) != count || (part.kind == kindSequence) != isList) {
		err = errParser
	}
	return part, err
}

// isBlock reports whether what stands behind the head of the tokens, a key or the dash of an entry, is a block that belongs to it alone.
func isBlock(tokens token.Tokens, head int) bool {
	if len(tokens) <= head {
		return false
	}
	first, value := tokens[0], tokens[head]
	deeper := value.Position.Column > first.Position.Column
	if first.Type == token.SequenceEntryType {
		return deeper
	}
	beside := value.Type == token.SequenceEntryType && value.Position.Column == first.Position.Column
	return value.Position.Line > tokens[head-1].Position.Line && (deeper || beside)
}

// siblings returns where the keys or entries of a block begin; none if the tokens are no block.
func siblings(tokens token.Tokens) (begins []int) {
	column, isList, brackets := tokens[0].Position.Column, tokens[0].Type == token.SequenceEntryType, 0
	for i, t := range tokens {
		begin := isList && t.Type == token.SequenceEntryType || !isList && isKey(tokens, i)
		if begin && brackets == 0 && t.Position.Column == column && beginsLine(tokens, i) {
			begins = append(begins, i)
		}
		brackets += bracket(t)
	}
	if len(begins) > 0 && begins[0] > 0 {
		return nil
	}
	return begins
}

func beginsLine(tokens token.Tokens, i int) bool {
	return i == 0 || tokens[i-1].Position.Line < tokens[i].Position.Line
}

func isKey(tokens token.Tokens, i int) bool {
	return i+1 < len(tokens) && tokens[i+1].Type == token.MappingValueType
}

// bracket returns 1 for a token that opens a bracket, -1 for one that closes it.
func bracket(t *token.Token) int {
	switch t.Type {
	case token.SequenceStartType, token.MappingStartType:
		return 1
	case token.SequenceEndType, token.MappingEndType:
		return -1
	}
	return 0
}

// parsePiece parses the tokens, which must be one value.
func parsePiece(tokens token.Tokens) (value node, err error) {
	defer func() {
		// The parser is not ours and the file is a person's: a fault of the parser is reported like one of the file.
		if fault := recover(); fault != nil {
			value, err = node{}, errParser
		}
	}()
	if err := checkPiece(tokens); err != nil {
		return node{}, err
	}
	tokens[0].Prev, tokens[len(tokens)-1].Next = nil, nil
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return node{}, err
	}
	for _, document := range file.Docs {
		if document.Body != nil {
			return nodeOf(document.Body), nil
		}
	}
	return node{}, nil
}

// checkPiece reports what would cost the parser much in a piece that is longer than others.
func checkPiece(tokens token.Tokens) error {
	var d depth
	nulls := 0
	for i, t := range tokens {
		if i > 1 && (t.Type == token.CollectEntryType || bracket(t) < 0) && noValue(tokens[i-2], tokens[i-1], d.inBraces()) {
			nulls++
		}
		d.add(t)
	}
	switch {
	case d.widest > maxSiblings:
		return errWide
	case nulls > maxNulls && len(tokens) > pieceSize:
		return errNulls
	}
	return nil
}

// noValue reports whether a key without a value ends with the two tokens.
func noValue(before, last *token.Token, inBraces bool) bool {
	isText := isPlain(last) || last.Type == token.SingleQuoteType || last.Type == token.DoubleQuoteType
	return last.Type == token.MappingValueType || inBraces && isText && before.Type != token.MappingValueType
}
