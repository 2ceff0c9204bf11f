// Package tlscmd has the commands about TLS: policies, certificates, scans and the report of handshakes.
package tlscmd

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tollgate/internal/cli"
	"tollgate/tlspolicy"
)

// Command returns the command tls, which holds the others.
func Command() *cobra.Command {
	return cli.Group("tls", "TLS policies, certificates, and what servers make of them",
		policyCommand(), statementCommand(), scanCommand(), reportCommand(), caCommand())
}

func policyCommand() *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "policy [NAME]", Short: "Show what a TLS policy allows, suite by suite",
		Long: "Show what a TLS policy allows: versions, groups, and for every suite of the whitelist whether it is offered, allowed but\n" +
			"not offered (Go cannot speak it), or not in the policy. Without NAME: all named policies.",
		Example: "  tollgate tls policy huawei-high\n  tollgate tls policy --config tollgate.yaml   # those that the configuration uses",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return cli.UsageError("expected at most one policy name\nsee: %s --help", cmd.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: cli.PolicyArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			policies, err := choosePolicies(file, args)
			if err != nil {
				return err
			}
			if asJSON {
				return printPoliciesAsJSON(cmd.OutOrStdout(), policies)
			}
			return printPolicies(cmd.OutOrStdout(), policies)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the policies as JSON, one a line")
	cli.OptionalConfigFlag(cmd, &file, "show the policies that this configuration `file` uses")
	return cmd
}

// choosePolicies returns the named policy, or all of the program or of a configuration.
func choosePolicies(file string, args []string) ([]*tlspolicy.Policy, error) {
	known, err := knownPolicies(file)
	if err != nil || len(args) == 0 {
		return known, err
	}
	var names []string
	for _, p := range known {
		if p.Name() == args[0] {
			return []*tlspolicy.Policy{p}, nil
		}
		names = append(names, p.Name())
	}
	return nil, fmt.Errorf("unknown policy %q; choose from %s", args[0], strings.Join(names, ", "))
}

func knownPolicies(file string) ([]*tlspolicy.Policy, error) {
	if file == "" {
		return tlspolicy.All(), nil
	}
	c, err := cli.LoadConfig(file, false)
	if err != nil {
		return nil, err
	}
	known, err := c.Policies()
	if err != nil {
		return nil, err
	}
	var policies []*tlspolicy.Policy
	add := func(name string) {
		if !slices.Contains(policies, known[name]) {
			policies = append(policies, known[name])
		}
	}
	for _, l := range c.Secured() {
		if l.TLS != nil {
			add(l.TLS.Policy)
		}
	}
	for _, u := range c.Upstreams {
		if u.TLS != nil {
			add(u.TLS.Policy)
		}
	}
	return policies, nil
}

func printPolicies(w io.Writer, policies []*tlspolicy.Policy) error {
	for i, p := range policies {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := tlspolicy.WriteTable(w, p); err != nil {
			return err
		}
	}
	return nil
}

func printPoliciesAsJSON(w io.Writer, policies []*tlspolicy.Policy) error {
	for _, p := range policies {
		if err := cli.WriteLine(w, p.Description()); err != nil {
			return err
		}
	}
	return nil
}

func statementCommand() *cobra.Command {
	return &cobra.Command{
		Use: "statement", Short: "Print the compliance statement: every suite of the whitelist, and where it is offered",
		Example: "  tollgate tls statement > tls-compliance.md", Args: cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error { return tlspolicy.WriteStatement(cmd.OutOrStdout()) },
	}
}
