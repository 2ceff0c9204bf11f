package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
)

// The figures of calls under load, as they are called in results.
const (
	cpuFigure      = "cpu"    // of the proxy and of the kernel's threads
	kernelFigure   = "kernel" // of these alone
	rateFigure     = "rate"
	busyFigure     = "busy"
	loadHalfFigure = "p50 under load"
	loadSlowFigure = "p99 under load"
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
	if s.has(rival) && s.has(ownName) {
		goalTable(&out, r)
	}
	if s.has(rival) {
		table(&out, s, "CPU time for each call in relation to HAProxy that signs, paired round by round: median (min to max).", perTask(s.tasks, r.ratio))
	}
	table(&out, s, "CPU time for each call, in µs, the kernel's threads included: median (min to max).", perTask(s.tasks, r.spreads(cpuFigure)))
	table(&out, s, "Of it in the kernel's threads.", perTask(s.tasks, r.spreads(kernelFigure)))
	table(&out, s, "Calls per second on one core: median, and how busy that core was. Below about 95 % the callers' core was the narrower one: "+
		"the proxy could have done more.", perTask(s.tasks, r.rates))
	table(&out, s, "Time for one call under this load, in µs: p50 / p99, medians.", perTask(s.tasks, r.pairs(loadHalfFigure, loadSlowFigure)))
	table(&out, s, "Time for one call on one connection, in µs: p50 / p99, medians.", perTask(latencyTasks(s.tasks), r.pairs(halfFigure, slowFigure)))
	table(&out, s, "Besides: median (min to max).", r.others())
	return out.String()
}

// spreads and pairs make cells for perTask.
func (r *results) spreads(figure string) func(proxy, task string) string {
	return func(proxy, task string) string { return r.text(proxy, task, figure, "%.1f") }
}

func (r *results) pairs(half, slow string) func(proxy, task string) string {
	return func(proxy, task string) string {
		if len(r.values(proxy, task, half)) == 0 {
			return ""
		}
		return fmt.Sprintf("%.0f / %.0f", r.median(proxy, task, half), r.median(proxy, task, slow))
	}
}

func (r *results) median(proxy, task, figure string) float64 {
	return spreadOf(r.values(proxy, task, figure)).median
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

// table writes one table with a column for each proxy. It leaves out rows without figures, and without rows there is none.
func table(out *strings.Builder, s settings, title string, rows []row) {
	rows = slices.DeleteFunc(rows, func(r row) bool { return r.cell(s.proxies[0].name) == "" })
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

// text is the spread of a figure; empty if it was not measured.
func (r *results) text(proxy, what, figure, format string) string {
	if len(r.values(proxy, what, figure)) == 0 {
		return ""
	}
	return spreadOf(r.values(proxy, what, figure)).text(format)
}

func (s spread) text(format string) string {
	return fmt.Sprintf(format+" ("+format+" to "+format+")", s.median, s.min, s.max)
}

func (r *results) ratio(proxy, what string) string {
	if len(r.values(proxy, what, cpuFigure)) == 0 {
		return ""
	}
	return r.paired(proxy, rival, what, cpuFigure).text("%.2f")
}

// paired are the ratios of a figure of two proxies, round by round.
func (r *results) paired(proxy, by, what, figure string) spread {
	return spreadOf(ratios(r.values(proxy, what, figure), r.values(by, what, figure)))
}

func (r *results) rates(proxy, what string) string {
	if len(r.values(proxy, what, rateFigure)) == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f, %.0f %%", r.median(proxy, what, rateFigure), 100*r.median(proxy, what, busyFigure))
}

// others are the rows that have nothing to do with cases.
func (r *results) others() []row {
	var rows []row
	for _, f := range []struct{ title, figure, format string }{
		{"full TLS handshake with client certificate, CPU µs", handshakeFigure, "%.0f"},
		{"resumed TLS handshake, CPU µs", resumedFigure, "%.0f"},
		{"start to first served call, ms", startFigure, "%.0f"},
		{"memory (RSS) after the first call, MB", idleFigure, "%.0f"},
		{"memory (RSS) with 1,000 idle TLS connections, MB", fewFigure, "%.0f"},
		{"memory (RSS) with 3,000 idle TLS connections, MB", manyFigure, "%.0f"},
		{"an idle TLS connection, by the difference, KB", connectionFigure, "%.1f"},
	} {
		rows = append(rows, row{f.title, func(p string) string { return r.text(p, "", f.figure, f.format) }})
	}
	return rows
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
