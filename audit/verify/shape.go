package verify

import (
	"encoding"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"tollgate/audit/logfile"
)

// shape is the JSON that a value of a record can have.
type shape struct {
	kind    valueKind
	most    uint64   // of a number
	of      *shape   // of the elements of a list
	members []member // of an object
}

type valueKind uint8

const (
	aText valueKind = iota + 1
	aNumber
	aTruth
	aTime
	aList
	anObject
)

type member struct {
	name        string // as in a line, in quotes and with a colon
	begin, mask uint64 // its first bytes, up to eight, and which bits those are
	shape       *shape
	wanted      wanted
}

func newMember(name string, s *shape) member {
	m := member{name: `"` + name + `":`, shape: s}
	for i := range min(len(m.name), 8) {
		m.begin |= uint64(m.name[i]) << (8 * i)
		m.mask |= 0xFF << (8 * i)
	}
	return m
}

// recordShape returns the shape of records, whose first members are those of the head.
var recordShape = sync.OnceValue(func() *shape {
	return shapeOf(reflect.TypeFor[logfile.Record]())
})

const headMembers = 4

// shapeOf returns the shape of a type. Values of unknown types, and of those that parse their values themselves, are not scanned.
func shapeOf(t reflect.Type) *shape {
	if t == reflect.TypeFor[time.Time]() {
		return &shape{kind: aTime}
	}
	if p := reflect.PointerTo(t); p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[json.UnmarshalerFrom]()) ||
		p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return &shape{}
	}
	switch t.Kind() {
	case reflect.String:
		return &shape{kind: aText}
	case reflect.Bool:
		return &shape{kind: aTruth}
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return &shape{kind: aNumber, most: math.MaxInt64}
	case reflect.Uint16:
		return &shape{kind: aNumber, most: math.MaxUint16}
	case reflect.Slice:
		return &shape{kind: aList, of: shapeOf(t.Elem())}
	case reflect.Pointer:
		return shapeOf(t.Elem())
	case reflect.Struct:
		return structShape(t)
	}
	return &shape{}
}

func structShape(t reflect.Type) *shape {
	o := &shape{kind: anObject}
	fields := slices.DeleteFunc(reflect.VisibleFields(t), func(f reflect.StructField) bool { return f.Anonymous || !f.IsExported() })
	for _, f := range fields[:min(len(fields), len(seen{})*64)] {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		m := newMember(name, shapeOf(f.Type))
		if t == reflect.TypeFor[logfile.Record]() {
			m.wanted = wantedMembers[name]
		}
		o.members = append(o.members, m)
	}
	return o
}
