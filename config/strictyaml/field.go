package strictyaml

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// Field is one key of a section, as its struct tags describe it.
type Field struct {
	reflect.StructField
	Key       string
	Need      bool
	Single    bool // a list of one may be written as its only value, a section as the value of its first key
	Restart   bool // a change of it needs a restart of what is configured
	Choice    []string
	Low, High string  // the range as written; empty: none
	Min, Max  float64 // the same as numbers
}

var knownFields sync.Map // of a reflect.Type: []Field

// Fields returns what the tags of a section's type say. A malformed tag is a programmer's error and panics.
func Fields(section reflect.Type) []Field {
	fields, ok := knownFields.Load(section)
	if !ok {
		fields, _ = knownFields.LoadOrStore(section, readFields(section))
	}
	return fields.([]Field)
}

func readFields(t reflect.Type) []Field {
	var fields []Field
	for _, field := range reflect.VisibleFields(t) {
		f := Field{StructField: field}
		if f.Anonymous || f.Tag.Get("yaml") == "-" {
			continue
		}
		f.Key, f.Need, f.Single = f.Tag.Get("yaml"), f.Tag.Get("need") == "yes", f.Tag.Get("single") == "yes"
		switch reload := f.Tag.Get("reload"); reload {
		case "", "yes":
		case "restart":
			f.Restart = true
		default:
			panic(fmt.Sprintf("strictyaml: %v.%s: reload %q", t, f.Name, reload))
		}
		if choice := f.Tag.Get("choice"); choice != "" {
			f.Choice = strings.Split(choice, "|")
		}
		if r := f.Tag.Get("range"); r != "" {
			f.Low, f.High, _ = strings.Cut(r, "..")
			f.Min, f.Max = mustMeasure(f.Type, f.Low), mustMeasure(f.Type, f.High)
		}
		fields = append(fields, f)
	}
	return fields
}

func keysOf(fields []Field) []string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.Key
	}
	return keys
}

// measure is the number that a range compares.
func measure(v reflect.Value) float64 { return float64(v.Int()) }

func mustMeasure(t reflect.Type, text string) float64 {
	v := reflect.New(t)
	var err error
	if s, ok := v.Interface().(Scalar); ok {
		err = s.UnmarshalText([]byte(text))
	} else {
		var n int64
		n, err = strconv.ParseInt(text, 10, 64)
		v.Elem().SetInt(n)
	}
	if err != nil {
		panic(fmt.Sprintf("strictyaml: range %q: %v", text, err))
	}
	return measure(v.Elem())
}

var (
	scalarType = reflect.TypeFor[Scalar]()
	secretType = reflect.TypeFor[Secret]()
	oneOfType  = reflect.TypeFor[OneOf]()
)

// IsScalar reports whether values of the type are written as one text that they read themselves.
func IsScalar(t reflect.Type) bool { return reflect.PointerTo(t).Implements(scalarType) }

func isSection(t reflect.Type) bool { return t.Kind() == reflect.Struct && !IsScalar(t) }

// Section returns the type of the sections that values of a type are, list, point to or name; nil if there are none.
func Section(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if !isSection(t) {
		return nil
	}
	return t
}

// Default returns a new, settable value of a type with its defaults: what its method Default returns, and in the sections that this
// leaves empty what theirs return.
func Default(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	if !isSection(t) {
		return v
	}
	if method, ok := t.MethodByName("Default"); ok {
		v.Set(method.Func.Call([]reflect.Value{v})[0])
	}
	for _, field := range Fields(t) {
		if f := v.FieldByIndex(field.Index); isSection(f.Type()) && f.IsZero() {
			f.Set(Default(f.Type()))
		}
	}
	return v
}
