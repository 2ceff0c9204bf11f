package chart

import (
	"bytes"
	"encoding/xml"
	"html/template"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tollgate/internal/style"
	"tollgate/internal/text"
)

// page writes drawings as a page does, within one element.
var page = template.Must(template.Must(template.New("").Funcs(template.FuncMap{"visible": text.Visible}).Parse(
	`{{define "value"}}<bdi>{{visible .}}</bdi>{{end}}{{define "page"}}<main>{{range .}}{{template "drawing" .}}{{end}}</main>{{end}}`)).ParseFS(Templates, "drawing.html"))

func written(t testing.TB, drawings ...*Drawing) string {
	t.Helper()
	var b bytes.Buffer
	if err := page.ExecuteTemplate(&b, "page", drawings); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func head(id, s string) Head {
	return Head{ID: id, Title: s, Desc: s, Summary: s, Columns: []string{s, s}}
}

func number(n float64) string { return strconv.FormatFloat(n, 'g', 6, 64) }

func value(n float64) Value { return Value{n, number(n)} }

// drawings returns one of each kind, with s for each of its texts.
func drawings(s string) []*Drawing {
	series := []Series{{Unknown, s}, {Refused, s}, {Failed, s}, {Succeeded, s}}
	values := []Value{value(1), value(20), value(300), value(4000)}
	bars := []Bar{{Name: s, Foreign: true, Href: "/calls?caller=" + s, Values: values, Text: s, More: []Cell{{Text: s, Foreign: true}}}, {Name: s}}
	columns := &Columns{Head: head("calls", s), Series: series, Whole: true, Unit: s, Number: func(float64) string { return s }}
	columns.Bars = []Column{{Label: s, Name: s, Values: values}, {Label: s, Name: s, Absent: s, As: Absent}, {Label: s, Name: s, Values: make([]Value, 4)}}
	return []*Drawing{
		columns.Draw(),
		(&Bars{Head: head("callers", s), Series: series, Rows: bars}).Draw(),
		(&Shares{Head: head("versions", s), Series: series, Rows: bars}).Draw(),
		(&Bullets{Head: head("caps", s), Used: s, Held: s, Limit: s, Rows: []Bullet{{Name: s, Row: s, Href: "/calls", Used: value(3), Held: value(1), Limit: value(10), Text: s}, {Name: s, Row: s, Unlimited: true}}}).Draw(),
		(&Strip{Head: head("log", s), States: series, Kinds: []Kind{{Down, s}, {Diamond, s}, {Ring, s}}, Days: []StripDay{
			{Label: s, Name: s, Ticks: []Value{value(1), value(0), value(2)}}, {Label: s, Name: s, State: 3, Ticks: []Value{{}, value(1)}}}}).Draw(),
		(&Waterfall{Head: head("steps", s), Steps: []Step{{Name: s, Fill: First, Length: time.Millisecond, Text: s},
			{Name: s, Fill: Second, Start: time.Millisecond, Length: time.Second, Text: s}}, Total: s, Break: s, Zero: s}).Draw(),
	}
}

// element is what a page has at one place: an element's start, or text.
type element struct {
	name  string
	attrs map[string]string
	text  string
}

// parsed reads a page as XML, which the templates write.
func parsed(t testing.TB, source string) (list []element) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(source))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatalf("%v in %s", err, source)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := element{name: token.Name.Local, attrs: map[string]string{}}
			for _, a := range token.Attr {
				e.attrs[a.Name.Local] = a.Value
			}
			list = append(list, e)
		case xml.CharData:
			if s := strings.TrimSpace(string(token)); s != "" {
				list = append(list, element{text: string(token)})
			}
		}
	}
}

// names returns the names of elements, which no text may change.
func names(list []element) (names []string) {
	for _, e := range list {
		if e.name != "" {
			names = append(names, e.name)
		}
	}
	return names
}

// FuzzTexts holds that each text that goes into a drawing comes out as that text, or its beginning, and changes no element.
func FuzzTexts(f *testing.F) {
	for _, s := range []string{"shop", "</title><script>x</script>", `" onload="x`, "a\x00b\x1b", "\u202eevil", "&lt;", "]]>", "{{.}}", "' style='", "采购系统", strings.Repeat("w", 300), "\xff\xfe", "javascript:x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want := text.Visible("x" + s)
		plain := parsed(t, written(t, drawings(strings.Repeat("x", text.Width(want)))...)) // of the same width
		hostile := parsed(t, written(t, drawings("x"+s)...))
		if !slices.Equal(names(plain), names(hostile)) {
			t.Fatalf("%q changes the elements", s)
		}
		for i := range hostile {
			for key, attr := range hostile[i].attrs {
				if key != "href" && key != "data-label" && attr != plain[i].attrs[key] {
					t.Fatalf("%q changes %s of %s to %q", s, key, hostile[i].name, attr)
				}
			}
			if href := hostile[i].attrs["href"]; href != "" && !strings.HasPrefix(href, "/calls") {
				t.Fatalf("a link to %q", href)
			}
			if got := hostile[i].text; got != "" && !shows(got, want) {
				t.Fatalf("%q is written as %q", s, got)
			}
		}
	})
}

