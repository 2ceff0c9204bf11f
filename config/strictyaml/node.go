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
	kindText
	kindBoolean
	kindInteger
	kindNumber // another one
	kindNull
	kindOther
)

// String returns what messages call a value.
func (k kind) String() string {
	switch k {
	case kindMapping:
		return "a mapping"
	case kindSequence:
		return "a list"
	case kindText:
		return "text"
	case kindBoolean:
		return "true or false"
	case kindInteger, kindNumber:
		return "a number"
	}
	return "something else"
}

func (k kind) isScalar() bool {
	return k == kindText || k == kindBoolean || k == kindInteger || k == kindNumber
}

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
	v := node{kind: kindOf(n), at: positionOf(n.GetToken())}
	switch n := n.(type) {
	case *ast.MappingNode:
		v.addMapping(n)
	case *ast.SequenceNode:
		v.entries = make([]entry, len(n.Values))
		for i, element := range n.Values {
			v.entries[i].node = nodeOf(element)
			if isImplied(element) && i < len(n.Entries) {
				v.entries[i].at = behind(n.Entries[i].Start)
			}
		}
	case *ast.StringNode:
		v.text = n.Value
	default:
		if v.kind.isScalar() {
			v.text = n.GetToken().Value
		}
	}
	return v
}

// addMapping adds the keys of a mapping. The token of a block mapping is its first colon, so its first key says where it begins.
func (n *node) addMapping(m *ast.MappingNode) {
	n.entries = make([]entry, len(m.Values))
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

func kindOf(n ast.Node) kind {
	switch n.(type) {
	case *ast.MappingNode:
		return kindMapping
	case *ast.SequenceNode:
		return kindSequence
	case *ast.StringNode:
		return kindText
	case *ast.BoolNode:
		return kindBoolean
	case *ast.IntegerNode:
		return kindInteger
	case *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return kindNumber
	case *ast.NullNode:
		return kindNull
	}
	return kindOther
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
