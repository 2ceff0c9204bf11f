package main

import (
	"io"

	"github.com/spf13/cobra"

	"tollgate/config"
	"tollgate/internal/cli"
)

func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of the configuration, for editors",
		Example: "  tollgate schema > tollgate.schema.json", Args: cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(cmd.OutOrStdout(), config.Schema())
			return err
		},
	}
}
