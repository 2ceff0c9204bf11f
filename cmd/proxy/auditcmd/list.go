package auditcmd

import (
	"bufio"
	"cmp"
	"context"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"tollgate/audit/calls"
	"tollgate/internal/cli"
	"tollgate/internal/text"
)

// indexRule says what an index is worth.
const indexRule = "An index finds calls; every row is read from the lines of the log. A row of the index that its lines do not bear out is an\n" +
	"error. What was removed from the index, a call or the settlement of an unknown one, is not found by it, and the sums that it\n" +
	"holds are not compared with the log: --index none reads the log. The line \"source:\" on standard error says what was read."

type listFlags struct {
	place
	index  string
	calls  cli.CallFlags
	times  cli.TimeFlags
	format cli.FormatFlags
}

func listCommand() *cobra.Command {
	var f listFlags
	cmd := &cobra.Command{
		Use: "list (--dir DIR | --bundle BUNDLE)", Short: "List calls, the newest last",
		Long: "List calls: one row for each, joined from its records, in the order in which the calls ended. Their time is when they\n" +
			"were allowed or refused. Calls without an outcome (yet) are \"open\" and come last. See docs/audit-commands.md.\n\n" + indexRule,
		Example: "  tollgate audit list --dir /var/lib/tollgate/audit --last 24h\n" +
			"  tollgate audit list --bundle october.zip --effect spend                            # verify it first\n" +
			"  tollgate audit list --dir D --month 2026-10 --zone Asia/Shanghai --effect spend -o csv --bom > october.csv\n" +
			"  tollgate audit list --dir D --customer c-17 --min-amount 1000 --currency CNY --json\n" +
			"  tollgate audit list --dir D --account c-17 --operation PayOrders                   # what c-17 paid with its own key\n" +
			"  tollgate audit list --dir D --caller billing-app --decision refused",
		Args: cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.parse(cmd, time.Now()); err != nil {
				return err
			}
			return f.read(f.index, cmd.ErrOrStderr(), func(r *reading) error {
				return listCalls(cmd.Context(), cmd.OutOrStdout(), r, &f.calls.Filter, f.format, f.times.Zone)
			})
		},
	}
	f.place.register(cmd)
	indexFlag(cmd, &f.index, autoIndex, "the index by which calls are found")
	f.times.Register(cmd)
	f.calls.Register(cmd)
	cli.LimitFlag(cmd, &f.calls.Filter.Last, 0)
	f.format.Register(cmd, cli.AsCSV)
	return cmd
}

func (f *listFlags) parse(cmd *cobra.Command, now time.Time) error {
	err := cmp.Or(f.times.Parse(now), f.calls.Parse(), f.format.Parse(cmd), cli.CheckLimit(f.calls.Filter.Last), f.place.check())
	if err != nil {
		return err
	}
	if f.bundle != "" && cmd.Flags().Changed("index") {
		return cli.UsageError("--index is of a log's directory; a bundle has none")
	}
	f.calls.Between(f.times.Since, f.times.Until)
	f.calls.Filter.Call, err = f.fullID(f.calls.Filter.Call)
	return err
}

// ListAll prints all calls of the log in dir as a table.
func ListAll(ctx context.Context, w io.Writer, dir string) error {
	return listCalls(ctx, w, readDir(dir, noIndex, nil), &calls.Filter{}, cli.FormatFlags{Format: cli.AsTable}, time.UTC)
}

func listCalls(ctx context.Context, w io.Writer, r *reading, filter *calls.Filter, format cli.FormatFlags, zone *time.Location) error {
	out := bufio.NewWriter(w)
	p := newCallPrinter(out, format, zone, func() string { return r.from.Kind })
	return p.end(out, format, "no calls match", r.Calls(ctx, filter, p.print))
}

// listedRow is a row as JSON. Its member source is the peer's address, so what the row was found by has another name.
type listedRow struct {
	*calls.Row
	ReadFrom string `json:"read_from"` // a kind of cli.Source
}

// newCallPrinter returns a printer of calls that were read from a kind of source.
func newCallPrinter(w io.Writer, f cli.FormatFlags, zone *time.Location, kind func() string) *printer[*calls.Call] {
	switch f.Format {
	case cli.AsJSON:
		return &printer[*calls.Call]{row: func(c *calls.Call) error { return cli.WriteLine(w, listedRow{c.Row(zone), kind()}) }, flush: unbuffered}
	case cli.AsCSV:
		csv := calls.NewCSV(w, f.BOM)
		header := sync.OnceValue(func() error { return csv.Write(calls.RowColumns) })
		return &printer[*calls.Call]{flush: header, row: func(c *calls.Call) error {
			if err := header(); err != nil {
				return err
			}
			return csv.Write(c.Row(zone).Cells())
		}}
	}
	return tablePrinter(w, f, callColumns(zone))
}

