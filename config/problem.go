package config

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"tollgate/internal/nearest"
)

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	File         string
	Line, Column int    // from 1; 0: the file as a whole
	Path         string // config path: "callers.billing-app.grants[0]"; empty: the file as a whole
	Message      string
	Suggestion   string // what to do about it; may be empty
	// Excerpt is the offending line with a caret under the column, in two lines of text; empty without a line, and where the line
	// may have a secret.
	Excerpt string
}

// Error gives the problem in up to four lines.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": " + p.Message)
	if p.Excerpt != "" {
		b.WriteString("\n" + p.Excerpt)
	}
	if p.Suggestion != "" {
		b.WriteString("\n    " + p.Suggestion)
	}
	return b.String()
}

// Errors are all problems of a configuration, in the order of the file.
type Errors struct {
	Problems []*Problem
}

// maxPrinted bounds the text of [Errors]; a file with more is rarely read to its end.
const maxPrinted = 100

// Error prints the problems with their excerpts, and how many there are.
func (e *Errors) Error() string {
	var b strings.Builder
	for _, p := range e.Problems[:min(maxPrinted, len(e.Problems))] {
		b.WriteString(p.Error() + "\n")
	}
	if len(e.Problems) == 1 {
		b.WriteString("1 problem in the configuration")
	} else {
		fmt.Fprintf(&b, "%d problems in the configuration", len(e.Problems))
		if len(e.Problems) == maxProblems {
			b.WriteString(", perhaps more")
		}
	}
	return b.String()
}

// Unwrap lets errors.As find a [Problem].
func (e *Errors) Unwrap() []error {
	errs := make([]error, len(e.Problems))
	for i, p := range e.Problems {
		errs[i] = p
	}
	return errs
}

// report collects problems while a file is read.
type report struct {
	file     string
	source   *fileText
	problems []*Problem
	unparsed bool // the text is not YAML, so that its sections are not known
}

// maxProblems bounds what is collected.
const maxProblems = 500

func (r *report) add(at position, path, suggestion, format string, args ...any) {
	if len(r.problems) == maxProblems {
		return
	}
	p := &Problem{
		File: r.file, Line: at.line, Column: at.column, Path: path,
		Message: fmt.Sprintf(format, args...), Suggestion: suggestion,
	}
	r.problems = append(r.problems, p)
}

// failed tells whether anything at the path or below it was found wrong already, so that what depends on it need not
// be complained about too.
func (r *report) failed(path string) bool {
	return slices.ContainsFunc(r.problems, func(p *Problem) bool {
		rest, ok := strings.CutPrefix(p.Path, path)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// err gives the problems as an error, or nil.
func (r *report) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	r.quote()
	slices.SortStableFunc(r.problems, func(a, b *Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &Errors{r.problems}
}

// quote adds the excerpts, once it is known which lines may have secrets.
func (r *report) quote() {
	var sections []string
	if r.unparsed {
		sections = secretSections(reflect.TypeFor[fileConfig]())
	}
	r.source.hide(sections)
	for _, p := range r.problems {
		if p.Line > 0 {
			p.Column, p.Excerpt = r.source.excerpt(position{p.Line, p.Column})
		}
		if insideSecret(p.Path) { // a line that a secret's value continues on: it may be the secret
			p.Excerpt = ""
		}
	}
}

// maxListed is how many known words are listed when none is near to the wrong one.
const maxListed = 12

// didYouMean suggests the known words nearest to a wrong one, or lists what is known if that is little.
func didYouMean(word string, known []string) string {
	if near := nearest.Words(word, known); len(near) > 0 {
		return meant(near)
	}
	return listed(known)
}

// listed gives the known words if they are few.
func listed(known []string) string {
	if len(known) == 0 || len(known) > maxListed {
		return ""
	}
	return "known: " + strings.Join(slices.Sorted(slices.Values(known)), ", ")
}

// meant asks whether one of the words was meant.
func meant(words []string) string {
	if len(words) == 0 {
		return ""
	}
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = fmt.Sprintf("%q", w)
	}
	return "did you mean " + strings.Join(quoted, " or ") + "?"
}
