package verify

import (
	"math"
	"reflect"
	"strings"
	"time"

	"tollgate/audit/logfile"
)

// shape is what JSON a value of a record can be.
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
	name  string
	shape *shape
	call  bool // it is the call of a record
}

// recordShape is that of records, whose first members are those of the head.
var recordShape = shapeOf(reflect.TypeFor[logfile.Record]())

const headMembers = 4

// shapeOf returns the shape of a type. Of types that it does not know no value is scanned.
func shapeOf(t reflect.Type) *shape {
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
	if t == reflect.TypeFor[time.Time]() {
		return &shape{kind: aTime}
	}
	o := &shape{kind: anObject}
	for i := range min(t.NumField(), len(seen{})*64) {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		o.members = append(o.members, member{name, shapeOf(f.Type), t == reflect.TypeFor[logfile.Record]() && name == "call"})
	}
	return o
}
