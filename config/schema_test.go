package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"testing"

	"tollgate/catalog"
	"tollgate/config/strictyaml"
)

func catalogSites() []string { return catalog.Sites() }

// TestSchemaIsCurrent holds schema.json to the types that the decoder reads.
func TestSchemaIsCurrent(t *testing.T) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(schemaGenerator{describeSections(t)}.root()); err != nil {
		t.Fatal(err)
	}
	golden(t, "schema.json", b.String())
}

// object is a JSON object; encoding/json sorts its members, so the file does not change by chance.
type object = map[string]any

type schemaGenerator struct {
	descriptions map[reflect.Type]description
}

func (g schemaGenerator) root() object {
	definitions := object{}
	for _, t := range fileTypes()[1:] {
		definitions[sectionName(t)] = g.structure(t)
	}
	root := g.structure(reflect.TypeFor[fileConfig]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["$id"] = "urn:tollgate:config"
	root["title"] = "Tollgate configuration"
	root["$defs"] = definitions
	delete(root, "description")
	return root
}

func (g schemaGenerator) structure(t reflect.Type) object {
	properties, required := object{}, []string{}
	for _, f := range strictyaml.Fields(t) {
		property := g.value(f.Type, f)
		property["description"] = g.descriptions[t].fields[f.Name]
		property["x-reload"] = reloadOf(f)
		if d := defaultOf(t, f); d != "" {
			property["default"] = typed(f.Type, d)
		}
		properties[f.Key] = property
		if f.Need {
			required = append(required, f.Key)
		}
	}
	s := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	if t.Implements(reflect.TypeFor[strictyaml.OneOf]()) {
		s["minProperties"], s["maxProperties"] = 1, 1
	}
	return s
}

// typed converts a default to the JSON type of its field.
func typed(t reflect.Type, text string) any {
	var v any
	if (t.Kind() == reflect.Int || t.Kind() == reflect.Bool) && !strictyaml.IsScalar(t) && json.Unmarshal([]byte(text), &v) == nil {
		return v
	}
	return text
}

func (g schemaGenerator) value(t reflect.Type, f strictyaml.Field) object {
	if len(f.Choice) > 0 && t.Kind() != reflect.Slice {
		return object{"enum": f.Choice}
	}
	if strictyaml.IsScalar(t) {
		return object{"type": "string", "pattern": reflect.New(t).Interface().(strictyaml.Scalar).Pattern()}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return g.value(t.Elem(), f)
	case reflect.Struct:
		section := object{"$ref": "#/$defs/" + sectionName(t)}
		if first := strictyaml.Fields(t)[0]; f.Single {
			return object{"anyOf": []object{g.value(first.Type, first), section}}
		}
		return section
	case reflect.Slice:
		list := object{"type": "array", "items": g.value(t.Elem(), f)}
		if f.Need {
			list["minItems"] = 1
		}
		if f.Single {
			return object{"anyOf": []object{list["items"].(object), list}}
		}
		return list
	case reflect.Map:
		return object{
			"type": "object", "propertyNames": object{"pattern": strictyaml.NamePattern}, "additionalProperties": g.value(t.Elem(), strictyaml.Field{}),
		}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int:
		return object{"type": "integer", "minimum": f.Min, "maximum": f.Max}
	case reflect.String:
		return object{"type": "string", "minLength": 1}
	}
	panic(fmt.Sprintf("no schema for %v", t))
}

// TestSchemaSaysWhatTheDecoderSays walks the generated file by itself: every object is closed, every reference leads
// somewhere, and the keys at each place are those that the decoder takes.
func TestSchemaSaysWhatTheDecoderSays(t *testing.T) {
	data, err := os.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var root struct {
		Defs       map[string]struct{ Properties map[string]any } `json:"$defs"`
		Properties map[string]any
	}
	if err := json.Unmarshal(data, &root); err != nil {
		t.Fatal(err)
	}
	for i, s := range fileTypes() {
		properties := root.Defs[sectionName(s)].Properties
		if i == 0 {
			properties = root.Properties
		}
		fields := strictyaml.Fields(s)
		for _, f := range fields {
			if _, ok := properties[f.Key]; !ok {
				t.Errorf("%v: schema.json does not have %s", s, f.Key)
			}
		}
		if len(properties) != len(fields) {
			t.Errorf("%v: schema.json has %d keys, the type %d", s, len(properties), len(fields))
		}
	}
	var anything any
	_ = json.Unmarshal(data, &anything)
	checkClosed(t, "schema.json", anything)
}

func checkClosed(t *testing.T, where string, v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, closed := v["additionalProperties"]; v["type"] == "object" && !closed {
			t.Errorf("%s: open object", where)
		}
		for key, inner := range v {
			checkClosed(t, where+"/"+key, inner)
		}
	case []any:
		for i, inner := range v {
			checkClosed(t, fmt.Sprintf("%s/%d", where, i), inner)
		}
	}
}
