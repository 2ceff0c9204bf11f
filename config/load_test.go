package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/config/strictyaml"
)

func TestLoad(t *testing.T) {
	dir := testDir(t)
	source, err := os.ReadFile("testdata/unix_sockets.good.yml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "tollgate.yaml")
	if err := os.WriteFile(file, source, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(file, testOptions())
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, "audit"); c.Audit.Dir != want {
		t.Errorf("audit folder is %s, want %s, relative to the file", c.Audit.Dir, want)
	}
	if _, err := Load(filepath.Join(dir, "none.yaml"), testOptions()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: got %v", err)
	}
	if _, err := Load(dir, testOptions()); err == nil {
		t.Error("a folder was read as a file")
	}
}

// TestSecretsStayOut looks for secrets in everything that a loaded configuration prints as.
func TestSecretsStayOut(t *testing.T) {
	c := parseFile(t, "testdata/full.good.yml")
	for _, text := range []string{describe(t, c), strings.Join(c.Notes(), " ")} {
		if strings.Contains(text, testSecret) || strings.Contains(text, "AKTEST") {
			t.Errorf("shows a secret: %s", text)
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		for _, part := range []any{c, c.Credentials, *c.Credentials[0], c.Callers, c.Grants, *c.Listeners[2].TLS.Certificates[2].ACME} {
			if strings.Contains(fmt.Sprintf(verb, part), testSecret) {
				t.Errorf("%T prints a secret with %s", part, verb)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, file := range append(corpus(f, "*.good.yml"), corpus(f, "*.bad.yml")...) {
		source, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(source)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, source []byte) {
		c, err := Parse("fuzz.yml", source, dir, Options{LookupEnv: noEnv})
		var problems *strictyaml.Errors
		switch {
		case err == nil && c == nil, err != nil && c != nil:
			t.Fatalf("got configuration %v and error %v", c != nil, err)
		case err == nil:
			describe(t, c)
		case !errors.As(err, &problems) || len(problems.Problems) == 0:
			t.Fatalf("error %v lists no problems", err)
		}
	})
}

// TestFIPSIsNoted runs in a process of its own: the mode is settled when a process starts.
func TestFIPSIsNoted(t *testing.T) {
	const marker = "TOLLGATE_TEST_FIPS_NOTE"
	if os.Getenv(marker) != "" {
		c, err := Load("testdata/unix_sockets.good.yml", Options{})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(strings.Join(c.Notes(), "\n"))
		return
	}
	for _, mode := range []struct {
		godebug string
		noted   bool
	}{{"fips140=on", true}, {"fips140=off", false}} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestFIPSIsNoted$", "-test.v")
		cmd.Env = append(os.Environ(), marker+"=1", "GODEBUG="+mode.godebug)
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(string(out), "FIPS 140-3 mode") != mode.noted {
			t.Errorf("%s: %v\n%s", mode.godebug, err, out)
		}
	}
}
