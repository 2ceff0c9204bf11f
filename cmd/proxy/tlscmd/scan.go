package tlscmd

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"tollgate/internal/certs"
	"tollgate/internal/cli"
	"tollgate/tlspolicy"
	"tollgate/tlspolicy/scan"
)

// errNotCompliant ends the command when the report has said why.
var errNotCompliant = errors.New("the server is not compliant")

type scanFlags struct {
	policy, config, name, roots string
	timeout                     time.Duration
	json, html                  bool
}

func scanCommand() *cobra.Command {
	var f scanFlags
	cmd := &cobra.Command{
		Use: "scan HOST[:PORT]", Short: "Ask a TLS server what it accepts, and hold it against a policy",
		Long: "Ask a TLS server which protocol versions, cipher suites, key-exchange groups and certificates it has, and say for each\n" +
			"whether a policy allows it. All suites that IANA numbers are asked for, also those that this program cannot speak.\n" +
			"Exit code 0 only when the server accepts nothing that the policy does not allow.",
		Example: "  tollgate tls scan bss.myhuaweicloud.com\n  tollgate tls scan 127.0.0.1:8443 --name gateway.corp.example --policy huawei --json",
		Args:    cli.ExactArgs("HOST[:PORT]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.json && f.html {
				return cli.UsageError("choose one of --json and --html")
			}
			report, err := f.scan(cmd, args[0])
			if err != nil {
				return err
			}
			write := report.WriteText
			switch {
			case f.json:
				write = report.WriteJSON
			case f.html:
				write = report.WriteHTML
			}
			if err := write(cmd.OutOrStdout()); err != nil {
				return err
			}
			if !report.Compliant {
				return errNotCompliant
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.policy, "policy", tlspolicy.Default, "policy `name`")
	cli.OptionalConfigFlag(cmd, &f.config, "take the policy from this configuration `file`")
	flags.StringVar(&f.name, "name", "", "server `name` to ask for and to expect (default: HOST)")
	flags.StringVar(&f.roots, "ca", "", "PEM `file` of the CAs to trust (default: the system's)")
	flags.DurationVar(&f.timeout, "timeout", 5*time.Second, "how long each connection may take")
	flags.BoolVar(&f.json, "json", false, "print the report as JSON")
	flags.BoolVar(&f.html, "html", false, "print the report as an HTML page")
	return cmd
}

func (f *scanFlags) scan(cmd *cobra.Command, address string) (*scan.Report, error) {
	if f.timeout <= 0 {
		return nil, cli.UsageError("--timeout must be positive")
	}
	policies, err := choosePolicies(f.config, []string{f.policy})
	if err != nil {
		return nil, cli.UsageError("--policy: %w", err)
	}
	roots, err := certs.LoadBundle(f.roots)
	if err != nil {
		return nil, fmt.Errorf("--ca: %w", err)
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(address, "443")
	}
	result, err := scan.Scan(cmd.Context(), scan.Config{Address: address, ServerName: f.name, Roots: roots.Pool, Timeout: f.timeout})
	if err != nil {
		return nil, err
	}
	return scan.Judge(result, policies[0], time.Now()), nil
}
