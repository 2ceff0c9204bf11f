package config

import (
	"crypto/x509"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tollgate/config/strictyaml"
	"tollgate/internal/testpki"
)

var update = flag.Bool("update", false, "rewrite the expected files: testdata/*.txt, schema.json, the tables of docs/config.md")

// The values of secrets in the test environment. None may ever be in an error or a description.
const (
	testSecret    = "s3cr3t-0f-the-environment"
	inlineSecret  = "hunter2" // what the bad files have in the place of a reference
	numericSecret = "31337"
	appSecret     = "s3cr3t-0f-a-caller"
)

// testOptions reads secrets from an environment of the tests' own.
func testOptions() Options {
	env := map[string]string{"AK": "AKTEST", "SK": testSecret, "SHORT": "short", "APP_SK": appSecret, "TWO_SK": appSecret + "2", "LINE": testSecret + "\n", "TSIG": "c2VjcmV0", "ODD": "no, access key", "KEYS_SK": testSecret + "-3",
		"REDIS_SK": testSecret + "-4", "POD": "gw-1"}
	return Options{Secrets: true, LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
}

// testDir is a folder with the files that the corpus refers to.
func testDir(tb testing.TB) string {
	tb.Helper()
	dir := tb.TempDir()
	ca, err := testpki.New()
	if err != nil {
		tb.Fatal(err)
	}
	leaf, err := ca.Server("gw.corp.example")
	if err != nil {
		tb.Fatal(err)
	}
	if err := testpki.WriteFiles(leaf, filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")); err != nil {
		tb.Fatal(err)
	}
	longAgo := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	old, err := ca.Issue(testpki.Leaf{Names: []string{"gw.corp.example"}, Server: true, NotBefore: longAgo.AddDate(-1, 0, 0), NotAfter: longAgo})
	if err != nil {
		tb.Fatal(err)
	}
	if err := testpki.WriteFiles(old, filepath.Join(dir, "old.crt"), filepath.Join(dir, "old.key")); err != nil {
		tb.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "callers.d"), 0o700); err != nil {
		tb.Fatal(err)
	}
	for name, text := range map[string]string{
		"redis.txt":            testSecret + "-5",
		"callers.d/night.yaml": "callers: {night-batch: {grants: [{operations: [Ledger], upstream: app}]}}\n",
		"ca.crl":               string(testpki.Must(ca.RevocationList(x509.RevocationList{}))),
		"old.crl":              string(testpki.Must(ca.RevocationList(x509.RevocationList{ThisUpdate: longAgo.AddDate(0, -1, 0), NextUpdate: longAgo}))),
		"login.txt":            "gateway:" + testSecret,
		"keys.json":            `{"Version": 1, "AccessKeyId": "AKFILE", "SecretAccessKey": "` + testSecret + `-3", "SessionToken": "` + testSecret + `"}`,
		"denied.txt":           "5F:0A:11  # lost\n",
		"ca.pem":               string(ca.CertPEM()), "sk.txt": testSecret + "\n", "app.txt": appSecret + "\n", "two_lines.txt": testSecret + "\n" + testSecret + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

func corpus(tb testing.TB, pattern string) []string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no files %s: %v", pattern, err)
	}
	return files
}

// TestBad compares the whole output for each bad file, which is named for the one thing that is wrong with it.
func TestBad(t *testing.T) {
	dir := testDir(t)
	for _, file := range corpus(t, "*.bad.yml") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".bad.yml"), func(t *testing.T) {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Parse(filepath.Base(file), source, dir, testOptions())
			var problems *strictyaml.Errors
			if !errors.As(err, &problems) || len(problems.Problems) == 0 {
				t.Fatalf("got error %v, want *Errors", err)
			}
			got := strings.ReplaceAll(err.Error(), dir, "DIR") + "\n"
			golden(t, strings.TrimSuffix(file, ".yml")+".txt", got)
			for _, value := range []string{testSecret, inlineSecret, numericSecret, appSecret} {
				if strings.Contains(got, value) {
					t.Errorf("the error shows the secret %q", value)
				}
			}
		})
	}
}

// golden compares with a file, or writes it.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test ./config -update writes it)", err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant (%s):\n%s", got, file, want)
	}
}

// TestGood loads each good file, with and without secrets, and describes it.
func TestGood(t *testing.T) {
	dir := testDir(t)
	for _, file := range corpus(t, "*.good.yml") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".good.yml"), func(t *testing.T) {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Parse(filepath.Base(file), source, dir, Options{LookupEnv: noEnv}); err != nil {
				t.Errorf("without secrets: %v", err)
			}
			c, err := Parse(filepath.Base(file), source, dir, testOptions())
			if err != nil {
				t.Fatal(err)
			}
			got := strings.ReplaceAll(describe(t, c), dir, "DIR")
			golden(t, strings.TrimSuffix(file, ".yml")+".txt", got)
			if strings.Contains(got, testSecret) {
				t.Error("the description shows a secret")
			}
		})
	}
}

func noEnv(string) (string, bool) { return "", false }

func describe(tb testing.TB, c *Config) string {
	tb.Helper()
	var b strings.Builder
	if err := c.Describe(&b); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}
