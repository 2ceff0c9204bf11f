package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tollgate/admin"
	"tollgate/internal/cli"
)

func actsCommand() *cobra.Command {
	var request admin.ActsRequest
	cmd := showing(&cobra.Command{
		Use: "acts [--config FILE]", Short: "List the business acts that calls hold, such as the payment of an order",
		Long: "List the business acts that calls hold, so that no other call does the same: those under way, those done of which the window lasts, and those\n" +
			"of which it is unknown whether they were done. docs/acts.md explains each. A call that is refused with TG.4008 names the one that holds\n" +
			"its act. An unknown act is held until tollgate resolve settles it.",
		Example: "  tollgate acts --unknown --config /etc/tollgate/tollgate.yaml\n  tollgate acts --call 01999999-0000-7000-8000-000000000000 --json --config /etc/tollgate/tollgate.yaml",
	}, func(c *admin.Client, ctx context.Context) (*admin.Acts, error) { return c.Acts(ctx, request) }, func(w io.Writer, a *admin.Acts, wide bool) error { return printHeldActs(w, a, wide, time.Now()) })
	flags := cmd.Flags()
	flags.StringVar(&request.Call, "call", "", "only what this `call` holds")
	flags.StringVar(&request.Caller, "caller", "", "only what calls of this `caller` hold")
	flags.BoolVar(&request.Unknown, "unknown", false, "only those of which it is unknown whether they were done")
	complete(cmd, "call", offerCalls(admin.ActsRequest{}))
	cmd.AddCommand(allowRepeatCommand(), acceptKeyLossCommand())
	return cmd
}

func printHeldActs(w io.Writer, a *admin.Acts, wide bool, now time.Time) error {
	var lines string
	if a.Mode == "shadow" {
		lines += "guard.mode is shadow: no call is refused for what another holds\n"
	}
	for _, line := range notEmpty(rebuildingLine(a.Rebuilding), a.Alone) {
		lines += line + "\n"
	}
	for _, l := range a.Lost {
		lines += fmt.Sprintf("all calls of %s are refused: call %s holds keys under a lost hash key; to release them: tollgate acts accept-key-loss %s\n", l.Act, l.Call, l.Act)
	}
	if len(a.Acts) == 0 && a.Rebuilding == "" {
		lines += "no act is held\n"
	}
	if _, err := io.WriteString(w, printableLines(lines)); err != nil {
		return err
	}
	t := actTable(a, now)
	return t.print(w, wide)
}

// actTable has times where there is room for them, and ages elsewhere.
func actTable(a *admin.Acts, now time.Time) rows {
	t := rows{columns: []cli.Column{
		whole("CALL"), part("CALLER"), part("ACT"), number("KEYS"), part("STATE"), {Name: "SINCE", Whole: true, Wide: true}, {Name: "HELD UNTIL", Whole: true, Wide: true},
		{Name: "FOR", Whole: true, Narrow: true}, {Name: "HELD FOR", Whole: true, Narrow: true},
	}}
	for i := range a.Acts {
		h := &a.Acts[i]
		state, until, left := cmp.Or(h.Outcome, "under way"), "settled", "until settled"
		if h.RepeatAllowed {
			state += ", may be repeated once"
		}
		if !h.Until.IsZero() {
			until, left = stamp(h.Until), span(h.Until.Sub(now))
		}
		t.add(h.Call, h.Caller, h.Act, strconv.Itoa(h.Keys), state, stamp(h.Since), until, span(now.Sub(h.Since)), left)
	}
	if a.More > 0 {
		t.add(fmt.Sprintf("and %d more", a.More), "", "", "", "", "", "", "", "")
	}
	return t
}

func rebuildingLine(why string) string {
	if why == "" {
		return ""
	}
	return "calls that write or spend are refused until it is known what is held and used: " + why
}

func allowRepeatCommand() *cobra.Command {
	var running runningGateway
	var request admin.AllowRepeatRequest
	var asJSON bool
	cmd := &cobra.Command{
		Use: "allow-repeat CALL-ID --reason TEXT [--config FILE]", Short: "Let the next equal call pass once, although the act was done",
		Long: "Let the next call that does the same as a call before pass once, although its act is held: for callers that cannot send the header\n" +
			"Tollgate-Repeat. The call is the one that holds the act now, which the refusal and tollgate acts name. None that is under way or unknown\n" +
			"can be repeated, and each only once. The call that passes holds the act from then on. Both are on record.",
		Example: "  tollgate acts allow-repeat 01999999-0000-7000-8000-000000000000 --reason 'second coupon, ticket 4711' --config /etc/tollgate/tollgate.yaml",
		Args:    callID, ValidArgsFunction: offerCalls(admin.ActsRequest{}),
		RunE: func(cmd *cobra.Command, args []string) error {
			request.Call = args[0]
			held, err := decide(&running, cmd, request, request.Reason, (*admin.Client).AllowRepeat)
			if err != nil {
				return err
			}
			return printAs(cmd.OutOrStdout(), asJSON, held, printAllowed)
		},
	}
	running.flags(cmd)
	cmd.Flags().StringVar(&request.Reason, "reason", "", "why, in a `text` for the record (required)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the answer of the API")
	return cmd
}

// decide has the running gateway carry out what an operator has decided, with a reason.
func decide[Q, A any](
	running *runningGateway, cmd *cobra.Command, request Q, reason string, do func(*admin.Client, context.Context, Q) (*A, error),
) (*A, error) {
	if strings.TrimSpace(reason) == "" {
		return nil, cli.UsageError("--reason is needed: it is what the record says")
	}
	client, err := running.client()
	if err != nil {
		return nil, err
	}
	return do(client, cmd.Context(), request)
}

func acceptKeyLossCommand() *cobra.Command {
	var running runningGateway
	var request admin.AcceptKeyLossRequest
	var asJSON bool
	cmd := &cobra.Command{
		Use: "accept-key-loss ACT --reason TEXT [--config FILE]", Short: "Release what calls hold of an act under a hash key that is lost",
		Long: "Release what calls hold of an act under a hash key that is lost. What they hold cannot be compared with other calls, so all calls of the act\n" +
			"are refused until then. Look at the provider first whether what they did must not be done again: tollgate acts names one of them.\n" +
			"Better bring the old key back (audit.hash_key), and restart. It is on record with who, and why.",
		Example: "  tollgate acts accept-key-loss pay --reason 'no order of November is open' --config /etc/tollgate/tollgate.yaml",
		Args:    cli.ExactArgs("ACT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			request.Act = args[0]
			lost, err := decide(&running, cmd, request, request.Reason, (*admin.Client).AcceptKeyLoss)
			if err != nil {
				return err
			}
			return printAs(cmd.OutOrStdout(), asJSON, lost, printGivenUp)
		},
	}
	running.flags(cmd)
	cmd.Flags().StringVar(&request.Reason, "reason", "", "why, in a `text` for the record (required)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the answer of the API")
	return cmd
}

func printGivenUp(w io.Writer, l *admin.LostAct) error {
	_, err := io.WriteString(w, printableLines("calls of the act "+l.Act+" pass again\n"))
	return err
}

// callID refuses arguments that are not one call's id.
func callID(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return cli.UsageError("which call? one id is needed; see: tollgate acts")
	}
	return nil
}

func printAllowed(w io.Writer, h *admin.HeldAct) error {
	_, err := io.WriteString(w, printableLines(fmt.Sprintf("the next call that does the same as %s (%s of %s) passes once\n", h.Call, h.Act, h.Caller)))
	return err
}
