package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"tollgate/config"
	"tollgate/config/snapshot"
	"tollgate/config/strictyaml"
	"tollgate/internal/cli"
)

func checkCommand() *cobra.Command {
	var file string
	var noSecrets, asJSON bool
	cmd := &cobra.Command{
		Use: "check [--config FILE]", Short: "Check a configuration and say what it means",
		Long: "Check a configuration as run would, and say what it means. It reads the file, and the secrets, keys, certificates and lists\n" +
			"that it refers to, and looks at the modes of private files and at folders. It writes nothing, listens nowhere and connects to\n" +
			"nothing. With --no-secrets it reads the file, and those that it includes, alone.\n\n" +
			"--json prints whether the configuration is good, its problems with their places, its notes, and the configuration itself with all\n" +
			"defaults and without secrets.",
		Example: "  tollgate check --config deploy/central.yaml\n" +
			"  tollgate check --no-secrets --config deploy/central.yaml   # on a machine without the secrets\n" +
			"  tollgate check --json --config deploy/central.yaml | jq .notes",
		Args: cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := cli.LoadConfig(file, !noSecrets)
			switch {
			case asJSON:
				return printChecked(cmd.OutOrStdout(), c, err)
			case err != nil:
				return err
			}
			if err := c.Describe(cmd.OutOrStdout()); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "\nthe configuration is good")
			return err
		},
	}
	cli.ConfigFlag(cmd, &file)
	cmd.Flags().BoolVar(&noSecrets, "no-secrets", false, "do not read the secrets, keys and certificates that the file refers to")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// checked is what `check --json` prints.
type checked struct {
	Good          bool            `json:"good"`
	File          string          `json:"file,omitempty"`
	Files         []string        `json:"files,omitempty"` // it and those that it includes
	Notes         []string        `json:"notes,omitempty"`
	Problems      []configProblem `json:"problems,omitempty"`
	Configuration json.RawMessage `json:"configuration,omitempty"` // as plans have it
}

type configProblem struct {
	File       string `json:"file"`
	Line       int    `json:"line,omitempty"`
	Column     int    `json:"column,omitempty"`
	Path       string `json:"path,omitempty"`
	Message    string `json:"message"`
	Suggestion string `json:"suggestion,omitempty"`
}

// printChecked prints the configuration, or what is wrong with it, which is the error that it returns, too.
func printChecked(w io.Writer, c *config.Config, wrong error) error {
	if wrong != nil {
		all, ok := errors.AsType[*strictyaml.Errors](wrong)
		if !ok { // the file cannot be read: nothing was checked
			return wrong
		}
		result := checked{}
		for _, p := range all.Problems {
			result.Problems = append(result.Problems, configProblem{p.File, p.Line, p.Column, p.Path, p.Message, p.Suggestion})
		}
		return errors.Join(cli.PrintJSON(w, &result), wrong)
	}
	return cli.PrintJSON(w, &checked{Good: true, File: c.File, Files: c.Files, Notes: c.Notes(), Configuration: snapshot.Of(c, nil)})
}
