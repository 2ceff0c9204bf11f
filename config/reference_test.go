package config

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
	"testing"
)

// The comments and tags of fileconfig.go are the source of the JSON Schema and of the manual's tables. This file reads them.

// comments maps "type.field" to the field's comment, and "type" to the type's.
func comments(tb testing.TB) map[string]string {
	tb.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "fileconfig.go", nil, parser.ParseComments)
	if err != nil {
		tb.Fatal(err)
	}
	found := map[string]string{}
	for _, declaration := range file.Decls {
		general, ok := declaration.(*ast.GenDecl)
		if !ok || general.Tok != token.TYPE {
			continue
		}
		spec := general.Specs[0].(*ast.TypeSpec)
		found[spec.Name.Name] = oneLine(general.Doc.Text())
		for _, f := range spec.Type.(*ast.StructType).Fields.List {
			text := oneLine(f.Doc.Text())
			if text == "" {
				tb.Errorf("%s.%s has no comment", spec.Name.Name, f.Names[0].Name)
			}
			found[spec.Name.Name+"."+f.Names[0].Name] = text
		}
	}
	return found
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// fileTypes lists the struct types of the file from the top, each once, in the order in which a reader meets them.
func fileTypes() []reflect.Type {
	var found []reflect.Type
	seen := map[reflect.Type]bool{}
	queue := []reflect.Type{reflect.TypeFor[fileConfig]()}
	for len(queue) > 0 {
		t := queue[0]
		queue = queue[1:]
		if seen[t] {
			continue
		}
		seen[t] = true
		found = append(found, t)
		var below []reflect.Type
		for i := range t.NumField() {
			if inner := structOf(t.Field(i).Type); inner != nil {
				below = append(below, inner)
			}
		}
		queue = append(below, queue...)
	}
	return found
}

// structOf is the struct that a field, its elements or its values are of; nil for scalars.
func structOf(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || isScalar(t) {
		return nil
	}
	return t
}

func isScalar(t reflect.Type) bool { return reflect.PointerTo(t).Implements(reflect.TypeFor[scalar]()) }

// defaultOf is the default of a field as it would stand in the file; "" if there is none, or it follows from others.
func defaultOf(t reflect.Type, f field) string {
	values := map[reflect.Type]any{}
	d := defaults()
	for _, v := range []any{
		d.listener, d.listenerTLS, d.internalCertificate, d.acme, d.rfc2136, d.upstream, d.upstreamTLS,
		d.file.Limits, d.file.Limits.Unauthenticated, d.file.Audit, d.file.Audit.Checkpoints, d.file.Audit.Index, d.file.Log, d.file.Bounds,
	} {
		values[reflect.TypeOf(v)] = v
	}
	holder, ok := values[t]
	if !ok {
		return ""
	}
	v := reflect.ValueOf(holder).Field(f.index)
	if structOf(v.Type()) != nil || v.IsZero() && v.Kind() != reflect.Bool {
		return ""
	}
	return fmt.Sprint(v.Interface())
}

func TestEveryKeyHasTags(t *testing.T) {
	for _, s := range fileTypes() {
		for _, f := range fieldsOf(s) { // panics on a malformed range
			if f.name == "" {
				t.Errorf("%v.%s has no key", s, f.goName)
			}
		}
	}
	if got := fieldsOf(reflect.TypeFor[upstreamConfig]())[1]; fmt.Sprint(got.choice) != fmt.Sprint(catalogSites()) {
		t.Errorf("choices of catalog are %v, the catalog has %v", got.choice, catalogSites())
	}
}