// callColumns are the columns of a table of calls. Narrow ones say the reason beside the outcome, and a path where there is no operation.
func callColumns(zone *time.Location) []column[*calls.Call] {
	return append(timeColumns(zone, (*calls.Call).Time), []column[*calls.Call]{
		{cli.Column{Name: "CALLER"}, (*calls.Call).CallerText},
		{cli.Column{Name: "OPERATION", Narrow: true}, callOperation},
		{cli.Column{Name: "OPERATION", Wide: true}, (*calls.Call).Operation},
		{cli.Column{Name: "EFFECT", Wide: true}, (*calls.Call).Effect},
		{cli.Column{Name: "CREDENTIAL", Wide: true}, (*calls.Call).Credential},
		{cli.Column{Name: "ACCOUNT", Wide: true}, (*calls.Call).Account},
		{cli.Column{Name: "OUTCOME", Narrow: true, Least: 18}, callEnd},
		{cli.Column{Name: "OUTCOME", Wide: true}, callOutcome},
		{cli.Column{Name: "AMOUNT", Number: true, Narrow: true}, func(c *calls.Call) string { return callAmount(c, false) }},
		{cli.Column{Name: "AMOUNT", Number: true, Wide: true}, func(c *calls.Call) string { return callAmount(c, true) }},
		{cli.Column{Name: "WHAT", Wide: true}, callWhat},
		{cli.Column{Name: "CALL", Whole: true, Narrow: true}, func(c *calls.Call) string { return calls.ShortID(c.ID()) }},
		{cli.Column{Name: "CALL", Whole: true, Wide: true}, (*calls.Call).ID},
	}...)
}

func callOperation(c *calls.Call) string {
	row := c.Row(time.UTC)
	return cmp.Or(row.Operation, join(row.Method, row.Path))
}

// callEnd returns the outcome with the one text that explains it best.
func callEnd(c *calls.Call) string {
	if c.Settled != nil {
		return join(c.State(), "(settled)")
	}
	return join(c.State(), cmp.Or(callReason(c), c.ErrorCode(), text.NotZero(c.Status())))
}

// callReason returns the reason, where the outcome does not say it.
func callReason(c *calls.Call) string {
	if c.Reason() == c.State() {
		return ""
	}
	return c.Reason()
}

// callOutcome says in a word or three how it went.
func callOutcome(c *calls.Call) string {
	return join(c.State(), text.NotZero(c.Status()), c.ErrorCode())
}

// callAmount returns the first amount, perhaps with where it comes from, and that there are unlike ones.
func callAmount(c *calls.Call, from bool) string {
	first, others, unsummed, ok := c.FirstAmount()
	if !ok {
		if unsummed == 0 {
			return ""
		}
		return unsummedText
	}
	text := first.Value.String() + " " + first.Currency
	if from && first.From != "" {
		text += " (" + first.From + ")"
	}
	if others {
		text += " …"
	}
	if unsummed > 0 {
		text += ", " + unsummedText
	}
	return text
}

const unsummedText = "not summed"

// callWhat returns what matters most to a reader beside the columns.
func callWhat(c *calls.Call) string {
	row := c.Row(time.UTC)
	parts := []string{callReason(c)}
	if row.Operation == "" && row.Path != "" {
		parts = append(parts, row.Method, row.Path)
	}
	if row.Deprecated {
		parts = append(parts, "deprecated")
	}
	for _, ids := range [...]struct {
		name   string
		values []string
	}{
		{"order", row.Orders}, {"customer", row.Customers}, {"coupon", row.Coupons}, {"for", one(row.For)}, {"repeats", one(row.Repeats)},
		{"held by", one(row.HeldBy)}, {"caps", row.CapsFull}, {"settled by", settledBy(row)},
	} {
		if len(ids.values) > 0 {
			parts = append(parts, ids.name+"="+strings.Join(ids.values, ","))
		}
	}
	return text.Fit(join(parts...), 100)
}

func one(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

func settledBy(row *calls.Row) []string {
	if row.Settled == nil {
		return nil
	}
	return []string{cmp.Or(row.Settled.By, row.Settled.From)}
}
