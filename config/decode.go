package config

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"tollgate/internal/nearest"
	"tollgate/internal/text"
)

// decoder reads a YAML tree into the types of fileconfig.go. It reports what does not fit and goes on with the rest, and
// remembers where each value stands.
type decoder struct {
	*report
	defaults map[reflect.Type]reflect.Value
	values   map[string]position // config path -> where its value begins
	keys     map[string]position // config path -> where its key stands, for values of mappings
}

func newDecoder(r *report, d defaultValues) *decoder {
	decoder := &decoder{report: r, values: map[string]position{}, keys: map[string]position{}, defaults: map[reflect.Type]reflect.Value{}}
	for _, v := range []any{d.listener, d.listenerTLS, d.upstream, d.upstreamTLS, d.internalCertificate, d.acme, d.rfc2136} {
		decoder.defaults[reflect.TypeOf(v)] = reflect.ValueOf(v)
	}
	return decoder
}

// where is the position of the value at a path, or of the nearest path above it.
func (d *decoder) where(path string) position {
	for path != "" {
		if at, ok := d.values[path]; ok {
			return at
		}
		path = parentPath(path)
	}
	return position{}
}

// key is the position of the key at a path; of the value, where there is no key.
func (d *decoder) key(path string) position {
	if at, ok := d.keys[path]; ok {
		return at
	}
	return d.where(path)
}

func parentPath(path string) string { return path[:max(strings.LastIndexAny(path, ".["), 0)] }

func joinPath(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// value reads n into v.
func (d *decoder) value(path string, n ast.Node, f field, v reflect.Value) {
	if path != "" {
		d.values[path] = nodePosition(n)
	}
	if v.Type() == reflect.TypeFor[reference]() && !isMapping(n) {
		d.add(d.key(path), path, "move the secret out of this file", "secrets are given by reference: {env: NAME} or {file: PATH}")
		return
	}
	if _, empty := n.(*ast.NullNode); empty {
		d.add(d.key(path), path, "give it one, or remove the key", "%s has no value", lastKey(path))
		return
	}
	if s, ok := v.Addr().Interface().(scalar); ok {
		d.scalar(path, n, f, s)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(d.fresh(v.Type().Elem()).Addr())
		d.value(path, n, f, v.Elem())
	case reflect.Struct:
		d.structure(path, n, v)
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
		panic("config: fileconfig.go has a field of type " + v.Type().String())
	}
}

// fresh is a new, settable value of the type with its defaults.
func (d *decoder) fresh(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	if def, ok := d.defaults[t]; ok {
		v.Set(def)
	}
	return v
}

func isMapping(n ast.Node) bool { _, ok := n.(*ast.MappingNode); return ok }

// entries are the keys and values of a mapping, less those that repeat a key, which are reported.
func (d *decoder) entries(path string, n ast.Node) (order []string, entries map[string]*ast.MappingValueNode) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.wrongType(path, n, "\"key: value\" entries")
		return nil, nil
	}
	entries = map[string]*ast.MappingValueNode{}
	for _, entry := range m.Values {
		key := keyText(entry.Key)
		if first, twice := entries[key]; twice {
			d.add(tokenPosition(entry.Key.GetToken()), joinPath(path, key), fmt.Sprintf("the first is on line %d", first.Key.GetToken().Position.Line),
				"key %s is given twice", shownKey(key))
			continue
		}
		entries[key] = entry
		order = append(order, key)
	}
	return order, entries
}

// shownKey hides what is no plain key: it may be one text with a secret behind it.
func shownKey(key string) string {
	if !nameExpr.MatchString(key) {
		return "[not shown]"
	}
	return fmt.Sprintf("%q", clip(key))
}

func keyText(key ast.MapKeyNode) string {
	if s, ok := key.(*ast.StringNode); ok {
		return s.Value
	}
	return key.GetToken().Value
}

