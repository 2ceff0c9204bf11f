package config

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"tollgate/caller"
	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/grants"
	"tollgate/internal/certs"
	"tollgate/internal/setting"
	"tollgate/ratelimit"
	"tollgate/tlspolicy"
	"tollgate/upstream"
)

// Describe writes what the configuration comes to, for people: listeners, upstreams, the TLS mode, who may do what with
// which credential and how many operations that covers, limits, bounds and notes. It shows no secret.
func (c *Config) Describe(w io.Writer) error {
	b := bufio.NewWriter(w)
	d := describer{w: b}
	if err := d.make(c); err != nil {
		return err
	}
	d.listeners(c)
	d.upstreams(c.Upstreams)
	d.section("tls", d.plan.String())
	d.credentials(c)
	d.callers(c)
	d.limits(c)
	d.section("money", describeSpend(&c.Spend)...)
	if c.Fleet != nil {
		d.section("fleet", describeFleet(c.Fleet)...)
	}
	d.rest(c)
	if len(c.notes) > 0 {
		d.section("notes", c.notes...)
	}
	return b.Flush()
}

// describer writes a description, from parts that are made of the configuration.
type describer struct {
	w          io.Writer
	operations map[string][]*catalog.Operation
	coverage   map[int]map[string]grants.Coverage // by grant and pattern
	plan       tlspolicy.Plan
}

func (d *describer) make(c *Config) (err error) {
	if d.operations, err = c.Operations(); err != nil {
		return err
	}
	policies, err := c.Policies()
	if err != nil {
		return err
	}
	if d.plan, err = c.TLSPlan(policies); err != nil {
		return err
	}
	table, problems := c.GrantTable(d.operations)
	if len(problems) > 0 {
		return errors.New(problems[0].Message)
	}
	d.coverage = map[int]map[string]grants.Coverage{}
	for _, coverage := range table.Coverage() {
		if d.coverage[coverage.Grant] == nil {
			d.coverage[coverage.Grant] = map[string]grants.Coverage{}
		}
		d.coverage[coverage.Grant][coverage.Selector] = coverage
	}
	return nil
}

func (d describer) section(title string, lines ...string) {
	_, _ = fmt.Fprintln(d.w, title) // the writer is buffered and keeps its error for Flush
	for _, line := range lines {
		d.line("%s", line)
	}
}

func (d describer) line(format string, args ...any) {
	_, _ = fmt.Fprintf(d.w, "  "+format+"\n", args...)
}

func (d describer) listeners(c *Config) {
	d.section("listeners")
	for _, l := range c.Listeners {
		d.line("%s: %s %s, %s", l.Name, l.Address.Network(), l.Address.Listen(), l.protection())
		if l.Socket != nil {
			d.line("  socket: %v", l.Socket)
		}
		d.line("  hosts: %s", orAny(setting.Texts(l.Hosts)))
		d.certificates(l.TLS)
		for _, r := range c.Routes(l) {
			d.line("  serves %s%s", strings.Join(r.Upstreams, ", "), underHosts(r.Hosts))
		}
	}
}

// String describes who may connect to the socket.
func (s *Socket) String() string {
	if s.Group == "" {
		return "mode " + s.Mode.String()
	}
	return "mode " + s.Mode.String() + ", group " + string(s.Group)
}

func (d describer) certificates(t *certs.ListenerTLS) {
	if t == nil {
		return
	}
	for _, c := range t.Certificates {
		d.line("  certificate: %s", describeCertificate(c))
	}
	for _, line := range describeClients(t) {
		d.line("  %s", line)
	}
}

