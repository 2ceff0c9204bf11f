package snapshot

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tollgate/config"
	"tollgate/internal/testpki"
	"tollgate/tlspolicy"
)

const (
	keySecret = "SKabcdefghijklmnopqrstuvwxyz01234567"
	appSecret = "APPabcdefghijklmnopqrstuvwxyz0123456"
)

const base = `
listeners:
  - {name: app, address: 127.0.0.1:8080, caller: billing, upstreams: [bss]}
  - {name: tls, address: ":8443", hosts: [gw.corp.example], upstreams: [bss], tls: {certificate: {files: {cert: tls.crt, key: tls.key}}, client_ca: ca.pem}}
upstreams: {bss: {url: https://bss.myhuaweicloud.com, catalog: cn}}
credentials:
  acme: {class: customer, access_key: {env: AK}, secret_key: {file: sk.txt}}
  main: {class: partner, domain_id: 0a1b, access_key: {env: AK2}, secret_key: {file: sk2.txt}}
callers:
  billing:
    auth: [{access_key: {id: TGAPP1, secret: {file: app.txt}}}]
    grants:
      - {operations: [PayOrders, ListCustomerOrders], credential: acme}
      - {operations: [CreatePartnerCoupons], credential: main, customers: [c-17]}
limits:
  rules: [{name: per.app, per: [caller], rate: 10/s}]
audit: {dir: audit}
`

