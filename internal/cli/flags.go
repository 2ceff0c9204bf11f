package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"tollgate/config"
)

// DirFlag adds the flag --dir of an audit log's directory to a command.
func DirFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "dir", "", "audit `directory`, as audit.dir of the configuration (required)")
}

// CheckDir returns an error unless dir is a directory, so that a wrong path is not taken for an empty log.
func CheckDir(dir string) error {
	if dir == "" {
		return UsageError("--dir is needed: the audit directory")
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

// ConfigFlag adds the flag --config to a command.
func ConfigFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVarP(file, "config", "c", "", "configuration `file` (required)")
}

// LoadConfig reads a configuration file, with what its secrets refer to or without. Its problems are printed as they are: each has its
// place and excerpt.
func LoadConfig(file string, secrets bool) (*config.Config, error) {
	if file == "" {
		return nil, UsageError("a configuration file is needed: --config FILE")
	}
	return config.Load(file, config.Options{Secrets: secrets})
}
