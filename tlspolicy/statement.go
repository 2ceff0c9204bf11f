package tlspolicy

import (
	"crypto/tls"
	_ "embed" // for the statement's text
	"fmt"
	"io"
	"strings"
	"sync"
	"text/template"
)

//go:embed statement.md.tmpl
var statementText string

var statement = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("statement").Parse(statementText))
})

// statementRow is one suite of the whitelist, with its status under each named policy.
type statementRow struct {
	Suite
	Statuses []string
}

// WriteStatement writes the compliance statement in Markdown: each row of the whitelist with its status under the
// named policies. It speaks of this build of the program, outside FIPS 140 mode.
func WriteStatement(w io.Writer) error {
	policies := All()
	return statement().Execute(w, map[string]any{
		"Policies": Names(), "Rows": statementRows(policies), "Groups": joinNames(defaultGroups(), GroupName),
		"Counts": statementCounts(policies),
	})
}

func statementRows(policies []*Policy) []statementRow {
	var rows []statementRow
	for _, s := range whitelist() {
		row := statementRow{Suite: s}
		for _, p := range policies {
			row.Statuses = append(row.Statuses, p.stated(s))
		}
		rows = append(rows, row)
	}
	return rows
}

// Number is the protocol version as the table prints it.
func (r statementRow) Number() string { return versionNumber(r.Version) }

// stated says first what the policy says and then what Go can do: a suite that neither end could speak is not refused.
func (p *Policy) stated(s Suite) string {
	switch p.status(s) {
	case StatusOffered:
		return "offered"
	case StatusNotOffered:
		return "not available in Go"
	}
	if !s.Offered {
		return "refused by policy (nor available in Go)"
	}
	return "refused by policy"
}

// statementCounts sums the table up, a line for each policy.
func statementCounts(policies []*Policy) []string {
	var lines []string
	for _, p := range policies {
		counts := map[Status]int{}
		for _, row := range p.Rows() {
			counts[row.Status]++
		}
		lines = append(lines, fmt.Sprintf("`%s` (%s): %d suites offered, %d allowed but not available in Go, %d refused",
			p.name, strings.ReplaceAll(joinNames(p.versions, tls.VersionName), ", ", " and "), counts[StatusOffered], counts[StatusNotOffered], counts[StatusNotAllowed]))
	}
	return lines
}
