// Command proxy is Tollgate: a TLS gateway that keeps cloud billing calls separated, limited, signed and on record.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"tollgate/cmd/proxy/auditcmd"
	"tollgate/cmd/proxy/tlscmd"
	"tollgate/config"
	"tollgate/internal/cli"
	"tollgate/internal/sdkconfig"
)

// version is set by the linker ("-X main.version=..."); otherwise the module's build information tells.
var version string

func main() {
	os.Exit(cli.Execute(context.Background(), rootCommand(), os.Args[1:], os.Stdout, os.Stderr))
}

func rootCommand() *cobra.Command {
	root := cli.Program(programVersion(),
		cli.Chapter("The gateway and its configuration:", runCommand(), checkCommand(), explainCommand(), diffCommand(), schemaCommand()),
		cli.Chapter("A running gateway:", statusCommand(), healthCommand(), reloadCommand(), freezeCommand(), freezesCommand(), unfreezeCommand(),
			fleetCommand()),
		cli.Chapter("Money:", actsCommand(), capsCommand(), resolveCommand()),
		cli.Chapter("Callers:", keyCommand(), sdkConfigCommand()),
		cli.Chapter("What was called, and what may be:", auditcmd.Command(), catalogCommand(), tlscmd.Command()),
		cli.Chapter("To try it:", demoCommand(), simulateCommand()),
		cli.Chapter("This program:", versionCommand(), cli.CompletionCommand()))
	cli.Complete(root, map[string]cobra.CompletionFunc{"lang": cli.OfferOf(sdkconfig.Languages()...)})
	return root
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Example: "  tollgate version", Args: cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "tollgate "+programVersion())
			return err
		},
	}
}

func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of the configuration, for editors",
		Example: "  tollgate schema > tollgate.schema.json", Args: cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(cmd.OutOrStdout(), config.Schema())
			return err
		},
	}
}

func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
