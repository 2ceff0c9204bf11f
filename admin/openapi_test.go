package admin

import (
	"bytes"
	"encoding/json"
	goflag "flag" // a function of the package has its name
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = goflag.Bool("update", false, "write openapi.json")

// TestOpenAPIIsCurrent holds openapi.json to the table of routes and to the types of requests and answers: nothing is in one that is not in the other.
func TestOpenAPIIsCurrent(t *testing.T) {
	var want bytes.Buffer
	encoder := json.NewEncoder(&want)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(newDescriber(t).document(new(Server).routes())); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("openapi.json", want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(openAPI, want.Bytes()) {
		t.Error("openapi.json is not what routes and types say: run go test ./admin -run OpenAPI -update, and read the difference")
	}
}

// object is a JSON object; encoding/json sorts its members.
type object = map[string]any

// describer makes the description of the API from its table, its types and their comments.
type describer struct {
	t        *testing.T
	comments map[string]string // of types ("Status") and of fields ("Status.Version")
	schemas  object
}

func newDescriber(t *testing.T) *describer {
	d := &describer{t: t, comments: map[string]string{}, schemas: object{}}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, d.read)
	}
	return d
}

// read takes the comments of types and their fields: those above, or else those at the end of the line.
func (d *describer) read(n ast.Node) bool {
	general, ok := n.(*ast.GenDecl)
	if !ok || general.Tok != token.TYPE {
		return true
	}
	for _, spec := range general.Specs {
		typ := spec.(*ast.TypeSpec)
		d.comments[typ.Name.Name] = flat(general.Doc.Text())
		if fields, ok := typ.Type.(*ast.StructType); ok {
			for _, f := range fields.Fields.List {
				for _, name := range f.Names {
					d.comments[typ.Name.Name+"."+name.Name] = flat(f.Doc.Text() + f.Comment.Text())
				}
			}
		}
	}
	return true
}

func flat(text string) string { return strings.Join(strings.Fields(text), " ") }

// comment returns what the source says of a type or a field, which has to say something.
func (d *describer) comment(name string) string {
	if d.comments[name] == "" {
		d.t.Errorf("%s has no comment", name)
	}
	return d.comments[name]
}

func (d *describer) document(table []route) object {
	paths := object{}
	for _, r := range table {
		path, ok := paths[r.path].(object)
		if !ok {
			path = object{}
			paths[r.path] = path
		}
		path[strings.ToLower(r.method)] = d.operation(r)
	}
	d.schema(reflect.TypeFor[Error]())
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Tollgate admin API", "version": "1",
			"description": "Served on the admin socket, for the user that the gateway runs as and for root. " +
				"The admin address and the metrics listener serve what does not begin with /v1 (the latter without /livez).",
		},
		"servers":    []object{{"url": "http://localhost", "description": "the unix socket admin.socket; the host has to be localhost or a loopback address"}},
		"paths":      paths,
		"components": object{"schemas": d.schemas},
	}
}

// answers are those of the routes that are no functions of [API].
var answers = map[Act]reflect.Type{"live": reflect.TypeFor[Liveness](), "ready": reflect.TypeFor[Readiness]()}

func (d *describer) operation(r route) object {
	failed := object{"description": "why not", "content": content("application/json", object{"$ref": "#/components/schemas/Error"})}
	responses := object{"default": failed}
	out := object{"operationId": string(r.act), "responses": responses}
	function, known := apiFunction(r.act)
	switch {
	case known:
		out["summary"] = d.comment("API." + function.Name)
		d.request(out, function.Type.In(2), r.method)
		responses["200"] = answer(d.schema(function.Type.Out(0)))
	case answers[r.act] != nil:
		out["summary"] = d.comment(answers[r.act].Name())
		responses["200"] = answer(d.schema(answers[r.act]))
	case r.act == "openapi":
		out["summary"] = "This description."
		responses["200"] = answer(object{"type": "object"})
	case r.act == "metrics":
		out["summary"] = "Metrics for Prometheus, in the format that it asks for."
		responses["200"] = object{"description": "the metrics", "content": content("text/plain", object{"type": "string"})}
	default:
		d.t.Errorf("the act %s is no function of API", r.act)
	}
	if r.act == "ready" {
		responses["503"] = answer(d.schema(answers[r.act]))
	}
	return out
}

// apiFunction returns the function of an act, which has its name in lower case.
func apiFunction(act Act) (reflect.StructField, bool) {
	return reflect.TypeFor[API]().FieldByNameFunc(func(name string) bool { return strings.ToLower(name) == string(act) })
}

func answer(schema object) object {
	return object{"description": "the answer", "content": content("application/json", schema)}
}

func content(media string, schema object) object { return object{media: object{"schema": schema}} }

