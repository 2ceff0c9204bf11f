package e2e

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestStaticBinary builds as `make build` does: no dynamic loader, no shared libraries, and the version that was set.
func TestStaticBinary(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the format of other systems' binaries says nothing here")
	}
	out := filepath.Join(t.TempDir(), "tollgate")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X main.version=1.2.3-test -X main.commit=0123abcd", "-o", out, "./cmd/proxy")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	file, err := elf.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	libraries, err := file.ImportedLibraries()
	if err != nil || len(libraries) != 0 {
		t.Errorf("it needs %v (%v)", libraries, err)
	}
	for _, program := range file.Progs {
		if program.Type == elf.PT_INTERP {
			t.Error("it needs a dynamic loader")
		}
	}
	text, err := exec.Command(out, "version").Output()
	if err != nil || !strings.HasPrefix(string(text), "tollgate 1.2.3-test\ncommit 0123abcd\n") {
		t.Errorf("version says %q, %v", text, err)
	}
}
