package auditcmd

import (
	"bufio"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"tollgate/audit/calls"
	"tollgate/internal/cli"
	"tollgate/internal/words"
)

type reportFlags struct {
	listFlags
	byText string
	by     []calls.Dimension
	lang   cli.LangFlag
	words  *words.Words
}

func reportCommand() *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use: "report (--dir DIR | --bundle BUNDLE)", Short: "Sum calls and money up by caller, operation, credential, account and customer",
		Long: "Sum calls up: how many there were, how they ended, and how much money they moved, by currency. A report reads the log, unless\n" +
			"--index says otherwise.\n\n" + indexRule + "\n\n" + words.In(words.English).Text("report.rules"),
		Example: "  tollgate audit report --dir /var/lib/tollgate/audit --month 2026-10 --zone Asia/Shanghai\n" +
			"  tollgate audit report --dir D --month 2026-10 --by caller -o csv > october.csv\n" +
			"  tollgate audit report --dir D --month 2026-10 --by account --effect spend          # who paid\n" +
			"  tollgate audit report --dir D --last 7d --effect spend --by credential,customer --json",
		Args: cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.parse(cmd, time.Now()); err != nil {
				return err
			}
			return f.read(f.index, cmd.ErrOrStderr(), func(r *reading) error { return f.report(cmd.Context(), cmd.OutOrStdout(), r) })
		},
	}
	f.place.register(cmd)
	indexFlag(cmd, &f.index, noIndex, "an index whose sums of days are taken, which is quicker, and proven by nothing")
	f.times.Register(cmd)
	cmd.Flags().StringVar(&f.byText, "by", "", "`dimensions` to group by, in this order: caller, operation, credential, account, customer (default: "+narrowBy+"\n"+
		"in a table, else all)")
	f.calls.Register(cmd)
	f.format.Register(cmd, cli.AsCSV)
	f.lang.Register(cmd)
	return cmd
}

// narrowBy are the dimensions of a table that is not wide, of which more would not fit.
const narrowBy = "caller,operation"

func (f *reportFlags) parse(cmd *cobra.Command, now time.Time) (err error) {
	if err := f.listFlags.parse(cmd, now); err != nil {
		return err
	}
	if f.words, err = f.lang.Words(); err != nil {
		return err
	}
	switch {
	case f.byText != "":
		f.by, err = calls.ParseDimensions(f.byText)
	case f.format.Format == cli.AsTable:
		f.by, err = calls.ParseDimensions(narrowBy)
	default:
		f.by = calls.Dimensions
	}
	return cli.FlagError("by", err)
}

func (f *reportFlags) report(ctx context.Context, w io.Writer, from *reading) error {
	r, err := from.report(ctx, &f.calls.Filter, f.by)
	if err != nil {
		return err // of a part of the calls there is no report
	}
	out := bufio.NewWriter(w)
	switch f.format.Format {
	case cli.AsJSON:
		err = f.json(out, r, from.from)
	case cli.AsCSV:
		err = f.csv(out, r)
	default:
		err = f.tables(out, r)
	}
	return errors.Join(err, out.Flush())
}

func (f *reportFlags) columns() []string {
	var columns []string
	for _, d := range f.by {
		columns = append(columns, string(d))
	}
	return append(columns, calls.SumColumns...)
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

func (f *reportFlags) json(w io.Writer, r *calls.Report, from cli.Source) error {
	return cli.PrintJSON(w, struct {
		Source cli.Source        `json:"source"`
		Since  time.Time         `json:"since,omitzero"`
		Until  time.Time         `json:"until,omitzero"`
		Zone   string            `json:"zone"`
		By     []calls.Dimension `json:"by"`
		Rows   []*calls.Group    `json:"rows"`
		Total  *calls.Counts     `json:"total"`
		Money  []*calls.Money    `json:"money"`
	}{from, f.times.Since, f.times.Until, f.times.Zone.String(), f.by, r.Groups(), r.Total(), r.Money()})
}
