package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tollgate/internal/testpki"
)

// minimal is a good file, for tests that change a part of it.
const minimal = `
listeners: [{address: "127.0.0.1:8080", caller: app}]
upstreams:
  bss: {url: "https://bss.myhuaweicloud.com", catalog: cn}
credentials:
  main: {class: partner, domain_id: 0a1b, access_key: {env: AK}, secret_key: {env: SK}}
callers:
  app: {grants: [{operations: [effect:read], credential: main}]}
audit: {dir: audit, checkpoints: {copies: [{file: witness/c.jsonl}, {stdout: true}]}}
admin: {address: 127.0.0.1:9090}
`

// notesOf returns the notes of a file in a folder, one a line.
func notesOf(t *testing.T, text, dir string, o Options) string {
	t.Helper()
	c, err := Parse("f", []byte(text), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(c.Notes(), "\n")
}

// TestAuditFolders: check notes that others may change the log's folder, and that a copy has no folder; not on a machine that is another.
func TestAuditFolders(t *testing.T) {
	dir := testDir(t)
	const missing, open = "audit.checkpoints.copies[0]: there is no folder ", "audit.dir: "
	if got := notesOf(t, minimal, dir, testOptions()); !strings.Contains(got, missing+filepath.Join(dir, "witness")) || strings.Contains(got, open) {
		t.Errorf("without the folders:\n%s", got)
	}
	if got := notesOf(t, minimal, dir, Options{LookupEnv: noEnv}); strings.Contains(got, missing) {
		t.Errorf("without secrets no folder is looked at:\n%s", got)
	}
	for name, mode := range map[string]os.FileMode{"witness": 0o700, "audit": 0o700} {
		if err := os.Mkdir(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if got := notesOf(t, minimal, dir, testOptions()); strings.Contains(got, missing) || strings.Contains(got, open) {
		t.Errorf("with the folders:\n%s", got)
	}
	if err := os.Chmod(filepath.Join(dir, "audit"), 0o777); err != nil {
		t.Fatal(err)
	}
	if got := notesOf(t, minimal, dir, testOptions()); !strings.Contains(got, open+filepath.Join(dir, "audit")+" has mode 0777: every user may change it") {
		t.Errorf("mode 0777:\n%s", got)
	}
}

// TestKeyFolder: the folder of the log's key must be there unless a start makes it, which it does for the log's own and those above.
func TestKeyFolder(t *testing.T) {
	dir := testDir(t)
	for file, good := range map[string]bool{
		"a/audit/signing.key": true, "a/signing.key": true, "signing.key": true, "a/audit/keys/signing.key": false, "b/signing.key": false, "tls.crt/signing.key": false,
	} {
		text := strings.Replace(minimal, "{dir: audit,", "{dir: a/audit, key: {file: "+file+"},", 1)
		_, err := Parse("f", []byte(text), dir, testOptions())
		if (err == nil) != good || err != nil && !strings.Contains(err.Error(), "there is no folder "+filepath.Join(dir, filepath.Dir(file))) {
			t.Errorf("%s: %v", file, err)
		}
		if _, err := Parse("f", []byte(text), dir, Options{LookupEnv: noEnv}); err != nil {
			t.Errorf("%s, without secrets: %v", file, err)
		}
	}
}

// TestSites: check notes a catalog that is not that of the provider's site.
func TestSites(t *testing.T) {
	for url, other := range map[string]string{
		"https://bss.myhuaweicloud.com": "intl", "https://bss-intl.myhuaweicloud.com": "cn", "https://BSS-intl.myhuaweicloud.com.": "cn", "https://bss.myhuaweicloud.eu": "cn",
	} {
		for _, catalog := range []string{"cn", "intl"} {
			text := strings.Replace(minimal, `"https://bss.myhuaweicloud.com", catalog: cn`, `"`+url+`", catalog: `+catalog, 1)
			got := notesOf(t, text, t.TempDir(), testOptions())
			if strings.Contains(got, "upstream bss has the catalog "+catalog+", but ") != (catalog == other) {
				t.Errorf("%s with catalog %s:\n%s", url, catalog, got)
			}
		}
	}
}

// TestExpiryNotes: check notes whatever of a handshake has expired, by its name and place: in a chain, in client_ca, in an upstream's ca.
func TestExpiryNotes(t *testing.T) {
	dir := testDir(t)
	ca := testpki.Must(testpki.New())
	over := func(name string) []byte {
		leaf := testpki.Leaf{Names: []string{name}, NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().Add(-time.Hour)}
		return testpki.CertPEM(testpki.Must(ca.Issue(leaf)))
	}
	for file, name := range map[string]string{"tls.crt": "between.example", "ca.pem": "root.example"} {
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, append(testpki.Must(os.ReadFile(path)), over(name)...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.NewReplacer(`{address: "127.0.0.1:8080", caller: app}`,
		`{name: gw, address: ":8443", hosts: [gw.corp.example], tls: {client_ca: ca.pem, certificate: {files: {cert: tls.crt, key: tls.key}}}}`,
		"catalog: cn}", "catalog: cn, tls: {ca: ca.pem, client_certificate: {cert: tls.crt, key: tls.key}}}").Replace(minimal)
	got := notesOf(t, text, dir, testOptions())
	for _, want := range []string{
		"listener gw: the certificate between.example in the chain of gw.corp.example has expired",
		"upstream bss: the certificate between.example in the chain of gw.corp.example has expired",
		"listener gw: the authority root.example of " + filepath.Join(dir, "ca.pem") + " has expired",
		"upstream bss: the authority root.example of " + filepath.Join(dir, "ca.pem") + " has expired",
	} {
		if strings.Count(got, want) != 1 {
			t.Errorf("%q is noted %d times in\n%s", want, strings.Count(got, want), got)
		}
	}
}

// TestUnguardedEndpoint: check notes an endpoint that spends and does not say what a call of it does.
func TestUnguardedEndpoint(t *testing.T) {
	const endpoint = "{name: Pay, method: POST, path: /v9/pay, class: customer, effect: spend%s}"
	for act, noted := range map[string]bool{"": true, ", act: {name: pay, keys: [id], window: 1h}": false} {
		text := strings.Replace(minimal, "catalog: cn", "catalog: cn, endpoints: ["+strings.Replace(endpoint, "%s", act, 1)+"]", 1)
		if got := notesOf(t, text, testDir(t), testOptions()); strings.Contains(got, "endpoint Pay spends") != noted {
			t.Errorf("act %q:\n%s", act, got)
		}
	}
}
