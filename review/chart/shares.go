package chart

// Shares are bars of the same length, each of which is the whole of something, with segments for the parts.
type Shares struct {
	Head
	Series []Series
	Rows   []Bar // Text is the sum
}

// Draw returns the drawing.
func (s *Shares) Draw() *Drawing {
	marks, top := legend(s.Series)
	b := Bars{Head: s.Head, Series: s.Series, Rows: s.Rows}
	f := b.frame()
	for i := range s.Rows {
		own := *f
		if own.axis.last = s.Rows[i].sum(); own.axis.last == 0 {
			own.axis.last = 1
		}
		marks = append(marks, s.Rows[i].draw(s.Series, &own, top+(float64(i)+0.5)*rowHeight))
	}
	return s.drawing(top+float64(len(s.Rows))*rowHeight+4, marks, b.rows())
}

func (r *Bar) sum() (sum float64) {
	for _, v := range r.Values {
		sum += max(0, finite(v.N))
	}
	return sum
}
