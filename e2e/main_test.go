package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tollgate/e2e/firstversion"
)

// binary is the gateway under test.
var binary string

// runtimeDir is where gateways have their admin sockets. Its path is short, as that of a socket has to be.
var runtimeDir string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tollgate-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	runtimeDir = filepath.Join(dir, "run")
	if binary = os.Getenv("TOLLGATE_BINARY"); binary == "" {
		if binary, err = build(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	code := m.Run()
	if n := firstversion.Skipped(); n > 0 {
		fmt.Fprintf(os.Stderr, "%d tests of upgrades were skipped: the history of the repository is not at hand\n", n)
	}
	return code
}

// build builds the gateway, with the race detector where the machine has a C compiler for it.
func build(dir string, flags ...string) (string, error) {
	out := filepath.Join(dir, "tollgate")
	args := append([]string{"build", "-o", out}, flags...)
	cgo := "CGO_ENABLED=0"
	if _, err := exec.LookPath("gcc"); err == nil {
		args, cgo = append(args, "-race"), "CGO_ENABLED=1"
	}
	cmd := exec.Command("go", append(args, "./cmd/proxy")...)
	cmd.Dir = ".." // of the product's module, which this one is not part of
	cmd.Env = append(os.Environ(), cgo)
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the gateway: %w\n%s", err, strings.TrimSpace(string(text)))
	}
	return out, nil
}

// overNetHTTP returns a gateway whose HTTP/1.1 is that of net/http, which no build of the product has.
func overNetHTTP(t testing.TB) string {
	t.Helper()
	if os.Getenv("TOLLGATE_BINARY") != "" {
		t.Skip("a binary was given")
	}
	dir := t.TempDir()
	source, err := filepath.Abs("../accept/server.go")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	changed := filepath.Join(dir, "server.go")
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {source: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		changed:                            replaceOnce(t, string(text), "return newEngine(inner, c)", "return newNetHTTP(inner, c)"),
		filepath.Join(dir, "overlay.json"): string(overlay),
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := build(dir, "-overlay", filepath.Join(dir, "overlay.json"))
	if err != nil {
		t.Fatal(err)
	}
	return out
}
