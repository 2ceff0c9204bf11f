package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tollgate/audit"
	"tollgate/catalog"
)

func auditCommand() *cobra.Command {
	return group("audit", "Read the audit log", auditListCommand(), auditShowCommand())
}

func dirFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "dir", "", "audit `directory`, as audit.dir of the configuration (required)")
}

type listFlags struct {
	dir, kind, since, until string
	filter                  audit.Filter
	limit                   int
	json                    bool
}

func auditListCommand() *cobra.Command {
	var f listFlags
	cmd := &cobra.Command{
		Use: "list --dir DIR", Short: "List records: intents, outcomes, refusals, starts and stops",
		Example: "  tollgate audit list --dir /var/lib/tollgate/audit --since 24h\n" +
			"  tollgate audit list --dir D --effect spend --outcome unknown --json\n  tollgate audit list --dir D --caller billing-app --decision refused",
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.parse(time.Now()); err != nil {
				return err
			}
			return f.list(cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	dirFlag(cmd, &f.dir)
	flags.StringVar(&f.kind, "kind", "", "record kind: start, intent, outcome, refusal, refusals, stop")
	flags.StringVar(&f.filter.Caller, "caller", "", "caller `name`")
	flags.StringVar(&f.filter.Operation, "operation", "", "operation `name`")
	flags.StringVar(&f.filter.Effect, "effect", "", "read, write or spend")
	flags.StringVar(&f.filter.Credential, "credential", "", "credential `name`")
	flags.StringVar(&f.filter.Class, "class", "", "credential class: partner or customer")
	flags.StringVar(&f.filter.Decision, "decision", "", "allowed or refused")
	flags.StringVar(&f.filter.Outcome, "outcome", "", "succeeded, failed, partial, not_sent or unknown")
	flags.StringVar(&f.since, "since", "", "only records since: a time (2026-01-31 or RFC 3339) or an age (24h)")
	flags.StringVar(&f.until, "until", "", "only records before: a time or an age")
	flags.IntVarP(&f.limit, "limit", "n", 0, "only the last `N` (default: all)")
	flags.BoolVar(&f.json, "json", false, "print the records as they are, one JSON line each")
	return cmd
}

func (f *listFlags) parse(now time.Time) error {
	for _, choice := range []struct {
		flag, value string
		known       []string
	}{
		{"kind", f.kind, []string{"start", "intent", "outcome", "refusal", "refusals", "stop"}},
		{"effect", f.filter.Effect, []string{catalog.Read.String(), catalog.Write.String(), catalog.Spend.String()}},
		{"class", f.filter.Class, []string{catalog.ClassPartner.String(), catalog.ClassCustomer.String()}},
		{"decision", f.filter.Decision, []string{audit.Allowed, audit.Refused}},
		{"outcome", f.filter.Outcome, []string{audit.Succeeded, audit.Failed, audit.Partial, audit.NotSent, audit.Unknown}},
	} {
		if choice.value != "" && !slices.Contains(choice.known, choice.value) {
			return usageError("--%s %q: choose from %s", choice.flag, choice.value, strings.Join(choice.known, ", "))
		}
	}
	f.filter.Kind = audit.Kind(f.kind)
	var err error
	if f.filter.Since, err = parseMoment(f.since, now); err != nil {
		return usageError("--since: %w", err)
	}
	if f.filter.Until, err = parseMoment(f.until, now); err != nil {
		return usageError("--until: %w", err)
	}
	if f.limit < 0 {
		return usageError("--limit must not be negative")
	}
	return checkDir(f.dir)
}

// checkDir tells a wrong directory from an empty log.
func checkDir(dir string) error {
	if dir == "" {
		return usageError("--dir is needed: the audit directory")
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("audit directory: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("audit directory: %s is not a directory", dir)
	}
	return nil
}

// parseMoment reads a date, an RFC 3339 time or an age; "" is the zero time.
func parseMoment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if age, err := time.ParseDuration(text); err == nil && age >= 0 {
		return now.Add(-age), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither an age (24h, 30m) nor a time (2026-01-31, 2026-01-31T15:04:05Z); times without a zone are UTC", text)
}

// list prints matching records. With a limit it keeps only that many in memory.
func (f *listFlags) list(w io.Writer) error {
	p := newRecordPrinter(w, f.json)
	var last []func() error
	matched := 0
	err := audit.Read(f.dir, func(r *audit.Record, line []byte) error {
		if !f.filter.Match(r) {
			return nil
		}
		matched++
		if f.limit == 0 {
			return p.print(r, line)
		}
		record, kept := *r, append([]byte(nil), line...)
		if last = append(last, func() error { return p.print(&record, kept) }); len(last) > f.limit {
			last = last[1:]
		}
		return nil
	})
	for _, print := range last {
		err = errors.Join(err, print())
	}
	if err = errors.Join(err, p.flush()); err != nil {
		return err
	}
	if matched == 0 && !f.json {
		_, err = fmt.Fprintln(w, "no records match")
	}
	return err
}

// recordPrinter prints records as lines of JSON or as a table.
type recordPrinter struct {
	w     io.Writer
	table *tabwriter.Writer
	rows  int
}

func newRecordPrinter(w io.Writer, asJSON bool) *recordPrinter {
	p := &recordPrinter{w: w}
	if !asJSON {
		p.table = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	}
	return p
}

// tableBlock is after how many rows the column widths are settled anew, so that a long log does not fill memory.
const tableBlock = 1000

func (p *recordPrinter) print(r *audit.Record, line []byte) error {
	if p.table == nil {
		_, err := fmt.Fprintf(p.w, "%s\n", strings.TrimRight(string(line), "\n"))
		return err
	}
	if p.rows%tableBlock == 0 {
		fmt.Fprintln(p.table, "SEQ\tTIME (UTC)\tKIND\tCALLER\tOPERATION\tEFFECT\tCREDENTIAL\tRESULT\tWHAT\tCALL")
	}
	p.rows++
	fmt.Fprintln(p.table, strings.Join(recordRow(r), "\t"))
	if p.rows%tableBlock == 0 {
		return p.table.Flush()
	}
	return nil
}

func (p *recordPrinter) flush() error {
	if p.table == nil {
		return nil
	}
	return p.table.Flush()
}

func recordRow(r *audit.Record) []string {
	caller := r.Caller
	if caller == "" && r.ClaimedCaller != "" {
		caller = "(" + r.ClaimedCaller + "?)"
	}
	row := []string{
		strconv.FormatUint(r.Seq, 10), r.Time.UTC().Format("2006-01-02 15:04:05.000"), string(r.Kind),
		caller, r.Operation, r.Effect, r.Credential, recordResult(r), recordWhat(r), r.Call,
	}
	for i, cell := range row {
		if row[i] = printable(cell); cell == "" {
			row[i] = "-"
		}
	}
	return row
}

// recordResult says in a word or two how it went.
func recordResult(r *audit.Record) string {
	switch r.Kind {
	case audit.KindIntent:
		return r.Decision
	case audit.KindOutcome:
		return strings.TrimSpace(r.Outcome + " " + statusText(r.Status) + " " + r.ErrorCode)
	case audit.KindRefusal:
		return "refused " + statusText(r.Status)
	}
	return ""
}

func statusText(status int) string {
	if status == 0 {
		return ""
	}
	return strconv.Itoa(status)
}

// recordWhat gives the fields that matter most to a reader.
func recordWhat(r *audit.Record) string {
	var parts []string
	switch r.Kind {
	case audit.KindRefusals:
		for _, count := range r.Counts {
			parts = append(parts, fmt.Sprintf("%d× %s from %s", count.Count, count.Reason, count.Source))
		}
	case audit.KindStart, audit.KindStop:
		parts = append(parts, r.Version, r.Note)
	case audit.KindRefusal:
		parts = append(parts, r.Reason)
		if r.Operation == "" && r.Path != "" {
			parts = append(parts, r.Method+" "+r.Path)
		}
	default:
		parts = append(parts, r.Reason, r.Note)
		for _, field := range r.Fields {
			parts = append(parts, field.Name+"="+strings.Join(field.Values, ","))
		}
	}
	return shorten(strings.Join(strings.Fields(strings.Join(parts, " ")), " "), 100)
}

func shorten(text string, runes int) string {
	if r := []rune(text); len(r) > runes {
		return string(r[:runes-1]) + "…"
	}
	return text
}

// printable keeps control characters, which strangers may have put into a path, from reaching a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '�'
		}
		return r
	}, text)
}

func auditShowCommand() *cobra.Command {
	var dir string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "show --dir DIR CALL-ID", Short: "Show every record of one call",
		Example: "  tollgate audit show --dir /var/lib/tollgate/audit 0198c2f4-…", Args: exactArgs("CALL-ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkDir(dir); err != nil {
				return err
			}
			if args[0] == "" {
				return usageError("CALL-ID is empty; audit list shows the ids")
			}
			return auditShow(cmd.OutOrStdout(), dir, args[0], asJSON)
		},
	}
	dirFlag(cmd, &dir)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the records as they are, one JSON line each")
	return cmd
}

func auditShow(w io.Writer, dir, id string, asJSON bool) error {
	id = strings.ToLower(strings.TrimPrefix(id, "urn:uuid:"))
	found := false
	err := audit.Read(dir, func(r *audit.Record, line []byte) error {
		if r.Call != id {
			return nil
		}
		found = true
		if asJSON {
			_, err := fmt.Fprintf(w, "%s\n", strings.TrimRight(string(line), "\n"))
			return err
		}
		return printJSON(w, r)
	})
	if err == nil && !found {
		err = fmt.Errorf("no record has the call id %q", id)
	}
	return err
}
