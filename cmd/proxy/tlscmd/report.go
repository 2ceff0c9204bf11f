package tlscmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tollgate/audit/logfile"
	"tollgate/audit/tlsreport"
	"tollgate/internal/cli"
	"tollgate/tlspolicy"
)

type reportFlags struct {
	dir, policy, config string
	without             []string
	times               cli.TimeFlags
	format              cli.FormatFlags
}

func reportCommand() *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use: "report --dir DIR", Short: "Say from the audit log how TLS was used, and who needs a suite or version",
		Long: "Say from the audit log which versions, suites and groups were used, in and out; what peers offered; which connections were\n" +
			"refused and why; which certificates were seen; and who could not connect any more if the policy had less.\n\n" +
			"What is removed is named as `tollgate tls policy` does. Each --without is a question of its own; names with commas\n" +
			"between are removed together. Without any: TLS 1.2, and each suite that was used.",
		Example: "  tollgate tls report --dir /var/lib/tollgate/audit --last 30d\n" +
			"  tollgate tls report --dir D --month 2026-10 --zone Asia/Shanghai -o html > october.html\n" +
			"  tollgate tls report --dir D --without \"TLS 1.2\" --without TLS_AES_128_GCM_SHA256,P-256",
		Args: cli.ExactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd, time.Now()) },
	}
	cli.OptionalConfigFlag(cmd, &f.config, "take the policy, and without --dir the audit directory, from this configuration `file`")
	cli.DirFlag(cmd, &f.dir)
	f.times.Register(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&f.without, "without", nil, "`names` of a version, suites or groups to think away (repeatable)")
	flags.StringVar(&f.policy, "policy", "", "policy `name` of the listeners (default: the only one of --config, else huawei-high)")
	f.format.Register(cmd, cli.AsHTML)
	return cmd
}

func (f *reportFlags) run(cmd *cobra.Command, now time.Time) error {
	if err := f.format.Parse(cmd); err != nil {
		return err
	}
	collector, err := f.collector(now)
	if err != nil {
		return err
	}
	source := cli.LogSource(f.dir, 0)
	if source.To, err = read(cmd.Context(), f.dir, collector); err != nil {
		return err // of a part of the log there is no report
	}
	out := bufio.NewWriter(cmd.OutOrStdout())
	return errors.Join(f.print(out, collector.Report(), source), out.Flush(), source.Say(cmd.ErrOrStderr()))
}

func (f *reportFlags) print(w io.Writer, report *tlsreport.Report, source cli.Source) error {
	switch f.format.Format {
	case cli.AsJSON:
		return cli.PrintJSON(w, struct {
			Source cli.Source `json:"source"`
			*tlsreport.Report
		}{source, report})
	case cli.AsHTML:
		return report.WriteHTML(w, f.times.Zone)
	}
	return f.table(w, report)
}

// read has the collector see the records of the log in dir, and returns the last one.
func read(ctx context.Context, dir string, collector *tlsreport.Collector) (last uint64, err error) {
	err = logfile.Read(dir, func(r *logfile.Record, _ []byte) error {
		last = r.Seq
		collector.Add(r)
		return ctx.Err()
	})
	return last, err
}

func (f *reportFlags) collector(now time.Time) (*tlsreport.Collector, error) {
	if err := f.times.Parse(now); err != nil {
		return nil, err
	}
	policy, err := onePolicy(f.config, f.policy)
	if err != nil {
		return nil, err
	}
	collector, err := tlsreport.New(tlsreport.Config{Policy: policy, Without: f.without, Since: f.times.Since, Until: f.times.Until})
	if err != nil {
		return nil, cli.FlagError("without", err)
	}
	return collector, cli.CheckDir(f.dir)
}

// onePolicy is the one that is named; else the only one that the listeners of the configuration have, else the default.
func onePolicy(file, name string) (*tlspolicy.Policy, error) {
	if name == "" && file == "" {
		return tlspolicy.Named(tlspolicy.Default)
	}
	if name == "" {
		return listenersPolicy(file)
	}
	policies, err := choosePolicies(file, []string{name})
	if err != nil {
		return nil, cli.FlagError("policy", err)
	}
	return policies[0], nil
}

func listenersPolicy(file string) (*tlspolicy.Policy, error) {
	c, err := cli.LoadConfig(file, false)
	if err != nil {
		return nil, err
	}
	only := ""
	for _, l := range c.Listeners {
		if l.TLS == nil {
			continue
		}
		if only != "" && only != l.TLS.Policy {
			return nil, cli.UsageError("--policy is needed: the listeners have several, such as %s and %s", only, l.TLS.Policy)
		}
		only = l.TLS.Policy
	}
	if only == "" {
		return nil, cli.UsageError("--policy is needed: no listener of %s has TLS", file)
	}
	policies, err := c.Policies()
	return policies[only], err
}

// sections prints the parts of a report one after the other; after a fault nothing more.
type sections struct {
	w      io.Writer
	format *cli.FormatFlags
	err    error
}

func (s *sections) line(format string, args ...any) {
	if s.err == nil {
		_, s.err = fmt.Fprintf(s.w, format+"\n", args...)
	}
}

// table prints rows under a title.
func (s *sections) table(title string, columns []cli.Column, rows [][]string) {
	s.line("\n%s", title)
	if len(rows) == 0 {
		s.line("none")
		return
	}
	t := s.format.Table(s.w, columns...)
	for _, row := range rows {
		if s.err == nil {
			s.err = t.Row(row)
		}
	}
	if s.err == nil {
		s.err = t.Flush()
	}
}

