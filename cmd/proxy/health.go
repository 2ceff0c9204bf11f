package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"tollgate/admin"
	"tollgate/internal/cli"
)

func healthCommand() *cobra.Command {
	var running runningGateway
	var live bool
	cmd := &cobra.Command{
		Use: "health --config FILE", Short: "Ask the running gateway whether it is ready; for probes of containers and supervisors",
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
			return health(cmd.Context(), client, page, cmd.OutOrStdout())
		},
	}
	running.flags(cmd)
	cmd.Flags().BoolVar(&live, "live", false, "ask only whether the process answers")
	return cmd
}

// prober returns a client for health, which every user of the machine may ask for at the admin address.
func (r *runningGateway) prober() (*admin.Client, error) {
	if r.socket != "" || r.file == "" {
		return r.client()
	}
	return admin.FindHealth(r.file)
}

func health(ctx context.Context, client *admin.Client, page string, w io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	body, err := client.Page(ctx, page)
	if refused, ok := errors.AsType[*admin.Error](err); ok {
		return fmt.Errorf("not ready (%d): %s", refused.Status, refused.Text)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", bytes.TrimSpace(body))
	return err
}