// request describes parameters and body.
func (d *describer) request(out object, t reflect.Type, method string) {
	var parameters []object
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("query"); name != "" {
			parameters = append(parameters, object{
				"name": name, "in": "query", "description": d.comment(t.Name() + "." + t.Field(i).Name),
				"schema": d.schema(t.Field(i).Type), "allowEmptyValue": t.Field(i).Type.Kind() == reflect.Bool,
			})
		}
	}
	if parameters != nil {
		out["parameters"] = parameters
	}
	if len(members(t)) == 0 {
		return
	}
	if method == "GET" {
		d.t.Errorf("%v: a GET has no body; its members have to be parameters", t)
	}
	out["requestBody"] = object{"required": true, "content": content("application/json", d.schema(t))}
}

// members are the fields of a type that JSON shows.
func members(t reflect.Type) (all []reflect.StructField) {
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name != "-" {
			all = append(all, t.Field(i))
		}
	}
	return all
}

// schema returns the schema of a type; that of a struct is among the components.
func (d *describer) schema(t reflect.Type) object {
	switch kind := t.Kind(); {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case kind == reflect.Pointer:
		return d.schema(t.Elem())
	case kind == reflect.String:
		return object{"type": "string"}
	case kind == reflect.Bool:
		return object{"type": "boolean"}
	case kind >= reflect.Int && kind <= reflect.Uint64:
		return object{"type": "integer"}
	case kind == reflect.Float64:
		return object{"type": "number"}
	case kind == reflect.Slice:
		return object{"type": "array", "items": d.schema(t.Elem())}
	case kind == reflect.Map && t.Key().Kind() == reflect.String:
		return object{"type": "object", "additionalProperties": d.schema(t.Elem())}
	case kind == reflect.Struct:
		d.structure(t)
		return object{"$ref": "#/components/schemas/" + t.Name()}
	}
	d.t.Errorf("%v has no schema", t)
	return nil
}

func (d *describer) structure(t reflect.Type) {
	if d.schemas[t.Name()] != nil {
		return
	}
	properties, required := object{}, []string{}
	out := object{"type": "object", "description": d.comment(t.Name()), "properties": properties, "additionalProperties": false}
	d.schemas[t.Name()] = out
	for _, f := range members(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			d.t.Errorf("%v.%s has no tag json", t, f.Name)
		}
		property := d.schema(f.Type)
		property["description"] = d.comment(t.Name() + "." + f.Name)
		properties[name] = property
		if !strings.Contains(options, "omit") {
			required = append(required, name)
		}
	}
	slices.Sort(required)
	out["required"] = required
}

// conforms returns what of a value does not follow a schema of openapi.json.
func conforms(components, schema object, value any, at string) error {
	if ref, ok := schema["$ref"].(string); ok {
		name := strings.TrimPrefix(ref, "#/components/schemas/")
		found, ok := components[name].(object)
		if !ok {
			return fmt.Errorf("%s: there is no schema %s", at, name)
		}
		return conforms(components, found, value, at)
	}
	switch v := value.(type) {
	case object:
		return conformsObject(components, schema, v, at)
	case []any:
		items, ok := schema["items"].(object)
		if schema["type"] != "array" || !ok {
			return fmt.Errorf("%s is an array, not %v", at, schema["type"])
		}
		for i, item := range v {
			if err := conforms(components, items, item, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
		return nil
	}
	return conformsScalar(schema, value, at)
}

func conformsScalar(schema object, value any, at string) error {
	kinds := map[string]bool{}
	switch v := value.(type) {
	case string:
		_, err := time.Parse(time.RFC3339Nano, v)
		kinds["string"] = schema["format"] == nil || err == nil
	case bool:
		kinds["boolean"] = true
	case float64:
		kinds["number"], kinds["integer"] = true, v == float64(int64(v))
	}
	if kind, _ := schema["type"].(string); !kinds[kind] {
		return fmt.Errorf("%s is %v, not %v %v", at, value, schema["type"], schema["format"])
	}
	return nil
}

func conformsObject(components, schema, value object, at string) error {
	if schema["type"] != "object" {
		return fmt.Errorf("%s is an object, not %v", at, schema["type"])
	}
	properties, _ := schema["properties"].(object)
	others, _ := schema["additionalProperties"].(object)
	for name, member := range value {
		property, ok := properties[name].(object)
		if !ok {
			property = others
		}
		if property == nil && schema["additionalProperties"] == false {
			return fmt.Errorf("%s.%s is not described", at, name)
		}
		if property == nil {
			continue
		}
		if err := conforms(components, property, member, at+"."+name); err != nil {
			return err
		}
	}
	required, _ := schema["required"].([]any)
	for _, name := range required {
		if _, ok := value[name.(string)]; !ok {
			return fmt.Errorf("%s.%s is missing", at, name)
		}
	}
	return nil
}
