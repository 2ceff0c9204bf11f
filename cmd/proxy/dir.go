package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func dirFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "dir", "", "audit `directory`, as audit.dir of the configuration (required)")
}

// checkDir tells a wrong directory from an empty log.
func checkDir(dir string) error {
	if dir == "" {
		return usageError("--dir is needed: the audit directory")
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("audit directory: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("audit directory: %s is not a directory", dir)
	}
	return nil
}
