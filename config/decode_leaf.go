package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

func (d *decoder) scalar(path string, n ast.Node, f field, s scalar) {
	text, ok := scalarText(n)
	if !ok {
		d.wrongType(path, n, "a "+s.what())
		return
	}
	if err := s.parse(text); err != nil {
		if userinfo.MatchString(text) {
			text = "[masked]"
		}
		d.add(nodePosition(n), path, "", "%s %q: %v", lastKey(path), clip(text), err)
		return
	}
	d.bounded(path, n, f, s)
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

func (d *decoder) text(path string, n ast.Node, f field, v reflect.Value) {
	s, ok := n.(*ast.StringNode)
	if !ok {
		raw, isScalar := scalarText(n)
		switch {
		case len(f.choice) > 0 && !slices.Contains(f.choice, raw):
			d.add(nodePosition(n), path, "write one of these words", "%s is %s, want %s", lastKey(path), kindOf(n), strings.Join(f.choice, " or "))
		case isScalar && !inReference(path):
			d.wrongType(path, n, fmt.Sprintf("text: write %q, in quotes", clip(raw)))
		default:
			d.wrongType(path, n, "text")
		}
		return
	}
	switch {
	case s.Value == "":
		d.add(nodePosition(n), path, "give it a value, or remove it", "%s is empty", lastKey(path))
	case strings.ContainsFunc(s.Value, func(r rune) bool { return r < ' ' || r == 0x7f }):
		d.add(nodePosition(n), path, "", "%s contains control characters", lastKey(path))
	case len(f.choice) > 0 && !slices.Contains(f.choice, s.Value):
		d.add(nodePosition(n), path, didYouMean(s.Value, f.choice), "unknown %s %q: want %s",
			strings.ReplaceAll(lastKey(path), "_", " "), clip(s.Value), strings.Join(f.choice, ", "))
	default:
		v.SetString(s.Value)
	}
}

// inReference tells whether the value belongs to a reference to a secret, where somebody may have put the secret itself.
func inReference(path string) bool { return slices.Contains(secretKeys, lastKey(parentPath(path))) }

func (d *decoder) boolean(path string, n ast.Node, v reflect.Value) {
	b, ok := n.(*ast.BoolNode)
	if !ok {
		d.wrongType(path, n, "true or false")
		return
	}
	v.SetBool(b.Value)
}

func (d *decoder) integer(path string, n ast.Node, f field, v reflect.Value) {
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
	d.bounded(path, n, f, v.Interface())
}

// bounded checks a value against the range of its field.
func (d *decoder) bounded(path string, n ast.Node, f field, value any) {
	if f.low == "" {
		return
	}
	if got := measure(value); got < f.min || got > f.max {
		d.add(nodePosition(n), path, "", "%s is out of range: want %s to %s", lastKey(path), f.low, f.high)
	}
}

func (d *decoder) wrongType(path string, n ast.Node, want string) {
	d.add(nodePosition(n), path, "", "%s is %s, want %s", lastKey(path), kindOf(n), want)
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
