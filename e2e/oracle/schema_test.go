package oracle

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

const root = "../.." // of the repository

// TestGoodConfigurationsFitTheSchema validates everything that the gateway itself is known to accept.
func TestGoodConfigurationsFitTheSchema(t *testing.T) {
	schema := compile(t)
	deployed := deployed(t)
	if len(deployed) < 5 {
		t.Errorf("deploy/ has only %d configurations: %v", len(deployed), sorted(deployed))
	}
	good := map[string]any{}
	files, err := filepath.Glob(filepath.Join(root, "config", "testdata", "*.good.yml"))
	if err != nil || len(files) < 3 {
		t.Fatalf("config/testdata has %d good configurations (%v)", len(files), err)
	}
	for _, file := range files {
		good[file] = documents(t, file, readFile(t, file))[0]
	}
	maps.Copy(good, deployed)
	for _, name := range sorted(good) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			if err := schema.Validate(asJSON(t, good[name])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// TestBadConfigurationsDoNotFitTheSchema takes from the bad corpus what a schema can see: words, types, units and shape.
func TestBadConfigurationsDoNotFitTheSchema(t *testing.T) {
	schema := compile(t)
	for _, name := range []string{
		"unknown_key", "unknown_section", "missing_key", "missing_section", "unknown_choice", "unknown_catalog", "secret_inline",
		"duration_without_unit", "duration_with_wrong_unit", "size_without_unit", "size_with_wrong_unit", "rate_without_unit", "list_wanted",
		"mapping_wanted", "text_for_boolean", "text_for_number", "number_out_of_range", "reference_of_two_kinds", "auth_of_two_kinds",
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(root, "config", "testdata", name+".bad.yml")
			if err := schema.Validate(asJSON(t, documents(t, file, readFile(t, file))[0])); err == nil {
				t.Error("it fits")
			}
		})
	}
}

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(root, "config", "schema.json"))
	if err != nil {
		t.Fatalf("config/schema.json is no JSON Schema: %v", err)
	}
	return schema
}

// deployed finds the configurations below deploy/: files, and texts inside the ConfigMaps of Kubernetes manifests.
func deployed(t *testing.T) map[string]any {
	t.Helper()
	found := map[string]any{}
	err := filepath.WalkDir(filepath.Join(root, "deploy"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "templates" { // of Helm, which are no YAML before they are rendered
			return fs.SkipDir
		}
		if extension := filepath.Ext(path); err != nil || entry.IsDir() || extension != ".yaml" && extension != ".yml" {
			return err
		}
		for _, document := range documents(t, path, readFile(t, path)) {
			collect(t, path, document, found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// collect adds the configurations in a document.
func collect(t *testing.T, path string, document any, found map[string]any) {
	t.Helper()
	members, _ := document.(map[string]any)
	if members["listeners"] != nil {
		found[path] = document
	}
	if members["kind"] != "ConfigMap" {
		return
	}
	data, _ := members["data"].(map[string]any)
	for name, text := range data {
		if extension := filepath.Ext(name); extension == ".yaml" || extension == ".yml" {
			collect(t, path+":"+name, documents(t, path, []byte(text.(string)))[0], found)
		}
	}
}

func readFile(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// documents reads YAML, with another reader than the gateway's.
func documents(t *testing.T, file string, text []byte) []any {
	t.Helper()
	var all []any
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var document any
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) && len(all) > 0 {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, document)
	}
}

// asJSON returns the JSON value that editors hold against a schema.
func asJSON(t *testing.T, document any) any {
	t.Helper()
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return value
}
