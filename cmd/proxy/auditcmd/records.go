package auditcmd

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/internal/cli"
	"tollgate/internal/text"
)

type recordFlags struct {
	dir      string
	times    cli.TimeFlags
	filter   logfile.Filter
	from, to uint64
	limit    int
	json     bool
}

func recordsCommand() *cobra.Command {
	var f recordFlags
	cmd := &cobra.Command{
		Use: "records --dir DIR", Short: "List the log's records, line by line",
		Example: "  tollgate audit records --dir /var/lib/tollgate/audit --kind refusals --last 24h\n" +
			"  tollgate audit records --dir D --event credential_paused --last 30d\n" +
			"  tollgate audit records --dir D --from-seq 4711 --to-seq 4720 --json   # the lines as they stand in the log",
		Args: cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.parse(time.Now()); err != nil {
				return err
			}
			return f.list(cmd.OutOrStdout())
		},
	}
	cli.DirFlag(cmd, &f.dir)
	f.times.Register(cmd)
	flags := cmd.Flags()
	flags.StringVar((*string)(&f.filter.Kind), "kind", "", "record `kind`: "+strings.Join(logfile.Kinds, ", "))
	flags.Uint64Var(&f.from, "from-seq", 0, "only records from this `number` on")
	flags.Uint64Var(&f.to, "to-seq", 0, "only records up to this `number`")
	flags.StringVar((*string)(&f.filter.Event), "event", "", "`code` of an event, such as credential_paused")
	flags.StringVar(&f.filter.Call, "call", "", "call `id`")
	flags.StringVar(&f.filter.Caller, "caller", "", "proven caller's `name`")
	flags.StringVar(&f.filter.Operation, "operation", "", "operation `name`")
	flags.StringVar(&f.filter.Credential, "credential", "", "credential `name`")
	flags.StringVar(&f.filter.Account, "account", "", "credential's account `id`")
	cli.LimitFlag(cmd, &f.limit, 0)
	flags.BoolVar(&f.json, "json", false, "print the records as they are, one JSON line each")
	return cmd
}

func (f *recordFlags) parse(now time.Time) error {
	if err := cmp.Or(f.times.Parse(now), cli.CheckChoice("kind", string(f.filter.Kind), logfile.Kinds)); err != nil {
		return err
	}
	if f.to != 0 && f.to < f.from {
		return cli.UsageError("--to-seq %d is before --from-seq %d", f.to, f.from)
	}
	if err := cli.CheckLimit(f.limit); err != nil {
		return err
	}
	f.filter.Since, f.filter.Until, f.filter.Call = f.times.Since, f.times.Until, cli.PlainID(f.filter.Call)
	return cli.CheckDir(f.dir)
}

func (f *recordFlags) match(r *logfile.Record) bool {
	return r.Seq >= f.from && (f.to == 0 || r.Seq <= f.to) && f.filter.Match(r)
}

// list prints matching records. With a limit it keeps only that many in memory.
func (f *recordFlags) list(w io.Writer) error {
	out := bufio.NewWriter(w)
	p := newRecordPrinter(out, f.json, f.times.Zone)
	last := calls.Last[record]{N: f.limit, Yield: p.print}
	err := logfile.Read(f.dir, func(r *logfile.Record, line []byte) error {
		if !f.match(r) {
			return nil
		}
		return last.Add(record{r, append([]byte(nil), line...)})
	})
	if err = errors.Join(err, last.Flush(), p.flush(), out.Flush()); err != nil {
		return err
	}
	if p.printed == 0 && !f.json {
		_, err = fmt.Fprintln(w, "no records match")
	}
	return err
}

// record is a record with its line.
type record struct {
	*logfile.Record
	line []byte
}

func newRecordPrinter(w io.Writer, raw bool, zone *time.Location) *printer[record] {
	if raw {
		return &printer[record]{row: func(r record) error { return writeRaw(w, r.line) }, flush: unbuffered}
	}
	t := &cli.Table{W: w, Columns: cli.Columns(recordHeader(zone)...)}
	return &printer[record]{row: func(r record) error { return t.Row(recordCells(r.Record, zone)) }, flush: t.Flush}
}

func recordHeader(zone *time.Location) []string {
	return []string{"SEQ", "TIME (" + zone.String() + ")", "KIND", "CALLER", "OPERATION", "EFFECT", "CREDENTIAL", "RESULT", "WHAT", "CALL"}
}

