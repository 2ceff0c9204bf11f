package strictyaml

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"tollgate/internal/nearest"
)

func (d *Document) scalar(path string, n ast.Node, f Field, s Scalar) {
	text, ok := scalarText(n)
	if !ok {
		d.wrongType(path, n, "a "+s.Kind())
		return
	}
	if err := s.UnmarshalText([]byte(text)); err != nil {
		if userinfo.MatchString(text) {
			text = "[masked]"
		}
		d.Add(nodePosition(n), path, "", "%s %q: %v", LastKey(path), d.Shown(text), err)
		return
	}
	d.bounded(path, n, f, reflect.ValueOf(s).Elem())
}

// scalarText is the text of a scalar as it stands in the file, less quotes.
func scalarText(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

func (d *Document) text(path string, n ast.Node, f Field, v reflect.Value) {
	s, ok := n.(*ast.StringNode)
	if !ok {
		raw, isScalar := scalarText(n)
		switch {
		case len(f.Choice) > 0 && !slices.Contains(f.Choice, raw):
			d.Add(nodePosition(n), path, "write one of these words", "%s is %s, want %s", LastKey(path), kindOf(n), strings.Join(f.Choice, " or "))
		case isScalar && !d.inReference(path):
			d.wrongType(path, n, fmt.Sprintf("text: write %q, in quotes", d.Shown(raw)))
		default:
			d.wrongType(path, n, "text")
		}
		return
	}
	switch {
	case s.Value == "":
		d.Add(nodePosition(n), path, "give it a value, or remove it", "%s is empty", LastKey(path))
	case strings.ContainsFunc(s.Value, func(r rune) bool { return r < ' ' || r == 0x7f }):
		d.Add(nodePosition(n), path, "", "%s contains control characters", LastKey(path))
	case len(f.Choice) > 0 && !slices.Contains(f.Choice, s.Value):
		d.Add(nodePosition(n), path, nearest.Suggest(s.Value, f.Choice), "unknown %s %q: want %s",
			strings.ReplaceAll(LastKey(path), "_", " "), d.Shown(s.Value), strings.Join(f.Choice, ", "))
	default:
		v.SetString(s.Value)
	}
}

// inReference reports whether the value belongs to a reference to a secret, in whose place the secret itself may stand.
func (d *Document) inReference(path string) bool {
	return slices.Contains(d.secrets.names, LastKey(parentPath(path)))
}

func (d *Document) boolean(path string, n ast.Node, v reflect.Value) {
	b, ok := n.(*ast.BoolNode)
	if !ok {
		d.wrongType(path, n, "true or false")
		return
	}
	v.SetBool(b.Value)
}

func (d *Document) integer(path string, n ast.Node, f Field, v reflect.Value) {
	i, ok := n.(*ast.IntegerNode)
	if !ok {
		d.wrongType(path, n, "a whole number")
		return
	}
	number, err := strconv.Atoi(i.GetToken().Value)
	if err != nil || len(i.GetToken().Value) > 1 && i.GetToken().Value[0] == '0' {
		d.wrongType(path, n, "a whole number in decimal digits")
		return
	}
	v.SetInt(int64(number))
	d.bounded(path, n, f, v)
}

// bounded checks a value against the range of its field.
func (d *Document) bounded(path string, n ast.Node, f Field, v reflect.Value) {
	if f.Low == "" {
		return
	}
	if got := measure(v); got < f.Min || got > f.Max {
		d.Add(nodePosition(n), path, "", "%s is out of range: want %s to %s", LastKey(path), f.Low, f.High)
	}
}

func (d *Document) wrongType(path string, n ast.Node, want string) {
	d.Add(nodePosition(n), path, "", "%s is %s, want %s", LastKey(path), kindOf(n), want)
}

func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode:
		return "text"
	case *ast.BoolNode:
		return "true or false"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	}
	return "something else"
}
