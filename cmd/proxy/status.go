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
	"tollgate/freeze"
	"tollgate/internal/cli"
	"tollgate/internal/text"
)

func statusCommand() *cobra.Command {
	show := func(w io.Writer, s *admin.Status, wide bool) error { return printStatus(w, s, wide, time.Now()) }
	return showing(&cobra.Command{
		Use: "status [--config FILE]", Short: "Show the state of the running gateway on one screen",
		Long: "Show the state of the running gateway: readiness, freezes, configuration, log, fleet, listeners, upstreams, credentials, limits in use,\n" +
			"certificates. It asks over the admin socket, so it needs root or the gateway's own user. It prints no secret. The exit code is 0 if\n" +
			"the gateway answered, ready or not: scripts that ask whether it is ready use tollgate health.",
		Example: "  tollgate status --config /etc/tollgate/tollgate.yaml\n  tollgate status --json --config /etc/tollgate/tollgate.yaml | jq .credentials",
	}, (*admin.Client).Status, show)
}

// showing completes a command that asks the running gateway for something and prints the answer, as JSON or in words and tables.
func showing[T any](cmd *cobra.Command, ask func(*admin.Client, context.Context) (*T, error), show func(w io.Writer, answer *T, wide bool) error) *cobra.Command {
	var running runningGateway
	var format cli.FormatFlags
	cmd.Args = cli.ExactArgs()
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := format.Parse(cmd); err != nil {
			return err
		}
		client, err := running.client()
		if err != nil {
			return err
		}
		answer, err := ask(client, cmd.Context())
		if err != nil {
			return err
		}
		if format.Format == cli.AsJSON {
			return cli.PrintJSON(cmd.OutOrStdout(), answer)
		}
		return show(cmd.OutOrStdout(), answer, format.Format == cli.AsWide)
	}
	running.flags(cmd)
	format.Register(cmd)
	return cmd
}

// runningGateway are the flags that say which running gateway a command asks.
type runningGateway struct{ file, socket string }

func (r *runningGateway) flags(cmd *cobra.Command) {
	cli.ConfigFlag(cmd, &r.file, "socket")
	cmd.Flags().StringVar(&r.socket, "socket", "", "`path` of the admin socket, where the configuration does not lead to it")
}

// String returns the flags, for a command to be copied.
func (r *runningGateway) String() string {
	if r.socket != "" {
		return "--socket " + r.socket
	}
	return "--config " + r.file
}

func (r *runningGateway) client() (*admin.Client, error) {
	if r.socket != "" {
		return admin.At(r.socket), nil
	}
	if err := cli.NeedConfig(r.file); err != nil {
		return nil, err
	}
	return admin.Find(r.file)
}

// stamp formats a time as logs do.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// printStatus prints one screen.
func printStatus(w io.Writer, s *admin.Status, wide bool, now time.Time) error {
	ready := "ready"
	if !s.Readiness.Ready {
		ready = "NOT READY"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "tollgate %s, process %d, since %s: %s\n", s.Version, s.PID, stamp(s.Started), ready)
	for _, list := range []struct {
		what  string
		lines []string
	}{{"not ready", s.Readiness.Reasons}, {"warning", s.Readiness.Warnings}, {"note", s.Readiness.Notes}} {
		for _, line := range list.lines {
			fmt.Fprintf(&b, "  %s: %s\n", list.what, line)
		}
	}
	printConfiguration(&b, &s.Configuration)
	if s.Log != nil {
		printLog(&b, s.Log, now)
	}
	if s.Spending != nil {
		b.WriteString(spendingLine(s.Spending) + "\n")
	}
	if s.Fleet != nil {
		b.WriteString(fleetLine(s.Fleet, now) + "\n")
	}
	if _, err := io.WriteString(w, printableLines(b.String())); err != nil {
		return err
	}
	for _, t := range []rows{freezeTable(s), listenerTable(s), upstreamTable(s), credentialTable(s, now), limitTable(s), certificateTable(s, now)} {
		if err := t.print(w, wide); err != nil {
			return err
		}
	}
	return nil
}

