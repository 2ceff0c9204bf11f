package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tollgate/config/strictyaml"
	"tollgate/internal/confine"
	"tollgate/internal/setting"
)

// notPaths are the keys whose values are texts, and name no file.
var notPaths = strings.Fields(`
acme.directory acme.email accountBinding.key_id acmeDNS.resolvers rfc2136.server rfc2136.key_name huaweiDNS.region
actDeclaration.name actDeclaration.keys auditIndex.zone cap.name cap.zone certificateName.uri certificateName.dns certificateName.common_name
credential.upstream endpoint.name endpoint.method endpoint.path endpoint.replaced_by endpoint.headers endpoint.answer_headers endpoint.content_types
grant.operations grant.credential grant.upstream listener.name listener.caller listener.upstreams listenerTLS.policy
match.callers match.credentials match.operations ownName.env redis.username reference.env rule.name rule.callers rule.operations rule.credentials
rule.upstreams rule.zone sentinel.master sentinel.username tls.policy tlsPolicy.cipher_suites tlsPolicy.groups upstreamTLS.policy virtualKey.id
`)

// TestPathsAreMarked: a new key of the file whose value is a text says what it is: a path, by its tag, or none, by the list above.
func TestPathsAreMarked(t *testing.T) {
	known := map[string]bool{}
	for _, key := range notPaths {
		known[key] = false
	}
	for _, section := range fileTypes() {
		for _, f := range strictyaml.Fields(section) {
			key := sectionName(section) + "." + f.Key
			text := plain(f.Type) == reflect.TypeFor[string]() && len(f.Choice) == 0
			_, listed := known[key]
			switch kind := f.Tag.Get("path"); {
			case kind != "" && (!text || listed || !slices.Contains([]string{"read", "secret", "write", "make"}, kind)):
				t.Errorf("%s has the tag path %q", key, kind)
			case text && kind == "" && !listed && section != reflect.TypeFor[confine.Extra]():
				t.Errorf("%s: say whether it is a path (tag `path`), or add it to notPaths", key)
			}
			known[key] = true
		}
	}
	for _, key := range notPaths {
		if !known[key] {
			t.Errorf("there is no %s", key)
		}
	}
}

// TestScalarsWithPaths: of the values that read themselves, those that may be sockets are known. One that is listened on needs a right, one that
// is connected to needs none.
func TestScalarsWithPaths(t *testing.T) {
	found := map[string]bool{}
	for _, section := range fileTypes() {
		for _, f := range strictyaml.Fields(section) {
			if of := plain(f.Type); of.Kind() == reflect.Struct && strictyaml.Section(of) == nil {
				if _, socket := of.FieldByName("Socket"); socket {
					found[of.String()] = true
				}
			}
		}
	}
	if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, []string{"setting.Address", "setting.Endpoint", "setting.Target"}) {
		t.Errorf("values that may be sockets are %s", got)
	}
}

// plain returns the type of which values are made.
func plain(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	return t
}

// TestEveryPathIsNeeded fills each key of the file, and finds the path of each that is marked.
func TestEveryPathIsNeeded(t *testing.T) {
	b := newBuilder("tollgate.yaml", "/etc/tollgate", Options{})
	marked := map[string]bool{}
	fill("", reflect.ValueOf(&b.file).Elem(), "", marked)
	b.file.Hardening.Landlock = confine.Require
	b.config.File = "/etc/tollgate/tollgate.yaml"
	b.needFile()
	for _, n := range b.config.Needs {
		if !marked[n.Path] && n.Path != b.config.File {
			t.Errorf("%s (%s) is needed, and is no path that was filled in", n.Path, n.Key)
		}
		if want := "/filled/" + n.Key; n.Path != want && n.Path != want+".path" && n.Path != b.config.File {
			t.Errorf("%s is named by %s", n.Path, n.Key)
		}
		delete(marked, n.Path)
	}
	for path := range marked {
		t.Errorf("%s is not needed", path)
	}
	if len(b.config.Needs) < 30 {
		t.Errorf("%d paths", len(b.config.Needs))
	}
}

// fill makes all that a value may have, with one element of each list, and paths of their own.
func fill(path string, v reflect.Value, kind string, marked map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(path, v.Elem(), kind, marked)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(path+"[0]", v.Index(0), kind, marked)
	case reflect.Map:
		one := reflect.New(v.Type().Elem()).Elem()
		fill(path+".one", one, kind, marked)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("one").Convert(v.Type().Key()), one)
	case reflect.Struct:
		fillStruct(path, v, marked)
	case reflect.String:
		if kind != "" {
			v.SetString("/filled/" + path)
			marked[v.String()] = true
		}
	}
}

