package chart

// Bullets are caps, one beneath the other, each on its own scale: what is used, behind it what is held, and a mark at the limit.
type Bullets struct {
	Head
	Used, Held, Limit string // words of the legend
	Rows              []Bullet
}

// Bullet is one of [Bullets].
type Bullet struct {
	Name              string
	Row               string // its name in the table
	Foreign           bool
	Href              string
	Used, Held, Limit Value
	Unlimited         bool   // the limit is not known
	Text              string // beside the bar
	More              []Cell // of the table, behind the three values
}

// Draw returns the drawing.
func (b *Bullets) Draw() *Drawing {
	series := []Series{{Confirmed, b.Used}, {Held, b.Held}}
	marks, top := legend(series)
	if last := marks[len(marks)-1]; b.Limit != "" {
		x := float64(last.X) + wide(b.Held) + 18
		marks = append(marks, path("limit", "M%s %sV%s", x, line/2-9.0, line/2+9.0), label("", "start", b.Limit, x+8, line/2))
	}
	f := b.frame()
	rows := make([]Row, len(b.Rows))
	for i := range b.Rows {
		r := &b.Rows[i]
		marks = append(marks, r.draw(series, *f, top+(float64(i)+0.5)*rowHeight))
		rows[i] = r.row()
	}
	height := top + float64(len(b.Rows))*rowHeight
	marks = append(marks, path("base", "M%s %sV%s", f.left, top, height))
	return b.drawing(height+4, marks, rows)
}

func (b *Bullets) frame() *frame {
	f, numbers := &frame{}, 0.0
	for i := range b.Rows {
		f.left, numbers = max(f.left, wide(b.Rows[i].Name)), max(numbers, wide(b.Rows[i].Text))
	}
	f.bound(numbers)
	return f
}

// draw draws a bar whose scale ends at the limit, or at what is used and held where that is more: a counted cap may be passed by calls
// that were open when it came.
func (r *Bullet) draw(series []Series, f frame, y float64) Mark {
	used, held, limit := max(0, finite(r.Used.N)), max(0, finite(r.Held.N)), max(0, finite(r.Limit.N))
	if f.axis.last = max(used+held, limit); f.axis.last == 0 {
		f.axis.last = 1
	}
	end := max(f.left+1, f.right-2*letters)
	f.right = end
	marks, x := []Mark{target(0, y-rowHeight/2, width, rowHeight)}, f.left
	if !r.Unlimited {
		marks = append(marks, Mark{Shape: Rect, Class: "track", X: Length(f.left), Y: Length(y - thick/2), W: Length(f.length(limit)), H: thick})
	}
	for i, w := range lengths([]float64{used, held}, f.length) {
		if w > 0 {
			marks = append(marks, rect(series[i].Fill, x, y-4, apart(w), 8))
			x += w
		}
	}
	if !r.Unlimited {
		at := f.left + f.length(limit)
		marks = append(marks, path("limit", "M%s %sV%s", at, y-thick/2-2, y+thick/2+2))
		x = max(x, at)
	}
	name := label("", "end", fit(r.Name, nameWidth), f.left-10, y)
	if r.Href != "" {
		name.Class = "link"
	}
	g := group(lines(r.Name, r.Text), append(marks, name, label("", "start", r.Text, x+8, y))...)
	g.Href = r.Href
	return g
}

func (r *Bullet) row() Row {
	row := Row{{Text: r.Row, Foreign: r.Foreign, Href: r.Href}}
	for _, v := range []Value{r.Used, r.Held, r.Limit} {
		row = append(row, Cell{Text: v.Text, Number: true})
	}
	return append(row, r.More...)
}
