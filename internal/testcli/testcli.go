// Package testcli runs command lines in tests, and compares what they print with files.
package testcli

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/spf13/cobra"

	"tollgate/internal/cli"
)

var update = flag.Bool("update", false, "write the golden files")

// Run executes one command line in this process.
func Run(t *testing.T, root *cobra.Command, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = cli.Execute(t.Context(), root, args, &out, &errs)
	return code, out.String(), errs.String()
}

// Golden compares what a command printed with the file that says how it should be, or writes that file with -update.
func Golden(t *testing.T, file, command, stdout string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(stdout), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(file); err != nil || string(want) != stdout {
		t.Errorf("%s is not as %s says (%v); -update writes it:\n%s", command, file, err, stdout)
	}
}
