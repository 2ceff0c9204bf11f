package chart

import "time"

// Waterfall is the steps of a call, one beneath the other, on one linear scale of time.
type Waterfall struct {
	Head
	Steps []Step
	Total string // the length of the whole, in words: stands at the end of the axis
	Break string // in the legend, where the scale is interrupted: "the wait is drawn shorter"
	Zero  string // at the start of the axis: "0 ms"
}

// Step is a step of a call.
type Step struct {
	Name   string
	Fill   Fill
	Start  time.Duration // from the start of the call
	Length time.Duration
	Text   string // the length in words
	More   []Cell // of the table, behind start and length
	From   string // the start in words
}

// A wait of more than this share of the call is drawn as this share of the picture, with a break mark.
const (
	longWait = 0.9
	broken   = 0.4
)

// timeline is where moments stand.
type timeline struct {
	left, right     float64
	total           time.Duration
	from, to        time.Duration // what is drawn shorter; equal: nothing
	before, between float64       // units up to it, and of it
}

// Draw returns the drawing.
func (w *Waterfall) Draw() *Drawing {
	t := w.timeline()
	top, bottom := 4.0, 4+float64(len(w.Steps))*rowHeight
	marks := []Mark{path("grid", "M%s %sV%s", t.right, top, bottom), path("base", "M%s %sV%s", t.left, top, bottom)}
	rows := make([]Row, len(w.Steps))
	for i := range w.Steps {
		s := &w.Steps[i]
		marks = append(marks, t.draw(s, top+(float64(i)+0.5)*rowHeight))
		rows[i] = append(Row{{Text: s.Name}, {Text: s.From, Number: true}, {Text: s.Text, Number: true}}, s.More...)
	}
	marks = append(marks, label("quiet", "start", w.Zero, t.left, bottom+line/2), label("quiet", "end", w.Total, t.right, bottom+line/2))
	if t.to > t.from {
		marks = append(marks, label("quiet", "middle", w.Break, (t.left+t.right)/2, bottom+line/2))
	}
	return w.drawing(bottom+line, marks, rows)
}

func (w *Waterfall) timeline() *timeline {
	t, texts := &timeline{}, 0.0
	for i := range w.Steps {
		s := &w.Steps[i]
		t.left, texts = max(t.left, wide(s.Name)), max(texts, wide(s.Text))
		t.total = max(t.total, s.end())
	}
	t.left, t.right = min(t.left, nameWidth)+10, width-texts-10
	for i := range w.Steps {
		if s := &w.Steps[i]; float64(s.Length) > longWait*float64(t.total) && s.Length < t.total {
			t.from, t.to = s.Start, s.end()
		}
	}
	if t.to > t.from {
		t.between = broken * (t.right - t.left)
		t.before = t.scale() * float64(t.from)
	}
	return t
}

func (s *Step) end() time.Duration { return max(0, s.Start) + max(0, s.Length) }

// scale returns the units of a nanosecond outside what is drawn shorter.
func (t *timeline) scale() float64 {
	return (t.right - t.left - t.between) / float64(max(1, t.total-(t.to-t.from)))
}

// x returns where a moment stands.
func (t *timeline) x(at time.Duration) float64 {
	at = max(0, at)
	switch {
	case t.to == t.from || at <= t.from:
		return t.left + t.scale()*float64(at)
	case at >= t.to:
		return t.left + t.before + t.between + t.scale()*float64(at-t.to)
	}
	return t.left + t.before + t.between*float64(at-t.from)/float64(t.to-t.from)
}

func (t *timeline) draw(s *Step, y float64) Mark {
	x := t.x(s.Start)
	w := max(t.x(s.end())-x, least)
	marks := []Mark{
		target(0, y-rowHeight/2, width, rowHeight), label("", "end", fit(s.Name, nameWidth), t.left-10, y), rect(s.Fill, x, y-thick/2, w, thick),
	}
	if t.to > t.from && s.Start <= t.from && s.end() >= t.to {
		middle := t.left + t.before + t.between/2
		marks = append(marks, path("break", "M%s %sl4 -9l4 18l4 -9l4 -9l4 18", middle-8, y))
	}
	return group(lines(s.Name, s.Text), append(marks, label("", "start", s.Text, x+w+6, y))...)
}
