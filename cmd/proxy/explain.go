package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/textproto"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/net/http/httpguts"

	"tollgate/bss"
	"tollgate/caller"
	"tollgate/catalog"
	"tollgate/config"
	"tollgate/gateway"
	"tollgate/grants"
	"tollgate/internal/cli"
	"tollgate/internal/nearest"
	"tollgate/ratelimit"
	"tollgate/signing"
)

// explanation is what `explain` finds, in the order in which a call would meet it.
type explanation struct {
	Caller     string        `json:"caller"`
	Method     string        `json:"method"`
	Path       string        `json:"path"`
	Upstream   string        `json:"upstream,omitempty"`
	Operation  string        `json:"operation,omitempty"`
	Site       string        `json:"site,omitempty"`
	Effect     string        `json:"effect,omitempty"`
	Takes      string        `json:"takes,omitempty"` // credential class
	Deprecated bool          `json:"deprecated,omitempty"`
	Announced  string        `json:"announced,omitempty"` // day of the provider's notice that the operation ends
	Sunset     string        `json:"sunset,omitempty"`    // the last day that the notice names
	ReplacedBy []string      `json:"replaced_by,omitempty"`
	Recorded   string        `json:"recorded,omitempty"` // what the record has of what was asked for
	Allowed    bool          `json:"allowed"`
	Reason     string        `json:"reason,omitempty"`
	Detail     string        `json:"detail,omitempty"`
	Choices    []string      `json:"choices,omitempty"`
	Grant      string        `json:"grant,omitempty"`
	Credential string        `json:"credential,omitempty"`
	Class      string        `json:"class,omitempty"`
	Customers  []string      `json:"customers,omitempty"` // the only ones that the grant covers
	Limits     []explainRate `json:"limits,omitempty"`
	MaxWait    string        `json:"max_wait,omitempty"`
}

type explainRate struct {
	Name      string  `json:"name"`
	Per       string  `json:"per"`
	PerSecond float64 `json:"per_second"`
	Burst     int     `json:"burst"`
}

type explainFlags struct {
	file, caller, listener, upstream, credential, body string
	headers                                            []string
	json                                               bool
}

func explainCommand() *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use: "explain --config FILE --caller NAME METHOD PATH", Short: "Say what would become of a call: operation, grant, credential, limits, or why not",
		Long: "Say what would become of a call, without making it. PATH may have a query.\n" +
			"Grants that are limited to customers look at the body, too: give it with --body. Of the header, the account and the token\n" +
			"that it names count, and Authorization: --header 'X-Domain-Id: c-17'.\n\nExit code: 0 allowed, 3 refused.",
		Example: "  tollgate explain -c tollgate.yaml --caller billing-app POST /v3/orders/customer-orders/pay\n" +
			"  tollgate explain -c tollgate.yaml --caller billing-app --json GET '/v2/orders/customer-orders?customer_id=c-17'",
		Args: cli.ExactArgs("METHOD", "PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := explain(&f, args[0], args[1], cmd.InOrStdin())
			if err != nil {
				return err
			}
			if err := e.print(cmd.OutOrStdout(), f.json); err != nil {
				return err
			}
			if !e.Allowed {
				return cli.ExitCode(cli.ExitRefused)
			}
			return nil
		},
	}
	cli.ConfigFlag(cmd, &f.file)
	flags := cmd.Flags()
	flags.StringVar(&f.caller, "caller", "", "`name` of the caller (required)")
	flags.StringVar(&f.listener, "listener", "", "`name` of the listener (default: all)")
	flags.StringVar(&f.upstream, "upstream", "", "`name` of the upstream, where several have the operation")
	flags.StringVar(&f.credential, "credential", "", "what the call says in Tollgate-Credential")
	flags.StringArrayVar(&f.headers, "header", nil, "a header of the call, `'Name: value'`; may be repeated")
	flags.StringVar(&f.body, "body", "", "`file` with the request body; - for standard input")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func explain(f *explainFlags, method, target string, stdin io.Reader) (*explanation, error) {
	c, err := cli.LoadConfig(f.file, false)
	if err != nil {
		return nil, err
	}
	if err := f.check(c); err != nil {
		return nil, err
	}
	body, err := readBodyFlag(f.body, stdin, c.Bounds.Body)
	if err != nil {
		return nil, err
	}
	if method == "" || method != strings.ToUpper(method) {
		return nil, cli.UsageError("METHOD %q: methods are upper case, such as GET or POST", method)
	}
	header, err := readHeaderFlags(f.headers)
	if err != nil {
		return nil, err
	}
	e := &explanation{Caller: f.caller, Method: method, Path: target}
	asked := &gateway.Asked{Method: method, Body: body}
	if !e.readTarget(asked) {
		return e, nil
	}
	routes, table, err := f.made(c)
	if err != nil {
		return nil, err
	}
	m, refusal, err := f.match(routes, method, asked.Path)
	switch {
	case err != nil:
		return nil, err
	case refusal != nil:
		return e.refused(refusal.Code.Reason, refusal.Detail), nil
	case m == nil:
		return e.refused("unknown_operation", unmatchedDetail(routes, asked.Path)), nil
	}
	e.describe(m)
	facts, refusal := readMessage(asked, m, header)
	if refusal != nil {
		return e.refused(refusal.Code.Reason, refusal.Detail), nil
	}
	return e.decide(c, f, table, m, &facts), nil
}

