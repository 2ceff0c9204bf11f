package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// The figures of calls under load, as they are called in results.
const (
	cpuFigure  = "cpu"
	rateFigure = "rate"
	busyFigure = "busy"
)

// row is one line of a table, with a cell for each proxy.
type row struct {
	title string
	cell  func(proxy string) string
}

// report writes all tables.
func report(s settings, r *results) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n%s\n\n", machine(), s)
	table(&out, s, "CPU time for each call, in µs: median (min to max).", perTask(s.tasks, func(p, t string) string {
		return r.text(p, t, cpuFigure, "%.1f")
	}))
	if s.has(rival) {
		table(&out, s, "The same in relation to ReverseProxy + SDK signer, paired round by round: median (min to max).", perTask(s.tasks, r.ratio))
	}
	table(&out, s, "Calls per second on one core: median, and how busy that core was. Below about 95 % the callers' core was the narrower one: "+
		"the proxy could have done more.", perTask(s.tasks, r.rates))
	table(&out, s, "Time for one call on one connection, in µs: p50 / p99, medians.", perTask(latencyTasks(s.tasks), r.halfAndSlow))
	table(&out, s, "Besides: median (min to max).", r.others())
	return out.String()
}

func (s settings) String() string {
	return fmt.Sprintf("%d rounds of %s for each proxy and case, after %s to warm up; %d connections, %d for 1 MB.",
		s.rounds, s.duration, s.warm, s.connections, connectionsFor(task{size: 1 << 20}, s))
}

func (s settings) has(proxy string) bool {
	for _, p := range s.proxies {
		if p.name == proxy {
			return true
		}
	}
	return false
}

func perTask(tasks []task, cell func(proxy, task string) string) []row {
	var rows []row
	for _, t := range tasks {
		rows = append(rows, row{t.title, func(p string) string { return cell(p, t.name) }})
	}
	return rows
}

// table writes one table with a column for each proxy. Without rows there is none.
func table(out *strings.Builder, s settings, title string, rows []row) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(out, "%s\n\n| |", title)
	for _, p := range s.proxies {
		fmt.Fprintf(out, " %s |", p.title)
	}
	fmt.Fprintf(out, "\n|---|%s\n", strings.Repeat("---:|", len(s.proxies)))
	for _, r := range rows {
		fmt.Fprintf(out, "| %s |", r.title)
		for _, p := range s.proxies {
			fmt.Fprintf(out, " %s |", r.cell(p.name))
		}
		out.WriteByte('\n')
	}
	out.WriteByte('\n')
}

func (r *results) values(proxy, what, figure string) []float64 {
	return r.figures[key{proxy, what, figure}]
}

// text is the spread of a figure.
func (r *results) text(proxy, what, figure, format string) string {
	return spreadOf(r.values(proxy, what, figure)).text(format)
}

func (s spread) text(format string) string {
	return fmt.Sprintf(format+" ("+format+" to "+format+")", s.median, s.min, s.max)
}

func (r *results) ratio(proxy, what string) string {
	return spreadOf(ratios(r.values(proxy, what, cpuFigure), r.values(rival, what, cpuFigure))).text("%.2f")
}

func (r *results) rates(proxy, what string) string {
	rate, busy := spreadOf(r.values(proxy, what, rateFigure)), spreadOf(r.values(proxy, what, busyFigure))
	return fmt.Sprintf("%.0f, %.0f %%", rate.median, 100*busy.median)
}

func (r *results) halfAndSlow(proxy, what string) string {
	half, slow := spreadOf(r.values(proxy, what, halfFigure)), spreadOf(r.values(proxy, what, slowFigure))
	return fmt.Sprintf("%.0f / %.0f", half.median, slow.median)
}

// others are the rows that have nothing to do with cases.
func (r *results) others() []row {
	figure := func(title, figure, format string) row {
		return row{title, func(p string) string { return r.text(p, "", figure, format) }}
	}
	return []row{
		figure("full TLS handshake with client certificate, CPU µs", handshakeFigure, "%.0f"),
		figure("resumed TLS handshake, CPU µs", resumedFigure, "%.0f"),
		figure("start to first served call, ms", startFigure, "%.0f"),
		figure("memory (RSS) idle, MB", idleFigure, "%.0f"),
		figure("memory (RSS) with 1,000 idle TLS connections, MB", thousandFigure, "%.0f"),
	}
}

// The lines of a Markdown file between which the figures stand.
const (
	beginMark = "<!-- figures, written by `make bench` -->\n"
	endMark   = "<!-- end of figures -->\n"
)

// rewrite puts the figures into a file.
func rewrite(file, figures string) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text, err := between(old, figures)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, text, 0o644)
}

// between replaces what stands between the marks.
func between(old []byte, figures string) ([]byte, error) {
	before, rest, found := bytes.Cut(old, []byte(beginMark))
	_, after, ended := bytes.Cut(rest, []byte(endMark))
	if !found || !ended {
		return nil, fmt.Errorf("the marks %q and %q are missing", beginMark, endMark)
	}
	return bytes.Join([][]byte{before, []byte(beginMark), []byte("\n" + figures), []byte(endMark), after}, nil), nil
}
