package tlsreport

import (
	_ "embed" // for the page
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"
	"time"

	"tollgate/internal/style"
	"tollgate/internal/text"
)

//go:embed report.html
var pageHTML string

var page = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("report").Funcs(template.FuncMap{
		"clean": clean, "who": who, "count": countText, "join": func(names []string) string { return strings.Join(names, ", ") },
	}).Parse(pageHTML))
})

// WriteHTML writes the report as one self-contained page, with times in a zone.
func (r *Report) WriteHTML(w io.Writer, zone *time.Location) error {
	return page().Execute(w, struct {
		*Report
		Zone  *time.Location
		Sheet template.CSS
	}{r, zone, template.CSS(style.Sheet)})
}

// clean replaces characters that do not print, or would reverse the text; the template escapes.
func clean(s string) string { return text.Printable(s, '\uFFFD') }

// who returns the text for a caller.
func who(name string) string {
	if name == "" {
		return "(not proven)"
	}
	return clean(name)
}

// countText returns a number of sources as text.
func countText(n int, more bool) string {
	if more {
		return fmt.Sprintf("%d or more", n)
	}
	return fmt.Sprint(n)
}

// Why returns the reason of a caller's answer in a few words.
func (c Caller) Why() string {
	var parts []string
	for _, part := range []struct {
		n    uint64
		text string
	}{
		{c.Breaking, "offered nothing that would be left"},
		{c.Inferred, "came with TLS 1.2, so offered no TLS 1.3"},
		{c.Unclear, "offer not known"},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d of %d: %s", part.n, c.Conns, part.text))
		}
	}
	return strings.Join(parts, "; ")
}

// useTable is a table of uses.
type useTable struct {
	Head  string
	Rows  []Use
	Conns bool // whether connections are known
}

// Incoming is for the page.
func (r *Report) Incoming() useTable { return useTable{"Caller", r.In, true} }

// Outgoing is for the page.
func (r *Report) Outgoing() useTable { return useTable{"Upstream", r.Out, false} }
