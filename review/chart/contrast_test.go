package chart

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"

	"tollgate/internal/style"
)

var variable = regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{3,6})\b`)

// themes returns the colours of the style sheet by name, in the light theme, in the dark one, and on paper.
func themes() map[string]map[string]string {
	themes := map[string]map[string]string{"light": {}, "dark": {}, "print": {}}
	rest := style.Sheet
	for rest != "" {
		before, block, found := strings.Cut(rest, ":root {")
		if !found {
			break
		}
		block, rest, _ = strings.Cut(block, "}")
		theme := "light"
		if i := strings.LastIndex(before, "@media"); i >= 0 && strings.TrimSpace(before[strings.LastIndex(before, "{"):]) == "{" {
			theme = map[bool]string{true: "dark", false: "print"}[strings.Contains(before[i:], "dark")]
		}
		for _, v := range variable.FindAllStringSubmatch(block, -1) {
			themes[theme][v[1]] = v[2]
		}
	}
	for name, colour := range themes["light"] {
		if themes["print"][name] == "" {
			themes["print"][name] = colour
		}
	}
	return themes
}

// luminance is the relative luminance of WCAG 2.2.
func luminance(t *testing.T, colour string) (l float64) {
	t.Helper()
	if len(colour) == 4 {
		colour = string([]byte{'#', colour[1], colour[1], colour[2], colour[2], colour[3], colour[3]})
	}
	var parts [3]uint8
	if _, err := fmt.Sscanf(colour, "#%02x%02x%02x", &parts[0], &parts[1], &parts[2]); err != nil {
		t.Fatal(colour, err)
	}
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		c := float64(parts[i]) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		l += weight * c
	}
	return l
}

func contrast(t *testing.T, a, b string) float64 {
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// TestContrast holds that each colour of an area has a contrast of 3:1 to what drawings stand on (WCAG 2.2, 1.4.11), and letters 4.5:1. Four
// colours that also have it among each other do not exist: areas stand apart (see TestApart), so that each has the background as neighbour.
func TestContrast(t *testing.T) {
	for theme, colours := range themes() {
		for _, name := range []string{
			"s-succeeded", "s-failed", "s-unknown", "s-refused", "s-confirmed", "s-uncovered", "s-gap", "s-absent", "s-third", "s-fourth", "zero", "strong-line",
		} {
			for _, ground := range []string{"panel", "bg"} {
				if got := contrast(t, colours[name], colours[ground]); got < 3 {
					t.Errorf("%s: --%s has %.2f on --%s", theme, name, got, ground)
				}
			}
		}
		for _, name := range []string{"text", "soft", "accent"} {
			if got := contrast(t, colours[name], colours["panel"]); got < 4.5 {
				t.Errorf("%s: --%s has %.2f", theme, name, got)
			}
		}
	}
	if got := contrast(t, "#fff", "#000000"); math.Abs(got-21) > 0.01 {
		t.Error(got)
	}
}

// TestApart holds that neighbours stand apart where they are long enough, and that each of them has a pattern of its own.
func TestApart(t *testing.T) {
	series := []Series{{Unknown, ""}, {Refused, ""}, {Failed, ""}, {Succeeded, ""}}
	marks := (&Shares{Series: series, Rows: []Bar{{Values: []Value{value(1), value(2), value(3), value(4)}}}}).Draw().Marks
	end := 0.0
	for _, s := range series {
		m := filled(marks, s.Fill)[1]
		if from := float64(m.X); from < end+gap-0.01 {
			t.Errorf("%s begins at %g, its neighbour ends at %g", s.Fill, from, end)
		}
		end = float64(m.X + m.W)
	}
	for _, group := range [][]Fill{{Succeeded, Failed, Unknown, Refused}, {Confirmed, Perhaps, Returned}, {Whole, Uncovered, Gap, Absent}, {First, Second, Third, Fourth}} {
		seen := map[string]Fill{}
		for _, f := range group {
			if other, twice := seen[f.Lines()]; twice {
				t.Errorf("%s and %s have the same pattern", f, other)
			}
			seen[f.Lines()] = f
		}
	}
}

// TestLetters holds that letters are at least 10 px high, in the narrowest picture and in the widest that the style sheet has.
func TestLetters(t *testing.T) {
	var least, wide, from float64
	for pattern, n := range map[string]*float64{
		`\.drawing svg \{[^}]*min-width: ([0-9.]+)px`: &least, `\.drawing text \{ font-size: ([0-9.]+)px }\s}`: nil,
		`min-width: ([0-9.]+)px\) \{ \.drawing text`: &from, `\) \{ \.drawing text \{ font-size: ([0-9.]+)px`: &wide,
	} {
		if found := regexp.MustCompile(pattern).FindStringSubmatch(style.Sheet); n != nil {
			if found == nil {
				t.Fatalf("the style sheet has no %s", pattern)
			}
			fmt.Sscan(found[1], n)
		}
	}
	const padding = 2*24 + 2*12 + 2 // of the page and of the picture
	if px := letters * least / width; px < 10 {
		t.Errorf("letters of %.1f px", px)
	}
	if px := wide * (from - padding) / width; px < 10 || wide > letters {
		t.Errorf("letters of %.1f px at %g px", px, from)
	}
	if !strings.Contains(style.Sheet, fmt.Sprintf(".drawing text { font-size: %gpx", letters)) {
		t.Error("the package measures other letters than those of the style sheet")
	}
}
