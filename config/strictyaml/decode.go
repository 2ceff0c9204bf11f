package strictyaml

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"tollgate/internal/nearest"
)

// value reads n into v.
func (d *Document) value(path string, n *node, f Field, v reflect.Value) {
	if v.Kind() == reflect.Struct && v.Type().Implements(secretType) {
		d.source.hideNode(n)
		if n.kind != kindMapping {
			d.Add(d.Key(path), path, "move the secret out of this file", "secrets are given by reference: %s", v.Interface().(Secret).InsteadOfSecret())
			return
		}
	}
	if n.kind == kindNull {
		d.Add(d.Key(path), path, "give it one, or remove the key", "%s has no value", LastKey(path))
		return
	}
	if s, ok := v.Addr().Interface().(Scalar); ok {
		d.scalar(path, n, f, s)
		return
	}
	if len(f.Choice) > 0 && v.Kind() != reflect.Slice {
		d.text(path, n, f, v)
		return
	}
	if n.kind.isScalar() || n.kind == kindSequence && v.Kind() != reflect.Slice {
		if section := Section(v.Type()); section != nil && nearSecret(section) { // its secret may stand in its place
			d.source.hideNode(n)
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(Default(v.Type().Elem()).Addr())
		d.value(path, n, f, v.Elem())
	case reflect.Struct:
		if first := Fields(v.Type())[0]; f.Single && n.kind.isScalar() {
			d.value(path, n, first, v.FieldByIndex(first.Index))
			return
		}
		d.section(path, n, v)
	case reflect.Map:
		d.named(path, n, v)
	case reflect.Slice:
		d.list(path, n, f, v)
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

// entries returns the keys and values of a mapping, less those that repeat a key, which are reported.
func (d *Document) entries(path string, n *node) (entries []*entry, ok bool) {
	if n.kind != kindMapping {
		d.wrongType(path, n, "\"key: value\" entries")
		return nil, false
	}
	first := make(map[string]Position, len(n.entries))
	for i := range n.entries {
		e := &n.entries[i]
		if at, twice := first[e.key]; twice {
			d.Add(e.keyAt, joinPath(path, e.key), fmt.Sprintf("the first is on line %d", at.Line), "key %s is given twice", d.shownKey(e.key))
			continue
		}
		first[e.key] = e.keyAt
		entries = append(entries, e)
	}
	return entries, true
}

// shownKey hides what is no plain key: it may be one text with a secret behind it.
func (d *Document) shownKey(key string) string {
	if !nameExpr.MatchString(key) {
		return "[not shown]"
	}
	return fmt.Sprintf("%q", d.Shown(key))
}

func (d *Document) section(path string, n *node, v reflect.Value) {
	entries, ok := d.entries(path, n)
	if !ok {
		return
	}
	fields := Fields(v.Type())
	var misspelt []string
	for _, e := range entries {
		i := slices.IndexFunc(fields, func(f Field) bool { return f.Key == e.key })
		if i < 0 {
			d.unknownKey(path, e, fields, nearSecret(v.Type()))
			misspelt = append(misspelt, nearest.Words(e.key, keysOf(fields))...)
			continue
		}
		d.value(joinPath(path, e.key), &e.node, fields[i], v.FieldByIndex(fields[i].Index))
	}
	for _, f := range fields {
		if f.Need && n.find(f.Key) == nil && !slices.Contains(misspelt, f.Key) {
			d.Add(d.Key(path), joinPath(path, f.Key), "", "%s is missing%s", f.Key, in(path))
		}
	}
	if v.Type().Implements(oneOfType) && len(entries) != 1 {
		d.Add(d.Key(path), path, "", "want exactly one of %s", strings.Join(keysOf(fields), ", "))
	}
}

// unknownKey reports a key that the section does not have. Near a secret its value may be one, and what is no plain key with a value may
// be a key and a secret in one text, or a secret alone.
func (d *Document) unknownKey(path string, e *entry, fields []Field, secretNear bool) {
	key, at, suggestion := e.key, e.keyAt, ""
	if alike.Replace(key) != key {
		suggestion = d.source.lookalikes(at.Line)
	}
	if secretNear || d.secrets.looksLikeName(key) || slices.Contains(d.secrets.parts, key) { // the last is perhaps not indented enough
		d.source.hideEntry(e)
	}
	if d.secrets.inPath(path) || secretNear && (e.kind == kindNull || !nameExpr.MatchString(key)) {
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

// named reads sections whose keys are names that the operator chooses.
func (d *Document) named(path string, n *node, v reflect.Value) {
	entries, _ := d.entries(path, n)
	v.Set(reflect.MakeMapWithSize(v.Type(), len(entries)))
	for _, e := range entries {

		if !nameExpr.MatchString(e.key) {
			d.Add(e.keyAt, path, "", "name %q: want up to 64 letters, digits, \"-\" or \"_\", beginning with a letter or digit", d.Shown(e.key))
			continue
		}
		element := Default(v.Type().Elem())
		d.value(joinPath(path, e.key), &e.node, Field{}, element)
		v.SetMapIndex(reflect.ValueOf(e.key), element)
	}
}

func (d *Document) list(path string, n *node, f Field, v reflect.Value) {
	if f.Single && n.kind.isScalar() {
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		d.value(path, n, f, v.Index(0))
		return
	}
	if n.kind != kindSequence {
		d.wrongType(path, n, "a list: [one, another]")
		return
	}
	if f.Need && len(n.entries) == 0 {
		d.Add(n.at, path, "", "%s is empty", LastKey(path))
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.entries), len(n.entries)))
	for i := range n.entries {
		v.Index(i).Set(Default(v.Type().Elem()))
		d.value(fmt.Sprintf("%s[%d]", path, i), &n.entries[i].node, f, v.Index(i))
	}
}