// spendingLine says what is held and used. Readiness warns of what is wrong with it.
func spendingLine(s *admin.SpendingStatus) string {
	line := fmt.Sprintf("money: guard %s, %s held, %d of them unknown, %s", s.Guard, text.Count(s.Calls, "call"), s.Unknown, text.Count(s.Caps, "cap"))
	if s.Saved != nil {
		line += ", kept " + stamp(*s.Saved)
	}
	return line
}

// printableLines keeps what a terminal prints.
func printableLines(lines string) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		b.WriteString(text.Printable(strings.TrimSuffix(line, "\n"), '\uFFFD') + "\n")
	}
	return b.String()
}

func printConfiguration(w io.Writer, c *admin.ConfigurationStatus) {
	fmt.Fprintf(w, "configuration %s", c.File)
	if c.Plan != "" {
		fmt.Fprintf(w, ", plan %.16s", c.Plan)
	}
	if c.Reloaded != nil {
		fmt.Fprintf(w, ", reloaded %s", stamp(c.Reloaded.At))
	}
	fmt.Fprintln(w)
	if c.Refused != nil {
		fmt.Fprintf(w, "  refused %s: %s\n", stamp(c.Refused.At), strings.ReplaceAll(c.Refused.Error, "\n", "\n    "))
	}
	for _, note := range c.Notes {
		fmt.Fprintf(w, "  note: %s\n", note)
	}
}

func printLog(w io.Writer, l *admin.LogStatus, now time.Time) {
	fmt.Fprintf(w, "log %s: record %d, durable to %d, %s", l.Dir, l.Seq, l.Durable, l.Segment)
	if l.Free != nil {
		fmt.Fprintf(w, "; %d MiB free", *l.Free>>20)
	}
	if l.Lasts != nil {
		fmt.Fprintf(w, ", for %s", span(time.Duration(*l.Lasts*float64(time.Second))))
	}
	fmt.Fprintln(w)
	if l.Error != "" {
		fmt.Fprintf(w, "  takes no calls: %s\n", l.Error)
	}
	if l.CheckpointAt != nil {
		fmt.Fprintf(w, "  checkpoint of %d records, %s ago\n", l.Checkpoint, span(now.Sub(*l.CheckpointAt)))
	}
	for _, c := range l.Copies {
		fmt.Fprintf(w, "  copied to %s: %s\n", c.Place, cmp.Or(c.Error, "yes"))
	}
}

// span shows a duration in its largest unit.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + span(-d)
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d/(24*time.Hour)))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d h", int(d/time.Hour))
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d min", int(d/time.Minute))
	}
	return fmt.Sprintf("%d s", int(d/time.Second))
}

// shownFreezes is how many freezes fit on the screen: the oldest.
const shownFreezes = 10

func freezeTable(s *admin.Status) rows {
	t := rows{columns: []cli.Column{whole("FREEZE"), part("STOPS"), whole("SINCE"), whole("UNTIL"), part("BY"), part("REASON")}}
	for _, f := range s.Freezes[:min(len(s.Freezes), shownFreezes)] {
		until := "it is lifted"
		if !f.Until.IsZero() {
			until = stamp(f.Until)
		}
		t.add(f.ID, freeze.Subject{Kind: freeze.Kind(f.Kind), Name: f.Name}.String(), stamp(f.Since), until, f.By, f.Reason)
	}
	if more := len(s.Freezes) - shownFreezes; more > 0 {
		t.add(fmt.Sprintf("and %d later", more), "", "", "", "", "")
	}
	return t
}