// readTarget reads path and query of the request target. It reports false if the call is refused for them.
func (e *explanation) readTarget(asked *gateway.Asked) bool {
	rawPath, rawQuery, _ := strings.Cut(e.Path, "?")
	var err error
	if asked.Path, err = gateway.ParsePath(rawPath); err != nil {
		e.refused("ambiguous_path", err.Error())
		return false
	}
	if asked.Query, err = signing.ParseQuery(rawQuery); err != nil {
		e.refused("ambiguous_query", err.Error())
		return false
	}
	return true
}

// readMessage returns what a matched call is about, or why its header or body is refused.
func readMessage(asked *gateway.Asked, m *matched, header http.Header) (facts gateway.Facts, refusal *gateway.Refusal) {
	callers, _ := caller.NewRegistry(nil, signing.Known()) // fails for bad callers only; how a claim reads does not depend on them
	if refusal = gateway.CheckAuthorization(callers, header, !m.upstream.Signed && m.settled); refusal != nil {
		return facts, refusal
	}
	if err := bss.CheckBody(m.operation, asked.Method, int64(len(asked.Body))); err != nil {
		return facts, &gateway.Refusal{Code: gateway.Code{Reason: "body_not_taken"}, Detail: err.Error()}
	}
	contentType, refusal := gateway.ReadContentType(m.operation, m.upstream.Signed, header["Content-Type"])
	if refusal != nil && len(asked.Body) > 0 {
		return facts, refusal
	}
	asked.Operation, asked.Params, asked.Opaque = m.operation, m.params, !contentType.JSON
	if m.upstream.Signed {
		if asked.Account, refusal = gateway.ReadAccount(callers.Schemes(), header); refusal != nil {
			return facts, refusal
		}
	}
	return gateway.ReadFacts(asked)
}

// readHeaderFlags reads headers as a request would bring them.
func readHeaderFlags(lines []string) (http.Header, error) {
	header := http.Header{}
	for _, line := range lines {
		name, value, found := strings.Cut(line, ":")
		if !found || !httpguts.ValidHeaderFieldName(name) {
			return nil, cli.UsageError("--header %q: want 'Name: value'", line)
		}
		header.Add(name, textproto.TrimString(value))
	}
	return header, nil
}

// check refuses names that the configuration does not have.
func (f *explainFlags) check(c *config.Config) error {
	var callers, listeners, upstreams, credentials []string
	for _, known := range c.Callers {
		callers = append(callers, known.Name)
	}
	for _, l := range c.Listeners {
		listeners = append(listeners, l.Name)
	}
	for _, u := range c.Upstreams {
		upstreams = append(upstreams, u.Name)
	}
	for _, k := range c.Credentials {
		credentials = append(credentials, k.Name)
	}
	if f.caller == "" {
		return cli.UsageError("--caller is needed; the configuration has: %s", strings.Join(callers, ", "))
	}
	for _, flag := range []struct {
		name, value string
		known       []string
	}{{"caller", f.caller, callers}, {"listener", f.listener, listeners}, {"upstream", f.upstream, upstreams}, {"credential", f.credential, credentials}} {
		if flag.value == "" || slices.Contains(flag.known, flag.value) {
			continue
		}
		hint := "the configuration has: " + strings.Join(flag.known, ", ")
		if near := nearest.Words(flag.value, flag.known); len(near) > 0 {
			hint = "did you mean " + strings.Join(near, " or ") + "?"
		}
		return cli.UsageError("unknown %s %q; %s", flag.name, flag.value, hint)
	}
	return nil
}

