package config

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

const manual = "../docs/config.md"

var tableMarks = regexp.MustCompile(`(?s)<!-- keys of (\w+), made from config/fileconfig\.go -->\n.*?<!-- end -->\n`)

// TestManualTables holds the tables of the manual to the types that the decoder reads, and to having one for each.
func TestManualTables(t *testing.T) {
	data, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	text := comments(t)
	byName := map[string]reflect.Type{}
	for _, s := range fileTypes() {
		byName[definition(s)] = s
	}
	got := tableMarks.ReplaceAllStringFunc(string(data), func(block string) string {
		name := tableMarks.FindStringSubmatch(block)[1]
		s, ok := byName[name]
		if !ok {
			t.Errorf("there is no %s, or its table stands there twice", name)
			return block
		}
		delete(byName, name)
		return table(name, s, text)
	})
	for name := range byName {
		t.Errorf("the manual has no table of %s", name)
	}
	golden(t, manual, got)
}

func table(name string, s reflect.Type, comments map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<!-- keys of %s, made from config/fileconfig.go -->\n", name)
	b.WriteString("| Key | Value | Default | Meaning |\n| --- | --- | --- | --- |\n")
	for _, f := range fieldsOf(s) {
		def := "-"
		if f.need {
			def = "required"
		} else if d := defaultOf(s, f); d != "" {
			def = "`" + d + "`"
		}
		meaning := strings.ReplaceAll(comments[s.Name()+"."+f.goName], "|", `\|`)
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.name, valueText(s.Field(f.index).Type, f), def, meaning)
	}
	b.WriteString("<!-- end -->\n")
	return b.String()
}

// valueText says what may stand after a key.
func valueText(t reflect.Type, f field) string {
	bounds := ""
	if f.low != "" {
		bounds = fmt.Sprintf(", %s to %s", f.low, f.high)
	}
	if isScalar(t) {
		return reflect.New(t).Interface().(scalar).what() + bounds
	}
	switch t.Kind() {
	case reflect.Pointer:
		return valueText(t.Elem(), f)
	case reflect.Struct:
		if t == reflect.TypeFor[reference]() {
			return "secret reference"
		}
		return "mapping"
	case reflect.Slice:
		return strings.Replace("list of "+valueText(t.Elem(), f), "mapping", "mappings", 1)
	case reflect.Map:
		return "mapping of names to " + valueText(t.Elem(), field{}) + "s"
	case reflect.Bool:
		return "`true`, `false`"
	case reflect.Int:
		return "number" + bounds
	}
	if len(f.choice) > 0 {
		return "`" + strings.Join(f.choice, "`, `") + "`"
	}
	return "text"
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// TestManualExamples loads the complete examples of the manual: those that begin with listeners.
func TestManualExamples(t *testing.T) {
	data, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	complete := 0
	for _, block := range yamlBlock.FindAllStringSubmatch(string(data), -1) {
		if !strings.Contains(block[1], "listeners:") {
			continue
		}
		complete++
		if _, err := Parse("docs/config.md", []byte(block[1]), t.TempDir(), Options{}); err != nil {
			t.Errorf("%v", err)
		}
	}
	if complete == 0 {
		t.Error("the manual has no complete example")
	}
}
