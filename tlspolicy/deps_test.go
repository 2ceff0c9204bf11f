package tlspolicy

import (
	"os/exec"
	"strings"
	"testing"
)

// TestStandardLibraryOnly keeps the code that decides over handshakes free of what others may change under us.
func TestStandardLibraryOnly(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	if got := strings.Fields(string(out)); len(got) != 1 || got[0] != "tollgate/tlspolicy" {
		t.Errorf("tlspolicy may use the standard library only, and uses %q", got)
	}
}
