package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tollgate/config"
	"tollgate/gateway"
	"tollgate/internal/cli"
	"tollgate/internal/setting"
	"tollgate/service"
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
	Act        *explainAct   `json:"act,omitempty"`
	Price      string        `json:"price,omitempty"` // of the act, by the request
	Caps       []explainCap  `json:"caps,omitempty"`
}

type explainRate struct {
	Name      string  `json:"name"`
	Per       string  `json:"per"`
	Allows    string  `json:"allows"`
	PerSecond float64 `json:"per_second"`
	Burst     int     `json:"burst"`
	Shadow    bool    `json:"shadow,omitempty"`
	Without   string  `json:"without,omitempty"` // in a fleet
}

func (r explainRate) String() string {
	text := fmt.Sprintf("%s: %s, %d at once, per %s", r.Name, r.Allows, r.Burst, cmp.Or(r.Per, "nothing: all together"))
	if r.Shadow {
		text += " (shadow: holds nothing back)"
	}
	if r.Without != "" {
		text += "; without Redis: " + r.Without
	}
	return text
}

type explainFlags struct {
	file, caller, listener, upstream, credential, body string
	headers                                            []string
	format                                             cli.FormatFlags
}

func explainCommand() *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use: "explain [--config FILE] --caller NAME METHOD PATH", Short: "Say how a call would be decided, with which credential, or why it would be refused",
		Long: "Say how a call would be decided, without making it: operation, grant, credential, limits, act and caps. PATH may have a query.\n" +
			"Grants that are limited to customers depend on the body, too: name its file with --body. Of the headers, those that name an\n" +
			"account or a token and Authorization matter: --header 'X-Domain-Id: c-17'.\n" +
			"For a call that spends, it shows the business act and the caps that count it. Whether another call holds the act, and how much of\n" +
			"a cap is used, only a running gateway knows: tollgate acts, tollgate caps.\n\nExit code: 0 allowed, 3 refused.",
		Example: "  tollgate explain -c tollgate.yaml --caller billing-app --body pay.json POST /v3/orders/customer-orders/pay\n" +
			"  tollgate explain -c tollgate.yaml --caller billing-app --json GET '/v2/orders/customer-orders?customer_id=c-17'",
		Args: cli.ExactArgs("METHOD", "PATH"), ValidArgsFunction: offerCall,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.format.Parse(cmd); err != nil {
				return err
			}
			e, err := explain(&f, args[0], args[1], cmd.InOrStdin())
			if err != nil {
				return err
			}
			if err := e.print(cmd.OutOrStdout(), &f.format); err != nil {
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
	f.format.Register(cmd)
	return cmd
}

func explain(f *explainFlags, method, target string, stdin io.Reader) (*explanation, error) {
	c, err := cli.LoadConfig(f.file, false)
	if err != nil {
		return nil, err
	}
	question, err := f.question(c, method, target, stdin)
	if err != nil {
		return nil, err
	}
	plan, err := service.Plan(c)
	if err != nil {
		return nil, err
	}
	ruling, err := plan.Explain(question)
	if err != nil {
		return nil, cli.UsageError("%v: choose with --upstream", err)
	}
	e := &explanation{Caller: f.caller, Method: method, Path: target}
	e.add(c, &ruling)
	return e, nil
}

func (e *explanation) add(c *config.Config, r *gateway.Ruling) {
	if o := r.Operation; o != nil {
		e.Upstream, e.Operation, e.Site, e.Effect = r.Upstream.Name, o.Name, o.Site, o.Effect.String()
		e.Takes, e.Recorded = takes(o), o.Recorded()
		e.Deprecated, e.ReplacedBy, e.Announced, e.Sunset = o.Deprecated, o.ReplacedBy, day(o.Announced), day(o.Sunset)
	}
	if r.Refusal != nil {
		e.Reason, e.Detail, e.Choices = r.Refusal.Code.Reason, r.Refusal.Detail, r.Refusal.Choices
		return
	}
	e.Allowed, e.MaxWait = true, time.Duration(c.Limits.MaxWait).String()
	e.addSpending(r)
	e.Grant, e.Customers = c.GrantPlace(r.Decision.Grant), setting.Texts(c.Grants[r.Decision.Grant].Customers)
	if credential := r.Decision.Credential; credential != nil {
		e.Credential, e.Class = credential.Name, credential.Class.String()
	}
	for _, limit := range r.Limits {
		var per []string
		for _, dimension := range limit.Per {
			per = append(per, string(dimension))
		}
		without := ""
		if c.Fleet != nil {
			without = string(limit.Without)
		}
		e.Limits = append(e.Limits, explainRate{
			limit.Name, strings.Join(per, "+"), limit.String(), limit.PerSecond(), limit.AtOnce(), limit.Shadow, without,
		})
	}
}

func (e *explanation) print(w io.Writer, format *cli.FormatFlags) error {
	if format.Format == cli.AsJSON {
		return cli.PrintJSON(w, e)
	}
	p := cli.Pairs{Wide: format.Format == cli.AsWide}
	e.describe(func(name, format string, args ...any) { p.Add(name, fmt.Sprintf(format, args...)) })
	return p.Print(w)
}

// describe calls line for each thing that is to say.
func (e *explanation) describe(line func(name, format string, args ...any)) {
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
		return
	}
	line("decision", "allowed by %s", e.Grant)
	if e.Credential != "" {
		line("credential", "%s (%s)", e.Credential, e.Class)
	}
	if len(e.Customers) > 0 {
		line("customers", "only %s", strings.Join(e.Customers, ", "))
	}
	for _, limit := range e.Limits {
		line("limit", "%s", limit)
	}
	line("over limit", "wait up to %s, then 429", e.MaxWait)
	e.printSpending(line)
}

func orNone(text string) string {
	if text == "" {
		return "nothing known"
	}
	return text
}
