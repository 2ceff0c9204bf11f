package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/audit"
	"tollgate/config/strictyaml"
	"tollgate/internal/certs"
	"tollgate/internal/setting"
	"tollgate/tlspolicy"
)

func parseFile(t *testing.T, file string) *Config {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Parse(file, source, testDir(t), testOptions())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestFullHasEveryKey holds full.good.yml to its promise, so that every key is decoded by at least one test. What cannot stand beside its keys
// is in other files.
func TestFullHasEveryKey(t *testing.T) {
	given := map[string]bool{}
	for _, name := range []string{"full", "fleet", "fleet_cluster"} {
		source, err := os.ReadFile("testdata/" + name + ".good.yml")
		if err != nil {
			t.Fatal(err)
		}
		var file fileConfig
		d, err := strictyaml.Decode(name, source, &file)
		if err != nil {
			t.Fatal(err)
		}
		visit(d, "", reflect.ValueOf(file), given)
	}
	for _, section := range fileTypes() {
		for _, f := range strictyaml.Fields(section) {
			if key := section.String() + "." + f.Key; !given[key] {
				t.Errorf("full.good.yml does not have %s", key)
			}
		}
	}
}

// visit marks the keys that were given in a value and those below it.
func visit(d *strictyaml.Document, path string, v reflect.Value, given map[string]bool) {
	switch {
	case v.Kind() == reflect.Pointer && !v.IsNil():
		visit(d, path, v.Elem(), given)
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			visit(d, fmt.Sprintf("%s[%d]", path, i), v.Index(i), given)
		}
	case v.Kind() == reflect.Map:
		for _, name := range v.MapKeys() {
			visit(d, path+"."+name.String(), v.MapIndex(name), given)
		}
	case strictyaml.Section(v.Type()) == v.Type():
		for _, f := range strictyaml.Fields(v.Type()) {
			if below := strings.TrimPrefix(path+"."+f.Key, "."); d.Has(below) {
				given[v.Type().String()+"."+f.Key] = true
				visit(d, below, v.FieldByIndex(f.Index), given)
			}
		}
	}
}

