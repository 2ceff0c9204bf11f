package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"tollgate/admin"
	"tollgate/audit/logfile"
	"tollgate/internal/cli"
)

func resolveCommand() *cobra.Command {
	var running runningGateway
	var request admin.ResolveRequest
	var asJSON bool
	cmd := &cobra.Command{
		Use: "resolve CALL-ID [--outcome succeeded|failed --reason TEXT] [--config FILE]", Short: "Settle a call of which it is unknown whether it was done",
		Long: "Settle a call of which it is unknown whether it was done. Without --outcome nothing is settled: the command prints what the call holds, and\n" +
			"what a read of the provider's shows where there is one. Look at the provider before you settle: failed sets the act free, so that it can be\n" +
			"done again, and what the call holds of caps counts no more. What is settled is on record with who, and why, and cannot be undone.\n\n" +
			"Payments of orders are looked up by the gateway itself, and settled where the order's status says it.",
		Example: "  tollgate resolve 01999999-0000-7000-8000-000000000000 --config /etc/tollgate/tollgate.yaml\n" +
			"  tollgate resolve 01999999-0000-7000-8000-000000000000 --outcome failed --reason 'no coupon in the list of 3 October' --config /etc/tollgate/tollgate.yaml",
		Args: callID, ValidArgsFunction: offerCalls(admin.ActsRequest{Unknown: true}),
		RunE: func(cmd *cobra.Command, args []string) error {
			request.Call = args[0]
			if err := checkResolution(&request); err != nil {
				return err
			}
			client, err := running.client()
			if err != nil {
				return err
			}
			resolved, err := client.Resolve(cmd.Context(), request)
			if err != nil {
				return notResolved(err, request.Outcome)
			}
			return printAs(cmd.OutOrStdout(), asJSON, resolved, printResolution)
		},
	}
	running.flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&request.Outcome, "outcome", "", "the `outcome` of the call: succeeded or failed")
	flags.StringVar(&request.Reason, "reason", "", "how that is known, in a `text` for the record")
	flags.BoolVar(&asJSON, "json", false, "print the answer of the API")
	complete(cmd, "outcome", cli.OfferOf(logfile.Succeeded, logfile.Failed))
	return cmd
}

func checkResolution(r *admin.ResolveRequest) error {
	if r.Outcome == "" {
		if r.Reason != "" {
			return cli.UsageError("--reason is for what is settled: --outcome is needed, too")
		}
		return nil
	}
	if err := cli.CheckChoice("outcome", r.Outcome, []string{logfile.Succeeded, logfile.Failed}); err != nil {
		return err
	}
	if strings.TrimSpace(r.Reason) == "" {
		return cli.UsageError("--reason is needed: it is what the record says of how the outcome is known")
	}
	return nil
}

// notResolved says what an error means to one who is settling a call.
func notResolved(err error, outcome string) error {
	if _, answered := errors.AsType[*admin.Error](err); answered || outcome == "" {
		return err
	}
	return fmt.Errorf("whether the call is settled is not known (tollgate acts --call lists it while it is unknown): %w", err)
}

func printResolution(w io.Writer, r *admin.Resolution) error {
	lines := fmt.Sprintf("call %s: %s of %s, since %s\n", r.Call, cmp.Or(r.Act, "no act"), r.Caller, stamp(r.Since))
	for _, one := range r.Holds {
		lines += "  holds " + one + "\n"
	}
	for _, one := range r.Shows {
		lines += "  " + one + "\n"
	}
	if r.Outcome == "" {
		lines += "it is unknown still; to settle it: --outcome succeeded or failed, with --reason\n"
	} else {
		lines += "settled as " + r.Outcome + "\n"
	}
	_, err := io.WriteString(w, printableLines(lines))
	return err
}
