package main

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"tollgate/config"
	"tollgate/config/snapshot"
	"tollgate/internal/cli"
)

type diffFlags struct {
	file, against, socket string
	running, json         bool
}

func diffCommand() *cobra.Command {
	var f diffFlags
	cmd := &cobra.Command{
		Use: "diff --config NEW [--against FILE] [--running]", Short: "Say in words what another configuration would change",
		Long: "Say in words what a configuration would change: grants, limits, credentials, callers and their keys, listeners, upstreams, TLS, and\n" +
			"what needs a restart. It is compared with the file --against, or else with what the running gateway of --config has; with\n" +
			"--running too, with what the gateway of the file --against has. That is asked by the admin socket, which needs root or the\n" +
			"gateway's own user. Files are read, and those that they include; no secret is.\n" +
			"Relative paths are relative to the folder of each file: keep the new one beside the old one.\n\n" +
			"Exit code: 0 no difference, 3 they differ.",
		Example: "  tollgate diff --config /etc/tollgate/tollgate.yaml                       # edited since the gateway read it?\n" +
			"  tollgate diff --config tollgate.new.yaml --against tollgate.yaml\n" +
			"  tollgate diff --config tollgate.new.yaml --against tollgate.yaml --running",
		Args: cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			changes, err := f.changes(cmd.Context())
			if err != nil {
				return err
			}
			return cli.PrintChanges(cmd.OutOrStdout(), changes, nil, f.json)
		},
	}
	cli.ConfigFlag(cmd, &f.file)
	cmd.Flags().StringVar(&f.against, "against", "", "the configuration `file` to compare with (default: the running gateway)")
	cmd.Flags().BoolVar(&f.running, "running", false, "compare with what the running gateway has, whatever its file says now")
	cmd.Flags().StringVar(&f.socket, "socket", "", "`path` of the admin socket, where the configuration does not lead to it")
	cmd.Flags().BoolVar(&f.json, "json", false, "print the differences as JSON")
	return cmd
}

func (f *diffFlags) changes(ctx context.Context) ([]snapshot.Change, error) {
	after, err := cli.LoadConfig(f.file, false)
	if err != nil {
		return nil, err
	}
	if f.running || f.against == "" {
		return f.fromRunning(ctx, after)
	}
	before, err := cli.LoadConfig(f.against, false)
	if err != nil {
		return nil, err
	}
	return snapshot.Compare(before, after), nil
}

// fromRunning compares what a gateway has with a configuration.
func (f *diffFlags) fromRunning(ctx context.Context, after *config.Config) ([]snapshot.Change, error) {
	client, err := (&runningGateway{file: cmp.Or(f.against, f.file), socket: f.socket}).client()
	if err != nil {
		return nil, err
	}
	plan, err := client.Plan(ctx)
	if err != nil {
		return nil, err
	}
	return snapshot.CompareTexts([]byte(plan.Text), snapshot.Of(after, nil))
}
