package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tollgate/config"
	"tollgate/internal/cli"
)

func healthCommand() *cobra.Command {
	var file string
	var live bool
	cmd := &cobra.Command{
		Use: "health --config FILE", Short: "Ask the running gateway whether it is ready; for probes of containers and supervisors",
		Example: "  tollgate health --config /etc/tollgate/tollgate.yaml\n  tollgate health --live --config /etc/tollgate/tollgate.yaml",
		Args:    cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := cli.LoadConfig(file, false)
			if err != nil {
				return err
			}
			page := "/readyz"
			if live {
				page = "/livez"
			}
			return health(cmd.Context(), c.Admin, page, cmd.OutOrStdout())
		},
	}
	cli.ConfigFlag(cmd, &file)
	cmd.Flags().BoolVar(&live, "live", false, "ask only whether the process answers")
	return cmd
}

func health(ctx context.Context, a *config.Admin, page string, w io.Writer) error {
	if a == nil {
		return errors.New("the configuration has no admin listener (admin.address)")
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, a.Address.Network(), a.Address.Listen())
	}}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+page, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("the gateway does not answer: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready (%d): %s", response.StatusCode, strings.TrimSpace(string(body)))
	}
	_, err = w.Write(body)
	return err
}
