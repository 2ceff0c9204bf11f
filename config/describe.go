package config

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/grants"
	"tollgate/internal/setting"
)

func compareNames(a, b string) int { return strings.Compare(a, b) }

// Describe writes what the configuration comes to, for people: listeners, upstreams, the TLS mode, who may do what with
// which credential and how many operations that covers, limits, bounds and notes. It shows no secret.
func (c *Config) Describe(w io.Writer) error {
	b := bufio.NewWriter(w)
	d := describer{b}
	d.listeners(c.Listeners)
	d.upstreams(c.Upstreams)
	d.section("tls", c.TLS.String())
	d.credentials(c)
	d.callers(c)
	d.limits(c)
	d.rest(c)
	if len(c.notes) > 0 {
		d.section("notes", c.notes...)
	}
	return b.Flush()
}

type describer struct{ w io.Writer }

func (d describer) section(title string, lines ...string) {
	_, _ = fmt.Fprintln(d.w, title) // the writer is buffered and keeps its error for Flush
	for _, line := range lines {
		d.line("%s", line)
	}
}

func (d describer) line(format string, args ...any) {
	_, _ = fmt.Fprintf(d.w, "  "+format+"\n", args...)
}

func (d describer) listeners(listeners []*Listener) {
	d.section("listeners")
	for _, l := range listeners {
		d.line("%s: %s %s, %s", l.Name, l.Network, l.Address, l.protection())
		d.line("  hosts: %s", orAny(l.Hosts))
		d.certificates(l.TLS)
		for _, r := range l.Routes {
			d.line("  serves %s%s", upstreamList(&Listener{Routes: []Route{r}}), underHosts(r.Hosts))
		}
	}
}

func (d describer) certificates(t *ListenerTLS) {
	if t == nil {
		return
	}
	for _, c := range t.Certificates {
		d.line("  certificate: %s", c.describe())
	}
	for _, line := range t.describeClients() {
		d.line("  %s", line)
	}
}

// protection says who can reach the listener, and how callers are known.
func (l *Listener) protection() string {
	switch {
	case l.Caller != "":
		return "plain HTTP on this machine; everybody who reaches it is caller " + l.Caller
	case l.TLS == nil:
		return "plain HTTP on this machine; callers identify themselves"
	case l.TLS.Clients.CA == "":
		return "TLS policy " + l.TLS.Policy.Name() + "; no client certificates"
	case l.TLS.RequireClientCert:
		return "TLS policy " + l.TLS.Policy.Name() + "; client certificate required"
	}
	return "TLS policy " + l.TLS.Policy.Name() + "; client certificate optional"
}

func orAny(names []string) string {
	if len(names) == 0 {
		return "any"
	}
	return strings.Join(names, ", ")
}

func underHosts(hosts []string) string {
	if len(hosts) == 0 {
		return ""
	}
	return " under " + strings.Join(hosts, ", ")
}

func upstreamList(l *Listener) string {
	var names []string
	for _, u := range l.upstreams() {
		names = append(names, u.Name)
	}
	return strings.Join(names, ", ")
}

func (d describer) upstreams(upstreams []*Upstream) {
	d.section("upstreams")
	for _, u := range upstreams {
		d.line("%s: %s, %s, %s%s", u.Name, u.target(), u.what(), u.signing(), u.deprecation())
		for _, p := range u.Pins {
			d.line("  pin: %s%v", pinPrefix, p)
		}
		if u.CertFile != "" {
			d.line("  client certificate: files %s, %s", u.CertFile, u.KeyFile)
		}
		for _, line := range u.recorded() {
			d.line("  %s", line)
		}
	}
}

// recorded says what records of calls of declared endpoints hold: what these may carry, nobody but the operator knows.
func (u *Upstream) recorded() (lines []string) {
	of := map[string][]string{}
	for _, o := range u.Operations {
		if o.Site == "" {
			of[o.Recorded()] = append(of[o.Recorded()], o.Name)
		}
	}
	for _, text := range sortedNames(of) {
		names := of[text]
		if more := len(names) - 10; more > 0 {
			names = append(names[:10:10], fmt.Sprintf("%d more", more))
		}
		lines = append(lines, "recorded of "+strings.Join(names, ", ")+": "+text)
	}
	return lines
}

