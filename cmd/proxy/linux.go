package main

import (
	"github.com/spf13/cobra"

	"tollgate/internal/cli"
)

// needsLinux returns a command that runs a gateway; on a system other than Linux it refuses, before it looks at anything. What a gateway
// promises of its log after a loss of power, of who may use its files, and of the descriptors that it has was built and tested for Linux.
func needsLinux(system string, cmd *cobra.Command) *cobra.Command {
	if system == "linux" {
		return cmd
	}
	cmd.Short += " (on Linux only)"
	cmd.Args = func(cmd *cobra.Command, _ []string) error {
		return cli.UsageError("%s works on Linux only; this program, built for %s, has the commands that read: audit, review, tls, check, explain, diff, catalog",
			cmd.CommandPath(), system)
	}
	return cmd
}
