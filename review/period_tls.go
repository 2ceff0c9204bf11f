package review

import (
	"cmp"
	"slices"
	"strings"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/review/chart"
)

// suiteRow is how many calls of a direction had a suite.
type suiteRow struct {
	Direction, Version, Suite string // Direction in words
	Calls                     uint64
}

// direction is one of the two connections of a call.
type direction struct {
	id string
	of func(c *calls.Call) (tls *logfile.TLS, connected bool)
}

var directions = []direction{
	{"period.tls_in", func(c *calls.Call) (*logfile.TLS, bool) {
		if c.For() != "" { // the gateway's own: nothing came in for it
			return nil, false
		}
		if c.Intent != nil {
			return c.Intent.TLSIn, true
		}
		if c.Refusal != nil {
			return c.Refusal.TLSIn, c.Refusal.Stage != logfile.StageHandshake
		}
		return nil, false
	}},
	{"period.tls_out", func(c *calls.Call) (*logfile.TLS, bool) {
		return outTLS(c), outTLS(c) != nil || c.Outcome != nil && c.Outcome.Status != 0
	}},
}

func outTLS(c *calls.Call) *logfile.TLS {
	if c.Outcome == nil {
		return nil
	}
	return c.Outcome.TLSOut
}

// tlsVersion is a version that has a fill of its own; "" stands for no TLS.
type tlsVersion struct {
	name string
	fill chart.Fill
}

// tlsOther stands for all other versions, and for further suites.
const tlsOther = "other"

var tlsVersions = []tlsVersion{{"TLS 1.3", chart.First}, {"TLS 1.2", chart.Second}, {tlsOther, chart.Third}, {"", chart.Fourth}}

// maxTLSUses bounds the versions and suites that are counted apart: those of TLS are a few dozen.
const maxTLSUses = 500

func versionIndex(version string) int {
	i := slices.IndexFunc(tlsVersions, func(v tlsVersion) bool { return v.name == version })
	if i < 0 {
		return slices.IndexFunc(tlsVersions, func(v tlsVersion) bool { return v.name == tlsOther })
	}
	return i
}

// tlsUse is what connections of calls had.
type tlsUse struct {
	direction      int
	version, suite string
}

// countTLS counts both connections of a call.
func countTLS(n map[tlsUse]uint64, c *calls.Call) {
	for i := range directions {
		tls, connected := directions[i].of(c)
		if !connected {
			continue
		}
		if tls == nil {
			tls = &logfile.TLS{}
		}
		use := tlsUse{i, tls.Version, tls.Suite}
		if _, known := n[use]; !known && len(n) >= maxTLSUses {
			use = tlsUse{i, tlsOther, tlsOther}
		}
		n[use]++
	}
}

// suites are the suites of both connections, those of most calls first.
func (v *periodView) suites() (rows []suiteRow) {
	for use, n := range v.read.tls {
		rows = append(rows, suiteRow{v.words.Text(directions[use.direction].id), use.version, use.suite, n})
	}
	slices.SortFunc(rows, func(a, b suiteRow) int {
		return cmp.Or(strings.Compare(a.Direction, b.Direction), cmp.Compare(b.Calls, a.Calls), strings.Compare(a.Version, b.Version), strings.Compare(a.Suite, b.Suite))
	})
	return rows
}

// tlsDrawing shows the versions of both connections.
func (v *periodView) tlsDrawing() *chart.Drawing {
	values := make([][]uint64, len(directions))
	for i := range values {
		values[i] = make([]uint64, len(tlsVersions))
	}
	for use, n := range v.read.tls {
		values[use.direction][versionIndex(use.version)] += n
	}
	return v.tlsShares(values)
}

func (v *periodView) tlsShares(values [][]uint64) *chart.Drawing {
	s := &chart.Shares{Head: v.head("tls", v.words.Text("period.column_direction"))}
	for _, version := range tlsVersions {
		word := version.name
		if !strings.HasPrefix(word, "TLS") {
			word = v.word("tls_" + cmp.Or(word, "plain"))
		}
		s.Series = append(s.Series, chart.Series{Fill: version.fill, Word: word})
	}
	s.Columns = append(s.Columns, wordsOf(s.Series)...)
	for i, d := range directions {
		bar, sum := chart.Bar{Name: v.words.Text(d.id)}, uint64(0)
		for _, n := range values[i] {
			bar.Values, sum = append(bar.Values, count(n)), sum+n
		}
		bar.Text = grouped(sum)
		s.Rows = append(s.Rows, bar)
	}
	return s.Draw()
}
