package auditcmd

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"tollgate/config"
	"tollgate/internal/cli"
	"tollgate/service"
)

func acceptLossCommand() *cobra.Command {
	var file string
	var gaps []string
	cmd := &cobra.Command{
		Use: "accept-loss --config FILE [--gap ID]...", Short: "Put on record that the log has lost records, so that the gateway starts again",
		Long: "A start refuses a log that was rolled back, or that files are missing of, by what the copies of its checkpoints and its index\n" +
			"know. Bring back the newest state of the audit directory, if there is one. If there is none, this lists the gaps, and with\n" +
			"--gap for each of them it writes into the log that they were accepted. That holds for these gaps alone. No gateway may run\n" +
			"on the log meanwhile; run it as the gateway's user.",
		Example: "  tollgate audit accept-loss --config /etc/tollgate/tollgate.yaml\n  tollgate audit accept-loss --config F --gap 3f9a0c27d5518e64",
		Args:    cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := cli.LoadConfig(file, false)
			if err != nil {
				return err
			}
			logger, _, err := service.NewLogger(c.Log, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if len(gaps) == 0 {
				return listLosses(cmd.Context(), cmd.OutOrStdout(), logger, c)
			}
			return acceptLosses(cmd.Context(), cmd.OutOrStdout(), logger, c, cmd.Root().Version, gaps)
		},
	}
	cli.ConfigFlag(cmd, &file)
	cmd.Flags().StringArrayVar(&gaps, "gap", nil, "`id` of a gap, as this command without --gap, and the error of the start, name it (can be repeated)")
	return cmd
}

func listLosses(ctx context.Context, w io.Writer, logger *zap.Logger, c *config.Config) error {
	losses, err := service.Losses(ctx, c, logger)
	if err != nil {
		return err
	}
	if len(losses) == 0 {
		_, err := fmt.Fprintln(w, "nothing is missing that a copy or the index knows of")
		return err
	}
	for _, loss := range losses {
		if _, err := fmt.Fprintf(w, "gap %s: %s\n", loss.ID, loss.Text); err != nil {
			return err
		}
	}
	return cli.ExitCode(1)
}

func acceptLosses(ctx context.Context, w io.Writer, logger *zap.Logger, c *config.Config, version string, gaps []string) error {
	losses, err := service.AcceptLoss(ctx, c, version, gaps, logger)
	if err != nil {
		return err
	}
	for _, loss := range losses {
		if _, err := fmt.Fprintf(w, "gap %s is accepted, and the log says so: %s\n", loss.ID, loss.Text); err != nil {
			return err
		}
	}
	return nil
}