func (u *Upstream) target() string {
	switch {
	case u.Socket != "":
		return "unix:" + u.Socket
	case u.Policy == nil:
		return u.URL.String()
	}
	return u.URL.String() + " (TLS policy " + u.Policy.Name() + ")"
}

func (u *Upstream) what() string {
	if u.Site == "" {
		return count(len(u.Operations), "declared endpoint")
	}
	site := u.Site
	if u.Currency != "" {
		site += ", currency " + u.Currency
	}
	return fmt.Sprintf("%s (catalog %s)", count(len(u.Operations), "operation"), site)
}

func (u *Upstream) signing() string {
	if u.Signed {
		return "signed"
	}
	return "not signed"
}

func (u *Upstream) deprecation() string {
	deprecated := 0
	for _, o := range u.Operations {
		if o.Deprecated {
			deprecated++
		}
	}
	switch {
	case deprecated == 0:
		return ""
	case u.ForbidDeprecated:
		return fmt.Sprintf(", %d deprecated ones forbidden", deprecated)
	}
	return fmt.Sprintf(", %d deprecated ones allowed", deprecated)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (d describer) credentials(c *Config) {
	if len(c.Credentials) == 0 {
		return
	}
	d.section("credentials")
	for _, one := range c.Credentials {
		d.line("%s: %s, for upstream %s", one.Name(), one.Facts().Class, one.Facts().Upstream)
		if fixed := one.Fixed(); len(fixed) > 0 {
			d.line("  %s", credential.FixedNote(fixed))
		}
	}
}

func (d describer) callers(c *Config) {
	d.section("callers")
	for _, name := range c.CallerNames {
		d.line("%s", name)
		for i, g := range c.Grants {
			if g.Caller == name {
				d.grant(c, i, g)
			}
		}
	}
}

func (d describer) grant(c *Config, index int, g grants.Grant) {
	with := "to upstream " + g.Upstream
	if g.Credential != nil {
		with = "with credential " + g.Credential.Name
	}
	if len(g.Customers) > 0 {
		with += ", for " + count(len(g.Customers), "account") + " only"
	}
	patterns := map[string]grants.Coverage{}
	for _, coverage := range c.GrantTable.Coverage() {
		if coverage.Grant == index {
			patterns[coverage.Selector] = coverage
		}
	}
	for _, selector := range g.Operations {
		if coverage, ok := patterns[selector]; ok {
			d.line("  %s %s: covers %s%s, leaves out %d", selector, with, count(coverage.Covers, "operation"), spending(coverage.Spend), coverage.LeftOut)
			continue
		}
		d.line("  %s%s %s", selector, c.effectOf(g.Upstream, selector), with)
	}
}

func spending(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %d of them spend", n)
}

// effectOf gives " (spend)" for an operation of an upstream.
func (c *Config) effectOf(upstream, operation string) string {
	for _, u := range c.Upstreams {
		for _, o := range u.Operations {
			if u.Name == upstream && o.Name == operation && o.Effect != catalog.Read {
				return " (" + o.Effect.String() + ")"
			}
		}
	}
	return ""
}

func (d describer) limits(c *Config) {
	d.section("limits")
	if c.Limits.Published {
		d.line("the published quota of each operation, for each credential")
	}
	for _, r := range c.Limits.Rules {
		per := "all calls that fit together"
		if len(r.Per) > 0 {
			words := make([]string, len(r.Per))
			for i, dimension := range r.Per {
				words[i] = string(dimension)
			}
			per = "per " + strings.Join(words, " and ")
		}
		d.line("%s: %v, burst %d, %s", r.Name, setting.Rate(r.Rate.PerSecond), r.Rate.Burst, per)
	}
	d.line("a call waits up to %v for its turn", c.Limits.MaxWait)
	d.line("failed identifications: %v, burst %d, per source", setting.Rate(c.Sources.Rate.PerSecond), c.Sources.Rate.Burst)
}

func (d describer) rest(c *Config) {
	d.section("audit", c.Audit.describe()...)
	d.section("admin", orNone(strings.TrimSpace(c.Admin.Network+" "+c.Admin.Address)))
	if c.HTTPChallenge != "" {
		d.section("http challenges", "answered at "+c.HTTPChallenge)
	}
	d.section("bounds", fmt.Sprintf("bodies of %v, all together %v; %d calls at a time; %v to stop",
		setting.Size(c.Bounds.Body), setting.Size(c.Bounds.Bodies), c.Bounds.Calls, c.Bounds.Drain))
}
