package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
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
	return m.Run()
}

// build builds the gateway, with the race detector where the machine has a C compiler for it.
func build(dir string) (string, error) {
	out := filepath.Join(dir, "tollgate")
	args := []string{"build", "-o", out}
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
