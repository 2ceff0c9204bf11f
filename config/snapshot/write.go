package snapshot

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"tollgate/config/strictyaml"
	"tollgate/internal/setting"
	"tollgate/tlspolicy"
)

// writer writes values of the types that a configuration is made of.
type writer struct {
	text    []byte
	dir     string // of relative paths of secrets
	layouts map[reflect.Type]*layout
}

// layout is what is known of a type.
type layout struct {
	scalar bool               // one text in the file
	fields []strictyaml.Field // of a section, sorted by key
}

func newWriter(dir string, size int) *writer {
	return &writer{dir: dir, layouts: map[reflect.Type]*layout{}, text: make([]byte, 0, size)}
}

func (w *writer) layoutOf(t reflect.Type) *layout {
	known := w.layouts[t]
	if known == nil {
		known = &layout{scalar: isScalar(t)}
		if t.Kind() == reflect.Struct && !known.scalar {
			known.fields = slices.Clone(strictyaml.Fields(t))
			slices.SortFunc(known.fields, func(a, b strictyaml.Field) int { return strings.Compare(a.Key, b.Key) })
		}
		w.layouts[t] = known
	}
	return known
}

var (
	referenceType = reflect.TypeFor[setting.Reference]()
	scalarType    = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// isScalar reports whether values of a type read themselves from one text.
func isScalar(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(scalarType)
}

func (w *writer) value(v reflect.Value) {
	if v.Kind() == reflect.Pointer {
		if !v.IsNil() {
			w.value(v.Elem())
			return
		}
		w.text = append(w.text, "{}"...) // a section that is not there
		return
	}
	if w.layoutOf(v.Type()).scalar {
		w.string(scalar(v))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		w.members(v, nil)
	case reflect.Slice:
		w.list(v)
	case reflect.Map:
		w.names(v)
	case reflect.String:
		w.string(v.String())
	case reflect.Bool:
		w.text = strconv.AppendBool(w.text, v.Bool())
	case reflect.Int:
		w.text = strconv.AppendInt(w.text, v.Int(), 10)
	default:
		panic(fmt.Sprintf("snapshot: a configuration has no %s", v.Type())) // a programmer's error, which a test finds
	}
}

// scalar returns the text of a value that the file has as one text.
func scalar(v reflect.Value) string {
	switch value := v.Interface().(type) {
	case tlspolicy.Pin:
		return tlspolicy.PinPrefix + value.String()
	case encoding.TextMarshaler:
		text, err := value.MarshalText()
		if err != nil {
			panic(fmt.Sprintf("snapshot: %v", err)) // it was read from a text
		}
		return string(text)
	case fmt.Stringer:
		return value.String()
	}
	return v.String()
}

// extra is a member that a section has beside the keys of the file.
type extra struct {
	key   string
	value reflect.Value
}

// members writes a section, with an extra member if there is one.
func (w *writer) members(v reflect.Value, more *extra) {
	if v.Type() == referenceType {
		v = reflect.ValueOf(v.Interface().(setting.Reference).Shown(w.dir))
	}
	w.text = append(w.text, '{')
	for _, field := range w.layoutOf(v.Type()).fields {
		if more != nil && more.key < field.Key {
			w.member(more.key, more.value)
			more = nil
		}
		w.member(field.Key, v.FieldByIndex(field.Index))
	}
	if more != nil {
		w.member(more.key, more.value)
	}
	w.close('}')
}

// member writes a member of a section, unless it is zero.
func (w *writer) member(key string, v reflect.Value) {
	if v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 {
		return
	}
	w.key(key)
	w.value(v)
	w.text = append(w.text, ',')
}

func (w *writer) list(v reflect.Value) {
	w.text = append(w.text, '[')
	for i := range v.Len() {
		w.value(v.Index(i))
		w.text = append(w.text, ',')
	}
	w.close(']')
}

// names writes an object of values that the file has by name.
func (w *writer) names(v reflect.Value) {
	members := make(map[string]func(), v.Len())
	for name, value := range v.Seq2() {
		members[name.String()] = func() { w.value(value) }
	}
	w.object(members)
}

// object writes an object of members by name, each written by a function.
func (w *writer) object(members map[string]func()) {
	w.text = append(w.text, '{')
	for _, key := range slices.Sorted(maps.Keys(members)) {
		w.key(key)
		members[key]()
		w.text = append(w.text, ',')
	}
	w.close('}')
}

func (w *writer) key(key string) {
	w.string(key)
	w.text = append(w.text, ':')
}

// close ends a list or an object, in the place of the comma behind its last element.
func (w *writer) close(with byte) {
	if last := len(w.text) - 1; w.text[last] == ',' {
		w.text = w.text[:last]
	}
	w.text = append(w.text, with)
}

func (w *writer) string(text string) {
	if !plain(text) {
		w.text = append(w.text, quoted(text)...)
		return
	}
	w.text = append(w.text, '"')
	w.text = append(w.text, text...)
	w.text = append(w.text, '"')
}

// plain reports whether a text stands in JSON as it is.
func plain(text string) bool {
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// quoted returns a text in JSON, without the escapes of characters that mean something in HTML.
func quoted(text string) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text) // neither a text nor the buffer fails
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
