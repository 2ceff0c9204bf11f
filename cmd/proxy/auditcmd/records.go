package auditcmd

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
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
	place
	times    cli.TimeFlags
	filter   logfile.Filter
	from, to uint64
	limit    int
	format   cli.FormatFlags
}

func recordsCommand() *cobra.Command {
	var f recordFlags
	cmd := &cobra.Command{
		Use: "records (--dir DIR | --bundle BUNDLE)", Short: "List the log's records, line by line",
		Example: "  tollgate audit records --dir /var/lib/tollgate/audit --kind refusals --last 24h\n" +
			"  tollgate audit records --dir D --event credential_paused --last 30d\n" +
			"  tollgate audit records --bundle october.zip --kind event                           # verify it first\n" +
			"  tollgate audit records --dir D --from-seq 4711 --to-seq 4720 --json   # the lines as they stand in the log",
		Args: cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.parse(cmd, time.Now()); err != nil {
				return err
			}
			return f.list(cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.place.register(cmd)
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
	f.format.Register(cmd)
	return cmd
}

func (f *recordFlags) parse(cmd *cobra.Command, now time.Time) (err error) {
	if err := cmp.Or(f.times.Parse(now), f.format.Parse(cmd), cli.CheckChoice("kind", string(f.filter.Kind), logfile.Kinds)); err != nil {
		return err
	}
	if f.to != 0 && f.to < f.from {
		return cli.UsageError("--to-seq %d is before --from-seq %d", f.to, f.from)
	}
	if err := cmp.Or(cli.CheckLimit(f.limit), f.place.check()); err != nil {
		return err
	}
	f.filter.Since, f.filter.Until = f.times.Since, f.times.Until
	f.filter.Call, err = f.fullID(f.filter.Call)
	return err
}

func (f *recordFlags) match(r *logfile.Record) bool {
	return r.Seq >= f.from && (f.to == 0 || r.Seq <= f.to) && f.filter.Match(r)
}

// list prints matching records. With a limit it keeps only that many in memory.
func (f *recordFlags) list(w, notes io.Writer) error {
	out := bufio.NewWriter(w)
	p := newRecordPrinter(out, f.format, f.times.Zone)
	last := calls.Last[record]{N: f.limit, Yield: p.print}
	return f.readLines(notes, func(read func(lineFunc) error) error {
		err := read(func(r *logfile.Record, line []byte) error {
			if !f.match(r) {
				return nil
			}
			return last.Add(record{r, bytes.Clone(line)})
		})
		return p.end(out, f.format, "no records match", errors.Join(err, last.Flush()))
	})
}

// record is a record with its line.
type record struct {
	*logfile.Record
	line []byte
}

// newRecordPrinter returns a printer of records. As JSON they are the lines as they stand in the log, to which nothing can be added.
func newRecordPrinter(w io.Writer, f cli.FormatFlags, zone *time.Location) *printer[record] {
	if f.Format == cli.AsJSON {
		return &printer[record]{row: func(r record) error { return writeRaw(w, r.line) }, flush: unbuffered}
	}
	return tablePrinter(w, f, recordColumns(zone))
}

// recordColumns are the columns of a table of records. Narrow ones say operation and result before what else matters.
func recordColumns(zone *time.Location) []column[record] {
	times := timeColumns(zone, func(r record) time.Time { return r.Time })
	return slices.Concat([]column[record]{
		{cli.Column{Name: "SEQ", Number: true}, func(r record) string { return strconv.FormatUint(r.Seq, 10) }},
	}, times, []column[record]{
		{cli.Column{Name: "KIND", Whole: true}, func(r record) string { return string(r.Kind) }},
		{cli.Column{Name: "CALLER"}, recordCaller},
		{cli.Column{Name: "OPERATION", Wide: true}, func(r record) string { return r.Operation }},
		{cli.Column{Name: "EFFECT", Wide: true}, func(r record) string { return r.Effect }},
		{cli.Column{Name: "CREDENTIAL", Wide: true}, func(r record) string { return r.Credential }},
		{cli.Column{Name: "RESULT", Wide: true}, func(r record) string { return recordResult(r.Record) }},
		{cli.Column{Name: "WHAT", Wide: true}, func(r record) string { return recordWhat(r.Record) }},
		{cli.Column{Name: "WHAT", Narrow: true}, func(r record) string { return join(r.Operation, recordResult(r.Record), recordWhat(r.Record)) }},
		{cli.Column{Name: "CALL", Whole: true, Narrow: true}, func(r record) string { return calls.ShortID(r.Call) }},
		{cli.Column{Name: "CALL", Whole: true, Wide: true}, func(r record) string { return r.Call }},
	})
}

func recordCaller(r record) string {
	if r.Caller == "" && r.ClaimedCaller != "" {
		return "(" + r.ClaimedCaller + "?)"
	}
	return r.Caller
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

// recordWhat returns the members that matter most to a reader.
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
	return text.Fit(join(parts...), 100)
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

// writeRaw writes a record's line as it stands in the log.
func writeRaw(w io.Writer, line []byte) error {
	_, err := fmt.Fprintf(w, "%s\n", line)
	return err
}
