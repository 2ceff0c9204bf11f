package auditcmd

import (
	"context"
	"errors"
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
			p := lossPrinter{cmd.OutOrStdout(), cmd.ErrOrStderr(), cli.LogSource(c.Audit.Dir, 0), asJSON}
			if len(gaps) == 0 {
				return p.list(cmd.Context(), logger, c)
			}
			losses, err := service.AcceptLoss(cmd.Context(), c, cmd.Root().Version, gaps, logger)
			if err != nil {
				return err
			}
			return p.print(losses, "gap %s is accepted, and the log says so: %s\n", true)
		},
	}
	cli.ConfigFlag(cmd, &file)
	cmd.Flags().StringArrayVar(&gaps, "gap", nil, "`id` of a gap, as this command without --gap, and the error of the start, name it (can be repeated)")
	jsonFlag(cmd, &asJSON)
	return cmd
}

// lossPrinter prints what a log has lost.
type lossPrinter struct {
	w, notes io.Writer
	source   cli.Source
	json     bool
}

func (p lossPrinter) list(ctx context.Context, logger *zap.Logger, c *config.Config) error {
	losses, err := service.Losses(ctx, c, logger)
	if err != nil {
		return err
	}
	text := "gap %s: %s\n"
	if len(losses) == 0 {
		text = "nothing is missing that a copy or the index has\n"
	}
	if err := p.print(losses, text, false); err != nil || len(losses) == 0 {
		return err
	}
	return cli.ExitCode(cli.ExitFailure)
}

// gap is a loss as JSON.
type gap struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// print prints losses, each in a text with its id and its own text; the text alone if there are none.
func (p lossPrinter) print(losses []audit.Loss, text string, accepted bool) (err error) {
	list := []gap{} // never null
	for _, loss := range losses {
		list = append(list, gap{loss.ID, loss.Text})
		if !p.json && err == nil {
			_, err = fmt.Fprintf(p.w, text, loss.ID, loss.Text)
		}
	}
	switch {
	case p.json:
		err = cli.PrintJSON(p.w, struct {
			Source   cli.Source `json:"source"`
			Gaps     []gap      `json:"gaps"`
			Accepted bool       `json:"accepted"`
		}{p.source, list, accepted})
	case len(losses) == 0:
		_, err = io.WriteString(p.w, text)
	}
	return errors.Join(err, p.source.Say(p.notes))
}
