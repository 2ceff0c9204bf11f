package chart

import "slices"

// Strip is a band of days, each in a state, with ticks above the days on which something happened.
type Strip struct {
	Head
	States []Series // what days can be
	Kinds  []Kind   // what can happen
	Days   []StripDay
}

// Kind is a kind of event.
type Kind struct {
	Sign Sign
	Word string
}

// Sign is the shape of a tick.
type Sign string

// The signs.
const (
	Down    Sign = "down" // a triangle
	Diamond Sign = "diamond"
	Ring    Sign = "ring"
)

// StripDay is a day, or several that are drawn as one.
type StripDay struct {
	Label string // beneath the band, where there is room
	Name  string
	Href  string
	State int     // index of Strip.States
	Ticks []Value // how often each kind happened
	More  []Cell  // of the table, behind the state and the ticks
}

// Sizes of a strip.
const (
	band = 26.0
	sign = 5.0 // half of a tick
)

// Draw returns the drawing.
func (s *Strip) Draw() *Drawing {
	marks, top := s.legend()
	y := top + float64(s.kinds())*2*(sign+1)
	slot := width / float64(max(1, len(s.Days)))
	names := make([]string, len(s.Days))
	for i := range s.Days {
		marks = append(marks, s.day(i, float64(i)*slot, y, slot))
		names[i] = s.Days[i].Label
	}
	marks = append(marks, labels(names, 0, slot, y+band+line/2)...)
	return s.drawing(y+band+line, marks, s.rows())
}

// kinds returns how many kinds happened at all.
func (s *Strip) kinds() (n int) {
	for k := range s.Kinds {
		if s.happened(k) {
			n++
		}
	}
	return n
}

func (s *Strip) happened(kind int) bool {
	return slices.ContainsFunc(s.Days, func(d StripDay) bool { return kind < len(d.Ticks) && d.Ticks[kind].N > 0 })
}

// legend has the states and signs that there are.
func (s *Strip) legend() ([]Mark, float64) {
	var states []Series
	for i, state := range s.States {
		if slices.ContainsFunc(s.Days, func(d StripDay) bool { return d.State == i }) {
			states = append(states, state)
		}
	}
	marks, height := legend(states)
	x, y := 0.0, height+line/2-4
	for k, kind := range s.Kinds {
		if !s.happened(k) {
			continue
		}
		marks = append(marks, kind.Sign.at(x+sign, y), label("", "start", kind.Word, x+2*sign+8, y))
		x += 2*sign + 8 + wide(kind.Word) + 18
	}
	if x > 0 {
		height += line
	}
	return marks, height
}

func (s *Strip) day(i int, x, y, slot float64) Mark {
	d := &s.Days[i]
	texts := []string{d.Name, s.States[d.State].Word}
	marks := []Mark{target(x, 0, slot, y+band), rect(s.States[d.State].Fill, x, y, apart(slot), band)}
	row := 0.0
	for k, kind := range s.Kinds {
		if !s.happened(k) {
			continue
		}
		row++
		if k < len(d.Ticks) && d.Ticks[k].N > 0 {
			texts = append(texts, kind.Word+" "+d.Ticks[k].Text)
			marks = append(marks, kind.Sign.at(x+slot/2, y-row*2*(sign+1)+sign))
		}
	}
	return group(lines(texts...), marks...)
}

// at returns the sign with its middle at a point.
func (s Sign) at(x, y float64) Mark {
	switch s {
	case Down:
		return path("sign", "M%s %sH%sL%s %sZ", x-sign, y-sign+1, x+sign, x, y+sign)
	case Diamond:
		return path("sign", "M%s %sL%s %sL%s %sL%s %sZ", x, y-sign, x+sign, y, x, y+sign, x-sign, y)
	}
	return path("sign ring", "M%s %sA4 4 0 1 0 %s %sA4 4 0 1 0 %s %sZ", x-4, y, x+4, y, x-4, y)
}

func (s *Strip) rows() []Row {
	rows := make([]Row, len(s.Days))
	for i := range s.Days {
		d := &s.Days[i]
		rows[i] = Row{{Text: d.Name, Href: d.Href}, {Text: s.States[d.State].Word}}
		for _, n := range d.Ticks {
			rows[i] = append(rows[i], Cell{Text: n.Text, Number: true})
		}
		rows[i] = append(rows[i], d.More...)
	}
	return rows
}
