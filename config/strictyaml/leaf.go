package strictyaml

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"tollgate/internal/nearest"
)

func (d *Document) scalar(path string, n *node, f Field, s Scalar) {
	if !n.kind.isScalar() {
		d.wrongType(path, n, "a "+s.Kind())
		return
	}
	if err := s.UnmarshalText([]byte(n.text)); err != nil {
		if d.inReference(path) {
			d.Add(n.at, path, "", "%s: %v", LastKey(path), err)
			return
		}
		shown := n.text
		if userinfo.MatchString(shown) {
			shown = "[masked]"
		}
		d.Add(n.at, path, "", "%s %q: %v", LastKey(path), d.Shown(shown), err)
		return
	}
	d.bounded(path, n, f, reflect.ValueOf(s).Elem())
}

func (d *Document) text(path string, n *node, f Field, v reflect.Value) {
	if n.kind != kindText {
		switch {
		case len(f.Choice) > 0 && !slices.Contains(f.Choice, n.text):
			d.Add(n.at, path, "write one of these words", "%s is %s, want %s", LastKey(path), n.kind, strings.Join(f.Choice, " or "))
		case n.kind.isScalar() && !d.inReference(path):
			d.wrongType(path, n, fmt.Sprintf("text: write %q, in quotes", d.Shown(n.text)))
		default:
			d.wrongType(path, n, "text")
		}
		return
	}
	switch {
	case n.text == "":
		d.Add(n.at, path, "give it a value, or remove it", "%s is empty", LastKey(path))
	case strings.ContainsFunc(n.text, func(r rune) bool { return r < ' ' || r == 0x7f }):
		d.Add(n.at, path, "", "%s contains control characters", LastKey(path))
	case len(f.Choice) > 0 && !slices.Contains(f.Choice, n.text):
		d.Add(n.at, path, nearest.Suggest(n.text, f.Choice), "unknown %s %q: want %s",
			strings.ReplaceAll(LastKey(path), "_", " "), d.Shown(n.text), strings.Join(f.Choice, ", "))
	default:
		d.set(path, n, v)
	}
}

func (d *Document) set(path string, n *node, v reflect.Value) {
	word, ok := v.Addr().Interface().(encoding.TextUnmarshaler)
	if !ok {
		v.SetString(n.text)
	} else if err := word.UnmarshalText([]byte(n.text)); err != nil { // the choice has words that the type has not
		d.Add(n.at, path, "", "%s: %v", LastKey(path), err)
	}
}

// inReference reports whether the value belongs to a reference to a secret, in whose place the secret itself may stand.
func (d *Document) inReference(path string) bool {
	return slices.Contains(d.secrets.names, LastKey(parentPath(path)))
}

func (d *Document) boolean(path string, n *node, v reflect.Value) {
	if n.kind != kindBoolean {
		d.wrongType(path, n, "true or false")
		return
	}
	v.SetBool(strings.EqualFold(n.text, "true"))
}

func (d *Document) integer(path string, n *node, f Field, v reflect.Value) {
	if n.kind != kindInteger {
		d.wrongType(path, n, "a whole number")
		return
	}
	number, err := strconv.Atoi(n.text)
	if err != nil || len(n.text) > 1 && n.text[0] == '0' {
		d.wrongType(path, n, "a whole number in decimal digits")
		return
	}
	v.SetInt(int64(number))
	d.bounded(path, n, f, v)
}

// bounded checks a value against the range of its field.
func (d *Document) bounded(path string, n *node, f Field, v reflect.Value) {
	if f.Low == "" {
		return
	}
	if got := measure(v); got < f.Min || got > f.Max {
		d.Add(n.at, path, "", "%s is out of range: want %s to %s", LastKey(path), f.Low, f.High)
	}
}

func (d *Document) wrongType(path string, n *node, want string) {
	d.Add(n.at, path, "", "%s is %s, want %s", LastKey(path), n.kind, want)
}