func listenerTable(s *admin.Status) rows {
	t := rows{columns: []cli.Column{part("LISTENER"), part("ADDRESS"), part("TLS POLICY"), number("CONNECTIONS")}}
	for _, l := range s.Listeners {
		t.add(l.Name, l.Address, l.TLS, strconv.Itoa(l.Connections))
	}
	return t
}

func upstreamTable(s *admin.Status) rows {
	t := rows{columns: []cli.Column{part("UPSTREAM"), part("URL"), part("TLS POLICY"), number("IN USE"), number("OPEN"), number("MOST"), number("CLOCK AHEAD")}}
	for _, u := range s.Upstreams {
		ahead := ""
		if u.ClockAhead != nil {
			ahead = strconv.FormatFloat(*u.ClockAhead, 'f', 1, 64) + " s"
		}
		t.add(u.Name, u.URL, u.TLS, strconv.Itoa(u.InUse), strconv.Itoa(u.Connections), strconv.Itoa(u.Most), ahead)
	}
	return t
}

func credentialTable(s *admin.Status, now time.Time) rows {
	t := rows{columns: []cli.Column{part("CREDENTIAL"), part("CLASS"), part("UPSTREAM"), part("ACCESS KEY"), number("GENERATION"), part("STATE")}}
	for _, c := range s.Credentials {
		for _, state := range credentialStates(&c, now) {
			t.add(c.Name, c.Class, c.Upstream, c.AccessKey, text.NotZero(c.Generation), state)
		}
	}
	return t
}

// credentialStates returns what holds of a credential, for a row each.
func credentialStates(c *admin.CredentialStatus, now time.Time) (states []string) {
	for _, p := range c.Pauses {
		who := ""
		if p.Caller != "" {
			who = " for " + p.Caller
		}
		states = append(states, fmt.Sprintf("PAUSED%s for %s: %s", who, span(now.Sub(p.Since)), p.Reason))
	}
	if c.Trial != nil {
		states = append(states, "on trial: "+cmp.Or(c.Trial.Reason, "not accepted yet"))
	}
	if c.ReadError != "" {
		states = append(states, "cannot be read again: "+c.ReadError)
	}
	if len(states) == 0 {
		return []string{"accepted"}
	}
	return states
}

func limitTable(s *admin.Status) rows {
	t := rows{columns: []cli.Column{part("LIMIT IN USE"), part("COUNTS"), number("LEFT"), number("OF"), part("ALLOWS"), number("WAITING")}}
	for _, l := range s.Limits.Fullest {
		counts := strings.Join(notEmpty(l.Caller, l.Operation, l.Credential, l.Upstream), " ")
		left := strconv.FormatFloat(max(l.Left, 0), 'f', 1, 64)
		t.add(l.Name, cmp.Or(counts, "all"), left, strconv.Itoa(l.Burst), l.Allows, strconv.Itoa(l.Waiting))
	}
	if more := s.Limits.InUse - len(s.Limits.Fullest); more > 0 {
		t.add(fmt.Sprintf("and %d more", more), "", "", "", "", "")
	}
	return t
}

func notEmpty(texts ...string) (all []string) {
	for _, one := range texts {
		if one != "" {
			all = append(all, one)
		}
	}
	return all
}

// shownCertificates is how many certificates fit on the screen: the first to expire.
const shownCertificates = 10

func certificateTable(s *admin.Status, now time.Time) rows {
	t := rows{columns: []cli.Column{part("CERTIFICATE"), part("OF"), whole("EXPIRES"), whole("IN")}}
	for _, c := range s.Certificates[:min(len(s.Certificates), shownCertificates)] {
		of := "listener " + c.Listener
		if c.Upstream != "" {
			of = "upstream " + c.Upstream
		}
		t.add(c.Name, of, stamp(c.NotAfter), span(c.NotAfter.Sub(now)))
	}
	if more := len(s.Certificates) - shownCertificates; more > 0 {
		t.add(fmt.Sprintf("and %d later", more), "", "", "")
	}
	return t
}