func TestFullReachesConfig(t *testing.T) {
	c := parseFile(t, "testdata/full.good.yml")
	l := c.Listeners[0]
	if l.Name != "sidecar" || l.Address.String() != "127.0.0.1:8080" || !l.Address.Local() || l.Caller != "app" ||
		l.TLS != nil || l.MaxConnections != 100 || l.MaxConnectionsPerSource != 0 {
		t.Errorf("listener: %+v", l)
	}
	l = c.Listeners[1]
	if l.Address.Local() || l.TLS == nil || l.TLS.Policy != "huawei-high" || l.TLS.ClientCertificate != "required" || !strings.HasSuffix(l.TLS.ClientCA, "/ca.pem") ||
		!strings.HasSuffix(l.TLS.Certificates[0].Files.Cert, "/tls.crt") || !strings.HasSuffix(l.TLS.Certificates[0].Files.Key, "/tls.key") {
		t.Errorf("listener: %+v, %+v", l, l.TLS)
	}
	if secure := l.TLS; len(secure.ClientCRL) != 1 || !strings.HasSuffix(secure.ClientCRL[0], "/ca.crl") || secure.ClientCRLMissing != "allow" || !strings.HasSuffix(secure.ClientDeny, "/denied.txt") {
		t.Errorf("client certificates: %+v", secure)
	}
	if socket := c.Listeners[3].Socket; socket == nil || socket.Mode != 0o660 || socket.Group != "0" {
		t.Errorf("socket: %+v", socket)
	}
	lab := c.Listeners[2].TLS.Certificates
	if len(lab) != 5 || *lab[0].Files != *l.TLS.Certificates[0].Files || !strings.HasSuffix(lab[1].Internal.Dir, "/ca") || lab[1].Internal.Lifetime != setting.Duration(36*time.Hour) ||
		fmt.Sprint(lab[1].Internal.Hosts) != "[lab.internal *.lab.internal]" {
		t.Errorf("certificates: %+v", lab)
	}
	a, byRFC, byHuawei := lab[2].ACME, lab[3].ACME.DNS, lab[4].ACME.DNS
	if a.Directory != "https://ca.corp.example/directory" || fmt.Sprint(a.Hosts) != "[lab.corp.example]" || a.Email != "ops@corp.example" ||
		!strings.HasSuffix(a.CA, "/ca.pem") || !strings.HasSuffix(a.Dir, "/acme") || a.Key != certs.RSA || a.Challenge != certs.HTTP01 ||
		a.Binding.KeyID != "lab" || a.Binding.Key.Env != "TSIG" || lab[3].ACME.Key != certs.ECDSA || c.HTTPChallenge.Address.Listen() != ":80" {
		t.Errorf("acme: %+v, %v", a, c.HTTPChallenge)
	}
	if r := byRFC.RFC2136; r.Server != "ns.corp.example:53" || r.KeyName != "gateway" || r.Algorithm != "hmac-sha512" || r.Key.Env != "TSIG" ||
		fmt.Sprint(byRFC.Resolvers) != "[10.0.0.53:53]" {
		t.Errorf("rfc2136: %+v", r)
	}
	if h := byHuawei.Huawei; h.AccessKey.Env != "AK" || h.SecretKey.File != "sk.txt" || h.Region != "cn-north-4" {
		t.Errorf("huaweicloud: %+v", h)
	}
	u := c.Upstreams[1]
	if u.Name != "bss" || u.URL.String() != "https://bss.myhuaweicloud.com" || !u.Signed() || u.Catalog != "cn" || u.TLS.Policy != "strict" ||
		u.TLS.ServerName != "bss.myhuaweicloud.com" || !strings.HasSuffix(u.TLS.CA, "/ca.pem") || u.Timeout != setting.Duration(30*time.Second) ||
		u.ConnectTimeout != setting.Duration(5*time.Second) || u.MaxConnections != 50 || !u.ForbidsDeprecated() || u.URL.Socket != "" ||
		len(u.TLS.Pins) != 2 || u.TLS.Pins[0] != (tlspolicy.Pin{}) || u.TLS.Pins[1] == u.TLS.Pins[0] ||
		!strings.HasSuffix(u.TLS.ClientCertificate.Cert, "/tls.crt") || !strings.HasSuffix(u.TLS.ClientCertificate.Key, "/tls.key") {
		t.Errorf("upstream: %+v", u)
	}
	operations, err := c.Operations()
	if err != nil {
		t.Fatal(err)
	}
	declared := operations["bss"][len(operations["bss"])-1]
	if declared.Name != "NewQuery" || !declared.Deprecated || fmt.Sprint(declared.ReplacedBy, declared.ForwardHeaders, declared.AnswerHeaders, declared.ContentTypes) !=
		"[ListOrders] [X-Trace] [X-Trace-Id] [application/json application/xml]" {
		t.Errorf("endpoint: %+v", declared)
	}
	if a := c.Upstreams[0]; a.Name != "app" || a.Signed() || a.TLS != nil || !strings.HasSuffix(a.URL.Socket, "/app.sock") || a.URL.URL().String() != "http://localhost" {
		t.Errorf("upstream: %+v", a)
	}
	main := c.Credentials[1]
	if main.Name != "main" || main.DomainID != "0a1b" || main.Partner() != "0a1b" || main.AccessKey.Env != "AK" || main.Upstream != "bss" {
		t.Errorf("credential: %+v", main)
	}
	if got := c.Grants[2]; got.Caller != "app" || got.Upstream != "bss" || !got.ClassConfirmed || fmt.Sprint(got.Customers) != "[c-17]" ||
		c.GrantPlace(2) != "callers.app.grants[2]" {
		t.Errorf("grant at %s: %+v", c.GrantPlace(2), got)
	}
	r := c.Limits.Rules[0]
	if c.Limits.Published || c.Limits.MaxWait != setting.Duration(90*time.Second) || r.Name != "per-app" || len(r.Per) != 4 || r.Burst != 100 || r.Rate != 50.0/60 ||
		fmt.Sprint(r.Callers, r.Operations, r.Credentials, r.Upstreams) != "[app] [PayOrders] [main] [bss]" {
		t.Errorf("limits: %+v", c.Limits)
	}
	if u := c.Limits.Unauthenticated; u.Sources != 100 || u.Burst != 5 || u.Rate != 100.0/3600 {
		t.Errorf("unauthenticated: %+v", u)
	}
	log := audit.Config{
		Dir: "/var/lib/tollgate/audit", SegmentSize: 1 << 30, Reserve: 8 << 20, Deadline: setting.Duration(500 * time.Millisecond),
		Name: "corp.example/billing", Key: c.Audit.Key, HashKey: c.Audit.HashKey,
		Checkpoints: audit.Checkpoints{
			Every: setting.Duration(time.Minute), Records: 1000, Copies: []audit.CheckpointCopy{{File: "/mnt/witness/checkpoints.jsonl"}, {Stdout: true}},
		},
		Keep: setting.Duration(90 * setting.Day), KeepLess: true, Index: audit.IndexConfig{Enabled: true, File: "/var/cache/tollgate/index.sqlite", Zone: "Asia/Shanghai"},
	}
	if !strings.HasSuffix(c.Audit.Key.File, "/audit.key") || !strings.HasSuffix(c.Audit.HashKey.File, "/audit-hash.key") || !reflect.DeepEqual(c.Audit, log) ||
		c.Admin.Address.String() != "[::1]:9090" || c.Log != (Log{"debug", "text"}) {
		t.Errorf("got %+v %+v %+v", c.Audit, c.Admin, c.Log)
	}
	seconds := func(n int) setting.Duration { return setting.Duration(n) * setting.Duration(time.Second) }
	want := Bounds{1e6, 1e8, 64 << 10, 16 << 10, 1e6, 10, 1 << 30, 1000, seconds(1), seconds(2), seconds(3), seconds(4), 0}
	if c.Bounds != want {
		t.Errorf("bounds: %+v", c.Bounds)
	}
}