func recordCells(r *logfile.Record, zone *time.Location) []string {
	caller := r.Caller
	if caller == "" && r.ClaimedCaller != "" {
		caller = "(" + r.ClaimedCaller + "?)"
	}
	return []string{
		strconv.FormatUint(r.Seq, 10), r.Time.In(zone).Format(tableTime), string(r.Kind),
		caller, r.Operation, r.Effect, r.Credential, recordResult(r), recordWhat(r), r.Call,
	}
}

// recordResult says in a word or two how it went.
func recordResult(r *logfile.Record) string {
	switch r.Kind {
	case logfile.KindIntent:
		return r.Decision
	case logfile.KindOutcome:
		return strings.TrimSpace(r.Outcome + " " + text.NotZero(r.Status) + " " + r.ErrorCode)
	case logfile.KindRefusal:
		return "refused " + text.NotZero(r.Status)
	}
	return ""
}

// recordWhat gives the members that matter most to a reader.
func recordWhat(r *logfile.Record) string {
	var parts []string
	switch r.Kind {
	case logfile.KindRefusals:
		for _, count := range r.Counts {
			parts = append(parts, fmt.Sprintf("%d× %s from %s", count.Count, reasonAt(count.Stage, count.Reason, count.TLSFailure), count.Source))
		}
	case logfile.KindStart, logfile.KindStop:
		parts = append(parts, r.Version, r.Note)
	case logfile.KindRefusal:
		parts = append(parts, reasonAt(r.Stage, r.Reason, r.TLSFailure))
		if r.Operation == "" && r.Path != "" {
			parts = append(parts, r.Method+" "+r.Path)
		}
	case logfile.KindEvent:
		parts = append(parts, string(r.Event), r.Subject, r.Detail, r.Note)
	case logfile.KindCheckpoint, logfile.KindKey:
		parts = append(parts, r.Key, r.Note)
	case logfile.KindPrune:
		parts = append(parts, fmt.Sprintf("records %d to %d", r.First, r.Last), r.Note)
	default:
		parts = append(parts, r.Reason, r.Note)
		for _, field := range r.Fields {
			parts = append(parts, field.Name+"="+strings.Join(field.Values, ","))
		}
	}
	return shorten(strings.Join(strings.Fields(strings.Join(parts, " ")), " "), 100)
}

// reasonAt returns a reason, with what it needs beside it where it is that of a connection.
func reasonAt(stage, reason, failure string) string {
	switch {
	case !logfile.OfConnection(stage):
		return reason
	case failure != "":
		return stage + ": " + logfile.TLSFailureText(failure)
	}
	return stage + ": " + reason
}

func showCommand() *cobra.Command {
	var dir string
	var raw bool
	cmd := &cobra.Command{
		Use: "show --dir DIR CALL-ID", Short: "Show every record of one call, and of those that the gateway made for it",
		Example: "  tollgate audit show --dir /var/lib/tollgate/audit 0198c2f4-…", Args: cli.ExactArgs("CALL-ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := cli.CheckDir(dir); err != nil {
				return err
			}
			if args[0] == "" {
				return cli.UsageError("CALL-ID is empty; audit list shows the ids")
			}
			return show(cmd.OutOrStdout(), dir, args[0], raw)
		},
	}
	cli.DirFlag(cmd, &dir)
	cmd.Flags().BoolVar(&raw, "json", false, "print the records as they are, one JSON line each")
	return cmd
}

func show(w io.Writer, dir, id string, raw bool) error {
	id = cli.PlainID(id)
	found := false
	err := logfile.Read(dir, func(r *logfile.Record, line []byte) error {
		if !isAbout(r, id) {
			return nil
		}
		found = true
		if raw {
			return writeRaw(w, line)
		}
		return cli.PrintJSON(w, r)
	})
	if err == nil && !found {
		err = fmt.Errorf("no record has the call id %q; audit list shows the ids", id)
	}
	return err
}

// isAbout reports whether a record is of a call, of one that the gateway made for it, or an event about it.
func isAbout(r *logfile.Record, call string) bool {
	return r.Call == call || r.Kind == logfile.KindEvent && r.Subject == call || r.Spending != nil && r.For == call
}

// writeRaw writes a record's line as it stands in the log.
func writeRaw(w io.Writer, line []byte) error {
	_, err := fmt.Fprintf(w, "%s\n", line)
	return err
}
