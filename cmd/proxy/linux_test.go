package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"tollgate/internal/cli"
)

// TestNeedsLinux: what runs a gateway refuses other systems, and looks for no configuration before.
func TestNeedsLinux(t *testing.T) {
	for name, command := range map[string]func() *cobra.Command{"run": runCommand, "demo": demoCommand} {
		for _, system := range []string{"darwin", "windows", "freebsd"} {
			t.Chdir(t.TempDir()) // where there is no configuration
			root := cli.Program("v1", cli.Chapter("one", needsLinux(system, command())))
			var out, problems bytes.Buffer
			code := cli.Execute(t.Context(), root, []string{name}, &out, &problems)
			if code != cli.ExitUsage || !strings.HasPrefix(problems.String(), "tollgate: tollgate "+name+" works on Linux only; this program, built for "+system) {
				t.Errorf("%s on %s: code %d, %q", name, system, code, problems.String())
			}
		}
	}
	cmd := runCommand()
	if err := needsLinux("linux", cmd).Args(cmd, nil); err != nil {
		t.Errorf("on Linux: %v", err)
	}
}

// TestGatewaysNeedLinux: the program has none of them without that look.
func TestGatewaysNeedLinux(t *testing.T) {
	for _, cmd := range commandsOn("windows").Commands() {
		refuses := strings.HasSuffix(cmd.Short, "(on Linux only)")
		if runs := cmd.Name() == "run" || cmd.Name() == "demo"; runs != refuses {
			t.Errorf("%s: refuses %v", cmd.Name(), refuses)
		}
	}
}
