package config

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"tollgate/config/strictyaml"
)

const manual = "../docs/config.md"

var tableMarks = regexp.MustCompile(`(?s)<!-- keys of (\w+), made from [\w./]+ -->\n.*?<!-- end -->\n`)

// TestManualTables holds the tables of the manual to the types that the decoder reads, and to having one for each.
func TestManualTables(t *testing.T) {
	data, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	described := describeSections(t)
	byName := map[string]reflect.Type{}
	for _, s := range fileTypes() {
		byName[sectionName(s)] = s
	}
	got := tableMarks.ReplaceAllStringFunc(string(data), func(block string) string {
		name := tableMarks.FindStringSubmatch(block)[1]
		s, ok := byName[name]
		if !ok {
			t.Errorf("there is no %s, or its table stands there twice", name)
			return block
		}
		delete(byName, name)
		return table(name, s, described[s])
	})
	for name := range byName {
		t.Errorf("the manual has no table of %s", name)
	}
	golden(t, manual, got)
}

func table(name string, s reflect.Type, d description) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<!-- keys of %s, made from %s -->\n", name, d.file)
	b.WriteString("| Key | Value | Default | Reload | Meaning |\n| --- | --- | --- | --- | --- |\n")
	for _, f := range strictyaml.Fields(s) {
		def := "-"
		if f.Need {
			def = "required"
		} else if text := defaultOf(s, f); text != "" {
			def = "`" + text + "`"
		}
		meaning := strings.ReplaceAll(d.fields[f.Name], "|", `\|`)
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", f.Key, valueText(f.Type, f), def, reloadOf(f), meaning)
	}
	b.WriteString("<!-- end -->\n")
	return b.String()
}

// valueText says what may stand after a key.
func valueText(t reflect.Type, f strictyaml.Field) string {
	bounds := ""
	if f.Low != "" {
		bounds = fmt.Sprintf(", %s to %s", f.Low, f.High)
	}
	if strictyaml.IsScalar(t) {
		return reflect.New(t).Interface().(strictyaml.Scalar).Kind() + bounds
	}
	switch t.Kind() {
	case reflect.Pointer:
		return valueText(t.Elem(), f)
	case reflect.Struct:
		if t.Implements(reflect.TypeFor[strictyaml.Secret]()) {
			return "secret reference"
		}
		if first := strictyaml.Fields(t)[0]; f.Single {
			return valueText(first.Type, first) + ", or mapping"
		}
		return "mapping"
	case reflect.Slice:
		if f.Single {
			return valueText(t.Elem(), f) + ", or list of them"
		}
		return strings.Replace("list of "+valueText(t.Elem(), f), "mapping", "mappings", 1)
	case reflect.Map:
		return "mapping of names to " + valueText(t.Elem(), strictyaml.Field{}) + "s"
	case reflect.Bool:
		return "`true`, `false`"
	case reflect.Int:
		return "number" + bounds
	}
	if len(f.Choice) > 0 {
		return "`" + strings.Join(f.Choice, "`, `") + "`"
	}
	return "text"
}
