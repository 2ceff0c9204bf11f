// Package tlscmd has the commands about TLS: policies, certificates, scans and the report of handshakes.
package tlscmd

import (
	"errors"
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
	var format cli.FormatFlags
	cmd := &cobra.Command{
		Use: "policy [NAME]", Short: "Show what a TLS policy allows, suite by suite",
		Long: "Show what a TLS policy allows: versions, groups, and for every suite of the whitelist whether it is offered, allowed but\n" +
			"not offered (Go cannot speak it), or not in the policy. Without NAME: all named policies.",
		Example: "  tollgate tls policy huawei-high\n  tollgate tls policy huawei-high --json | jq '.policies[0].suites[] | select(.status == \"offered\") | .name'\n" +
			"  tollgate tls policy --config tollgate.yaml   # those that the configuration uses",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return cli.UsageError("expected at most one policy name\nsee: %s --help", cmd.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: cli.PolicyArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := format.Parse(cmd); err != nil {
				return err
			}
			policies, err := choosePolicies(file, args)
			if err != nil {
				return err
			}
			return printPolicies(cmd.OutOrStdout(), policies, format)
		},
	}
	cli.OptionalConfigFlag(cmd, &file, "show the policies that this configuration `file` uses")
	format.Register(cmd)
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

func printPolicies(w io.Writer, policies []*tlspolicy.Policy, format cli.FormatFlags) error {
	list := []*tlspolicy.Description{} // never null
	for _, p := range policies {
		d, err := p.Describe()
		if err != nil {
			return err
		}
		list = append(list, d)
	}
	if format.Format == cli.AsJSON {
		return cli.PrintJSON(w, struct {
			Policies []*tlspolicy.Description `json:"policies"`
		}{list})
	}
	for i, d := range list {
		if err := errors.Join(blankLine(w, i > 0), printPolicy(w, d, format)); err != nil {
			return err
		}
	}
	return nil
}

func blankLine(w io.Writer, wanted bool) error {
	if !wanted {
		return nil
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// printPolicy prints a policy for people: what it allows, and every suite of the whitelist with its status.
func printPolicy(w io.Writer, d *tlspolicy.Description, format cli.FormatFlags) error {
	t := format.Table(w, cli.Column{Name: "CODE", Whole: true}, cli.Column{Name: "IANA NAME", Whole: true}, cli.Column{Name: "OPENSSL NAME", Wide: true},
		cli.Column{Name: "VERSION", Whole: true}, cli.Column{Name: "LEVEL", Whole: true}, cli.Column{Name: "STATUS", Whole: true})
	_, err := io.WriteString(w, d.Lines()+"\n")
	for _, row := range d.Suites {
		err = errors.Join(err, t.Row([]string{fmt.Sprintf("0x%04X", row.Code), row.Name, row.OpenSSLName, row.VersionNumber(), string(row.Level), string(row.Status)}))
	}
	err = errors.Join(err, t.Flush())
	_, note := fmt.Fprintf(w, "\n%q: Go cannot speak the suite, so no connection uses it.\n", tlspolicy.StatusNotOffered)
	return errors.Join(err, note)
}

func statementCommand() *cobra.Command {
	return &cobra.Command{
		Use: "statement", Short: "Print the compliance statement: every suite of the whitelist, and where it is offered",
		Example: "  tollgate tls statement > tls-compliance.md", Args: cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error { return tlspolicy.WriteStatement(cmd.OutOrStdout()) },
	}
}
