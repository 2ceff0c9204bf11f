// Command proxy is Tollgate: a TLS gateway that keeps cloud billing calls separated, limited, signed and on record.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker ("-X main.version=..."); otherwise the module's build information tells.
var version string

func main() {
	os.Exit(execute(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "tollgate",
		Short: "A gateway for cloud billing calls: whitelisted TLS, injected signatures, separation, limits, an audit log",
		Long: "Tollgate stands between a company's applications and a cloud provider's billing API. Applications hold no cloud key;\n" +
			"every call is decided, limited, signed and written down before it goes out.\n\n" +
			"Start with: tollgate demo",
		Version:       programVersion(),
		Args:          needsCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if words := cmd.Flags().Args(); cmd.HasSubCommands() && len(words) > 0 { // a wrong command is told before its flags
			return needsCommand(cmd, words)
		}
		return usageError("%w\nsee: %s --help", err, cmd.CommandPath())
	})
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SuggestionsMinimumDistance = suggestWithin
	root.AddCommand(
		runCommand(), checkCommand(), explainCommand(), catalogCommand(), simulateCommand(),
		auditCommand(), tlsCommand(), demoCommand(), healthCommand(), versionCommand(),
	)
	return root
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Example: "  tollgate version", Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "tollgate "+programVersion())
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
