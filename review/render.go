package review

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"tollgate/internal/style"
	"tollgate/internal/text"
	"tollgate/internal/words"
	"tollgate/review/chart"
)

//go:embed pages
var pageFiles embed.FS

// templates are those of all pages in one language, by name.
type templates map[string]*template.Template

// shared are the files of templates that all pages use.
var shared = []string{"pages/frame.html", "pages/parts.html", "pages/calltable.html"}

func parseTemplates() map[words.Language]templates {
	all := map[words.Language]templates{}
	for _, lang := range words.Languages() {
		base := template.Must(template.New("").Funcs(functions(words.In(lang))).ParseFS(pageFiles, shared...))
		template.Must(base.ParseFS(chart.Templates, "drawing.html"))
		all[lang] = templates{}
		names, err := fs.Glob(pageFiles, "pages/*.html")
		if err != nil {
			panic(err)
		}
		for _, name := range names {
			one := template.Must(template.Must(base.Clone()).ParseFS(pageFiles, name))
			all[lang][strings.TrimSuffix(path.Base(name), ".html")] = one
		}
	}
	return all
}

// functions are what templates call. None of them makes markup.
func functions(w *words.Words) template.FuncMap {
	return template.FuncMap{
		"t":       w.Text, // t, an id, and names and values by turns
		"said":    w.Said, // for the template "said"
		"visible": text.Visible,
		"num":     grouped,
		"bytes":   byteSize,
		"at":      func(t time.Time) string { return t.Format("2006-01-02 15:04:05") },
		"day":     func(t time.Time) string { return t.Format(time.DateOnly) },
		"month":   func(t time.Time) string { return t.Format("2006-01") },
		"machine": func(t time.Time) string { return t.Format(time.RFC3339Nano) },
		"dict":    dict, // several values for a template of parts.html
		"style":   func() string { return style.Version },
	}
}

// dict returns names and values by name.
func dict(args ...any) (map[string]any, error) {
	if len(args)%2 != 0 {
		return nil, fmt.Errorf("%d arguments are no names and values", len(args))
	}
	values := make(map[string]any, len(args)/2)
	for i := 0; i < len(args); i += 2 {
		name, ok := args[i].(string)
		if !ok {
			return nil, fmt.Errorf("%v is no name", args[i])
		}
		values[name] = args[i+1]
	}
	return values, nil
}

func grouped(n any) string { return text.Grouped(n) }

// money returns an amount with its currency before it.
func money(currency string, amount any) string {
	if currency == "" {
		return grouped(amount)
	}
	return currency + " " + grouped(amount)
}

// byteSize returns a number of bytes with a unit, as the configuration has units.
func byteSize(n int64) string {
	const units = " KMGTPE"
	size, unit := float64(n), 0
	for ; size >= 1024; unit++ {
		size /= 1024
	}
	if unit == 0 {
		return grouped(n) + " B"
	}
	return fmt.Sprintf("%.1f %ciB", size, units[unit])
}

// render writes a page.
func (s *Server) render(w http.ResponseWriter, r *request, p *page) { send(w, r, p, s.rendered(r, p)) }

// rendered returns a page as HTML. It is made whole before any of it is sent, so that a fault of a template is no half page.
func (s *Server) rendered(r *request, p *page) []byte {
	var b bytes.Buffer
	if err := s.templates[r.words.Language][p.name].ExecuteTemplate(&b, "frame", s.frame(r, p)); err != nil {
		p.status = http.StatusInternalServerError
		return []byte("<!DOCTYPE html><title>Tollgate</title><p>" + template.HTMLEscapeString("the page could not be made: "+err.Error()))
	}
	return b.Bytes()
}

func send(w http.ResponseWriter, r *request, p *page, body []byte) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", string(r.words.Language))
	if p.refresh > 0 {
		w.Header().Set("Refresh", strconv.Itoa(p.refresh))
	}
	if p.status != 0 {
		w.WriteHeader(p.status)
	}
	_, _ = w.Write(body)
}

//go:embed icon.svg
var icon []byte

func serveIcon(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "image/svg+xml")
	_, _ = w.Write(icon)
}

// serveStyle serves the style sheet, which an address with its version may cache: it has nothing of records.
func serveStyle(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	if r.URL.RawQuery == style.Version {
		w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
	}
	_, _ = w.Write([]byte(style.Sheet))
}
