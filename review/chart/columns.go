package chart

// Columns are bars that stand side by side, one for each day, say, with their series stacked from the base up; what is below zero hangs.
type Columns struct {
	Head
	Series []Series
	Bars   []Column
	Tall   float64                // of the plot; zero: as tall as is usual
	Whole  bool                   // the values are whole numbers
	Unit   string                 // what the axis counts
	Number func(n float64) string // writes a number at the axis
}

// Column is a bar.
type Column struct {
	Label  string // beneath the bar, where there is room
	Name   string // in the table and the tooltip
	Href   string // of the name in the table
	Values []Value
	Absent string // why there is nothing on record, in words; empty: there is
	As     Fill   // then: [Absent] or [Nothing]
	More   []Cell // of the table, behind the values
}

// Draw returns the drawing.
func (c *Columns) Draw() *Drawing {
	marks, top := legend(c.Series)
	p := c.plot(top)
	marks = append(marks, p.grid(c)...)
	for i := range c.Bars {
		marks = append(marks, p.column(c, i))
	}
	return c.drawing(p.bottom+line, append(append(marks, p.base()), p.labels(c)...), c.rows())
}

// plot is the area of the bars.
type plot struct {
	axis
	left, top, bottom float64
	slot              float64 // of each bar
}

func (c *Columns) plot(top float64) *plot {
	low, high := 0.0, 0.0
	for i := range c.Bars {
		below, above := c.Bars[i].extent()
		low, high = min(low, below), max(high, above)
	}
	tall := c.Tall
	if tall == 0 {
		tall = 150
	}
	p := &plot{axis: newAxis(low, high, c.Whole), top: top + line + 4}
	p.bottom = p.top + tall
	for _, n := range p.steps() {
		p.left = max(p.left, wide(c.Number(n))+8)
	}
	p.slot = (width - p.left) / float64(max(1, len(c.Bars)))
	return p
}

// extent returns the sums of what is below zero and above it.
func (b *Column) extent() (below, above float64) {
	for _, v := range b.Values {
		below, above = below+min(0, finite(v.N)), above+max(0, finite(v.N))
	}
	return below, above
}

func (p *plot) height(n float64) float64 { return p.units(n, p.bottom-p.top) }
func (p *plot) y(n float64) float64      { return p.bottom - p.height(n-p.first) }

func (p *plot) grid(c *Columns) []Mark {
	marks := []Mark{label("quiet", "start", c.Unit, 0, p.top-line+2)}
	for _, n := range p.steps() {
		marks = append(marks, path("grid", "M%s %sH%s", p.left, p.y(n), width), label("quiet", "end", c.Number(n), p.left-6, p.y(n)))
	}
	return marks
}

func (p *plot) base() Mark { return path("base", "M%s %sH%s", p.left, p.y(0), width) }

// column returns the bar of a day. A day without anything has a stub, so that it is not taken for one that is not on record.
func (p *plot) column(c *Columns, i int) Mark {
	b := &c.Bars[i]
	x := p.left + float64(i)*p.slot
	wide := min(max(p.slot*0.8, least), 40)
	from := x + (p.slot-wide)/2
	marks := []Mark{target(x, p.top, p.slot, p.bottom-p.top)}
	switch below, above := b.extent(); {
	case b.Absent != "":
		marks = append(marks, rect(b.As, x, p.top, p.slot, p.bottom-p.top))
	case below == 0 && above == 0:
		marks = append(marks, Mark{Shape: Rect, Class: "zero", X: Length(from), Y: Length(p.y(0) - 3), W: Length(wide), H: 3})
	default:
		marks = append(marks, p.stack(c, b, from, wide, 1)...)
		marks = append(marks, p.stack(c, b, from, wide, -1)...)
	}
	return group(b.tooltip(c.Series), marks...)
}

// stack returns the parts of a bar above zero, or below it.
func (p *plot) stack(c *Columns, b *Column, x, wide, sign float64) (marks []Mark) {
	values := make([]float64, len(c.Series))
	for i := range values {
		if i < len(b.Values) && b.Values[i].N*sign > 0 {
			values[i] = b.Values[i].N
		}
	}
	y := p.y(0)
	for i, h := range lengths(values, p.height) {
		if h == 0 {
			continue
		}
		at := y
		if y -= sign * h; sign > 0 {
			at = y
		}
		marks = append(marks, rect(c.Series[i].Fill, x, at, wide, apart(h)))
	}
	return marks
}

// apart returns a length less the gap to the next part, if it is not too short for that.
func apart(length float64) float64 {
	if length < 2*least {
		return length
	}
	return length - gap
}

func (p *plot) labels(c *Columns) []Mark {
	names := make([]string, len(c.Bars))
	for i := range c.Bars {
		names[i] = c.Bars[i].Label
	}
	return labels(names, p.left, p.slot, p.bottom+line/2)
}

func (b *Column) tooltip(series []Series) string {
	texts := []string{b.Name}
	if b.Absent != "" {
		return lines(b.Name, b.Absent)
	}
	for i, v := range b.Values {
		texts = append(texts, series[i].Word+" "+v.Text)
	}
	return lines(texts...)
}

func (c *Columns) rows() []Row {
	rows := make([]Row, len(c.Bars))
	for i := range c.Bars {
		b := &c.Bars[i]
		rows[i] = Row{{Text: b.Name, Href: b.Href}}
		if b.Absent != "" {
			rows[i] = append(rows[i], Cell{Text: b.Absent})
			rows[i] = append(rows[i], make([]Cell, max(0, len(c.Series)+len(b.More)-1))...)
			continue
		}
		for _, v := range b.Values {
			rows[i] = append(rows[i], Cell{Text: v.Text, Number: true})
		}
		rows[i] = append(rows[i], b.More...)
	}
	return rows
}
