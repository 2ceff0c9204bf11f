package main

import (
	"github.com/spf13/cobra"

	"tollgate/config/snapshot"
	"tollgate/internal/cli"
)

func diffCommand() *cobra.Command {
	var file, against string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "diff --config NEW --against FILE", Short: "Say in words what another configuration would change",
		Long: "Say in words what a configuration would change: grants, limits, credentials, callers and their keys, listeners, upstreams, TLS, and\n" +
			"what needs a restart. Both files are read, and those that they include; no secret is.\n" +
			"Relative paths are relative to the folder of each file: keep the new one beside the old one.\n\n" +
			"Exit code: 0 no difference, 3 they differ.",
		Example: "  tollgate diff --config tollgate.new.yaml --against tollgate.yaml",
		Args:    cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if against == "" {
				return cli.UsageError("--against is needed: the file to compare with")
			}
			after, err := cli.LoadConfig(file, false)
			if err != nil {
				return err
			}
			before, err := cli.LoadConfig(against, false)
			if err != nil {
				return err
			}
			return cli.PrintChanges(cmd.OutOrStdout(), snapshot.Compare(before, after), asJSON)
		},
	}
	cli.ConfigFlag(cmd, &file)
	cmd.Flags().StringVar(&against, "against", "", "the configuration `file` to compare with")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the differences as JSON")
	return cmd
}
