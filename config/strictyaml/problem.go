package strictyaml

import (
	"cmp"
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with a file.
type Problem struct {
	File         string
	Line, Column int    // from 1; 0: the file as a whole
	Path         string // "callers.billing-app.grants[0]"; empty: the file as a whole
	Message      string
	Suggestion   string // what to do about it; may be empty
	// Excerpt is the offending line with a caret under the column, in two lines of text; empty without a line, and where the line
	// may have a secret.
	Excerpt string
}

// Error returns the problem in up to four lines.
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

// Errors are all problems of a file, in its order.
type Errors struct {
	Problems []*Problem
	Of       string // what the file is: "seed"; empty: "configuration"
}

// maxPrinted bounds the text of [Errors]; a file with more is rarely read to its end.
const maxPrinted = 100

// Error returns the problems with their excerpts, and how many there are.
func (e *Errors) Error() string {
	var b strings.Builder
	for _, p := range e.Problems[:min(maxPrinted, len(e.Problems))] {
		b.WriteString(p.Error() + "\n")
	}
	if len(e.Problems) == 1 {
		b.WriteString("1 problem in the " + cmp.Or(e.Of, "configuration"))
	} else {
		fmt.Fprintf(&b, "%d problems in the %s", len(e.Problems), cmp.Or(e.Of, "configuration"))
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
