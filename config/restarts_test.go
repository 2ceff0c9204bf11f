package config

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tollgate/config/strictyaml"
	"tollgate/tlspolicy"
)

// TestRestarts changes each key that needs a restart, in turn, and each key that does not: the first are named, and nothing else is.
func TestRestarts(t *testing.T) {
	text, err := os.ReadFile("testdata/full.good.yml")
	if err != nil {
		t.Fatal(err)
	}
	dir := testDir(t)
	load := func() *Config {
		c, err := Parse("full.yml", text, dir, testOptions())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	before, after := load(), load()
	before.Dir, after.Dir = "", ""
	keys := 0
	var walk func(path string, of strictyaml.Field, v reflect.Value, restarts bool)
	walk = func(path string, of strictyaml.Field, v reflect.Value, restarts bool) {
		if isWhole(of) {
			return
		}
		if restarts && !of.Restart {
			t.Errorf("%s is in a section that needs a restart, and needs none itself", path)
		}
		whole := path == "metrics.tls" || path == "metrics.bearer_token" || path == "review.tls" // elsewhere their keys need none
		if !whole && v.Kind() == reflect.Pointer && !v.IsNil() && strictyaml.Section(v.Type()) != nil {
			v = v.Elem()
		}
		if !whole && v.Kind() == reflect.Struct && strictyaml.Section(v.Type()) != nil {
			for _, inner := range strictyaml.Fields(v.Type()) {
				walk(path+"."+inner.Key, inner, v.FieldByIndex(inner.Index), of.Restart)
			}
			return
		}
		keys++
		old := reflect.ValueOf(v.Interface())
		v.Set(other(v))
		want := []string(nil)
		if of.Restart {
			want = []string{path}
		}
		if path == "tls_policies" {
			want = []string{"tls_policies.strict, which metrics uses", "tls_policies.strict, which review uses"}
		}
		if got := Restarts(before, after); !slices.Equal(got, want) {
			t.Errorf("a change of %s: %q, want %q", path, got, want)
		}
		v.Set(old)
	}
	for _, f := range restarting() {
		walk(f.Key, f, reflect.ValueOf(after).Elem().FieldByName(f.Name), false)
	}
	if keys < 25 {
		t.Errorf("%d keys were changed", keys)
	}
	after.Admin, after.Fleet = nil, nil
	if got := Restarts(before, after); fmt.Sprint(got) != "[fleet admin]" {
		t.Errorf("without sections: %q", got)
	}
	after = load()
	after.Dir, after.Fleet.Redis.TLS.Policy, before.Fleet.Redis.TLS.Policy = "", "mine", "mine"
	after.TLSPolicies["mine"] = tlspolicy.Config{Versions: []string{"1.3"}}
	if got := Restarts(before, after); fmt.Sprint(got) != "[tls_policies.mine, which fleet uses]" {
		t.Errorf("with another policy: %q", got)
	}
}

// other returns another value than v.
func other(v reflect.Value) reflect.Value {
	changed := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.Bool:
		changed.SetBool(!v.Bool())
	case reflect.String:
		changed.SetString(v.String() + "x")
	case reflect.Int, reflect.Int64:
		changed.SetInt(v.Int() + 1)
	case reflect.Float64:
		changed.SetFloat(v.Float() + 1)
	case reflect.Pointer:
		if v.IsNil() {
			changed.Set(reflect.New(v.Type().Elem()))
		}
	default: // the zero value
		if v.IsZero() {
			changed.Set(reflect.MakeSlice(v.Type(), 1, 1))
		}
	}
	return changed
}

// TestRestartsAreSeen: no key that needs a restart is where Restarts does not look.
func TestRestartsAreSeen(t *testing.T) {
	var looked []reflect.Type
	var walk func(reflect.Type)
	walk = func(section reflect.Type) {
		looked = append(looked, section)
		for _, f := range strictyaml.Fields(section) {
			if inner := strictyaml.Section(f.Type); inner != nil && !slices.Contains(looked, inner) {
				walk(inner)
			}
		}
	}
	sections := restarting()
	for _, f := range sections {
		if inner := strictyaml.Section(f.Type); inner != nil {
			walk(inner)
		}
	}
	for _, section := range fileTypes() {
		for _, f := range strictyaml.Fields(section) {
			top := section == reflect.TypeFor[fileConfig]() && slices.ContainsFunc(sections, func(s strictyaml.Field) bool { return s.Name == f.Name })
			if f.Restart && !top && !slices.Contains(looked, section) {
				t.Errorf("%v.%s needs a restart, and Restarts does not look there", section, f.Name)
			}
		}
	}
}

// TestEveryKeySaysHowItIsReloaded: manual and schema both say it of each key.
func TestEveryKeySaysHowItIsReloaded(t *testing.T) {
	said := strings.Count(Schema(), `"x-reload": "yes"`) + strings.Count(Schema(), `"x-reload": "restart"`)
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	keys := 0
	for _, section := range fileTypes() {
		for _, f := range strictyaml.Fields(section) {
			keys++
			if row := fmt.Sprintf("| %s | ", reloadOf(f)); !strings.Contains(rowOf(t, string(text), sectionName(section), f.Key), row) {
				t.Errorf("the manual does not say of %s.%s: %s", sectionName(section), f.Key, reloadOf(f))
			}
		}
	}
	if said != keys {
		t.Errorf("the schema says it of %d keys, of %d", said, keys)
	}
}

// rowOf returns the manual's row of a key.
func rowOf(t *testing.T, text, section, key string) string {
	t.Helper()
	_, table, found := strings.Cut(text, "<!-- keys of "+section+",")
	table, _, _ = strings.Cut(table, "<!-- end -->")
	for row := range strings.Lines(table) {
		if strings.HasPrefix(row, "| `"+key+"` |") {
			return row
		}
	}
	t.Errorf("the manual has no row of %s.%s, table found: %v", section, key, found)
	return ""
}

// isWhole reports whether any change of a section needs a restart, although its keys need none elsewhere.
func isWhole(f strictyaml.Field) bool {
	section := strictyaml.Section(f.Type)
	return f.Restart && section != nil && slices.ContainsFunc(strictyaml.Fields(section), func(inner strictyaml.Field) bool { return !inner.Restart })
}