func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

// shows reports whether each line of a text has the wanted one, or is the beginning of it, or a number.
func shows(text, want string) bool {
	for got := range strings.SplitSeq(text, "\n") {
		begun, cut := strings.CutSuffix(got, "…")
		if !(strings.Contains(got, want) || cut && strings.HasPrefix(want, begun) || isNumber(got)) {
			return false
		}
	}
	return true
}

func TestVisible(t *testing.T) {
	for i, d := range drawings("a\u202eb\x00c") {
		if source := written(t, d); strings.ContainsAny(source, "\u202e\x00\uFFFD") || !strings.Contains(source, "⟨U&#43;202E⟩") {
			t.Errorf("drawing %d: %s", i, source)
		}
	}
}

// TestPolicy holds that drawings need nothing that a strict content security policy forbids, and no class that the style sheet lacks.
func TestPolicy(t *testing.T) {
	list := parsed(t, written(t, drawings("x")...))
	ids := map[string]bool{}
	for _, e := range list {
		if slices.Contains([]string{"script", "style", "foreignObject", "image", "use", "iframe"}, e.name) {
			t.Errorf("element %s", e.name)
		}
		for key, attr := range e.attrs {
			if key == "style" || strings.HasPrefix(key, "on") {
				t.Errorf("%s=%q of %s", key, attr, e.name)
			}
		}
		if id := e.attrs["id"]; id != "" && ids[id] {
			t.Errorf("the id %s is there twice", id)
		} else if id != "" {
			ids[id] = true
		}
	}
	for _, e := range list {
		if paint, ok := strings.CutPrefix(e.attrs["fill"], "url(#"); ok && !ids[strings.TrimSuffix(paint, ")")] {
			t.Errorf("no pattern %s", paint)
		}
		for _, id := range strings.Fields(e.attrs["aria-labelledby"]) {
			if !ids[id] {
				t.Errorf("no label %s", id)
			}
		}
		for _, class := range strings.Fields(e.attrs["class"]) {
			if !regexp.MustCompile(`\.` + class + `\b`).MatchString(style.Sheet) {
				t.Errorf("the style sheet has no class %s", class)
			}
		}
	}
}

// TestRoles holds that a picture with links is no image, whose parts are not reached, and that each table has its head.
func TestRoles(t *testing.T) {
	for _, d := range drawings("x") {
		source := written(t, d)
		role := map[bool]string{true: `role="group" aria-labelledby="` + d.ID + `-title ` + d.ID + `-desc"`, false: `role="img"`}[strings.Contains(source, "<g><a ")]
		if !strings.Contains(source, role) {
			t.Errorf("%s: no %s", d.ID, role)
		}
		for _, want := range []string{"<caption>x</caption>", `<th scope="col">`, `<th scope="row"`, `tabindex="0"`} {
			if !strings.Contains(source, want) {
				t.Errorf("%s: no %s", d.ID, want)
			}
		}
	}
}

// filled returns the marks of a fill.
func filled(marks []Mark, f Fill) (list []Mark) {
	for _, m := range marks {
		if m.Fill == f {
			list = append(list, m)
		}
		list = append(list, filled(m.Marks, f)...)
	}
	return list
}

// TestNothingHidden holds that one unknown call among millions is seen, and that no bar is higher than the plot for it.
func TestNothingHidden(t *testing.T) {
	c := &Columns{Head: head("c", "x"), Series: []Series{{Unknown, "u"}, {Refused, "r"}, {Succeeded, "s"}}, Number: number}
	for _, n := range []float64{1, 5e6, 1e18, 1e300} {
		c.Bars = []Column{{Label: "1", Values: []Value{value(1), value(1), value(n)}}}
		marks, high := c.Draw().Marks, 0.0
		for _, f := range []Fill{Unknown, Refused, Succeeded} {
			bar := filled(marks, f)[1] // behind that of the legend
			if bar.H < least {
				t.Errorf("%g: %s is %s high", n, f, bar.H)
			}
			high += float64(bar.H)
		}
		if high > 150 {
			t.Errorf("%g: the bar is %g high", n, high)
		}
	}
	bars := (&Bars{Series: []Series{{Refused, "r"}}, Rows: []Bar{{Name: "a", Values: []Value{value(1e9)}}, {Name: "b", Values: []Value{value(1)}}}}).Draw()
	if list := filled(bars.Marks, Refused); len(list) != 2 || list[1].W < least {
		t.Errorf("%v", list)
	}
}

