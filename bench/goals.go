package main

import (
	"fmt"
	"math"
	"strings"
)

// goal is a bound that Tollgate is held against.
type goal struct {
	title  string
	before float64 // found before work on it began
	must   float64
	aim    float64
	found  float64 // NaN: not measured
	format string
}

// goals are the bounds with what was found. Ratios are of CPU time of the kernel's threads, too.
func (r *results) goals() []goal {
	ratio := func(task string) float64 { return r.paired(ownName, rival, task, cpuFigure).orNaN() }
	indexed := func(figure string) float64 { return r.paired(indexedName, ownName, "h1-get", figure).orNaN() }
	own := func(task, figure string) float64 { return spreadOf(r.values(ownName, task, figure)).orNaN() }
	floor := spreadOf(r.values(rival, "h1-get", halfFigure)).orNaN() + spreadOf(r.values("", "", syncFigure)).orNaN()
	return []goal{
		{"HTTP/1.1 GET, CPU time by HAProxy's", 2.07, 1.40, 0.85, ratio("h1-get"), "%.2f"},
		{"HTTP/1.1 POST 1 KB, the same", 2.00, 1.45, 0.85, ratio("h1-post1k"), "%.2f"},
		{"HTTP/1.1 POST 64 KB, the same", 1.30, 0.95, 0.70, ratio("h1-post64k"), "%.2f"},
		{"HTTP/1.1 POST 1 MB, the same", 0.64, 0.63, 0.60, ratio("h1-post1m"), "%.2f"},
		{"HTTP/2 GET, the same", 3.46, 2.2, 1.9, ratio("h2-get"), "%.2f"},
		{"HTTP/1.1 GET, p50 on one connection, µs; the aim is HAProxy's and a bare sync", 394, 300, floor, own("h1-get", halfFigure), "%.0f"},
		{"an idle HTTP/1.1 TLS connection, KB", 45.8, 20, 15, own("", connectionFigure), "%.1f"},
		{"start to first served call, ms", 42, 30, 15, own("", startFigure), "%.0f"},
		{"HTTP/1.1 GET with the index, CPU time by that without", 1.3, 1.1, 1.0, indexed(cpuFigure), "%.2f"},
		{"HTTP/1.1 GET with the index, p99 by that without", 5, 1.3, 1.0, indexed(loadSlowFigure), "%.2f"},
		{"HTTP/1.1 GET while review pages are read and the log is verified, p99 by that with the index", math.NaN(), 1.3, 1.0, r.paired(readName, indexedName, "h1-get", loadSlowFigure).orNaN(), "%.2f"},
	}
}

// orNaN is the median, and NaN if there was none.
func (s spread) orNaN() float64 {
	if s == (spread{}) {
		return math.NaN()
	}
	return s.median
}

// reached returns which bound holds, the furthest first.
func (g goal) reached() string {
	switch {
	case g.found <= g.aim:
		return "the aim"
	case g.found <= g.must:
		return "yes"
	}
	return "**no**"
}

// goalTable writes the goals for which there are figures.
func goalTable(out *strings.Builder, r *results) {
	out.WriteString("Bounds, and the medians found.\n\n| | before | at most | aim | found | reached |\n|---|---:|---:|---:|---:|---|\n")
	for _, g := range r.goals() {
		if math.IsNaN(g.found) {
			continue
		}
		fmt.Fprintf(out, "| %s |", g.title)
		for _, value := range []float64{g.before, g.must, g.aim, g.found} {
			fmt.Fprintf(out, " "+g.format+" |", value)
		}
		fmt.Fprintf(out, " %s |\n", g.reached())
	}
	out.WriteByte('\n')
}
