package strictyaml

import (
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// kind is what a value is.
type kind int

const (
	kindNone kind = iota // the text has no value
	kindMapping
	kindSequence
	kindText // this and the next three are scalars
	kindBoolean
	kindInteger
	kindNumber // not a whole one
	kindNull
	kindOther
)

// String returns what messages call a value.
func (k kind) String() string {
	return [...]string{"nothing", "a mapping", "a list", "text", "true or false", "a number", "a number", "something else", "something else"}[k]
}

func (k kind) isScalar() bool { return kindText <= k && k <= kindNumber }

// node is a value of a file. It keeps nothing of the parser's tree, which is many times as large.
type node struct {
	kind    kind
	text    string // of a scalar, less quotes
	at      Position
	entries []entry // of a mapping or a sequence
}

// entry is a key with its value, or an element of a sequence.
type entry struct {
	key   string
	keyAt Position
	node
}

// find returns what a mapping has at a key: the first, where it stands there twice.
func (n *node) find(key string) *entry {
	for i := range n.entries {
		if n.kind == kindMapping && n.entries[i].key == key {
			return &n.entries[i]
		}
	}
	return nil
}

// step returns what the node has at the first part of a path, if anything, and the rest of the path.
func (n *node) step(path string) (next *entry, rest string) {
	if list, ok := strings.CutPrefix(path, "["); ok {
		index, rest, _ := strings.Cut(list, "]")
		if i, err := strconv.Atoi(index); err == nil && n.kind == kindSequence && i < len(n.entries) {
			return &n.entries[i], strings.TrimPrefix(rest, ".")
		}
		return nil, rest
	}
	end := strings.IndexAny(path, ".[")
	if end < 0 {
		end = len(path)
	}
	return n.find(path[:end]), strings.TrimPrefix(path[end:], ".")
}

func nodeOf(n ast.Node) node {
	v := node{kind: kindOther, at: positionOf(n.GetToken())}
	switch n := n.(type) {
	case *ast.MappingNode:
		v.addMapping(n)
	case *ast.SequenceNode:
		v.addSequence(n)
	case *ast.StringNode:
		v.kind, v.text = kindText, n.Value
	case *ast.BoolNode:
		v.kind, v.text = kindBoolean, n.Token.Value
	case *ast.IntegerNode:
		v.kind, v.text = kindInteger, n.Token.Value
	case *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		v.kind, v.text = kindNumber, n.GetToken().Value
	case *ast.NullNode:
		v.kind = kindNull
	}
	return v
}

func (n *node) addSequence(s *ast.SequenceNode) {
	n.kind, n.entries = kindSequence, make([]entry, len(s.Values))
	for i, element := range s.Values {
		n.entries[i].node = nodeOf(element)
		if isImplied(element) && i < len(s.Entries) {
			n.entries[i].at = behind(s.Entries[i].Start)
		}
	}
}

// addMapping adds the keys of a mapping. The token of a block mapping is its first colon, so its first key says where it begins.
func (n *node) addMapping(m *ast.MappingNode) {
	n.kind, n.entries = kindMapping, make([]entry, len(m.Values))
	for i, value := range m.Values {
		n.entries[i] = entry{keyText(value.Key), positionOf(value.Key.GetToken()), nodeOf(value.Value)}
		if isImplied(value.Value) && value.Start != nil {
			n.entries[i].at = behind(value.Start)
		}
	}
	if !m.IsFlowStyle && len(n.entries) > 0 {
		n.at = n.entries[0].keyAt
	}
}

func keyText(key ast.MapKeyNode) string {
	if s, ok := key.(*ast.StringNode); ok {
		return s.Value
	}
	return key.GetToken().Value
}

// isImplied reports whether a value is not there.
func isImplied(n ast.Node) bool { return n.GetToken().Type == token.ImplicitNullType }

// behind returns where a value that is not there would begin. The parser has two places for it.
func behind(t *token.Token) Position {
	at := positionOf(t)
	at.Column++
	return at
}

func positionOf(t *token.Token) Position {
	return Position{max(t.Position.Line, 1), max(t.Position.Column, 1)}
}
