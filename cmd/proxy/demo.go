package main

import (
	"github.com/spf13/cobra"

	"tollgate/cmd/proxy/auditcmd"
	"tollgate/internal/cli"
	"tollgate/internal/demo"
)

func demoCommand() *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use: "demo", Short: "Show the gateway at work, on a simulated billing API; needs nothing else",
		Long: "Start a simulated billing API (HTTPS, throw-away CA), the gateway in front of it, and drive a tour of calls through it.\n" +
			"Then stay up, with lines to paste, until Ctrl-C. Everything is on loopback and in a folder of its own: among the temporary\n" +
			"files, or where there can be none in the user's cache or the working directory. It is removed at the end.",
		Example: "  tollgate demo\n  tollgate demo --once   # exit after the tour: 0 only if every call did what the tour says",
		Args:    cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, _, stop := serving(cmd.Context())
			defer stop()
			return demo.Run(ctx, demo.Options{
				Version: programVersion(), Command: invocation(), Once: once, Out: cmd.OutOrStdout(), Logs: cmd.ErrOrStderr(), List: auditcmd.ListAll,
			})
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "exit after the tour")
	return cmd
}
