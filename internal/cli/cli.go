// Package cli is what the commands of the program share: exit codes and usage errors, flags for times and filters, tables and
// lines of JSON.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"tollgate/config/strictyaml"
)

// The exit codes.
const (
	ExitOK      = 0
	ExitFailure = 1
	ExitUsage   = 2
	ExitRefused = 3 // explain: the call would be refused
	ExitDiffers = 3 // diff and audit plan: there is a difference
)

// exitError ends the program with a code; a nil cause prints nothing.
type exitError struct {
	code  int
	cause error
}

func (e *exitError) Error() string {
	if e.cause == nil {
		return ""
	}
	return e.cause.Error()
}

// ExitCode returns an error that ends the program with a code and prints nothing.
func ExitCode(code int) error { return &exitError{code, nil} }

// UsageError returns an error that ends the program with [ExitUsage].
func UsageError(format string, args ...any) error {
	return &exitError{ExitUsage, fmt.Errorf(format, args...)}
}

// Execute runs one command line and returns the exit code. Errors are printed to stderr.
func Execute(ctx context.Context, root *cobra.Command, args []string, stdout, stderr io.Writer) int {
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return ExitOK
	}
	exit, ok := errors.AsType[*exitError](err)
	if !ok {
		exit = &exitError{ExitFailure, err}
	}
	if text := exit.Error(); text != "" {
		fmt.Fprintln(stderr, prefix(err)+text)
	}
	return exit.code
}

// Chapter has its commands stand together in the help of the program, in their order.
func Chapter(title string, commands ...*cobra.Command) []*cobra.Command {
	for _, c := range commands {
		c.GroupID = title
	}
	return commands
}

func init() { cobra.EnableCommandSorting = false }

// Program returns the command that holds all others.
func Program(version string, chapters ...[]*cobra.Command) *cobra.Command {
	root := &cobra.Command{
		Use:   "tollgate",
		Short: "A gateway for cloud billing calls: whitelisted TLS, injected signatures, separation, limits, an audit log",
		Long: "Tollgate stands between a company's applications and a cloud provider's billing API. Applications hold no cloud key;\n" +
			"every call is decided, limited, signed and written down before it goes out.\n\n" +
			"Start with: tollgate demo\n\n" +
			"Commands find the configuration by --config, the variable " + EnvConfig + ", or ./" + DefaultConfig + ". Those that read the audit log find it by --dir, " +
			"the configuration of --config, the variable " + EnvAuditDir + ", or else as commands find the configuration.",
		Example: "  tollgate check                                        # ./tollgate.yaml\n" +
			"  tollgate status --config /etc/tollgate/tollgate.yaml\n" +
			"  tollgate freeze --all --reason 'key leaked'           # stop everything",
		Version:       version,
		Args:          needsCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if words := cmd.Flags().Args(); cmd.HasSubCommands() && len(words) > 0 { // a wrong command is reported before its flags
			return needsCommand(cmd, words)
		}
		return UsageError("%s\nsee: %s --help", flagProblem(cmd, err), cmd.CommandPath())
	})
	wrapHelp(root)
	root.SuggestionsMinimumDistance = suggestWithin
	for _, commands := range chapters {
		title := commands[0].GroupID
		root.AddGroup(&cobra.Group{ID: title, Title: title})
		root.AddCommand(commands...)
		root.SetHelpCommandGroupID(title)
	}
	return root
}

// prefix names the program, except before problems that begin with their own place (file:line:column).
func prefix(err error) string {
	if _, ok := errors.AsType[*strictyaml.Errors](err); ok {
		return ""
	}
	return "tollgate: "
}

// suggestWithin is up to how many typing errors a command is suggested.
const suggestWithin = 2

// needsCommand refuses words that are no command, with the nearest that is.
func needsCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
	for _, near := range cmd.SuggestionsFor(args[0]) {
		text += fmt.Sprintf("\ndid you mean %q?", near)
	}
	return UsageError("%s\nsee: %s --help", text, cmd.CommandPath())
}

// ExactArgs is like [cobra.ExactArgs], for arguments with the given names, and returns usage errors.
func ExactArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != len(names) {
			if len(names) == 0 {
				return UsageError("unexpected argument %q\nsee: %s --help", args[0], cmd.CommandPath())
			}
			return UsageError("expected %d argument(s) %v, got %d\nsee: %s --help", len(names), names, len(args), cmd.CommandPath())
		}
		return nil
	}
}

// Group returns a command that only holds others.
func Group(use, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: needsCommand, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	c.SuggestionsMinimumDistance = suggestWithin
	c.AddCommand(commands...)
	return c
}
