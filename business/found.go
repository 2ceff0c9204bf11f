package business

import (
	"slices"

	"tollgate/catalog"
)

// place is where a field was found.
type place uint8

const (
	inPath place = iota
	inQuery
	inBody
)

// finding is a field that occurs.
type finding struct {
	index int // of the catalog's fields
	where place
	value Value
}

// findings are the fields that occur, in the order found. Operations name up to a dozen, and calls use a few of them.
type findings struct {
	list  []finding
	space [4]finding // where it begins
}

// of gives what was found of a field, nil if nothing was.
func (f *findings) of(index int) *finding {
	for i := range f.list {
		if f.list[i].index == index {
			return &f.list[i]
		}
	}
	return nil
}

// begin takes up a field that was not found before; what was given before is not valid any longer.
func (f *findings) begin(index int, where place, field *catalog.Field) *finding {
	if f.list == nil {
		f.list = f.space[:0]
	}
	f.list = append(f.list, finding{index, where, Value{Name: field.Name, Kind: field.Kind}})
	return &f.list[len(f.list)-1]
}

// values gives what was found, in the catalog's order.
func (f *findings) values() []Value {
	if len(f.list) == 0 {
		return nil
	}
	slices.SortFunc(f.list, func(a, b finding) int { return a.index - b.index })
	values := make([]Value, len(f.list))
	for i := range f.list {
		values[i] = f.list[i].value
	}
	return values
}

// full tells whether no further value is recorded.
func (v *Value) full() bool { return len(v.Values) == maxValues }

// add records a value within the bounds.
func (v *Value) add(value string, k *keeper) {
	if v.full() || len(value) > maxValueBytes {
		v.Omitted++
		return
	}
	v.Values = k.add(v.Values, value)
}
