package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tollgate/admin"
	"tollgate/freeze"
	"tollgate/internal/cli"
	"tollgate/internal/text"
)

func freezeCommand() *cobra.Command {
	var running runningGateway
	var asked freezeFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "freeze --caller X | --credential C | --customer ID | --spend | --all --reason TEXT [--config FILE]",
		Short: "Stop calls at once: the kill switch",
		Long: "Stop calls: all of a caller, all that a credential signs, all that concern a customer, all that spend, or all. The command returns when no\n" +
			"such call can begin to go out any more, and lists those that had gone out before and have no outcome yet: these are not called back, and may\n" +
			"succeed, fail, or end as unknown. Stopped calls are refused with TG.3010 and the reason of --reason; one whose intent is on record ends as\n" +
			"not_sent. Reads are stopped as well, except by --spend. A call that does not say clearly which customers it concerns is stopped by a\n" +
			"freeze of any customer.\n\n" +
			"A freeze survives restarts and reloads. It holds for this process, and in a fleet for all members: the command waits for two seconds and\n" +
			"says which have confirmed that no such call can begin to go out there either. If one has not, the exit code is 1; it learns of the\n" +
			"freeze when it reaches Redis. Several gateways without a fleet have to be frozen each. A freeze ends by tollgate unfreeze, or at the time\n" +
			"of --until by each gateway's wall clock.",
		Example: "  tollgate freeze --caller shop --reason 'key leaked, ticket 4711' --config /etc/tollgate/tollgate.yaml\n" +
			"  tollgate freeze --spend --until 2h --reason 'month-end check' --config /etc/tollgate/tollgate.yaml",
		Args: cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			request, err := asked.request(cmd, time.Now())
			if err != nil {
				return err
			}
			client, err := running.client()
			if err != nil {
				return err
			}
			frozen, err := client.Freeze(cmd.Context(), *request)
			if err != nil {
				return notStopped(err)
			}
			show := func(w io.Writer, f *admin.Frozen) error { return printFrozen(w, f, &running) }
			return errors.Join(printAs(cmd.OutOrStdout(), asJSON, frozen, show), problems(frozen.Problems))
		},
	}
	running.flags(cmd)
	asked.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the answer of the API")
	return cmd
}

// freezeFlags are the flags that say what to stop, and until when.
type freezeFlags struct {
	caller, credential, customer string
	spend, all, force            bool
	reason                       string
	until                        cli.EndFlags
}

func (f *freezeFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.caller, "caller", "", "stop the calls of this `caller`")
	flags.StringVar(&f.credential, "credential", "", "stop the calls that this `credential` signs")
	flags.StringVar(&f.customer, "customer", "", "stop the calls that concern the customer of this `id`")
	flags.BoolVar(&f.spend, "spend", false, "stop the calls of operations that spend")
	flags.BoolVar(&f.all, "all", false, "stop all calls")
	flags.StringVar(&f.reason, "reason", "", "why, in a `text` that callers read (required)")
	flags.BoolVar(&f.force, "force", false, "take a name that the configuration does not have")
	f.until.Register(cmd)
}

// request returns what is asked for.
func (f *freezeFlags) request(cmd *cobra.Command, now time.Time) (*admin.FreezeRequest, error) {
	r := &admin.FreezeRequest{Reason: f.reason, Force: f.force}
	names := map[freeze.Kind]string{freeze.Caller: f.caller, freeze.Credential: f.credential, freeze.Customer: f.customer}
	chosen := slices.DeleteFunc(freeze.Kinds(), func(kind freeze.Kind) bool { return !cmd.Flags().Changed(string(kind)) })
	if len(chosen) != 1 {
		return nil, cli.UsageError("choose one of --caller, --credential, --customer, --spend and --all")
	}
	if off := chosen[0]; off == freeze.Spend && !f.spend || off == freeze.All && !f.all {
		return nil, cli.UsageError("--%s=false stops nothing", off)
	}
	r.Kind, r.Name = string(chosen[0]), names[chosen[0]]
	if strings.TrimSpace(f.reason) == "" {
		return nil, cli.UsageError("--reason is needed: callers whose calls are stopped read it")
	}
	var err error
	r.Until, err = f.until.Parse(now)
	return r, err
}

// notStopped says what an error means: an operator who is stopping something must know if it is stopped.
func notStopped(err error) error {
	if _, answered := errors.AsType[*admin.Error](err); answered {
		return fmt.Errorf("nothing was stopped: %w", err)
	}
	return fmt.Errorf("whether calls are stopped is not known (tollgate freezes lists what is in force): %w", err)
}

