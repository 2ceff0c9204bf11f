package auditcmd

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"tollgate/audit"
	"tollgate/config"
	"tollgate/internal/cli"
	"tollgate/service"
)

func acceptLossCommand() *cobra.Command {
	var file string
	var gaps []string
	var asJSON bool
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
				return listLosses(cmd.Context(), cmd.OutOrStdout(), logger, c, asJSON)
			}
			return acceptLosses(cmd.Context(), cmd.OutOrStdout(), logger, c, cmd.Root().Version, gaps, asJSON)
		},
	}
	cli.ConfigFlag(cmd, &file)
	cmd.Flags().StringArrayVar(&gaps, "gap", nil, "`id` of a gap, as this command without --gap, and the error of the start, name it (can be repeated)")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func listLosses(ctx context.Context, w io.Writer, logger *zap.Logger, c *config.Config, asJSON bool) error {
	losses, err := service.Losses(ctx, c, logger)
	if err != nil {
		return err
	}
	text := "gap %s: %s\n"
	if len(losses) == 0 {
		text = "nothing is missing that a copy or the index has\n"
	}
	if err := printLosses(w, losses, text, false, asJSON); err != nil || len(losses) == 0 {
		return err
	}
	return cli.ExitCode(cli.ExitFailure)
}

func acceptLosses(ctx context.Context, w io.Writer, logger *zap.Logger, c *config.Config, version string, gaps []string, asJSON bool) error {
	losses, err := service.AcceptLoss(ctx, c, version, gaps, logger)
	if err != nil {
		return err
	}
	return printLosses(w, losses, "gap %s is accepted, and the log says so: %s\n", true, asJSON)
}

// gap is a loss as JSON.
type gap struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// printLosses prints losses, each in a text with its id and its own text; the text alone if there are none.
func printLosses(w io.Writer, losses []audit.Loss, text string, accepted, asJSON bool) (err error) {
	list := []gap{} // never null
	for _, loss := range losses {
		list = append(list, gap{loss.ID, loss.Text})
		if !asJSON && err == nil {
			_, err = fmt.Fprintf(w, text, loss.ID, loss.Text)
		}
	}
	switch {
	case asJSON:
		return cli.PrintJSON(w, struct {
			Gaps     []gap `json:"gaps"`
			Accepted bool  `json:"accepted"`
		}{list, accepted})
	case len(losses) == 0:
		_, err = io.WriteString(w, text)
	}
	return err
}
