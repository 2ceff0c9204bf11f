package cli

import (
	"github.com/spf13/cobra"

	"tollgate/config"
)

// ConfigFlag adds the flag --config to a command.
func ConfigFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVarP(file, "config", "c", "", "configuration `file` (required)")
}

// LoadConfig reads a configuration file, with what its secrets refer to or without. Its problems are printed as they are: each has its place and excerpt.
func LoadConfig(file string, secrets bool) (*config.Config, error) {
	if file == "" {
		return nil, UsageError("a configuration file is needed: --config FILE")
	}
	return config.Load(file, config.Options{Secrets: secrets})
}