func (d *decoder) structure(path string, n ast.Node, v reflect.Value) {
	order, entries := d.entries(path, n)
	if entries == nil {
		return
	}
	fields := fieldsOf(v.Type())
	var misspelt []string
	for _, key := range order {
		entry, at := entries[key], tokenPosition(entries[key].Key.GetToken())
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == key })
		if i < 0 {
			d.unknownKey(path, entries[key], fields, nearSecret(v.Type()))
			misspelt = append(misspelt, nearest.Words(key, fieldNames(fields))...)
			continue
		}
		below := joinPath(path, key)
		d.keys[below] = at
		d.value(below, entry.Value, fields[i], v.Field(fields[i].index))
	}
	for _, f := range fields {
		if _, given := entries[f.name]; f.need && !given && !slices.Contains(misspelt, f.name) {
			d.add(d.key(path), joinPath(path, f.name), "", "%s is missing%s", f.name, in(path))
		}
	}
	if v.Type().Implements(reflect.TypeFor[oneOf]()) && len(entries) != 1 {
		d.add(d.key(path), path, "", "want exactly one of %s", strings.Join(fieldNames(fields), ", "))
	}
}

// unknownKey reports a key that the section does not have. Near a secret its value may be one, and what is no plain key with a value may
// be a key and a secret in one text, or a secret alone.
func (d *decoder) unknownKey(path string, entry *ast.MappingValueNode, fields []field, secretNear bool) {
	key, at, suggestion := keyText(entry.Key), tokenPosition(entry.Key.GetToken()), ""
	if alike.Replace(key) != key {
		suggestion = d.source.lookalikes(at.line)
	}
	if secretNear {
		d.source.secret[at.line-1] = true
	}
	_, empty := entry.Value.(*ast.NullNode)
	if insideSecret(path) || secretNear && (empty || !nameExpr.MatchString(key)) {
		d.add(at, path, suggestion, "unknown key, not shown because it may be a secret; known here: %s", strings.Join(fieldNames(fields), ", "))
		return
	}
	if suggestion == "" {
		suggestion = didYouMean(key, fieldNames(fields))
	}
	d.add(at, path, suggestion, "unknown key %q", clip(key))
}

// oneOf marks types of which exactly one key must be given.
type oneOf interface{ exactlyOne() }

func (reference) exactlyOne()             {}
func (authConfig) exactlyOne()            {}
func (certificateNameConfig) exactlyOne() {}
func (checkpointCopyConfig) exactlyOne()  {}
func (certificateConfig) exactlyOne()     {}

func in(path string) string {
	if path == "" {
		return ""
	}
	return " in " + path
}

const namePattern = `^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`

var nameExpr = regexp.MustCompile(namePattern)

// mapping reads entries whose keys are names that the operator chooses.
func (d *decoder) mapping(path string, n ast.Node, v reflect.Value) {
	order, entries := d.entries(path, n)
	v.Set(reflect.MakeMap(v.Type()))
	for _, key := range order {
		at := tokenPosition(entries[key].Key.GetToken())
		if !nameExpr.MatchString(key) {
			d.add(at, path, "", "name %q: want up to 64 letters, digits, \"-\" or \"_\", beginning with a letter or digit", clip(key))
			continue
		}
		below := joinPath(path, key)
		d.keys[below] = at
		element := d.fresh(v.Type().Elem())
		d.value(below, entries[key].Value, field{}, element)
		v.SetMapIndex(reflect.ValueOf(key), element)
	}
}

func (d *decoder) sequence(path string, n ast.Node, f field, v reflect.Value) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		d.wrongType(path, n, "a list: [one, another]")
		return
	}
	if f.need && len(s.Values) == 0 {
		d.add(nodePosition(n), path, "", "%s is empty", lastKey(path))
	}
	v.Set(reflect.MakeSlice(v.Type(), len(s.Values), len(s.Values)))
	for i, element := range s.Values {
		v.Index(i).Set(d.fresh(v.Type().Elem()))
		d.value(fmt.Sprintf("%s[%d]", path, i), element, f, v.Index(i))
	}
}

// lastKey is the last key of a path: "operations" of "callers.x.grants[0].operations[1]".
func lastKey(path string) string {
	path, _, _ = strings.Cut(path[strings.LastIndexByte(path, '.')+1:], "[")
	if path == "" {
		return "the file"
	}
	return path
}

// clip bounds what of a value is repeated in a message, and leaves out what follows the name of a secret's key in it: without its
// colon, or a blank behind that, such a key is one text with the secret.
func clip(s string) string {
	if end := secretName(s, sensitive); end >= 0 && end < len(s) {
		s = s[:end] + " [masked]"
	}
	return text.Truncate(s, 80, "...")
}

func sortedNames[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
