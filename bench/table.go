package main

import (
	"fmt"
	"strings"
)

// The figures, as they are called in results.
const (
	cpuFigure  = "cpu"
	rateFigure = "rate"
	busyFigure = "busy"
)

// report writes all tables.
func report(s settings, r *results) string {
	var out strings.Builder
	table(&out, s, r, "CPU time for each call in µs: median (min to max)", func(p, t string) string {
		return r.spread(p, t, cpuFigure, "%.1f")
	})
	table(&out, s, r, "CPU time in relation to ReverseProxy + SDK signer, paired by round: median (min to max)", func(p, t string) string {
		return r.ratio(p, t)
	})
	table(&out, s, r, "Calls per second on one core, and how busy the core was", func(p, t string) string {
		return r.rates(p, t)
	})
	return out.String()
}

// table writes one table with a column for each proxy and a row for each case.
func table(out *strings.Builder, s settings, r *results, title string, cell func(proxy, task string) string) {
	fmt.Fprintf(out, "%s\n\n| |", title)
	for _, p := range s.proxies {
		fmt.Fprintf(out, " %s |", p.title)
	}
	fmt.Fprintf(out, "\n|---|%s\n", strings.Repeat("---:|", len(s.proxies)))
	for _, t := range s.tasks {
		fmt.Fprintf(out, "| %s |", t.title)
		for _, p := range s.proxies {
			fmt.Fprintf(out, " %s |", cell(p.name, t.name))
		}
		out.WriteByte('\n')
	}
	out.WriteByte('\n')
}

func (r *results) spread(proxy, what, figure, format string) string {
	values := r.figures[key{proxy, what, figure}]
	if len(values) == 0 {
		return "-"
	}
	return spreadOf(values).text(format)
}

func (s spread) text(format string) string {
	return fmt.Sprintf(format+" ("+format+" to "+format+")", s.median, s.min, s.max)
}

func (r *results) ratio(proxy, what string) string {
	pairs := ratios(r.figures[key{proxy, what, cpuFigure}], r.figures[key{rival, what, cpuFigure}])
	if len(pairs) == 0 {
		return "-"
	}
	return spreadOf(pairs).text("%.2f")
}

func (r *results) rates(proxy, what string) string {
	rate, busy := r.figures[key{proxy, what, rateFigure}], r.figures[key{proxy, what, busyFigure}]
	if len(rate) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f, %.0f %%", spreadOf(rate).median, 100*spreadOf(busy).median)
}