// columns returns columns with names, of which the last so many are numbers. Those of [whole] are not truncated.
func columns(numbers int, names ...string) []cli.Column {
	list := cli.Columns(names...)
	for i := range list {
		list[i].Number = i >= len(list)-numbers
		list[i].Whole = whole[names[i]]
	}
	return list
}

// whole are the columns of names that begin alike.
var whole = map[string]bool{"VERSION": true, "SUITE": true, "GROUP": true}

// wide has columns printed in wide tables only.
func wide(list []cli.Column, indexes ...int) []cli.Column {
	for _, i := range indexes {
		list[i].Wide = true
	}
	return list
}

// rowsOf makes a row of each value.
func rowsOf[T any](values []T, row func(T) []string) [][]string {
	rows := make([][]string, len(values))
	for i, value := range values {
		rows[i] = row(value)
	}
	return rows
}

func digits(n uint64) string { return strconv.FormatUint(n, 10) }

func (f *reportFlags) table(w io.Writer, r *tlsreport.Report) error {
	s := &sections{w: w, format: &f.format}
	s.line("TLS %s, policy %s", f.times.Text(), r.Policy)
	for _, note := range r.Notes {
		s.line("note: %s", note)
	}
	used := func(u tlsreport.Use) []string {
		return []string{proven(u.Who), u.Identity, u.Version, u.Suite, u.Group, digits(u.Calls), digits(u.ResumedCalls), digits(u.Conns), digits(u.ResumedConns)}
	}
	s.table("USED BY CALLERS", wide(columns(4, "CALLER", "IDENTITY", "VERSION", "SUITE", "GROUP", "CALLS", "RESUMED", "CONNECTIONS", "RESUMED"), 1, 7, 8), rowsOf(r.In, used))
	s.table("USED TOWARDS UPSTREAMS", columns(2, "UPSTREAM", "VERSION", "SUITE", "GROUP", "CALLS", "RESUMED"), rowsOf(r.Out, func(u tlsreport.Use) []string {
		return []string{u.Who, u.Version, u.Suite, u.Group, digits(u.Calls), digits(u.ResumedCalls)}
	}))
	s.without(r.Without)
	s.refused(r)
	s.table("OFFERED BY PEERS", columns(2, "WHAT", "NAME", "CONNECTIONS", "REFUSED"), rowsOf(r.Offered, func(o tlsreport.Offered) []string {
		return []string{o.What, o.Name, digits(o.Conns), digits(o.Refused)}
	}))
	s.certificates(r, f.times.Zone)
	return s.err
}

// proven names a caller.
func proven(name string) string {
	if name == "" {
		return "(not proven)"
	}
	return name
}

func (s *sections) without(list []tlsreport.Without) {
	for _, w := range list {
		rows := rowsOf(append(w.Breaks, w.Unknown...), func(c tlsreport.Caller) []string {
			return []string{c.Answer(), proven(c.Caller), c.Identity, atLeast(c.Sources, c.MoreSources), digits(c.Calls), digits(c.Conns), digits(c.WithOffer), c.Why()}
		})
		title := fmt.Sprintf("WITHOUT %s: %d would break, %d unknown, %d could still connect", strings.Join(w.Removed, ", "), len(w.Breaks), len(w.Unknown), w.Stay)
		if len(rows) == 0 {
			s.line("\n%s", title)
			continue
		}
		s.table(title, withoutColumns(), rows)
	}
}

func withoutColumns() []cli.Column {
	return append(wide(columns(4, "ANSWER", "CALLER", "IDENTITY", "SOURCES", "CALLS", "CONNECTIONS", "WITH OFFER"), 2, 3, 6), cli.Column{Name: "WHY"})
}

func (s *sections) refused(r *tlsreport.Report) {
	var rows [][]string
	for _, refused := range r.Refused {
		row := []string{refused.Reason, digits(refused.Count), atLeast(refused.Sources, refused.MoreSources), strings.Join(refused.Examples, " "), ""}
		for i, offer := range refused.Offers {
			if i > 0 {
				row = make([]string, len(row))
			}
			row[4] = fmt.Sprintf("%d× %s", offer.Count, offer.Offer)
			rows = append(rows, row)
		}
		if len(refused.Offers) == 0 {
			rows = append(rows, row)
		}
	}
	s.table("REFUSED CONNECTIONS", append(columns(2, "REASON", "COUNT", "SOURCES"), columns(0, "SUCH AS", "OFFERED")...), rows)
	s.table("CALLS NOT SENT FOR WANT OF A TLS CONNECTION", columns(1, "UPSTREAM", "REASON", "CALLS"), rowsOf(r.Upstream, func(u tlsreport.Failed) []string {
		return []string{u.Upstream, u.Reason, digits(u.Calls)}
	}))
}

func atLeast(n int, more bool) string {
	if more {
		return strconv.Itoa(n) + "+"
	}
	return strconv.Itoa(n)
}

func (s *sections) certificates(r *tlsreport.Report, zone *time.Location) {
	s.table("CERTIFICATES OF PEERS", columns(1, "VALID UNTIL", "DIRECTION", "WHOSE", "NAME", "SUBJECT", "SHA-256", "CALLS"), rowsOf(r.Certs, func(c tlsreport.Cert) []string {
		until := "unknown"
		if !c.NotAfter.IsZero() {
			until = c.NotAfter.In(zone).Format(time.DateOnly)
		}
		return []string{until, c.Direction, proven(c.Who), c.ServerName, c.Peer, c.Fingerprint, digits(c.Calls)}
	}))
	s.table("SERVER NAMES THAT CALLERS ASKED FOR", columns(1, "NAME", "CONNECTIONS"), rowsOf(r.Names, func(n tlsreport.Name) []string {
		return []string{n.Name, digits(n.Conns)}
	}))
}
