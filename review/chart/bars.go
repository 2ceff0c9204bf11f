package chart

// Bars are horizontal bars, one beneath the other, with their number beside them.
type Bars struct {
	Head
	Series []Series // one, or several that follow on one another; a legend is drawn of several
	Rows   []Bar
}

// Bar is one of [Bars].
type Bar struct {
	Name    string
	Foreign bool // the name is a text of a record
	Href    string
	Values  []Value // one of each series
	Text    string  // beside the bar
	Aside   bool    // no bar is drawn: one of something else would make the others short
	More    []Cell  // of the table, behind the values
}

// Sizes of horizontal bars.
const (
	rowHeight = 24.0
	thick     = 14.0
	nameWidth = 200.0
)

// Draw returns the drawing.
func (b *Bars) Draw() *Drawing {
	marks, top := legendOfSeveral(b.Series)
	f := b.frame()
	for i := range b.Rows {
		y := top + (float64(i)+0.5)*rowHeight
		marks = append(marks, b.Rows[i].draw(b.Series, f, y))
	}
	marks = append(marks, path("base", "M%s %sV%s", f.left, top, top+float64(len(b.Rows))*rowHeight))
	return b.drawing(top+float64(len(b.Rows))*rowHeight+4, marks, b.rows())
}

func legendOfSeveral(series []Series) (marks []Mark, height float64) {
	if len(series) < 2 {
		return nil, 4
	}
	return legend(series)
}

// frame is where rows of a drawing have their names, their bars and their numbers.
type frame struct {
	axis
	left, right float64
}

func (b *Bars) frame() *frame {
	f, high, numbers := &frame{}, 0.0, 0.0
	for i := range b.Rows {
		r := &b.Rows[i]
		f.left, numbers = max(f.left, wide(r.Name)), max(numbers, wide(r.Text))
		if !r.Aside {
			high = max(high, r.sum())
		}
	}
	f.bound(numbers)
	f.axis = axis{last: high, step: high}
	if high == 0 {
		f.axis.last = 1
	}
	return f
}

// bound sets the place of names, up to a width, and of numbers apart.
func (f *frame) bound(numbers float64) {
	f.left = min(f.left, nameWidth) + 10
	f.right = max(width-numbers-10, f.left+width/4)
}

func (f *frame) length(n float64) float64 { return f.units(max(0, n), f.right-f.left) }

func (r *Bar) draw(series []Series, f *frame, y float64) Mark {
	values := make([]float64, len(series))
	for i := range values {
		if i < len(r.Values) && !r.Aside {
			values[i] = max(0, r.Values[i].N)
		}
	}
	marks, x := []Mark{target(0, y-rowHeight/2, width, rowHeight)}, f.left
	for i, w := range lengths(values, f.length) {
		if w > 0 {
			marks = append(marks, rect(series[i].Fill, x, y-thick/2, apart(w), thick))
			x += w
		}
	}
	name := label("", "end", fit(r.Name, nameWidth), f.left-10, y)
	if r.Href != "" {
		name.Class = "link"
	}
	g := group(lines(r.Name, r.Text), append(marks, name, label("", "start", r.Text, x+6, y))...)
	g.Href = r.Href
	return g
}

func (b *Bars) rows() []Row {
	rows := make([]Row, len(b.Rows))
	for i := range b.Rows {
		r := &b.Rows[i]
		rows[i] = Row{{Text: r.Name, Foreign: r.Foreign, Href: r.Href}}
		for _, v := range r.Values {
			rows[i] = append(rows[i], Cell{Text: v.Text, Number: true})
		}
		rows[i] = append(rows[i], r.More...)
	}
	return rows
}