func readBodyFlag(name string, stdin io.Reader, bound int64) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		stdin = file
	}
	body, err := io.ReadAll(io.LimitReader(stdin, bound+1))
	if err == nil && int64(len(body)) > bound {
		err = fmt.Errorf("the body is larger than bounds.body (%d bytes)", bound)
	}
	return body, err
}

// served is a route of a listener that the caller can reach.
type served struct {
	settled   bool // the listener can know the caller without a signature
	router    *catalog.Router
	upstreams map[*catalog.Operation]*config.Upstream
}

// made returns what a gateway would make of the configuration to decide on calls.
func (f *explainFlags) made(c *config.Config) ([]served, *grants.Table, error) {
	operations, err := c.Operations()
	if err != nil {
		return nil, nil, err
	}
	table, problems := c.GrantTable(operations)
	if len(problems) > 0 {
		return nil, nil, errors.New(problems[0].Message)
	}
	routes, err := f.routes(c, operations)
	return routes, table, err
}

// routes are those of every listener that the caller can reach.
func (f *explainFlags) routes(c *config.Config, operations map[string][]*catalog.Operation) (all []served, err error) {
	for _, l := range c.Listeners {
		if !f.reaches(l) {
			continue
		}
		for _, route := range c.Routes(l) {
			router, of, err := config.Router(route.Upstreams, operations)
			if err != nil {
				return nil, err
			}
			s := served{f.settles(c, l), router, map[*catalog.Operation]*config.Upstream{}}
			for operation, name := range of {
				s.upstreams[operation] = c.Upstream(name)
			}
			all = append(all, s)
		}
	}
	return all, nil
}

// matched is where a method and path lead.
type matched struct {
	upstream  *config.Upstream
	operation *catalog.Operation
	params    catalog.Params
	settled   bool // some listener can know the caller without a signature
}

// reaches tells whether the caller can call through a listener: the one that was named, if one was, and not one whose
// fixed caller is another.
func (f *explainFlags) reaches(l *config.Listener) bool {
	return (f.listener == "" || l.Name == f.listener) && (l.Caller == "" || l.Caller == f.caller)
}

// settles reports whether a listener that the caller can reach can know it without a signature.
func (f *explainFlags) settles(c *config.Config, l *config.Listener) bool {
	return l.Caller != "" || l.TLS != nil && l.TLS.ClientCA != "" && certified(c, f.caller)
}

// certified reports whether a client certificate can be that of a caller.
func certified(c *config.Config, name string) bool {
	return slices.ContainsFunc(c.Callers, func(known config.Caller) bool { return known.Name == name && len(known.Certificates) > 0 })
}

// match looks at every route. A refusal is of a path that is ambiguous on all that know it.
func (f *explainFlags) match(routes []served, method, path string) (*matched, *gateway.Refusal, error) {
	var matches []*matched
	var ambiguous *gateway.Refusal
	for _, r := range routes {
		operation, params, refusal := gateway.Match(r.router, method, path)
		if refusal != nil && refusal.Code.Reason == "ambiguous_path" {
			ambiguous = refusal
		}
		u := r.upstreams[operation]
		if refusal != nil || f.upstream != "" && u.Name != f.upstream {
			continue
		}
		i := slices.IndexFunc(matches, func(have *matched) bool { return have.upstream == u })
		if i < 0 {
			i, matches = len(matches), append(matches, &matched{upstream: u, operation: operation, params: params})
		}
		matches[i].settled = matches[i].settled || r.settled
	}
	if len(matches) > 1 {
		return nil, nil, cli.UsageError("upstreams %s and %s both have this path: choose with --upstream", matches[0].upstream.Name, matches[1].upstream.Name)
	}
	if len(matches) == 0 {
		return nil, ambiguous, nil
	}
	return matches[0], nil, nil
}

