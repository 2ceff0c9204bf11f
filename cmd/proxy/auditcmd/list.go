package auditcmd

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"tollgate/audit/calls"
	"tollgate/audit/export"
	"tollgate/internal/cli"
	"tollgate/internal/text"
)

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
			"were allowed or refused. Calls without an outcome (yet) are \"open\" and come last. See docs/operations.md.",
		Example: "  tollgate audit list --dir /var/lib/tollgate/audit --last 24h\n" +
			"  tollgate audit list --bundle october.zip --effect spend                            # verify it first\n" +
			"  tollgate audit list --dir D --month 2026-10 --zone Asia/Shanghai --effect spend --format csv --bom > october.csv\n" +
			"  tollgate audit list --dir D --customer c-17 --min-amount 1000 --currency CNY --json\n" +
			"  tollgate audit list --dir D --account c-17 --operation PayOrders                   # what c-17 paid with its own key\n" +
			"  tollgate audit list --dir D --caller billing-app --decision refused",
		Args: cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.parse(cmd, time.Now()); err != nil {
				return err
			}
			return f.read(cmd.ErrOrStderr(), func(source calls.Source) error {
				return listCalls(cmd.Context(), cmd.OutOrStdout(), source, &f.calls.Filter, f.format, f.times.Zone)
			})
		},
	}
	f.place.register(cmd)
	indexFlag(cmd, &f.index)
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
	if f.bundle != "" && f.index != "" {
		return cli.UsageError("--index is of a log's directory; a bundle has none")
	}
	f.calls.Between(f.times.Since, f.times.Until)
	return nil
}

// read calls fn with what answers questions about the calls.
func (f *listFlags) read(notes io.Writer, fn func(calls.Source) error) error {
	if f.bundle == "" {
		return fn(callsIn(f.dir, f.index, notes))
	}
	log, _, bundle, err := export.Open(f.bundle)
	if err != nil {
		return err
	}
	defer bundle.Close() // opened for reading: nothing can be lost
	return fn(calls.Files{FS: log})
}

// ListAll prints all calls of the log in dir as a table.
func ListAll(ctx context.Context, w io.Writer, dir string) error {
	return listCalls(ctx, w, callsIn(dir, noIndex, nil), &calls.Filter{}, cli.FormatFlags{Format: cli.AsTable}, time.UTC)
}

func listCalls(ctx context.Context, w io.Writer, source calls.Source, filter *calls.Filter, format cli.FormatFlags, zone *time.Location) error {
	out := bufio.NewWriter(w)
	p := newCallPrinter(out, format, zone)
	err := errors.Join(source.Calls(ctx, filter, p.print), p.flush(), out.Flush())
	if err == nil && p.printed == 0 && format.Format == cli.AsTable {
		_, err = fmt.Fprintln(w, "no calls match")
	}
	return err
}

// printer prints calls or records in one of the formats.
type printer[T any] struct {
	row     func(T) error
	flush   func() error
	printed int
}

func (p *printer[T]) print(v T) error {
	p.printed++
	return p.row(v)
}

func unbuffered() error { return nil }

func newCallPrinter(w io.Writer, f cli.FormatFlags, zone *time.Location) *printer[*calls.Call] {
	switch f.Format {
	case cli.AsJSON:
		return &printer[*calls.Call]{row: func(c *calls.Call) error { return cli.WriteLine(w, c.Row(zone)) }, flush: unbuffered}
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
	t := f.Table(w, cli.Columns(callHeader(zone)...)...)
	return &printer[*calls.Call]{row: func(c *calls.Call) error { return t.Row(callCells(c, zone)) }, flush: t.Flush}
}

func callHeader(zone *time.Location) []string {
	return []string{"TIME (" + zone.String() + ")", "CALLER", "OPERATION", "EFFECT", "CREDENTIAL", "ACCOUNT", "OUTCOME", "AMOUNT", "WHAT", "CALL"}
}

const tableTime = "2006-01-02 15:04:05.000"

func callCells(c *calls.Call, zone *time.Location) []string {
	return []string{
		c.Time().In(zone).Format(tableTime), c.CallerText(), c.Operation(), c.Effect(), c.Credential(), c.Account(), callOutcome(c), callAmount(c),
		callWhat(c), c.ID(),
	}
}

// callOutcome says in a word or three how it went.
func callOutcome(c *calls.Call) string {
	return strings.Join(strings.Fields(c.State()+" "+text.NotZero(c.Status())+" "+c.ErrorCode()), " ")
}

func callAmount(c *calls.Call) string {
	amounts, unsummed := c.Amounts()
	switch {
	case len(amounts) == 0 && unsummed == 0:
		return ""
	case len(amounts) == 0:
		return unsummedText
	}
	text := amounts[0].Value.String() + " " + amounts[0].Currency
	if from := amounts[0].From; from != "" {
		text += " (" + from + ")"
	}
	if len(amounts) > 1 {
		text += " …"
	}
	if unsummed > 0 {
		text += ", " + unsummedText
	}
	return text
}

const unsummedText = "not summed"

// callWhat gives what matters most to a reader beside the columns.
func callWhat(c *calls.Call) string {
	row := c.Row(time.UTC)
	var parts []string
	if row.Reason != row.Outcome {
		parts = append(parts, row.Reason)
	}
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
		{"held by", one(row.HeldBy)}, {"full", row.CapsFull}, {"settled by", settledBy(row)},
	} {
		if len(ids.values) > 0 {
			parts = append(parts, ids.name+"="+strings.Join(ids.values, ","))
		}
	}
	return shorten(strings.Join(strings.Fields(strings.Join(parts, " ")), " "), 100)
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

func shorten(text string, runes int) string {
	if r := []rune(text); len(r) > runes {
		return string(r[:runes-1]) + "…"
	}
	return text
}
