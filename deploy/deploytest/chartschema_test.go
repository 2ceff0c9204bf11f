package deploytest

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write the table of values in the chart's README")

// schema is a JSON Schema.
type schema struct {
	Ref         string             `json:"$ref"`
	Defs        map[string]*schema `json:"$defs"`
	Properties  map[string]*schema
	Description string
	Type        any
	Closed      any    `json:"additionalProperties"`
	Reload      string `json:"x-reload"`
}

func readSchema(t *testing.T, file string) *schema {
	t.Helper()
	s := &schema{}
	if err := json.Unmarshal(readFile(t, file), s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestChartKnowsRestarts: no other keys of the configuration need a restart than those that the template tollgate.restarts looks at.
func TestChartKnowsRestarts(t *testing.T) {
	s := readSchema(t, "config/schema.json")
	var keys []string
	for name, section := range s.Properties {
		section = s.Defs[filepath.Base(section.Ref)]
		if section == nil {
			continue
		}
		some := restartingKeys(name, section)
		if len(some) == len(section.Properties) {
			some = []string{name}
		}
		keys = append(keys, some...)
	}
	slices.Sort(keys)
	known := []string{
		"admin", "audit", "bounds.replay", "bounds.unauthenticated_records", "fleet.name", "fleet.redis", "hardening", "http_challenge", "log.format",
		"metrics.address", "metrics.bearer_token", "metrics.tls", "review",
	}
	if !slices.Equal(keys, known) {
		t.Errorf("%q need a restart, and tollgate.restarts looks at %q", keys, known)
	}
}

func restartingKeys(name string, section *schema) (keys []string) {
	for key, value := range section.Properties {
		if value.Reload == "restart" {
			keys = append(keys, name+"."+key)
		}
	}
	return keys
}

// value is a value of the chart, as values.yaml and its comments say.
type value struct{ key, initial, comment string }

// valuesTable returns the values of the chart: keys of mappings that the chart knows are followed.
func valuesTable(t *testing.T) []value {
	t.Helper()
	var document yaml.Node
	if err := yaml.Unmarshal(readFile(t, chartFolder+"/values.yaml"), &document); err != nil {
		t.Fatal(err)
	}
	return tableOf("", document.Content[0])
}

func tableOf(path string, mapping *yaml.Node) (table []value) {
	for i := 0; i < len(mapping.Content); i += 2 {
		key, node := mapping.Content[i], mapping.Content[i+1]
		comment := strings.Join(strings.Fields(strings.ReplaceAll(strings.TrimPrefix(key.HeadComment, "#"), "\n# ", " ")), " ")
		name := path + key.Value
		if isSection(name, node) {
			if comment != "" {
				table = append(table, value{name, "", comment})
			}
			table = append(table, tableOf(name+".", node)...)
			continue
		}
		table = append(table, value{name, initialOf(node), comment})
	}
	return table
}

// whole are mappings with which the chart does nothing but hand them on.
var whole = []string{"config", "resources", "livenessProbe", "metrics.dashboard.labels"}

// isSection reports whether a value is a mapping whose keys have comments of their own.
func isSection(name string, node *yaml.Node) bool {
	return node.Kind == yaml.MappingNode && len(node.Content) > 0 && !slices.Contains(whole, name)
}

func initialOf(node *yaml.Node) string {
	if node.Kind != yaml.ScalarNode && len(node.Content) > 0 {
		return "see `values.yaml`"
	}
	if text := strings.TrimSpace(map[yaml.Kind]string{yaml.MappingNode: "{}", yaml.SequenceNode: "[]"}[node.Kind] + node.Value); text != "" {
		return "`" + text + "`"
	}
	return "`\"\"`"
}

// TestChartReadme holds the table of the README to values.yaml: each value has a comment, which is its row.
func TestChartReadme(t *testing.T) {
	const begin, end = "<!-- values, made from values.yaml -->\n", "<!-- end -->"
	made := begin + "| Value | Default | Meaning |\n|---|---|---|\n"
	for _, v := range valuesTable(t) {
		if v.comment == "" {
			t.Errorf("values.yaml: %s has no comment", v.key)
		}
		made += fmt.Sprintf("| `%s` | %s | %s |\n", v.key, v.initial, v.comment)
	}
	readme := string(readFile(t, chartFolder+"/README.md"))
	before, rest, found := strings.Cut(readme, begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatal("the README has no place for the values")
	}
	if want := before + made + end + after; readme != want {
		if *update {
			if err := os.WriteFile(filepath.Join(root, chartFolder, "README.md"), []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		t.Error("the README's table differs from values.yaml: go test -run TestChartReadme -update .")
	}
}

// TestChartSchema: the schema has the values of values.yaml and no others, each with a description, and mappings that the chart owns are closed.
func TestChartSchema(t *testing.T) {
	s := readSchema(t, chartFolder+"/values.schema.json")
	got := schemaKeys(t, "", s)
	got = slices.DeleteFunc(got, func(key string) bool { return key == "global" || key == "enabled" }) // of Helm, and of charts that depend on this one
	var want []string
	for _, v := range valuesTable(t) {
		if v.initial != "" {
			want = append(want, v.key)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the schema has %q\nvalues.yaml has %q", got, want)
	}
}

func schemaKeys(t *testing.T, path string, s *schema) (keys []string) {
	t.Helper()
	if s.Closed != false {
		t.Errorf("%q takes other keys", path)
	}
	for key, of := range s.Properties {
		name := path + key
		if of.Properties != nil && !slices.Contains(whole, name) {
			keys = append(keys, schemaKeys(t, name+".", of)...)
			continue
		}
		if of.Description == "" {
			t.Errorf("%s has no description", name)
		}
		keys = append(keys, name)
	}
	return keys
}
