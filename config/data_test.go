package config

import (
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestConfigurationIsData: two loads of a file are equal, and each change of a value is seen.
func TestConfigurationIsData(t *testing.T) {
	text, err := os.ReadFile("testdata/full.good.yml")
	if err != nil {
		t.Fatal(err)
	}
	dir := testDir(t)
	load := func(text string) *Config {
		t.Helper()
		c, err := Parse("full.yml", []byte(text), dir, testOptions())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	before := load(string(text))
	if !reflect.DeepEqual(before, load(string(text))) {
		t.Error("two loads of one file differ")
	}
	for _, change := range [][2]string{
		{"timeout: 30s", "timeout: 31s"}, {"max_connections: 50", "max_connections: 51"}, {"name: sidecar", "name: side"}, {"NewQuery", "OtherQuery"},
		{"customers: [c-17]", "customers: [c-18]"}, {"security_token: {env: SK}", "security_token: {env: TSIG}"}, {"ns.corp.example:53", "ns2.corp.example:53"}, {"key: rsa", "key: ecdsa"},
		{"addresses: [public,", "addresses: [any,"}, {"10.1.0.0/16", "10.2.0.0/16"}, {"proxy.corp.example:3128", "proxy.corp.example:3129"}, {"login.txt", "./login.txt"},
		{"max_connection_age: 90s", "max_connection_age: 91s"}, {`mode: "0660"`, `mode: "0600"`}, {"keys.json", "./keys.json"},
	} {
		changed := strings.Replace(string(text), change[0], change[1], 1)
		if changed == string(text) {
			t.Errorf("the file has no %q", change[0])
		} else if reflect.DeepEqual(before, load(changed)) {
			t.Errorf("%q in the place of %q is not seen", change[1], change[0])
		}
	}
}

// TestNothingLiveInAConfiguration walks the types of which a Config is made: what cannot be compared, or has a state that this package
// does not see, is no data.
func TestNothingLiveInAConfiguration(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(path string, of reflect.Type)
	walk = func(path string, of reflect.Type) {
		if seen[of] || of == reflect.TypeFor[netip.Addr]() || of == reflect.TypeFor[netip.Prefix]() { // which == compares
			return
		}
		seen[of] = true
		switch of.Kind() {
		case reflect.Func, reflect.Chan, reflect.Interface, reflect.UnsafePointer:
			t.Errorf("%s is a %s", path, of.Kind())
		case reflect.Pointer, reflect.Slice, reflect.Array:
			walk(path, of.Elem())
		case reflect.Map:
			walk(path+" (key)", of.Key())
			walk(path, of.Elem())
		case reflect.Struct:
			for i := range of.NumField() {
				field := of.Field(i)
				if !field.IsExported() && of.PkgPath() != reflect.TypeFor[Config]().PkgPath() {
					t.Errorf("%s.%s is state of %s", path, field.Name, of.PkgPath())
				}
				walk(path+"."+field.Name, field.Type)
			}
		}
	}
	walk("Config", reflect.TypeFor[Config]())
	if len(seen) < 30 {
		t.Errorf("%d types were seen", len(seen))
	}
}

// TestLoadingIsLight: to read a configuration takes none of the libraries that a running gateway needs for certificates and logs.
func TestLoadingIsLight(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.Lines(string(out)) {
		for _, heavy := range []string{
			"github.com/caddyserver/certmagic", "github.com/mholt/acmez", "github.com/miekg/dns", "github.com/libdns", "go.uber.org/zap",
			"tollgate/service", "tollgate/gateway", "tollgate/audit/store", "modernc.org", "tollgate/accept",
		} {
			if name = strings.TrimSpace(name); name == heavy || strings.HasPrefix(name, heavy+"/") {
				t.Errorf("config needs %s", name)
			}
		}
	}
	if !strings.Contains(string(out), "tollgate/config\n") {
		t.Error("go list does not name the package itself")
	}
}

// TestLoadingWritesNothing: what a configuration names is read, and neither made nor changed.
func TestLoadingWritesNothing(t *testing.T) {
	dir := testDir(t)
	text, err := os.ReadFile("testdata/full.good.yml")
	if err != nil {
		t.Fatal(err)
	}
	files := func() map[string]string {
		all := map[string]string{}
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := entry.Info()
			all[path] = fmt.Sprint(info.Mode(), info.Size(), info.ModTime())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	before := files()
	if _, err := Parse("full.yml", text, dir, testOptions()); err != nil {
		t.Fatal(err)
	}
	if after := files(); len(before) < 3 || !reflect.DeepEqual(before, after) {
		t.Errorf("before: %v\nafter: %v", before, after)
	}
}
