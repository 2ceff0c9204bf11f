package config

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

	"tollgate/audit"
	"tollgate/catalog"
	"tollgate/config/strictyaml"
	"tollgate/internal/certs"
	"tollgate/internal/confine"
	"tollgate/ratelimit"
	"tollgate/tlspolicy"
	"tollgate/upstream"
)

// The sections' types, with their comments and tags, are the source of the JSON Schema and of the manual's tables. This file reads them.

// folders are those of the packages that have sections.
var folders = []string{"config", "internal/setting", "audit", "caller", "catalog", "credential", "fleet", "grants", "internal/certs", "internal/confine", "ratelimit", "review/session", "spend", "tlspolicy", "upstream"}

// description is what the source of a section says of it.
type description struct {
	file   string            // "audit/config.go"
	fields map[string]string // comments, by field
}

// describeSections reads the source of the sections.
func describeSections(t *testing.T) map[reflect.Type]description {
	t.Helper()
	found := map[string]description{}
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join("..", folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			describeFile(t, folder+"/"+filepath.Base(file), "tollgate/"+folder, found)
		}
	}
	described := map[reflect.Type]description{}
	for _, section := range fileTypes() {
		d := description{found[section.PkgPath()+"."+section.Name()].file, map[string]string{}}
		for _, f := range strictyaml.Fields(section) {
			owner := section // or what is embedded in it
			for _, i := range f.Index[:len(f.Index)-1] {
				owner = owner.Field(i).Type
			}
			if d.fields[f.Name] = found[owner.PkgPath()+"."+owner.Name()].fields[f.Name]; d.fields[f.Name] == "" {
				t.Errorf("%v.%s has no comment in the listed folders", section, f.Name)
			}
		}
		described[section] = d
	}
	return described
}

// describeFile adds the structs of a file, by the path of their package and their name.
func describeFile(t *testing.T, file, pkg string, found map[string]description) {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", file), nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, declaration := range tree.Decls {
		general, ok := declaration.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range general.Specs {
			if typ, ok := spec.(*ast.TypeSpec); ok {
				if s, ok := typ.Type.(*ast.StructType); ok {
					found[pkg+"."+typ.Name.Name] = description{file, fieldComments(s)}
				}
			}
		}
	}
}

func fieldComments(s *ast.StructType) map[string]string {
	comments := map[string]string{}
	for _, f := range s.Fields.List {
		for _, name := range f.Names {
			comments[name.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
		}
	}
	return comments
}

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
		for _, f := range strictyaml.Fields(t) {
			if inner := strictyaml.Section(f.Type); inner != nil {
				below = append(below, inner)
			}
		}
		queue = append(below, queue...)
	}
	return found
}

// named are the sections whose name in schema and manual does not follow from that of their type.
var named = map[reflect.Type]string{
	reflect.TypeFor[certs.ACMEDNS](): "acmeDNS", reflect.TypeFor[tlspolicy.Config](): "tlsPolicy",
	reflect.TypeFor[ratelimit.Config](): "limits", reflect.TypeFor[catalog.Declaration](): "endpoint",
	reflect.TypeFor[confine.Config](): "hardening", reflect.TypeFor[confine.Extra](): "hardeningPath",
}

// inPackage are the sections whose names say too little without that of their package.
var inPackage = []reflect.Type{reflect.TypeFor[audit.KeyConfig](), reflect.TypeFor[audit.HashKeyConfig](), reflect.TypeFor[audit.IndexConfig]()}

// sectionName is what schema and manual call a section: ListenerTLS is listenerTLS, ACMEConfig is acme. A type that is
// called Config has the name of its package, and so in front have those of [inPackage].
func sectionName(t reflect.Type) string {
	if name, ok := named[t]; ok {
		return name
	}
	name := strings.TrimSuffix(t.Name(), "Config")
	if name == "" {
		return path.Base(t.PkgPath())
	}
	if slices.Contains(inPackage, t) {
		return path.Base(t.PkgPath()) + name
	}
	capitals := len(name) - len(strings.TrimLeft(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
	if capitals > 1 && capitals < len(name) && unicode.IsLower(rune(name[capitals])) {
		capitals-- // the last one begins the next word
	}
	return strings.ToLower(name[:capitals]) + name[capitals:]
}

// defaultOf is the default of a field as it would stand in the file; "" if there is none, or it follows from others.
func defaultOf(t reflect.Type, f strictyaml.Field) string {
	_, has := t.MethodByName("Default")
	v := strictyaml.Default(t).FieldByIndex(f.Index)
	if !has || strictyaml.Section(f.Type) != nil || v.IsZero() && v.Kind() != reflect.Bool {
		return ""
	}
	return fmt.Sprint(v.Interface())
}

// reloadOf says whether a running gateway takes a change of a key.
func reloadOf(f strictyaml.Field) string {
	if f.Restart {
		return "restart"
	}
	return "yes"
}

func TestSectionNames(t *testing.T) {
	type (
		ACMEConfig      struct{}
		RFC2136         struct{}
		TLSPolicy       struct{}
		Config          struct{}
		listenerTLS     struct{}
		huaweiDNSConfig struct{}
	)
	for section, want := range map[reflect.Type]string{
		reflect.TypeFor[ACMEConfig](): "acme", reflect.TypeFor[RFC2136](): "rfc2136", reflect.TypeFor[TLSPolicy](): "tlsPolicy",
		reflect.TypeFor[Config](): "config", reflect.TypeFor[listenerTLS](): "listenerTLS", reflect.TypeFor[huaweiDNSConfig](): "huaweiDNS",
		reflect.TypeFor[audit.HashKeyConfig](): "auditHashKey",
	} {
		if got := sectionName(section); got != want {
			t.Errorf("%v: %q, want %q", section, got, want)
		}
	}
	taken := map[string]reflect.Type{}
	for _, section := range fileTypes() {
		if other, twice := taken[sectionName(section)]; twice {
			t.Errorf("%v and %v have the same name", section, other)
		}
		taken[sectionName(section)] = section
	}
}

func TestEveryKeyHasTags(t *testing.T) {
	for _, s := range fileTypes() {
		for _, f := range strictyaml.Fields(s) { // panics on a malformed range
			if f.Key == "" {
				t.Errorf("%v.%s has no key", s, f.Name)
			}
		}
	}
	if got := strictyaml.Fields(reflect.TypeFor[upstream.Config]())[1]; fmt.Sprint(got.Choice) != fmt.Sprint(catalogSites()) {
		t.Errorf("choices of catalog are %v, the catalog has %v", got.Choice, catalogSites())
	}
}
