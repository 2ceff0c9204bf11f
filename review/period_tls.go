package review

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

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

// Versions that have a fill of their own; "" stands for no TLS.
var tlsVersions = []struct {
	name string
	fill chart.Fill
}{{"TLS 1.3", chart.First}, {"TLS 1.2", chart.Second}, {"other", chart.Third}, {"", chart.Fourth}}

func versionIndex(version string) int {
	for i, v := range tlsVersions {
		if v.name == version {
			return i
		}
	}
	return slices.IndexFunc(tlsVersions[:], func(v struct {
		name string
		fill chart.Fill
	}) bool {
		return v.name == "other"
	})
}

// tlsDrawing shows the versions of both connections of all calls of the period, and their suites. Where there is no time to read all calls
// it shows none of them: a part proves nothing about the rest.
func (v *periodView) tlsDrawing(ctx context.Context) (*chart.Drawing, []suiteRow, *partly, error) {
	type key struct {
		direction      int
		version, suite string
	}
	n, to := map[key]uint64{}, time.Time{}
	for _, l := range v.logs {
		err := l.Source().Calls(ctx, &v.filter, func(c *calls.Call) error {
			to = c.Time()
			for i := range directions {
				tls, connected := directions[i].of(c)
				if !connected {
					continue
				}
				if tls == nil {
					tls = &logfile.TLS{}
				}
				n[key{i, tls.Version, tls.Suite}]++
			}
			return nil
		})
		if outOfTime(err) {
			return nil, nil, &partly{To: to, More: v.longer()}, nil
		}
		if err != nil {
			return nil, nil, nil, err
		}
	}
	values := make([][]uint64, len(directions))
	var suites []suiteRow
	for i := range values {
		values[i] = make([]uint64, len(tlsVersions))
	}
	for k, calls := range n {
		values[k.direction][versionIndex(k.version)] += calls
		suites = append(suites, suiteRow{v.words.Text(directions[k.direction].id), k.version, k.suite, calls})
	}
	slices.SortFunc(suites, func(a, b suiteRow) int {
		return cmp.Or(strings.Compare(a.Direction, b.Direction), cmp.Compare(b.Calls, a.Calls), strings.Compare(a.Suite, b.Suite))
	})
	return v.tlsShares(values), suites, nil, nil
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
