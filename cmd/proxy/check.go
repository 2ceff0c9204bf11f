package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"tollgate/internal/cli"
)

func checkCommand() *cobra.Command {
	var file string
	var noSecrets bool
	cmd := &cobra.Command{
		Use: "check --config FILE", Short: "Check a configuration and say what it means",
		Long: "Check a configuration as run would, and say what it means. It reads the file, and the secrets, keys, certificates and lists\n" +
			"that it refers to, and looks at the modes of private files and at folders. It writes nothing, listens nowhere and connects to\n" +
			"nothing. With --no-secrets it reads the file, and those that it includes, alone.",
		Example: "  tollgate check --config deploy/central.yaml\n  tollgate check --no-secrets --config deploy/central.yaml   # on a machine without the secrets",
		Args:    cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := cli.LoadConfig(file, !noSecrets)
			if err != nil {
				return err
			}
			if err := c.Describe(cmd.OutOrStdout()); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "\nthe configuration is good")
			return err
		},
	}
	cli.ConfigFlag(cmd, &file)
	cmd.Flags().BoolVar(&noSecrets, "no-secrets", false, "do not read the secrets, keys and certificates that the file refers to")
	return cmd
}
