package strictyaml

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"tollgate/internal/nearest"
)

// value reads n into v.
func (d *Document) value(path string, n ast.Node, f Field, v reflect.Value) {
	if v.Kind() == reflect.Struct && !isMapping(n) {
		if s, ok := v.Interface().(Secret); ok {
			d.Add(d.Key(path), path, "move the secret out of this file", "secrets are given by reference: %s", s.InsteadOfSecret())
			return
		}
	}
	if _, empty := n.(*ast.NullNode); empty {
		d.Add(d.Key(path), path, "give it one, or remove the key", "%s has no value", LastKey(path))
		return
	}
	if s, ok := v.Addr().Interface().(Scalar); ok {
		d.scalar(path, n, f, s)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(Default(v.Type().Elem()).Addr())
		d.value(path, n, f, v.Elem())
	case reflect.Struct:
		d.section(path, n, v)
	case reflect.Map:
		d.mapping(path, n, v)
	case reflect.Slice:
		d.sequence(path, n, f, v)
	case reflect.String:
		d.text(path, n, f, v)
	case reflect.Bool:
		d.boolean(path, n, v)
	case reflect.Int:
		d.integer(path, n, f, v)
	default:
		panic("strictyaml: a section has a field of type " + v.Type().String())
	}
}

func isMapping(n ast.Node) bool { _, ok := n.(*ast.MappingNode); return ok }

// entries are the keys and values of a mapping, less those that repeat a key, which are reported.
func (d *Document) entries(path string, n ast.Node) (order []string, entries map[string]*ast.MappingValueNode) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.wrongType(path, n, "\"key: value\" entries")
		return nil, nil
	}
	entries = map[string]*ast.MappingValueNode{}
	for _, entry := range m.Values {
		key := keyText(entry.Key)
		if first, twice := entries[key]; twice {
			d.Add(tokenPosition(entry.Key.GetToken()), joinPath(path, key), fmt.Sprintf("the first is on line %d", first.Key.GetToken().Position.Line),
				"key %s is given twice", d.shownKey(key))
			continue
		}
		entries[key] = entry
		order = append(order, key)
	}
	return order, entries
}

// shownKey hides what is no plain key: it may be one text with a secret behind it.
func (d *Document) shownKey(key string) string {
	if !nameExpr.MatchString(key) {
		return "[not shown]"
	}
	return fmt.Sprintf("%q", d.Shown(key))
}

func keyText(key ast.MapKeyNode) string {
	if s, ok := key.(*ast.StringNode); ok {
		return s.Value
	}
	return key.GetToken().Value
}

func (d *Document) section(path string, n ast.Node, v reflect.Value) {
	order, entries := d.entries(path, n)
	if entries == nil {
		return
	}
	fields := Fields(v.Type())
	var misspelt []string
	for _, key := range order {
		entry, at := entries[key], tokenPosition(entries[key].Key.GetToken())
		i := slices.IndexFunc(fields, func(f Field) bool { return f.Key == key })
		if i < 0 {
			d.unknownKey(path, entries[key], fields, nearSecret(v.Type()))
			misspelt = append(misspelt, nearest.Words(key, keysOf(fields))...)
			continue
		}
		below := joinPath(path, key)
		d.places[below] = place{nodePosition(entry.Value), at}
		d.value(below, entry.Value, fields[i], v.Field(i))
	}
	for _, f := range fields {
		if _, given := entries[f.Key]; f.Need && !given && !slices.Contains(misspelt, f.Key) {
			d.Add(d.Key(path), joinPath(path, f.Key), "", "%s is missing%s", f.Key, in(path))
		}
	}
	if v.Type().Implements(oneOfType) && len(entries) != 1 {
		d.Add(d.Key(path), path, "", "want exactly one of %s", strings.Join(keysOf(fields), ", "))
	}
}

// unknownKey reports a key that the section does not have. Near a secret its value may be one, and what is no plain key with a value may
// be a key and a secret in one text, or a secret alone.
func (d *Document) unknownKey(path string, entry *ast.MappingValueNode, fields []Field, secretNear bool) {
	key, at, suggestion := keyText(entry.Key), tokenPosition(entry.Key.GetToken()), ""
	if alike.Replace(key) != key {
		suggestion = d.source.lookalikes(at.Line)
	}
	if secretNear {
		d.source.secret[at.Line-1] = true
	}
	_, empty := entry.Value.(*ast.NullNode)
	if d.secrets.inPath(path) || secretNear && (empty || !nameExpr.MatchString(key)) {
		d.Add(at, path, suggestion, "unknown key, not shown because it may be a secret; known here: %s", strings.Join(keysOf(fields), ", "))
		return
	}
	if suggestion == "" {
		suggestion = nearest.Suggest(key, keysOf(fields))
	}
	d.Add(at, path, suggestion, "unknown key %q", d.Shown(key))
}

func in(path string) string {
	if path == "" {
		return ""
	}
	return " in " + path
}

// NamePattern is what names that the operator chooses must match.
const NamePattern = `^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`

var nameExpr = regexp.MustCompile(NamePattern)

// mapping reads entries whose keys are names that the operator chooses.
func (d *Document) mapping(path string, n ast.Node, v reflect.Value) {
	order, entries := d.entries(path, n)
	v.Set(reflect.MakeMap(v.Type()))
	for _, key := range order {
		at := tokenPosition(entries[key].Key.GetToken())
		if !nameExpr.MatchString(key) {
			d.Add(at, path, "", "name %q: want up to 64 letters, digits, \"-\" or \"_\", beginning with a letter or digit", d.Shown(key))
			continue
		}
		below := joinPath(path, key)
		d.places[below] = place{nodePosition(entries[key].Value), at}
		element := Default(v.Type().Elem())
		d.value(below, entries[key].Value, Field{}, element)
		v.SetMapIndex(reflect.ValueOf(key), element)
	}
}

func (d *Document) sequence(path string, n ast.Node, f Field, v reflect.Value) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		d.wrongType(path, n, "a list: [one, another]")
		return
	}
	if f.Need && len(s.Values) == 0 {
		d.Add(nodePosition(n), path, "", "%s is empty", LastKey(path))
	}
	v.Set(reflect.MakeSlice(v.Type(), len(s.Values), len(s.Values)))
	for i, element := range s.Values {
		below := fmt.Sprintf("%s[%d]", path, i)
		d.places[below] = place{value: nodePosition(element)}
		v.Index(i).Set(Default(v.Type().Elem()))
		d.value(below, element, f, v.Index(i))
	}
}