func fillStruct(path string, v reflect.Value, marked map[string]bool) {
	if address, ok := v.Addr().Interface().(*setting.Address); ok {
		address.Socket = "/filled/" + path
		marked[address.Socket] = true
		return
	}
	if strictyaml.Section(v.Type()) == nil {
		return
	}
	for _, f := range strictyaml.Fields(v.Type()) {
		kind := f.Tag.Get("path")
		if v.Type() == reflect.TypeFor[confine.Extra]() && f.Key == "path" {
			kind = "read"
		}
		fill(strings.TrimPrefix(path+"."+f.Key, "."), v.FieldByIndex(f.Index), kind, marked)
	}
}

// TestNotAllowed: a configuration that names what the process may not use is refused, with setting and line, before the file is read.
func TestNotAllowed(t *testing.T) {
	dir := t.TempDir()
	text := `
listeners: [{address: "unix:/elsewhere/app.sock", upstreams: [app]}]
upstreams: {app: {url: "http://127.0.0.1:3000", endpoints: [{name: All, method: GET, path: "/{path...}", effect: read}]}}
callers: {one: {auth: [{access_key: {id: ONE, secret: {file: /elsewhere/sk}}}]}}
include: [/elsewhere/callers.d, callers.d]
audit: {dir: log, key: {file: /elsewhere/signing.key}}
hardening: {landlock: require, paths: [{path: /elsewhere}]}
`
	if err := os.Mkdir(filepath.Join(dir, "callers.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	included := "callers: {one: {extends: true, auth: [{access_key: {id: TWO, secret: {file: /elsewhere/sk2}}}]}}\n"
	if err := os.WriteFile(filepath.Join(dir, "callers.d", "two.yaml"), []byte(included), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Parse(filepath.Join(dir, "tollgate.yaml"), []byte(text), dir, Options{
		Secrets: true, Allowed: func(path string, _ bool) bool { return strings.HasPrefix(path, dir) },
	})
	problems, ok := err.(*strictyaml.Errors)
	if !ok {
		t.Fatalf("%v", err)
	}
	var got []string
	for _, p := range problems.Problems {
		got = append(got, fmt.Sprintf("%s:%d %s %s", filepath.Base(p.File), p.Line, p.Path, p.Message))
	}
	const outside = " is outside of the folders that the gateway may use since its start (hardening.landlock)"
	want := []string{
		"tollgate.yaml:2 listeners[0].address /elsewhere/app.sock" + outside,
		"tollgate.yaml:4 callers.one.auth[0].access_key.secret.file /elsewhere/sk" + outside,
		"tollgate.yaml:5 include[0] /elsewhere/callers.d" + outside,
		"tollgate.yaml:6 audit.key.file /elsewhere/signing.key" + outside,
		"two.yaml:1 callers.one.auth[0].access_key.secret.file /elsewhere/sk2" + outside,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestIncludedLinks: the files of a directory that is included may be links to elsewhere, where a reload reads them again.
func TestIncludedLinks(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	real, link := filepath.Join(elsewhere, "two.yaml"), filepath.Join(dir, "callers.d", "two.yaml")
	err := errors.Join(os.Mkdir(filepath.Dir(link), 0o700), os.WriteFile(real, []byte("callers: {two: {}}\n"), 0o600), os.Symlink(real, link))
	if err != nil {
		t.Fatal(err)
	}
	parse := func(allowed func(string, bool) bool) (*Config, error) {
		return Parse(filepath.Join(dir, "tollgate.yaml"), []byte(`
listeners: [{address: "127.0.0.1:8080", upstreams: [app]}]
upstreams: {app: {url: "http://127.0.0.1:3000", endpoints: [{name: All, method: GET, path: "/{path...}", effect: read}]}}
callers: {one: {auth: [{access_key: {id: ONE, secret: {env: ONE}}}]}}
include: [callers.d]
audit: {dir: log}
hardening: {landlock: require}
`), dir, Options{Allowed: allowed})
	}
	c, err := parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	set, err := confine.NewSet(c.Needs)
	if err != nil || !set.Allows(real, false) || set.Allows(real, true) {
		t.Errorf("%s is not what may be read (%v)", real, err)
	}
	_, err = parse(func(path string, _ bool) bool { return path != link })
	if err == nil || !strings.Contains(err.Error(), link+" is outside of the folders that the gateway may use since its start") || strings.Count(err.Error(), link) != 1 {
		t.Errorf("error %v", err)
	}
}
