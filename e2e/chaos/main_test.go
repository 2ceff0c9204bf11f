package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is the gateway under test.
var binary string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	if binary = os.Getenv("TOLLGATE_BINARY"); binary != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "tollgate-chaos-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "tollgate")
	if err := build(binary); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// build builds the gateway with the race detector, which needs a C compiler.
func build(out string) error {
	cmd := exec.Command("go", "build", "-race", "-o", out, "./cmd/proxy")
	cmd.Dir = "../.." // of the product's module, which this one is not part of
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the gateway: %w\n%s", err, text)
	}
	return nil
}
