package tlspolicy

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestStandardLibraryOnly keeps the code that decides over handshakes free of what others may change under us.
func TestStandardLibraryOnly(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	// internal/nearest, which finds the word that a typing error meant, stands on the standard library itself.
	if got := strings.Fields(string(out)); !slices.Equal(got, []string{"tollgate/internal/nearest", "tollgate/tlspolicy"}) {
		t.Errorf("tlspolicy may use the standard library and internal/nearest only, and uses %q", got)
	}
}
