package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"tollgate/admin"
	"tollgate/internal/cli"
)

func reloadCommand() *cobra.Command {
	var running runningGateway
	var dryRun, asJSON bool
	cmd := &cobra.Command{
		Use: "reload [--config FILE]", Short: "Have the running gateway load its configuration again, whole or not at all",
		Long: "Have the running gateway read its configuration, secrets and certificates again, and say what changed. No call is cut. A\n" +
			"configuration that is wrong, or that needs a restart, changes nothing; its problems are printed, and the exit code is 1.\n" +
			"The gateway reads the file that it was started with: --config only says which gateway is meant.",
		Example: "  tollgate reload --dry-run --config /etc/tollgate/tollgate.yaml\n  tollgate reload --config /etc/tollgate/tollgate.yaml",
		Args:    cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := running.client()
			if err != nil {
				return err
			}
			reloaded, err := client.Reload(cmd.Context(), dryRun)
			if err != nil {
				return refusedReload(err, dryRun)
			}
			return printAs(cmd.OutOrStdout(), asJSON, reloaded, printReload)
		},
	}
	running.flags(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would change")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the answer of the API")
	return cmd
}

// refusedReload says what a refusal means for the gateway.
func refusedReload(err error, dryRun bool) error {
	if _, answered := errors.AsType[*admin.Error](err); !answered {
		return err
	}
	if dryRun {
		return fmt.Errorf("a reload would be refused:\n%w", err)
	}
	return fmt.Errorf("the reload was refused; the gateway goes on with the configuration that it has:\n%w", err)
}

func printReload(w io.Writer, r *admin.Reloaded) error {
	heading, reset := "reloaded", "begins"
	if r.DryRun {
		heading, reset = "a reload would change", "would begin"
	}
	switch {
	case !r.Changed && r.DryRun:
		heading = "a reload would change nothing"
	case !r.Changed:
		heading = "the configuration is the same; secrets and certificates were read again"
	}
	lines := heading + "\n"
	for _, change := range r.Changes {
		lines += fmt.Sprintf("  %s %s\n", change.Where, change.Text)
	}
	for _, limit := range r.Reset {
		lines += fmt.Sprintf("  the count of limit %s %s at zero\n", limit, reset)
	}
	_, err := io.WriteString(w, printableLines(lines))
	return err
}
