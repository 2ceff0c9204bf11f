package chart

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"tollgate/internal/text"
)

// Length is a number of units in a picture, written with one decimal.
type Length float64

func (l Length) String() string {
	if math.IsNaN(float64(l)) || math.IsInf(float64(l), 0) {
		return "0"
	}
	return strconv.FormatFloat(math.Round(float64(l)*10)/10, 'f', -1, 64)
}

// Shape is the element that a mark is written as.
type Shape string

// The shapes.
const (
	Rect  Shape = "rect"
	Path  Shape = "path"
	Text  Shape = "text"
	Group Shape = "g" // with a tooltip and perhaps a link
)

// Mark is an element of a picture.
type Mark struct {
	Shape      Shape
	Class      string
	Fill       Fill
	Paint      string // of a rect whose fill has a pattern: where that is
	X, Y, W, H Length
	D          string // of a path; numbers and letters of our own
	Anchor     string // of a text: start, middle, end
	Text       string // of a text; of a group: the tooltip
	Href       string
	Marks      []Mark
}

func rect(f Fill, x, y, w, h float64) Mark {
	return Mark{Shape: Rect, Fill: f, Class: f.Class(), X: Length(x), Y: Length(y), W: Length(w), H: Length(h)}
}

// target is an area that is not seen and shows the tooltip of its group.
func target(x, y, w, h float64) Mark {
	return Mark{Shape: Rect, Class: "target", X: Length(x), Y: Length(y), W: Length(w), H: Length(h)}
}

func path(class, format string, numbers ...float64) Mark {
	args := make([]any, len(numbers))
	for i, n := range numbers {
		args[i] = Length(n)
	}
	return Mark{Shape: Path, Class: class, D: fmt.Sprintf(format, args...)}
}

// label is a text whose middle is at height y.
func label(class, anchor, s string, x, y float64) Mark {
	return Mark{Shape: Text, Class: class, Anchor: anchor, Text: text.Visible(s), X: Length(x), Y: Length(y + baseline)}
}

func group(tooltip string, marks ...Mark) Mark {
	return Mark{Shape: Group, Text: tooltip, Marks: marks}
}

// drawing returns a drawing of marks.
func (h *Head) drawing(height float64, marks []Mark, rows []Row) *Drawing {
	d := &Drawing{Head: *h, Height: Length(height), Marks: marks, Rows: rows}
	d.paint(marks)
	return d
}

// paint refers each mark whose fill has a pattern to that, and finds out whether there are links.
func (d *Drawing) paint(marks []Mark) {
	for i := range marks {
		m := &marks[i]
		d.Links = d.Links || m.Href != ""
		if m.Fill.Lines() != "" {
			p := Pattern{d.ID + "-" + string(m.Fill), m.Fill}
			if m.Class, m.Paint = "p-"+string(m.Fill), "url(#"+p.ID+")"; !slices.Contains(d.Patterns, p) {
				d.Patterns = append(d.Patterns, p)
			}
		}
		d.paint(m.Marks)
	}
}

// legend returns the words of series beside what they look like, and the height of it all.
func legend(series []Series) (marks []Mark, height float64) {
	const swatch, between = 12, 18
	x, y := 0.0, line/2
	for _, s := range series {
		w := swatch + 6 + wide(s.Word)
		if x > 0 && x+w > width {
			x, y = 0, y+line
		}
		marks = append(marks, rect(s.Fill, x, y-swatch/2, swatch, swatch), label("", "start", s.Word, x+swatch+6, y))
		x += w + between
	}
	return marks, y + line/2 + 4
}