// TestNoDefaultIsForgotten finds settings that a new field would leave at zero.
func TestNoDefaultIsForgotten(t *testing.T) {
	c := parseFile(t, "testdata/minimal.good.yml")
	for _, v := range []any{
		c.Bounds, c.Audit, c.Audit.Key, c.Audit.HashKey, c.Audit.Checkpoints, c.Audit.Index, c.Log, c.Limits.Unauthenticated,
	} {
		for i := range reflect.ValueOf(v).NumField() {
			name := fmt.Sprintf("%T.%s", v, reflect.TypeOf(v).Field(i).Name)
			meant := slices.Contains([]string{"audit.Config.Name", "audit.Checkpoints.Copies", "audit.Config.Keep", "audit.Config.KeepLess"}, name)
			if reflect.ValueOf(v).Field(i).IsZero() && !meant {
				t.Errorf("%s has no default", name)
			}
		}
	}
	u := c.Upstreams[0]
	if u.Timeout != setting.Duration(time.Minute) || u.ConnectTimeout != setting.Duration(10*time.Second) || u.MaxConnections != 100 || u.ForbidsDeprecated() || u.TLS.Policy != "huawei-high" ||
		u.TLS.ServerName != "bss.myhuaweicloud.com" {
		t.Errorf("upstream: %+v", u)
	}
}

// TestProblemsHavePaths shows what tools can rely on besides the text.
func TestProblemsHavePaths(t *testing.T) {
	source, err := os.ReadFile("testdata/all_at_once.bad.yml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Parse("f", source, ".", testOptions())
	var problems *strictyaml.Errors
	if !errors.As(err, &problems) {
		t.Fatal(err)
	}
	var got []string
	for _, p := range problems.Problems {
		got = append(got, fmt.Sprintf("%d:%d %s", p.Line, p.Column, p.Path))
	}
	want := "3:13 listeners[0].caller, 4:5 listeners[0], 6:14 upstreams.bss.url, 6:70 upstreams.bss.timeout, " +
		"8:49 credentials.main.secret_key, 12:49 callers.app.grants[0].credential, 14:31 audit.deadline"
	if strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
	}
	var first *strictyaml.Problem
	if !errors.As(err, &first) || first.Line != 3 {
		t.Errorf("errors.As finds %v", first)
	}
}

// TestAuditFiles: the files beside the log are relative to the file, and in the log's folder unless they are given.
func TestAuditFiles(t *testing.T) {
	a := parseFile(t, "testdata/minimal.good.yml").Audit
	if want := filepath.Join(a.Dir, "signing.key"); a.Key.File != want {
		t.Errorf("key file %s, want %s", a.Key.File, want)
	}
	if want := filepath.Join(a.Dir, "hash.key"); a.HashKey.File != want {
		t.Errorf("hash key file %s, want %s", a.HashKey.File, want)
	}
	if want := filepath.Join(a.Dir, "index.sqlite"); a.Index.File != want {
		t.Errorf("index file %s, want %s", a.Index.File, want)
	}
	b := parseFile(t, "testdata/audit_index_off.good.yml").Audit
	want := filepath.Join(filepath.Dir(b.Dir), "witness/c.jsonl")
	if copies := b.Checkpoints.Copies; len(copies) != 1 || copies[0].File != want || b.Index.Enabled || b.Keep != setting.Duration(400*setting.Day) {
		t.Errorf("got %+v, want a copy in %s", b, want)
	}
}

// TestCopyBehindALink: a symbolic link into the folder of the log leads a copy there as well.
func TestCopyBehindALink(t *testing.T) {
	dir := testDir(t)
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "audit"), 0o700), os.Symlink("audit", filepath.Join(dir, "elsewhere"))); err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("testdata/minimal.good.yml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(source), "{dir: audit}", "{dir: audit, checkpoints: {copies: [{file: elsewhere/c.jsonl}]}}", 1)
	if _, err := Parse("f", []byte(text), dir, testOptions()); err == nil || !strings.Contains(err.Error(), "proves nothing") {
		t.Errorf("got %v", err)
	}
}
