// Package chart makes the drawings of the review pages as SVG: geometry and elements, which the templates of [Templates] write. All texts,
// numbers and words come in as arguments; the package knows no language and no records.
//
// A drawing is made of presentation attributes and classes alone, so that it stands under a Content-Security-Policy without inline styles;
// colours are those of the style sheet. [html/template] escapes every text, and what a terminal or a browser would obey in it, control and
// bidi characters, is made visible. Each drawing has a title and a description, and its numbers once more as a table.
//
// Nothing is hidden: a value above zero is at least [least] high, so that one unknown call beside a million others is seen.
package chart

import (
	"embed"
	"slices"
	"strings"

	"tollgate/internal/text"
)

// Templates has the templates "drawing", a [Drawing] with its table, and those that it is made of. They use a template "value", which
// writes a text of a record, and a function "visible", which is [text.Visible].
//
//go:embed drawing.html
var Templates embed.FS

// Sizes in units of the picture. The narrowest picture is 534 px wide, where a unit is 0.74 px; the style sheet sets smaller letters where
// it is wide.
const (
	width    = 720.0
	letters  = 13.5           // height of letters where the picture is narrow
	column   = letters * 0.64 // width of a column of [text.Width]: a narrow letter of a broad font
	line     = 20.0           // of a legend
	least    = 1.5            // of what is more than nothing: a pixel and a little in the narrowest picture
	gap      = 1.0            // between neighbours, so that each stands against the background
	baseline = 4.5            // from the middle of a line of letters to its baseline
)

// Head is what all drawings have.
type Head struct {
	ID      string // unique in the page; letters, digits and hyphens of our own
	Title   string
	Desc    string   // what is to be seen, in a sentence
	Summary string   // of the table that is folded away: "As a table"
	Columns []string // names of the table's columns, of which the first is that of its rows
}

// Drawing is a picture and its table.
type Drawing struct {
	Head
	Height   Length
	Patterns []Pattern // those that the picture uses
	Marks    []Mark
	Rows     []Row
	Links    bool // the picture has links: it is then a group of them, as an image has no parts
}

// Pattern is a fill with lines over its colour.
type Pattern struct {
	ID   string // unique in the page
	Fill Fill
}

// Column returns the name of a column of the table.
func (h *Head) Column(i int) string {
	if i >= len(h.Columns) {
		return ""
	}
	return h.Columns[i]
}

// Numbers reports whether a column of the table has numbers.
func (d *Drawing) Numbers(column int) bool {
	return slices.ContainsFunc(d.Rows, func(r Row) bool { return column < len(r) && r[column].Number })
}

// Row is a row of a table. Its first cell names it.
type Row []Cell

// Cell is a cell of a table.
type Cell struct {
	Text    string
	Foreign bool // the text is one of a record
	Number  bool
	Href    string // an address of our own
}

// Value is a number and how it is written. The picture shows N, the table Text.
type Value struct {
	N    float64
	Text string
}

// Series is one of the values that each bar has.
type Series struct {
	Fill Fill
	Word string
}

// Fill is how an area is filled: a colour and a pattern. The style sheet has the colour by the class "s-" and the fill's name, and what
// surrounds an area with a pattern by "p-" and its name.
type Fill string

// Fills. Each differs from the others without its colour, by its pattern.
const (
	Succeeded Fill = "succeeded"
	Failed    Fill = "failed"
	Unknown   Fill = "unknown"
	Refused   Fill = "refused"

	Confirmed Fill = "confirmed" // money that was moved
	Perhaps   Fill = "perhaps"   // that may have been
	Held      Fill = "held"      // an outline
	Returned  Fill = "returned"  // that was taken back

	ReturnedPerhaps Fill = "returned-perhaps"

	Whole     Fill = "whole" // of a log
	Uncovered Fill = "uncovered"
	Gap       Fill = "gap"
	Absent    Fill = "absent"  // it was on record
	Nothing   Fill = "nothing" // there was nothing to record

	First  Fill = "first" // of several without a meaning of their own
	Second Fill = "second"
	Third  Fill = "third"
	Fourth Fill = "fourth"
)

// patterns are the lines over the colour, in a square of 6 units. A fill without is solid.
var patterns = map[Fill]string{
	Failed: up, Unknown: up + down, Refused: across,
	Perhaps: up, Returned: down, ReturnedPerhaps: across,
	Uncovered: up, Gap: up + down, Absent: dots,
	Second: up, Third: across, Fourth: up + down,
}

const (
	up     = "M-1 1L1 -1M0 6L6 0M5 7L7 5"
	down   = "M-1 5L1 7M0 0L6 6M5 -1L7 1"
	across = "M0 3H6"
	dots   = "M2 3H4"
)

// Lines returns the path of the lines of a fill with a pattern.
func (f Fill) Lines() string { return patterns[f] }

// Class returns the fill's class in the style sheet.
func (f Fill) Class() string { return "s-" + string(f) }

// wide returns about how wide a text is.
func wide(s string) float64 { return float64(text.Width(text.Visible(s))) * column }

// fit truncates a text to a width.
func fit(s string, width float64) string { return text.Fit(text.Visible(s), max(1, int(width/column))) }

// lines returns the text of a tooltip: a line for each text that is not empty.
func lines(texts ...string) string {
	var list []string
	for _, s := range texts {
		if s != "" {
			list = append(list, text.Visible(s))
		}
	}
	return strings.Join(list, "\n")
}
