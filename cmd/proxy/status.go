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
	"tollgate/internal/words"
)

func statusCommand() *cobra.Command {
	var lang cli.LangFlag
	show := func(w io.Writer, s *admin.Status, wide bool) error {
		chosen, err := lang.Words()
		if err != nil {
			return err
		}
		p := statusPrinter{s, chosen, time.Now()}
		return p.print(w, wide)
	}
	cmd := showing(&cobra.Command{
		Use: "status [--config FILE]", Short: "Show the state of the running gateway on one screen",
		Long: "Show the state of the running gateway: readiness, freezes, configuration, log, fleet, listeners, upstreams, credentials, limits in use,\n" +
			"certificates. It asks over the admin socket, so it needs root or the gateway's own user. It prints no secret. The exit code is 0 if\n" +
			"the gateway answered, ready or not: scripts that ask whether it is ready use tollgate health.",
		Example: "  tollgate status --config /etc/tollgate/tollgate.yaml\n  tollgate status --json --config /etc/tollgate/tollgate.yaml | jq .credentials",
	}, (*admin.Client).Status, show)
	lang.Register(cmd)
	return cmd
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

// statusPrinter prints the state of a gateway on one screen. What the gateway says itself, such as reasons and warnings, is in English.
type statusPrinter struct {
	*admin.Status
	words *words.Words
	now   time.Time
}

func (p *statusPrinter) print(w io.Writer, wide bool) error {
	var b strings.Builder
	state := "status.ready"
	if !p.Readiness.Ready {
		state = "status.not_ready"
	}
	p.line(&b, "status.head", "Version", p.Version, "PID", p.PID, "Since", stamp(p.Started), "State", words.Say(state))
	p.notes(&b, "status.reason", p.Readiness.Reasons)
	p.notes(&b, "status.warning", p.Readiness.Warnings)
	p.notes(&b, "status.note", p.Readiness.Notes)
	p.configuration(&b)
	if p.Log != nil {
		p.log(&b)
	}
	if p.Spending != nil {
		p.spending(&b)
	}
	if p.Fleet != nil {
		b.WriteString(fleetLine(p.Fleet, p.now).In(p.words) + "\n")
	}
	if _, err := io.WriteString(w, printableLines(b.String())); err != nil {
		return err
	}
	for _, t := range []rows{p.freezes(), p.listeners(), p.upstreams(), p.credentials(), p.limits(), p.certificates()} {
		if err := t.print(w, wide); err != nil {
			return err
		}
	}
	return nil
}

func (p *statusPrinter) line(b *strings.Builder, id string, args ...any) {
	b.WriteString(p.words.Text(id, args...) + "\n")
}

func (p *statusPrinter) notes(b *strings.Builder, what string, lines []string) {
	for _, line := range lines {
		p.line(b, "status.line", "What", words.Say(what), "Text", line)
	}
}

// spending says what is held and used. Readiness warns of what is wrong with it.
func (p *statusPrinter) spending(b *strings.Builder) {
	s, saved := p.Spending, words.Message{}
	if s.Saved != nil {
		saved = words.Say("status.saved", "Time", stamp(*s.Saved))
	}
	p.line(b, "status.money", "Guard", s.Guard, "Calls", words.Say("status.n_calls", "Count", s.Calls), "Unknown", s.Unknown,
		"Caps", words.Say("status.n_caps", "Count", s.Caps), "Saved", saved)
}

// printableLines keeps what a terminal prints.
func printableLines(lines string) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		b.WriteString(text.Printable(strings.TrimSuffix(line, "\n"), '\uFFFD') + "\n")
	}
	return b.String()
}

func (p *statusPrinter) configuration(b *strings.Builder) {
	c, plan, reloaded := &p.Configuration, words.Message{}, words.Message{}
	if c.Plan != "" {
		plan = words.Say("status.plan", "Plan", fmt.Sprintf("%.16s", c.Plan))
	}
	if c.Reloaded != nil {
		reloaded = words.Say("status.reloaded", "Time", stamp(c.Reloaded.At))
	}
	p.line(b, "status.configuration", "File", c.File, "Plan", plan, "Reloaded", reloaded)
	if c.Refused != nil {
		p.line(b, "status.refused", "Time", stamp(c.Refused.At), "Error", strings.ReplaceAll(c.Refused.Error, "\n", "\n    "))
	}
	p.notes(b, "status.note", c.Notes)
}

func (p *statusPrinter) log(b *strings.Builder) {
	l, free, lasts := p.Log, words.Message{}, words.Message{}
	if l.Free != nil {
		free = words.Say("status.free", "MiB", *l.Free>>20)
	}
	if l.Lasts != nil {
		lasts = words.Say("status.lasts", "Span", spanOf(time.Duration(*l.Lasts*float64(time.Second))))
	}
	p.line(b, "status.log", "Dir", l.Dir, "Seq", l.Seq, "Durable", l.Durable, "Segment", l.Segment, "Free", free, "Lasts", lasts)
	if l.Error != "" {
		p.line(b, "status.no_calls", "Error", l.Error)
	}
	if l.CheckpointAt != nil {
		p.line(b, "status.checkpoint", "Records", l.Checkpoint, "Span", spanOf(p.now.Sub(*l.CheckpointAt)))
	}
	for _, c := range l.Copies {
		p.line(b, "status.copied", "Place", c.Place, "State", cmp.Or(c.Error, p.words.Text("status.yes")))
	}
}

// span shows a duration in its largest unit, in English.
func span(d time.Duration) string { return spanOf(d).String() }

