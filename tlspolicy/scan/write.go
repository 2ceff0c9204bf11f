package scan

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"
	"text/tabwriter"

	"tollgate/internal/style"
)

// WriteJSON writes the report as one indented JSON object.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

//go:embed report.html
var pageHTML string

var page = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("report").Parse(pageHTML))
})

// WriteHTML writes the report as one page that needs nothing else.
func (r *Report) WriteHTML(w io.Writer) error {
	return page().Execute(w, struct {
		*Report
		Sheet template.CSS
	}{r, template.CSS(style.Sheet)})
}

// WriteText writes the report for a terminal.
func (r *Report) WriteText(w io.Writer) error {
	var out strings.Builder
	fmt.Fprintf(&out, "%s as %s, against policy %s\n\n", r.Address, r.ServerName, r.Policy)
	table := tabwriter.NewWriter(&out, 0, 8, 2, ' ', 0)
	for _, v := range r.Versions {
		v.write(table)
	}
	for _, c := range r.Certificates {
		fmt.Fprintf(table, "certificate\t%s\t%s, %s\t%s\n", c.Subject, c.Key, c.Signature, c.mark())
		fmt.Fprintf(table, "\t\t%s to %s, by %s\t\n", c.NotBefore.Format("2006-01-02"), c.NotAfter.Format("2006-01-02"), c.Issuer)
	}
	_ = table.Flush() // writes to a strings.Builder do not fail
	for _, note := range r.Notes {
		fmt.Fprintf(&out, "\nnote: %s\n", note)
	}
	fmt.Fprintf(&out, "\n%s\n", r.Verdict())
	_, err := io.WriteString(w, printable(out.String()))
	return err
}

func (v Version) write(w io.Writer) {
	if !v.Accepted {
		fmt.Fprintf(w, "%s\tnot accepted\t\t\n", v.Name)
		return
	}
	fmt.Fprintf(w, "%s\taccepted\t\t%s\n", v.Name, v.mark())
	for _, s := range v.Suites {
		fmt.Fprintf(w, "  suite\t%s %s\t%s\t%s\n", s.Code, s.Name, s.With, s.mark())
	}
	for _, g := range v.Groups {
		fmt.Fprintf(w, "  group\t%s %s\t\t%s\n", g.Code, g.Name, g.mark())
	}
}

func (v Verdict) mark() string {
	if v.Allowed {
		return "ok"
	}
	return "NOT ALLOWED: " + v.Why
}

// Verdict is the whole in one line.
func (r *Report) Verdict() string {
	if r.Compliant {
		return "COMPLIANT: the server accepts nothing that policy " + r.Policy + " does not allow"
	}
	return "NOT COMPLIANT with policy " + r.Policy
}

// printable keeps what a server put into its certificate from steering a terminal.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if c != '\n' && (c < ' ' || c == 0x7F || c >= 0x80 && c < 0xA0 || c == 0x2028 || c == 0x2029 || c >= 0x202A && c <= 0x202E) {
			return '\uFFFD'
		}
		return c
	}, text)
}
