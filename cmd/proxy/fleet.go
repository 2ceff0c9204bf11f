package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tollgate/admin"
	"tollgate/internal/cli"
	"tollgate/internal/words"
)

func fleetCommand() *cobra.Command {
	return cli.Group("fleet", "The gateways that share limits, signatures and freezes over Redis", fleetStatusCommand())
}

func fleetStatusCommand() *cobra.Command {
	show := func(w io.Writer, f *admin.Fleet, wide bool) error { return printFleet(w, f, wide, time.Now()) }
	return showing(&cobra.Command{
		Use: "status [--config FILE]", Short: "Show the fleet as the running gateway sees it",
		Long: "Show the fleet as the running gateway sees it: whether it reaches Redis, how long that takes, what is not shared now and why, and of each\n" +
			"member whether it is there, its version, the hash of what members should have in common of their configurations (PLAN), and how long ago\n" +
			"it was heard of. It asks over the admin socket, so it needs root or the gateway's own user. The exit code is 0 if the gateway answered:\n" +
			"scripts that ask whether all is shared look at .closed of --json.",
		Example: "  tollgate fleet status --config /etc/tollgate/tollgate.yaml\n  tollgate fleet status --json --config /etc/tollgate/tollgate.yaml | jq .closed",
	}, (*admin.Client).Fleet, show)
}

// printFleet prints the state of a fleet.
func printFleet(w io.Writer, f *admin.Fleet, wide bool, now time.Time) error {
	var b strings.Builder
	b.WriteString(fleetLine(f, now).String() + "\n")
	for _, c := range f.Closed {
		fmt.Fprintf(&b, "  %s: %s", c.What, c.Means)
		if c.Why != f.Why { // which stands in the first line
			b.WriteString(": " + c.Why)
		}
		b.WriteByte('\n')
	}
	for _, difference := range f.Differences {
		fmt.Fprintf(&b, "  differs: %s\n", difference)
	}
	for _, warning := range f.Warnings {
		fmt.Fprintf(&b, "  warning: %s\n", warning)
	}
	if _, err := io.WriteString(w, printableLines(b.String())); err != nil {
		return err
	}
	t := memberTable(f)
	return t.print(w, wide)
}

// fleetLine says in one line how a member stands to Redis.
func fleetLine(f *admin.Fleet, now time.Time) words.Message {
	since := spanOf(now.Sub(f.Since))
	if !f.Up {
		return words.Say("status.fleet_without", "Member", f.Member, "Span", since, "Why", f.Why)
	}
	var latency, trip, epoch, missing words.Message
	if f.Latency != nil {
		latency = words.Say("status.fleet_latency", "Latency", milliseconds(f.Latency))
	}
	if f.QuestionsPerTrip > 0 {
		trip = words.Say("status.fleet_trip", "Questions", fmt.Sprintf("%.1f", f.QuestionsPerTrip))
	}
	if !f.Epoch.Since.IsZero() {
		epoch = words.Say("status.fleet_since", "Time", stamp(f.Epoch.Since))
	}
	if !f.Epoch.Complete {
		missing = words.Say("status.fleet_missing", "Members", strings.Join(f.Epoch.Missing, ", "))
	}
	return words.Say("status.fleet", "Member", f.Member, "Server", f.Server, "Span", since, "Latency", latency, "Trip", trip,
		"Epoch", f.Epoch.Number, "Since", epoch, "Missing", missing)
}

func memberTable(f *admin.Fleet) rows {
	t := rows{columns: []cli.Column{
		part("MEMBER"), part("STATE"), part("JOINED"), part("VERSION"), part("PLAN"), number("HEARD OF"), number("LATENCY"), part("FREEZES"),
	}}
	for _, m := range f.Members {
		heard := ""
		if m.Lag != nil {
			heard = strconv.FormatFloat(*m.Lag, 'f', 1, 64) + " s ago"
		}
		freezes := ""
		switch {
		case m.Behind:
			freezes = "behind"
		case m.Freezes > 0:
			freezes = "current"
		}
		state := m.State
		if m.Unlisted {
			state += ", not listed"
		}
		t.add(m.Name, state, yesNo(m.Joined), m.Version, m.Plan, heard, milliseconds(m.Latency), freezes)
	}
	return t
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// milliseconds shows a time in seconds; "" if it is not known.
func milliseconds(seconds *float64) string {
	if seconds == nil {
		return ""
	}
	return strconv.FormatFloat(*seconds*1000, 'f', 2, 64) + " ms"
}