func unmatchedDetail(routes []served, path string) string {
	var methods []string
	for _, r := range routes {
		methods = append(methods, r.router.Methods(path)...)
	}
	slices.Sort(methods)
	if methods = slices.Compact(methods); len(methods) > 0 {
		return "this path is served for " + strings.Join(methods, ", ") + " only"
	}
	return "no listener that the caller can reach serves this path; see: tollgate catalog"
}

func (e *explanation) refused(reason, detail string) *explanation {
	e.Reason, e.Detail = reason, detail
	return e
}

func (e *explanation) describe(m *matched) {
	o := m.operation
	e.Upstream, e.Operation, e.Site, e.Effect = m.upstream.Name, o.Name, o.Site, o.Effect.String()
	e.Takes, e.Recorded = takes(o), o.Recorded()
	e.Deprecated, e.ReplacedBy, e.Announced, e.Sunset = o.Deprecated, o.ReplacedBy, day(o.Announced), day(o.Sunset)
}

func (e *explanation) decide(c *config.Config, f *explainFlags, table *grants.Table, m *matched, facts *gateway.Facts) *explanation {
	decision, err := table.Decide(&grants.Call{
		Caller: f.caller, Upstream: m.upstream.Name, Operation: m.operation, Param: m.params.Get, Accounts: facts.Accounts, Credential: f.credential,
		Account: facts.Account,
	})
	var refusal *grants.Refusal
	if errors.As(err, &refusal) {
		e.Choices = refusal.Choices
		return e.refused(string(refusal.Reason), refusal.Detail)
	}
	e.Allowed = true
	e.Grant, e.Customers = c.GrantPlace(decision.Grant), c.Grants[decision.Grant].Customers
	subject := ratelimit.Subject{Caller: f.caller, Operation: m.operation.Name, Upstream: m.upstream.Name}
	if decision.Credential != nil {
		e.Credential, e.Class = decision.Credential.Name, decision.Credential.Class.String()
		subject.Credential, subject.Quota = e.Credential, m.operation.Quota
	}
	e.addLimits(c, subject)
	return e
}

func (e *explanation) addLimits(c *config.Config, subject ratelimit.Subject) {
	limiter, err := ratelimit.New(c.Limits)
	if err != nil {
		return // config.Load has made one from the same rules
	}
	for _, limit := range limiter.Limits(subject) {
		var per []string
		for _, dimension := range limit.Per {
			per = append(per, string(dimension))
		}
		e.Limits = append(e.Limits, explainRate{limit.Name, strings.Join(per, "+"), limit.Rate.PerSecond, limit.Rate.Burst})
	}
	e.MaxWait = c.Limits.MaxWait.String()
}

func (e *explanation) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return cli.PrintJSON(w, e)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(t, name+"\t"+format+"\n", args...) }
	line("call", "%s %s by %s", e.Method, e.Path, e.Caller)
	if e.Operation != "" {
		line("operation", "%s: effect %s, takes %s", e.Operation, e.Effect, e.Takes)
		line("upstream", "%s", strings.TrimSpace(e.Upstream+" "+e.Site))
		line("recorded", "%s", e.Recorded)
	}
	if e.Deprecated {
		line("deprecated", "replaced by %s", orNone(strings.Join(e.ReplacedBy, ", ")))
	}
	if e.Sunset != "" {
		line("to end", "by %s, as the provider announced on %s", e.Sunset, e.Announced)
	}
	if !e.Allowed {
		line("decision", "REFUSED (%s): %s", e.Reason, e.Detail)
		if len(e.Choices) > 0 {
			line("choices", "%s", strings.Join(e.Choices, ", "))
		}
		return t.Flush()
	}
	line("decision", "allowed by %s", e.Grant)
	if e.Credential != "" {
		line("credential", "%s (%s)", e.Credential, e.Class)
	}
	if len(e.Customers) > 0 {
		line("customers", "only %s", strings.Join(e.Customers, ", "))
	}
	for _, limit := range e.Limits {
		line("limit", "%s: %g per second, burst %d, per %s", limit.Name, math.Round(limit.PerSecond*1000)/1000, limit.Burst, limit.Per)
	}
	line("over limit", "wait up to %s, then 429", e.MaxWait)
	return t.Flush()
}

func orNone(text string) string {
	if text == "" {
		return "nothing known"
	}
	return text
}