// TestZero holds that a day with nothing and a day that is not on record look unlike each other and unlike others.
func TestZero(t *testing.T) {
	c := &Columns{Head: head("c", "x"), Series: []Series{{Succeeded, "s"}}, Number: number}
	c.Bars = []Column{{Label: "1", Values: []Value{value(0)}}, {Label: "2", Absent: "no record", As: Absent}, {Label: "3", Values: []Value{value(2)}}}
	source := written(t, c.Draw())
	if strings.Count(source, `class="zero"`) != 1 || strings.Count(source, "url(#c-absent)") != 1 || strings.Count(source, `class="s-succeeded"`) != 2 {
		t.Error(source)
	}
	if d := (&Columns{Number: number}).Draw(); len(d.Rows) != 0 {
		t.Error("rows of nothing")
	}
}

func TestBelowZero(t *testing.T) {
	c := &Columns{Head: head("c", "x"), Series: []Series{{Confirmed, "moved"}, {Returned, "given back"}}, Number: number}
	c.Bars = []Column{{Values: []Value{value(100), value(-50)}}}
	marks := c.Draw().Marks
	moved, back := filled(marks, Confirmed)[1], filled(marks, Returned)[1]
	if zero := moved.Y + moved.H + gap; math.Abs(float64(back.Y-zero)) > 0.11 || math.Abs(float64(moved.H+gap-2*(back.H+gap))) > 0.2 {
		t.Errorf("moved %v, given back %v", moved, back)
	}
}

func TestAxis(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		whole     bool
		want      []float64
	}{
		{0, 0, true, []float64{0, 1}},
		{0, 1, true, []float64{0, 1}},
		{0, 3, true, []float64{0, 1, 2, 3}},
		{0, 193, true, []float64{0, 50, 100, 150, 200}},
		{0, 1, false, []float64{0, 0.5, 1}},
		{-110, 430, false, []float64{-200, 0, 200, 400, 600}},
		{0, math.NaN(), false, []float64{0, 0.5, 1}},
	} {
		got := newAxis(c.low, c.high, c.whole).steps()
		if !slices.EqualFunc(got, c.want, func(a, b float64) bool { return math.Abs(a-b) < 1e-9 }) {
			t.Errorf("from %g to %g: %v, want %v", c.low, c.high, got, c.want)
		}
	}
	for _, high := range []float64{1e-9, 7, 1234567, 9e17, 3e40, 1e200, math.Inf(1)} {
		if got := newAxis(0, high, false).steps(); len(got) > maxSteps+2 || got[len(got)-1] < min(high, 1e200) {
			t.Errorf("to %g: %v", high, got)
		}
	}
}

// TestLabels holds that labels beneath bars do not overlap, however many there are.
func TestLabels(t *testing.T) {
	for _, n := range []int{1, 7, 31, 53, 120, 400} {
		for _, name := range []string{"31", "2026-10-31", "10月31日"} {
			c := &Columns{Head: head("c", "x"), Number: number}
			for range n {
				c.Bars = append(c.Bars, Column{Label: name})
			}
			end := math.Inf(-1)
			for _, m := range c.Draw().Marks {
				if m.Text != name {
					continue
				}
				if from := float64(m.X) - wide(name)/2; from < end {
					t.Errorf("%d labels %s overlap at %s", n, name, m.X)
				}
				end = float64(m.X) + wide(name)/2
			}
			if end > width {
				t.Errorf("%d labels %s end at %g", n, name, end)
			}
		}
	}
}

// TestBreak holds that a long wait is drawn shorter, that all else keeps one scale, and that nothing moves out of order.
func TestBreak(t *testing.T) {
	steps := []Step{{Name: "a", Length: time.Millisecond}, {Name: "wait", Start: time.Millisecond, Length: time.Second}, {Name: "b", Start: 1001 * time.Millisecond, Length: 2 * time.Millisecond}}
	line := (&Waterfall{Steps: steps}).timeline()
	first, wait, last := line.x(time.Millisecond)-line.left, line.x(1001*time.Millisecond)-line.x(time.Millisecond), line.x(1003*time.Millisecond)-line.x(1001*time.Millisecond)
	if math.Abs(last-2*first) > 1e-6 || math.Abs(wait-broken*(line.right-line.left)) > 1e-6 || math.Abs(line.x(1003*time.Millisecond)-line.right) > 1e-6 {
		t.Errorf("%g, %g, %g on %+v", first, wait, last, line)
	}
	steps[1].Length, steps[2].Start = 5*time.Millisecond, 6*time.Millisecond
	if line := (&Waterfall{Steps: steps}).timeline(); line.from != line.to || math.Abs(line.x(4*time.Millisecond)-(line.left+line.right)/2) > 1e-6 {
		t.Errorf("%+v", line)
	}
	(&Waterfall{}).Draw()
	(&Waterfall{Steps: []Step{{Start: -1, Length: -1}}}).Draw()
}
