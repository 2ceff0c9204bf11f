package auditcmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tollgate/audit/calls"
	"tollgate/internal/cli"
)

type reportFlags struct {
	listFlags
	byText string
	by     []calls.Dimension
}

func reportCommand() *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use: "report (--dir DIR | --bundle BUNDLE)", Short: "Sum calls and money up by caller, operation, credential, account and customer",
		Long: "Sum calls up: how many there were, what became of them, and how much money they moved, by currency.\n\n" + moneyRules,
		Example: "  tollgate audit report --dir /var/lib/tollgate/audit --month 2026-10 --zone Asia/Shanghai\n" +
			"  tollgate audit report --dir D --month 2026-10 --by caller --format csv > october.csv\n" +
			"  tollgate audit report --dir D --month 2026-10 --by account --effect spend          # who paid\n" +
			"  tollgate audit report --dir D --last 7d --effect spend --by credential,customer --json",
		Args: cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.parse(cmd, time.Now()); err != nil {
				return err
			}
			return f.read(cmd.ErrOrStderr(), func(source calls.Source) error {
				return f.report(cmd.Context(), cmd.OutOrStdout(), source)
			})
		},
	}
	f.place.register(cmd)
	indexFlag(cmd, &f.index)
	f.times.Register(cmd)
	cmd.Flags().StringVar(&f.byText, "by", "caller,operation,credential,account,customer", "`dimensions` to group by, in this order")
	f.calls.Register(cmd)
	f.format.Register(cmd, cli.AsCSV)
	return cmd
}

func (f *reportFlags) parse(cmd *cobra.Command, now time.Time) (err error) {
	if f.by, err = calls.ParseDimensions(f.byText); err != nil {
		return cli.FlagError("by", err)
	}
	return f.listFlags.parse(cmd, now)
}

// moneyRules stand under each report, so that nobody takes its sums for more than they are.
const moneyRules = `calls is the sum of succeeded to refused. Refusals that the log only counts (kind refusals) are not among them.
moved: amounts of operations with effect spend that succeeded, given and taken back alike, as text says them: nothing is rounded.
 Coupons and coupon quotas count once for each recipient. Budgets and credit limits move nothing.
moved_partly, moved_perhaps: what calls asked for that ended partial, and that ended unknown or have no outcome. Not in moved.
from: where these come from. request, answer: of the call. order, renewal: the price that the gateway read before, for a cap; the
 provider may have charged otherwise. refund: what a caller's own read of the refund order showed.
no_amount: calls of these three kinds whose records tell no amount, as payments that no cap of money covers.
unsummed: calls, refused ones left out, with an amount that is in no sum: it is no plain decimal number, in an unknown unit, or
 left out of the record. See them with: tollgate audit list --min-amount 1e40
currency: what the call says, else that of its site (cn CNY, intl USD); XXX where neither is known.
A call that names several customers is in the row of each, and once in the totals.
TOTAL counts all calls; MONEY is what they moved, each currency apart.`

func (f *reportFlags) report(ctx context.Context, w io.Writer, source calls.Source) error {
	r := calls.NewReport(f.by, func() (calls.Refunds, error) { return calls.ReadRefunds(ctx, source) })
	if err := source.Calls(ctx, &f.calls.Filter, r.Add); err != nil {
		return err // of a part of the calls there is no report
	}
	out := bufio.NewWriter(w)
	print := map[string]func(io.Writer, *calls.Report) error{cli.AsTable: f.table, cli.AsWide: f.table, cli.AsJSON: f.json, cli.AsCSV: f.csv}[f.format.Format]
	return errors.Join(print(out, r), out.Flush())
}

func (f *reportFlags) columns() []string {
	var columns []string
	for _, d := range f.by {
		columns = append(columns, string(d))
	}
	return append(columns, calls.SumColumns...)
}

func (f *reportFlags) table(w io.Writer, r *calls.Report) error {
	t := f.format.Table(w)
	for i, column := range f.columns() {
		number := i > len(f.by) && column != "from" // behind the currency stand numbers
		t.Columns = append(t.Columns, cli.Column{Name: strings.ToUpper(column), Number: number, Sparse: number})
	}
	if _, err := fmt.Fprintf(w, "Calls %s\n\n", f.times.Text()); err != nil {
		return err
	}
	for _, g := range r.Groups() {
		if err := t.Row(slices.Concat(g.Names, calls.Cells(&g.Money, &g.Counts))); err != nil {
			return err
		}
	}
	if err := errors.Join(f.totals(t, r), t.Flush()); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s\n", moneyRules)
	return err
}

// totals adds one row that counts all calls, and one for the money of each currency: currencies do not add up.
func (f *reportFlags) totals(t *cli.Table, r *calls.Report) error {
	row := func(name string, cells []string) error {
		names := make([]string, len(f.by))
		names[0] = name
		return t.Row(append(names, cells...))
	}
	if err := row("TOTAL", calls.Cells(nil, r.Total())); err != nil {
		return err
	}
	for _, m := range r.Money() {
		if err := row("MONEY", calls.Cells(m, nil)); err != nil {
			return err
		}
	}
	return nil
}

func (f *reportFlags) csv(w io.Writer, r *calls.Report) error {
	csv := calls.NewCSV(w, f.format.BOM)
	if err := csv.Write(f.columns()); err != nil {
		return err
	}
	for _, g := range r.Groups() {
		if err := csv.Write(slices.Concat(g.Names, calls.Cells(&g.Money, &g.Counts))); err != nil {
			return err
		}
	}
	return nil
}

func (f *reportFlags) json(w io.Writer, r *calls.Report) error {
	return cli.PrintJSON(w, struct {
		Since time.Time         `json:"since,omitzero"`
		Until time.Time         `json:"until,omitzero"`
		Zone  string            `json:"zone"`
		By    []calls.Dimension `json:"by"`
		Rows  []*calls.Group    `json:"rows"`
		Total *calls.Counts     `json:"total"`
		Money []*calls.Money    `json:"money"`
	}{f.times.Since, f.times.Until, f.times.Zone.String(), f.by, r.Groups(), r.Total(), r.Money()})
}
