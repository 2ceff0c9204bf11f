package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// field is one key of a mapping, as its struct tags describe it.
type field struct {
	name      string
	goName    string
	index     int
	need      bool
	choice    []string
	low, high string  // the range as written; empty: none
	min, max  float64 // the same as measures
}

var knownFields sync.Map // of a reflect.Type: []field

// fieldsOf returns what the tags of a struct of fileconfig.go say. A malformed tag is a programmer's error and panics; a test reads all.
func fieldsOf(t reflect.Type) []field {
	fields, ok := knownFields.Load(t)
	if !ok {
		fields, _ = knownFields.LoadOrStore(t, readFields(t))
	}
	return fields.([]field)
}

func readFields(t reflect.Type) []field {
	fields := make([]field, t.NumField())
	for i := range fields {
		tag := t.Field(i).Tag
		f := field{name: tag.Get("yaml"), goName: t.Field(i).Name, index: i, need: tag.Get("need") == "yes"}
		if choice := tag.Get("choice"); choice != "" {
			f.choice = strings.Split(choice, "|")
		}
		if r := tag.Get("range"); r != "" {
			f.low, f.high, _ = strings.Cut(r, "..")
			f.min, f.max = mustMeasure(t.Field(i).Type, f.low), mustMeasure(t.Field(i).Type, f.high)
		}
		fields[i] = f
	}
	return fields
}

func fieldNames(fields []field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}

// measure is the number that a range compares.
func measure(value any) float64 {
	switch v := value.(type) {
	case int:
		return float64(v)
	case *duration:
		return float64(*v)
	case *size:
		return float64(*v)
	}
	panic(fmt.Sprintf("config: no range for %T", value))
}

func mustMeasure(t reflect.Type, text string) float64 {
	v := reflect.New(t)
	if s, ok := v.Interface().(scalar); ok {
		if err := s.parse(text); err != nil {
			panic(fmt.Sprintf("config: range %q: %v", text, err))
		}
		return measure(s)
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(fmt.Sprintf("config: range %q: %v", text, err))
	}
	return measure(n)
}