// folder has the files that the configurations of tests refer to.
func folder(tb testing.TB) string {
	tb.Helper()
	dir, ca := tb.TempDir(), testpki.Must(testpki.New())
	leaf := testpki.Must(ca.Server("gw.corp.example"))
	if err := testpki.WriteFiles(leaf, filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")); err != nil {
		tb.Fatal(err)
	}
	for name, text := range map[string]string{"sk.txt": keySecret, "redis.txt": keySecret + "3", "other.txt": keySecret + "4", "sk2.txt": keySecret + "2", "app.txt": appSecret, "app2.txt": appSecret + "2", "ca.pem": string(ca.CertPEM())} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

func load(tb testing.TB, dir, text string) *config.Config {
	tb.Helper()
	env := map[string]string{"AK": "AKACME", "AK2": "AKMAIN", "POD": "b"}
	c, err := config.Parse("tollgate.yml", []byte(text), dir, config.Options{Secrets: true, LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// changed replaces texts in the base, by pairs.
func changed(t *testing.T, pairs ...string) string {
	t.Helper()
	text := base
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the file has no %q", pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

// TestText: the text is JSON, sorted, the same for two readings, and has no secret.
func TestText(t *testing.T) {
	dir := folder(t)
	c := load(t, dir, base)
	text := Of(c, map[string]Generation{"acme": {"AKACME", 2}})
	if again := Of(load(t, dir, base), map[string]Generation{"acme": {"AKACME", 2}}); !bytes.Equal(text, again) {
		t.Error("two readings of one file have two texts")
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	sorted, err := json.Marshal(value) // which sorts
	if err != nil || !bytes.Equal(sorted, text) {
		t.Errorf("the text is not sorted:\n%s\nwant\n%s (%v)", text, sorted, err)
	}
	for _, secret := range []string{keySecret, appSecret} {
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("the text has the secret %s", secret)
		}
	}
	for _, want := range []string{
		`"generation":{"access_key":"AKACME","number":2}`, `"access_key":{"id":"TGAPP1","secret":{"file":"` + dir + `/app.txt"}}`, `"client_ca":"` + dir + `/ca.pem"`,
		`"huawei-high":{"cipher_suites":["`, `"customers":["c-17"]`, `"rate":"10/s"`, `"version":1`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the text has no %s:\n%s", want, text)
		}
	}
	if id := ID(text); len(id) != 64 || id == ID(Of(c, nil)) {
		t.Errorf("id %s, and %s without generations", id, ID(Of(c, nil)))
	}
}

// TestSecretInThePlaceOfAPath: what stands there in place of a path, perhaps the secret itself, is not shown.
func TestSecretInThePlaceOfAPath(t *testing.T) {
	c := load(t, folder(t), base)
	c.Credentials[0].SecretKey.File = "q3Zt0Kk8VwXyzabcDEF/ghi+123456789="
	if text := Of(c, nil); strings.Contains(string(text), "q3Zt0Kk8VwXyzabcDEF") {
		t.Errorf("%s", text)
	}
}

// left are the fields of a configuration that are not in the text, and why.
var left = map[string]string{
	"Config.Dir":          "paths in the text are absolute: where the file is decides nothing",
	"Config.File":         "where it was read from decides nothing",
	"Config.Files[]":      "where it was read from decides nothing",
	"Config.Dirs[]":       "where it was read from decides nothing",
	"Config.Needs":        "paths that stand where they belong, once more",
	"Config.PrivateFiles": "the places of secrets and keys, which stand where they belong",
	"Config.TLSPolicies":  "must be good policies: TestPolicies",
}

// TestEveryFieldIsInTheText walks all that a configuration is made of, and changes each value in turn.
func TestEveryFieldIsInTheText(t *testing.T) {
	c := reflect.New(reflect.TypeFor[config.Config]()).Elem()
	var leaves []leaf
	fill("Config", c, &leaves)
	text := func() string { return string(Of(c.Addr().Interface().(*config.Config), nil)) }
	before := text()
	seen := 0
	for _, l := range leaves {
		old := reflect.ValueOf(l.value.Interface())
		l.change()
		if text() == before {
			t.Errorf("%s is not in the text: write it in document.go, or add it to left with a reason", l.path)
		}
		l.value.Set(old)
		seen++
	}
	if text() != before || seen < 100 {
		t.Errorf("%d values were changed, or one was not changed back", seen)
	}
}

// leaf is a value that the file has as one text, number or truth.
type leaf struct {
	path  string
	value reflect.Value
}

// fill makes a value in which each part is set, and lists its leaves.
func fill(path string, v reflect.Value, leaves *[]leaf) {
	switch t := v.Type(); {
	case left[path] != "":
	case isScalar(t) || t.Kind() == reflect.String || t.Kind() == reflect.Bool || t.Kind() == reflect.Int || t.Kind() == reflect.Map:
		*leaves = append(*leaves, leaf{path, v})
		set(v, 0)
	case t.Kind() == reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		fill(path, v.Elem(), leaves)
	case t.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(t, 1, 1))
		fill(path+"[]", v.Index(0), leaves)
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			if t.Field(i).IsExported() {
				fill(path+"."+t.Field(i).Name, v.Field(i), leaves)
			}
		}
	default:
		panic(fmt.Sprintf("%s: the test knows no %s", path, t))
	}
}

func (l leaf) change() { set(l.value, 1) }

// set sets a value to the first or second of its kind.
func set(v reflect.Value, which int) {
	if s, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		for _, texts := range [][2]string{
			{"10s", "11s"}, {"1MiB", "2MiB"}, {"5/s", "6/s"}, {"5/day", "6/day"}, {"127.0.0.1:1", "127.0.0.1:2"}, {"https://a", "https://b"}, {"read", "write"}, {"partner", "customer"},
			{"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "sha256/BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA="}, {"a", "b"},
			{"2030-01-01T00:00:00Z", "2031-01-01T00:00:00Z"}, {"10.0.0.0/8", "11.0.0.0/8"}, {"0600", "0660"}, {"http://a.test:1", "http://b.test:1"},
			{"5", "6"}, {"5 CNY", "6 CNY"}, {strings.Repeat("0a", 32), strings.Repeat("0b", 32)},
		} {
			if s.UnmarshalText([]byte(texts[0])) == nil {
				if err := s.UnmarshalText([]byte(texts[which])); err != nil {
					panic(err)
				}
				return
			}
		}
		panic(fmt.Sprintf("the test knows no text of a %s", v.Type()))
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString([]string{"./a", "./b"}[which])
	case reflect.Bool:
		v.SetBool(which == 0)
	case reflect.Int:
		v.SetInt(int64(which + 1))
	case reflect.Map:
		value := reflect.New(v.Type().Elem()).Elem()
		set(value, which)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("a"), value)
	}
}

// TestUnexportedFields: what a configuration keeps for itself decides nothing.
func TestUnexportedFields(t *testing.T) {
	known := []string{"grantPlaces", "notes"} // where grants stand in the file, and hints about it
	for field := range reflect.TypeFor[config.Config]().Fields() {
		if !field.IsExported() && !slices.Contains(known, field.Name) {
			t.Errorf("config.Config.%s is neither in the text nor known here", field.Name)
		}
	}
}

// TestPolicies: of policies the text has what they come to, and equal ones are equal however they are written.
func TestPolicies(t *testing.T) {
	text := func(c tlspolicy.Config) string {
		return string(Of(&config.Config{TLSPolicies: map[string]tlspolicy.Config{"own": c}}, nil))
	}
	plain := text(tlspolicy.Config{})
	for _, other := range []tlspolicy.Config{
		{Versions: []string{"1.3"}}, {CipherSuites: []string{"TLS_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"}}, {Groups: []string{"X25519"}},
	} {
		if text(other) == plain {
			t.Errorf("the text does not have %+v", other)
		}
	}
	if text(tlspolicy.Config{Versions: []string{"1.3", "1.2"}}) != plain {
		t.Error("a default that is written out makes another text")
	}
}

// many is a configuration of n callers, with a key and a grant each.
func many(tb testing.TB, dir string, n int) *config.Config {
	tb.Helper()
	var callers strings.Builder
	for i := range n {
		fmt.Fprintf(&callers, "  app-%d: {auth: [{access_key: {id: TG%d, secret: {env: SECRET_OF_APP_%d}}}], grants: [{operations: [PayOrders, ListCustomerOrders], credential: acme}]}\n", i, i, i)
	}
	text := strings.Replace(base, "callers:\n", "callers:\n"+callers.String(), 1)
	c, err := config.Parse("many.yml", []byte(text), dir, config.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func BenchmarkOf(b *testing.B) {
	c := many(b, folder(b), 10_000)
	b.ReportAllocs()
	for b.Loop() {
		b.SetBytes(int64(len(Of(c, nil))))
	}
}

func BenchmarkCompare(b *testing.B) {
	dir := folder(b)
	before, after := many(b, dir, 10_000), many(b, dir, 9_999)
	b.ReportAllocs()
	for b.Loop() {
		if n := len(Compare(before, after)); n > 10 {
			b.Fatal(n)
		}
	}
}