func spanOf(d time.Duration) words.Message {
	switch {
	case d < 0:
		return words.Say("status.span_before", "Span", spanOf(-d))
	case d >= 48*time.Hour:
		return words.Say("status.span_days", "N", int(d/(24*time.Hour)))
	case d >= 2*time.Hour:
		return words.Say("status.span_hours", "N", int(d/time.Hour))
	case d >= 2*time.Minute:
		return words.Say("status.span_minutes", "N", int(d/time.Minute))
	}
	return words.Say("status.span_seconds", "N", int(d/time.Second))
}

// whole, part and number return columns of those kinds.
func (p *statusPrinter) whole(id string) cli.Column {
	return whole(p.words.Text("status.column." + id))
}
func (p *statusPrinter) part(id string) cli.Column { return part(p.words.Text("status.column." + id)) }
func (p *statusPrinter) number(id string) cli.Column {
	return number(p.words.Text("status.column." + id))
}

// shownFreezes is how many freezes fit on the screen: the oldest.
const shownFreezes = 10

func (p *statusPrinter) freezes() rows {
	t := rows{columns: []cli.Column{p.whole("freeze"), p.part("stops"), p.whole("since"), p.whole("until"), p.part("by"), p.part("reason")}}
	for _, f := range p.Freezes[:min(len(p.Freezes), shownFreezes)] {
		until := p.words.Text("status.until_lifted")
		if !f.Until.IsZero() {
			until = stamp(f.Until)
		}
		t.add(f.ID, freeze.Subject{Kind: freeze.Kind(f.Kind), Name: f.Name}.Message().In(p.words), stamp(f.Since), until, f.By, f.Reason)
	}
	if more := len(p.Freezes) - shownFreezes; more > 0 {
		t.add(p.words.Text("status.later", "N", more), "", "", "", "", "")
	}
	return t
}

func (p *statusPrinter) listeners() rows {
	t := rows{columns: []cli.Column{p.part("listener"), p.part("address"), p.part("policy"), p.number("connections")}}
	for _, l := range p.Listeners {
		t.add(l.Name, l.Address, l.TLS, strconv.Itoa(l.Connections))
	}
	return t
}

func (p *statusPrinter) upstreams() rows {
	t := rows{columns: []cli.Column{p.part("upstream"), p.part("url"), p.part("policy"), p.number("in_use"), p.number("open"), p.number("most"), p.number("ahead")}}
	for _, u := range p.Upstreams {
		ahead := ""
		if u.ClockAhead != nil {
			ahead = strconv.FormatFloat(*u.ClockAhead, 'f', 1, 64) + " s"
		}
		t.add(u.Name, u.URL, u.TLS, strconv.Itoa(u.InUse), strconv.Itoa(u.Connections), strconv.Itoa(u.Most), ahead)
	}
	return t
}

func (p *statusPrinter) credentials() rows {
	t := rows{columns: []cli.Column{p.part("credential"), p.part("class"), p.part("upstream"), p.part("access_key"), p.number("generation"), p.part("state")}}
	for _, c := range p.Credentials {
		for _, state := range p.credentialStates(&c) {
			t.add(c.Name, c.Class, c.Upstream, c.AccessKey, text.NotZero(c.Generation), state)
		}
	}
	return t
}

// credentialStates returns what holds of a credential, for a row each.
func (p *statusPrinter) credentialStates(c *admin.CredentialStatus) (states []string) {
	for _, pause := range c.Pauses {
		id := "status.paused"
		if pause.Caller != "" {
			id = "status.paused_caller"
		}
		states = append(states, p.words.Text(id, "Caller", pause.Caller, "Span", spanOf(p.now.Sub(pause.Since)), "Reason", pause.Reason))
	}
	if c.Trial != nil {
		states = append(states, p.words.Text("status.trial", "Reason", cmp.Or(c.Trial.Reason, p.words.Text("status.not_accepted"))))
	}
	if c.ReadError != "" {
		states = append(states, p.words.Text("status.unreadable", "Error", c.ReadError))
	}
	if len(states) == 0 {
		return []string{p.words.Text("status.accepted")}
	}
	return states
}

func (p *statusPrinter) limits() rows {
	t := rows{columns: []cli.Column{p.part("limit"), p.part("counts"), p.number("left"), p.number("of"), p.part("allows"), p.number("waiting")}}
	for _, l := range p.Limits.Fullest {
		counts := strings.Join(notEmpty(l.Caller, l.Operation, l.Credential, l.Upstream), " ")
		left := strconv.FormatFloat(max(l.Left, 0), 'f', 1, 64)
		t.add(l.Name, cmp.Or(counts, p.words.Text("status.all")), left, strconv.Itoa(l.Burst), l.Allows, strconv.Itoa(l.Waiting))
	}
	if more := p.Limits.InUse - len(p.Limits.Fullest); more > 0 {
		t.add(p.words.Text("status.more", "N", more), "", "", "", "", "")
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

func (p *statusPrinter) certificates() rows {
	t := rows{columns: []cli.Column{p.part("certificate"), p.part("holder"), p.whole("expires"), p.whole("in")}}
	for _, c := range p.Certificates[:min(len(p.Certificates), shownCertificates)] {
		of := words.Say("status.of_listener", "Name", c.Listener)
		if c.Upstream != "" {
			of = words.Say("status.of_upstream", "Name", c.Upstream)
		}
		t.add(c.Name, of.In(p.words), stamp(c.NotAfter), spanOf(c.NotAfter.Sub(p.now)).In(p.words))
	}
	if more := len(p.Certificates) - shownCertificates; more > 0 {
		t.add(p.words.Text("status.later", "N", more), "", "", "")
	}
	return t
}