func printFrozen(w io.Writer, f *admin.Frozen, in *runningGateway) error {
	where := "It holds for this process alone: freeze each one of several gateways.\n"
	if len(f.Members) > 0 {
		where = memberLines(f.Members)
	}
	lines := fmt.Sprintf("frozen: %s\n%sTo lift it: tollgate unfreeze %s %s\n", freezeLine(&f.Freeze), where, f.Freeze.ID, in)
	if len(f.Sent) == 0 {
		lines += "No such call is out without an outcome.\n"
	} else {
		lines += text.Are(len(f.Sent), "such call") + " out already, and may succeed, fail or end as unknown. What came of one: tollgate audit show CALL\n"
	}
	if _, err := io.WriteString(w, printableLines(lines)); err != nil || len(f.Sent) == 0 {
		return err
	}
	t := &cli.Table{W: w, Columns: []cli.Column{whole("CALL"), part("CALLER"), part("UPSTREAM"), part("OPERATION"), whole("SENT")}}
	for _, c := range f.Sent {
		if err := t.Row([]string{c.Call, c.Caller, c.Upstream, c.Operation, stamp(c.Since)}); err != nil {
			return err
		}
	}
	return t.Flush()
}

func unfreezeCommand() *cobra.Command {
	var running runningGateway
	var request admin.UnfreezeRequest
	var asJSON bool
	cmd := &cobra.Command{
		Use: "unfreeze ID... [--config FILE]", Short: "Let calls go out again that were stopped",
		Long: "Let calls go out again that were stopped, by the ids of their freezes, which tollgate freezes lists. A freeze ends when its end is\n" +
			"on record: if the log takes no record, it stays in force, and the exit code is 1. Other freezes may stop the same calls. In a fleet the\n" +
			"freeze ends at all members; the command says which have confirmed, and the exit code is 1 if one has not.",
		Example: "  tollgate unfreeze f-1a2b3c4d --reason 'key replaced' --config /etc/tollgate/tollgate.yaml",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.UsageError("which freeze? its id is needed; see: tollgate freezes")
			}
			return nil
		},
		ValidArgsFunction: offerFreezes,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := running.client()
			if err != nil {
				return err
			}
			request.IDs = args
			lifted, err := client.Unfreeze(cmd.Context(), request)
			if err != nil {
				return err
			}
			show := func(w io.Writer, l *admin.FreezeList) error { return printFreezes(w, l, "lifted: ") }
			return errors.Join(printAs(cmd.OutOrStdout(), asJSON, lifted, show), problems(lifted.Problems))
		},
	}
	running.flags(cmd)
	cmd.Flags().StringVar(&request.Reason, "reason", "", "why, in a `text` for the record")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the answer of the API")
	return cmd
}

func freezesCommand() *cobra.Command {
	var running runningGateway
	var asJSON bool
	cmd := &cobra.Command{
		Use: "freezes [--config FILE]", Short: "List which calls are stopped",
		Example: "  tollgate freezes --config /etc/tollgate/tollgate.yaml",
		Args:    cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := running.client()
			if err != nil {
				return err
			}
			inForce, err := client.Freezes(cmd.Context())
			if err != nil {
				return err
			}
			show := func(w io.Writer, l *admin.FreezeList) error { return printFreezes(w, l, "") }
			return errors.Join(printAs(cmd.OutOrStdout(), asJSON, inForce, show), problems(inForce.Problems))
		},
	}
	running.flags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the answer of the API")
	return cmd
}

// printAs prints an answer as JSON, or in words.
func printAs[T any](w io.Writer, asJSON bool, answer *T, show func(io.Writer, *T) error) error {
	if asJSON {
		return cli.PrintJSON(w, answer)
	}
	return show(w, answer)
}

// problems returns what does not hold as an error, so that the exit code says that there is something.
func problems(all []string) error {
	if len(all) == 0 {
		return nil
	}
	return errors.New(strings.Join(all, "\n"))
}

func printFreezes(w io.Writer, l *admin.FreezeList, each string) error {
	lines := ""
	for i := range l.Freezes {
		lines += each + freezeLine(&l.Freezes[i]) + "\n"
	}
	if lines == "" {
		lines = "nothing is frozen\n"
	}
	lines += memberLines(l.Members)
	_, err := io.WriteString(w, printableLines(lines))
	return err
}

// memberLines says which members of the fleet have confirmed. Those that have not are problems.
func memberLines(all []admin.Confirmation) (lines string) {
	var confirmed []string
	for _, c := range all {
		switch {
		case c.Confirmed:
			confirmed = append(confirmed, c.Member)
		case c.Stopped:
			lines += fmt.Sprintf("not running: %s (%s)\n", c.Member, c.Why)
		}
	}
	if len(confirmed) > 0 {
		lines = "confirmed by " + strings.Join(confirmed, ", ") + "\n" + lines
	}
	return lines
}

// freezeLine says which freeze it is, since when, by whom, until when, and why.
func freezeLine(f *admin.Freeze) string {
	one := freeze.Freeze{ID: f.ID, Subject: freeze.Subject{Kind: freeze.Kind(f.Kind), Name: f.Name}, Reason: f.Reason, Until: f.Until}
	return fmt.Sprintf("%s (since %s, by %s)", &one, stamp(f.Since), f.By)
}
