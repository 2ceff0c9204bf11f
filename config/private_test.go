package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// everyPrivateFile has each reference to a file that only the gateway should be able to use, each to one of its own.
const everyPrivateFile = `
listeners:
  - address: :8443
    hosts: [gw.corp.example]
    tls:
      client_ca: ca.pem
      certificates:
        - files: {cert: tls.crt, key: listener.key}
        - internal: {dir: ca, hosts: [gw.corp.example]}
        - acme: {directory: https://ca.corp.example/directory, hosts: [a.corp.example], dir: acme, challenge: dns-01,
                 account_binding: {key_id: lab, secret: {file: ./binding}},
                 dns: {rfc2136: {server: "ns.corp.example:53", key_name: gateway, secret: {file: ./tsig}}}}
        - acme: {directory: https://ca.corp.example/directory, hosts: [b.corp.example], dir: acme, challenge: dns-01,
                 dns: {huaweicloud: {access_key: {file: ./dns_ak}, secret_key: {file: ./dns_sk}, region: cn-north-4}}}
upstreams:
  bss: {url: "https://bss.myhuaweicloud.com", catalog: cn, tls: {client_certificate: {cert: tls.crt, key: upstream.key}}}
credentials:
  main: {class: partner, access_key: {file: ./ak}, secret_key: {file: ./sk}, security_token: {file: ./token}}
  again: {class: partner, access_key: {env: AK}, secret_key: {file: ./sk}}
callers:
  app:
    auth: [{access_key: {id: TGAPP, secret: {file: ./app}}}, {certificate: {dns: app.corp.example}}]
    grants: [{operations: [effect:read], credential: main}, {operations: [CreatePartnerCoupons], credential: again}]
audit: {dir: audit, key: {file: audit.key}}
admin: {address: 127.0.0.1:9090}
metrics: {address: ":9443", tls: {certificate: {files: {cert: tls.crt, key: metrics.key}}}, bearer_token: {file: ./bearer}}
`

// privateKeys are their places, by file.
var privateKeys = map[string]string{
	"listener.key": "listeners[0].tls.certificates[0].files.key",
	"binding":      "listeners[0].tls.certificates[2].acme.account_binding.secret",
	"tsig":         "listeners[0].tls.certificates[2].acme.dns.rfc2136.secret",
	"dns_ak":       "listeners[0].tls.certificates[3].acme.dns.huaweicloud.access_key",
	"dns_sk":       "listeners[0].tls.certificates[3].acme.dns.huaweicloud.secret_key",
	"upstream.key": "upstreams.bss.tls.client_certificate.key",
	"ak":           "credentials.main.access_key",
	"sk":           "credentials.again.secret_key",
	"token":        "credentials.main.security_token",
	"app":          "callers.app.auth[0].access_key.secret",
	"audit.key":    "audit.key.file",
	"metrics.key":  "metrics.tls.certificate.files.key",
	"bearer":       "metrics.bearer_token",
}

// TestPrivateFiles: check notes each private file that others may use, once, in the words of its place, and no other.
func TestPrivateFiles(t *testing.T) {
	dir := testDir(t)
	for name := range privateKeys {
		data := []byte("c2VjcmV0LXNlY3JldC1zZWNyZXQt" + name)
		if strings.HasSuffix(name, "r.key") || name == "upstream.key" || name == "metrics.key" {
			key, err := os.ReadFile(filepath.Join(dir, "tls.key"))
			if err != nil {
				t.Fatal(err)
			}
			data = key
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	notes := func(o Options) string {
		t.Helper()
		c, err := Parse("f", []byte(everyPrivateFile), dir, o)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.PrivateFiles) != len(privateKeys) {
			t.Errorf("%d private files, want %d: %v", len(c.PrivateFiles), len(privateKeys), c.PrivateFiles)
		}
		var about []string
		for _, note := range c.Notes() {
			if strings.Contains(note, " has mode ") {
				about = append(about, note)
			}
		}
		return strings.Join(about, "\n")
	}
	if got := notes(testOptions()); got != "" {
		t.Errorf("all files have mode 0600:\n%s", got)
	}
	for name, key := range privateKeys {
		path := filepath.Join(dir, name)
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		want := key + ": " + path + " has mode 0644: every user may read it; give it mode 0600, or 0440 and a group of the gateway"
		if got := notes(testOptions()); got != want {
			t.Errorf("%s:\ngot  %q\nwant %q", name, got, want)
		}
		if got := notes(Options{LookupEnv: noEnv}); got != "" {
			t.Errorf("without secrets no file is looked at: %q", got)
		}
		if err := os.Chmod(path, 0o440); err != nil {
			t.Fatal(err)
		}
		if got := notes(testOptions()); got != "" {
			t.Errorf("a group of ours may read it: %q", got)
		}
	}
}
