package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tollgate/admin"
	"tollgate/internal/cli"
)

func healthCommand() *cobra.Command {
	var running runningGateway
	var live, asJSON bool
	cmd := &cobra.Command{
		Use: "health [--config FILE]", Short: "Ask the running gateway whether it is ready; for probes of containers and supervisors",
		Long: "Ask the running gateway whether it is ready, by its admin address or else by its admin socket, which needs root or the gateway's\n" +
			"own user. The exit code is 0 if it is.",
		Example: "  tollgate health --config /etc/tollgate/tollgate.yaml\n  tollgate health --live --config /etc/tollgate/tollgate.yaml",
		Args:    cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := running.prober()
			if err != nil {
				return err
			}
			page := "/readyz"
			if live {
				page = "/livez"
			}
			return health(cmd.Context(), client, page, asJSON, cmd.OutOrStdout())
		},
	}
	running.flags(cmd)
	cmd.Flags().BoolVar(&live, "live", false, "ask only whether the process answers")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// prober returns a client for health, which every user of the machine may ask for at the admin address.
func (r *runningGateway) prober() (*admin.Client, error) {
	if r.socket != "" || r.file == "" {
		return r.client()
	}
	return admin.FindHealth(r.file)
}

// health asks for a page, and returns an error if it says that calls are not taken. The page is JSON.
func health(ctx context.Context, client *admin.Client, page string, asJSON bool, w io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	body, err := client.Page(ctx, page)
	if refused, ok := errors.AsType[*admin.Error](err); ok {
		body = []byte(refused.Text)
		err = fmt.Errorf("not ready (%d): %s", refused.Status, cmp.Or(strings.Join(readinessOf(body).Reasons, "; "), refused.Text))
	} else if err != nil {
		return err
	}
	if asJSON && json.Valid(body) {
		return errors.Join(cli.PrintJSON(w, json.RawMessage(body)), err)
	}
	if err == nil {
		_, err = io.WriteString(w, healthText(body))
	}
	return err
}

// healthText returns in words what a page says of a gateway that takes calls.
func healthText(page []byte) string {
	answer, lines := readinessOf(page), "live\n"
	if answer.Ready {
		lines = "ready\n"
	}
	for _, warning := range answer.Warnings {
		lines += "  warning: " + warning + "\n"
	}
	for _, note := range answer.Notes {
		lines += "  note: " + note + "\n"
	}
	return printableLines(lines)
}

// readinessOf reads a page; what is no readiness is none.
func readinessOf(page []byte) (r admin.Readiness) {
	if err := json.Unmarshal(page, &r); err != nil {
		return admin.Readiness{}
	}
	return r
}
