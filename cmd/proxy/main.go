// Command proxy is Tollgate: a TLS gateway that keeps cloud billing calls separated, limited, signed and on record.
package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"tollgate/cmd/proxy/auditcmd"
	"tollgate/cmd/proxy/reviewcmd"
	"tollgate/cmd/proxy/tlscmd"
	"tollgate/config"
	"tollgate/internal/cli"
	"tollgate/internal/sdkconfig"
)

// version and commit are set by the linker (release/cmd/version prints how); otherwise they are those of the build information.
var version, commit string

func rootCommand() *cobra.Command { return commandsOn(runtime.GOOS) }

func commandsOn(system string) *cobra.Command {
	root := cli.Program(programVersion(),
		cli.Chapter("The gateway and its configuration:", needsLinux(system, runCommand()), checkCommand(), explainCommand(), diffCommand(), schemaCommand()),
		cli.Chapter("A running gateway:", statusCommand(), healthCommand(), reloadCommand(), freezeCommand(), freezesCommand(), unfreezeCommand(),
			fleetCommand()),
		cli.Chapter("Money:", actsCommand(), capsCommand(), resolveCommand()),
		cli.Chapter("Callers:", keyCommand(), sdkConfigCommand()),
		cli.Chapter("What was called, and what may be:", auditcmd.Command(), reviewcmd.Command(), catalogCommand(), tlscmd.Command()),
		cli.Chapter("To try it:", needsLinux(system, demoCommand()), simulateCommand()),
		cli.Chapter("This program:", versionCommand(), cli.CompletionCommand()))
	cli.Complete(root, map[string]cobra.CompletionFunc{"lang": cli.OfferOf(sdkconfig.Languages()...)})
	return root
}

// versions is what `version --json` prints.
type versions struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "version", Short: "Print the version", Example: "  tollgate version", Args: cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := versions{programVersion(), programCommit(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
			return printAs(cmd.OutOrStdout(), asJSON, &v, func(w io.Writer, v *versions) error {
				_, err := fmt.Fprintf(w, "tollgate %s\ncommit %s\n%s %s\n", v.Version, v.Commit, v.Go, v.Platform)
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
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
	return unknown
}

const unknown = "unknown"

// programCommit returns the commit that the program was built from.
func programCommit() string {
	if commit != "" {
		return commit
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return unknown
}