// protection describes who can reach the listener, and how callers are known.
func (l *Listener) protection() string {
	switch {
	case l.Caller != "":
		return "plain HTTP on this machine; all who reach it are caller " + l.Caller
	case l.TLS == nil:
		return "plain HTTP on this machine; callers identify themselves"
	case l.TLS.ClientCA == "":
		return "TLS policy " + l.TLS.Policy + "; no client certificates"
	case l.TLS.ClientCertificate == "required":
		return "TLS policy " + l.TLS.Policy + "; client certificate required"
	}
	return "TLS policy " + l.TLS.Policy + "; client certificate optional"
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

func (d describer) upstreams(upstreams []*upstream.Config) {
	d.section("upstreams")
	for _, u := range upstreams {
		d.line("%s: %s, %s, %s%s", u.Name, target(u), d.what(u), signed(u), d.deprecation(u))
		d.upstreamTLS(u.TLS)
		d.way(u)
		for _, line := range d.recorded(u) {
			d.line("  %s", line)
		}
	}
}

func (d describer) upstreamTLS(t *certs.UpstreamTLS) {
	if t == nil {
		return
	}
	for _, p := range t.Pins {
		d.line("  pin: %s%v", tlspolicy.PinPrefix, p)
	}
	if t.ClientCertificate != nil {
		d.line("  client certificate: %s", describeFiles(t.ClientCertificate))
	}
}

func (d describer) way(u *upstream.Config) {
	if u.Proxy.Host != "" {
		d.line("  through the proxy %v", u.Proxy)
	}
	if u.Addresses != nil {
		texts := make([]string, len(u.Addresses))
		for i, n := range u.Addresses {
			texts[i] = n.String()
		}
		d.line("  addresses: %s", strings.Join(texts, ", "))
	}
}

// recorded describes what records of calls of declared endpoints hold. Only the operator knows what such calls carry.
func (d describer) recorded(u *upstream.Config) (lines []string) {
	of := map[string][]string{}
	for _, o := range d.operations[u.Name] {
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

func target(u *upstream.Config) string {
	if u.TLS == nil {
		return u.URL.String()
	}
	return u.URL.String() + " (TLS policy " + u.TLS.Policy + ")"
}

func (d describer) what(u *upstream.Config) string {
	if u.Catalog == "" {
		return count(len(d.operations[u.Name]), "declared endpoint")
	}
	site := u.Catalog
	if currency := u.Currency(); currency != "" {
		site += ", currency " + currency
	}
	return fmt.Sprintf("%s (catalog %s)", count(len(d.operations[u.Name]), "operation"), site)
}

func signed(u *upstream.Config) string {
	if u.Signed() {
		return "signed"
	}
	return "not signed"
}

func (d describer) deprecation(u *upstream.Config) string {
	deprecated := 0
	for _, o := range d.operations[u.Name] {
		if o.Deprecated {
			deprecated++
		}
	}
	switch {
	case deprecated == 0:
		return ""
	case u.ForbidsDeprecated():
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
		d.line("%s: %s, for upstream %s", one.Name, one.Class, one.Upstream)
		if fixed := one.Fixed(); len(fixed) > 0 {
			d.line("  %s", credential.FixedNote(fixed))
		}
	}
}

func (d describer) callers(c *Config) {
	d.section("callers")
	next := 0 // index of a grant: they are in the order of their callers
	for _, known := range c.Callers {
		d.line("%s", known.Name)
		d.keys(known.Auth)
		for ; next < len(c.Grants) && c.Grants[next].Caller == known.Name; next++ {
			d.grant(next, c.Grants[next])
		}
	}
}

// keys describes the keys that have an end.
func (d describer) keys(ways []caller.Auth) {
	for _, way := range ways {
		if k := way.AccessKey; k != nil && k.NotAfter != 0 {
			d.line("  key %s until %s", k.ID, k.NotAfter)
		}
	}
}

func (d describer) grant(index int, g grants.Grant) {
	with := "to upstream " + g.Upstream
	if g.Credential != "" {
		with = "with credential " + g.Credential
	}
	if len(g.Customers) > 0 {
		with += ", for " + count(len(g.Customers), "account") + " only"
	}
	for _, selector := range g.Operations {
		if coverage, ok := d.coverage[index][selector]; ok {
			d.line("  %s %s: covers %s%s, leaves out %d", selector, with, count(coverage.Covers, "operation"), spending(coverage.Spend), coverage.LeftOut)
			continue
		}
		d.line("  %s%s %s", selector, d.effectOf(g.Upstream, selector), with)
	}
}

func spending(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %d of them spend", n)
}

// effectOf returns " (spend)" for an operation of an upstream.
func (d describer) effectOf(upstream, operation string) string {
	for _, o := range d.operations[upstream] {
		if o.Name == operation && o.Effect != catalog.Read {
			return " (" + o.Effect.String() + ")"
		}
	}
	return ""
}

func (d describer) limits(c *Config) {
	d.section("limits")
	if c.Limits.Published {
		d.line("the published quota of each operation, for each credential%s", withoutRedis(c, c.Limits.Without))
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
		d.line("%s: %s, %s%s%s", r.Name, amountOf(&r), per, modeOf(&r), withoutRedis(c, cmp.Or(r.Without, c.Limits.Without)))
	}
	d.line("a call waits up to %v for its turn", time.Duration(c.Limits.MaxWait))
	d.line("failed identifications: %v, burst %d, per source", c.Limits.Unauthenticated.Rate, c.Limits.Unauthenticated.Burst)
}

func amountOf(r *ratelimit.Rule) string {
	if r.Quota != (ratelimit.Quota{}) {
		return fmt.Sprintf("%v in %s", r.Quota, r.Zone)
	}
	return fmt.Sprintf("%v, burst %d", r.Rate, r.Burst)
}

func modeOf(r *ratelimit.Rule) string {
	if r.Mode == ratelimit.Shadow {
		return "; in shadow: it holds nothing back"
	}
	return ""
}

// withoutRedis describes what a limit does while a fleet cannot count; "" without a fleet.
func withoutRedis(c *Config, w ratelimit.Without) string {
	switch {
	case c.Fleet == nil:
		return ""
	case w == ratelimit.Refuse:
		return "; without Redis: its calls are refused"
	}
	return fmt.Sprintf("; without Redis: 1/%d of it at each member", len(c.Fleet.Members))
}

func (d describer) rest(c *Config) {
	d.section("audit", describeAudit(&c.Audit)...)
	d.section("admin", describeAdmin(c.Admin)...)
	if c.Metrics.Listens() {
		d.section("metrics", describeMetrics(&c.Metrics))
		d.certificates(c.Metrics.TLS)
	}
	if c.Review != nil {
		d.section("review", describeReview(c.Review))
		d.line("  hosts: %s", orAny(setting.Texts(c.Review.Hosts)))
		d.certificates(c.Review.TLS)
	}
	if len(c.Identities) > 0 {
		d.section("identities")
		for i := range c.Identities {
			d.line("%s", describeIdentity(&c.Identities[i]))
		}
	}
	if c.HTTPChallenge != nil {
		d.section("http challenges", "answered at "+c.HTTPChallenge.Address.Listen())
	}
	if c.Hardening.On() {
		d.section("hardening", describeHardening(c))
	}
	d.section("bounds", fmt.Sprintf("bodies of %v, all together %v; %d calls at a time; %v to stop",
		c.Bounds.Body, c.Bounds.Bodies, c.Bounds.Calls, time.Duration(c.Bounds.Drain)))
}
