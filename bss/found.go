package bss

import (
	"slices"

	"tollgate/catalog"
	"tollgate/internal/decimal"
	"tollgate/internal/digest"
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
	all   *digest.List // of all values; nil as long as none is omitted
}

// findings are the fields that occur, in the order found. Operations name up to a dozen, and calls use a few of them.
type findings struct {
	list  []finding
	space [4]finding // where it begins
}

// of returns what was found of a field, nil if nothing was.
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
	f.list = append(f.list, finding{index: index, where: where, value: Value{Name: field.Name, Kind: field.Kind, InQuery: where == inQuery}})
	return &f.list[len(f.list)-1]
}

// values returns what was found, in the catalog's order; hashed if what was omitted may leave a hash.
func (f *findings) values(hashed bool) []Value {
	if len(f.list) == 0 {
		return nil
	}
	slices.SortFunc(f.list, func(a, b finding) int { return a.index - b.index })
	values := make([]Value, len(f.list))
	for i := range f.list {
		values[i] = f.list[i].result(hashed)
	}
	return values
}

// full reports whether no further value is recorded.
func (v *Value) full() bool { return len(v.Values) == maxValues }

// add records a value within the bounds.
func (f *finding) add(value string, k *arena) {
	if takes(f, value) {
		f.value.Values = k.add(f.value.Values, value)
	}
}

// addContent does the same with a value that lies in a body, of which it copies no more than is recorded.
func (f *finding) addContent(value []byte, k *arena) {
	if takes(f, value) {
		f.value.Values = k.add(f.value.Values, k.string(value))
	}
}

// takes reports whether a value is to be recorded. It counts amounts that are no numbers, and what is omitted.
func takes[T string | []byte](f *finding, value T) bool {
	if f.value.Kind == catalog.FieldAmount && (len(value) > decimal.MaxText || !decimal.Valid(string(value))) {
		f.value.Unsummed++
	}
	taken := !f.value.full() && len(value) <= maxValueBytes
	if taken && f.all == nil {
		return true
	}
	if !taken {
		f.value.Omitted++
	}
	digest.Add(f.whole(), value)
	return taken
}

// whole returns the hash of all values, which begins with those recorded so far when the first is omitted.
func (f *finding) whole() *digest.List {
	if f.all == nil {
		f.all = digest.New()
		for _, value := range f.value.Values {
			digest.Add(f.all, value)
		}
	}
	return f.all
}

// result returns the value, with length and hash of all where some were omitted.
func (f *finding) result(hashed bool) Value {
	v := f.value
	if f.all != nil {
		v.AllBytes = f.all.Bytes()
		if hashed {
			v.AllHash = f.all.Hash()
		}
	}
	return v
}
