package main

import (
	"github.com/spf13/cobra"

	"tollgate/config"
)

func configFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVarP(file, "config", "c", "", "configuration `file` (required)")
}

// loadConfig reads a configuration file. Its problems are printed as they are: each has its place and excerpt.
func loadConfig(file string, secrets bool) (*config.Config, error) {
	if file == "" {
		return nil, usageError("a configuration file is needed: --config FILE")
	}
	return config.Load(file, config.Options{Secrets: secrets})
}
