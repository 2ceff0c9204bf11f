package strictyaml

import (
	"fmt"
	"strings"

	"tollgate/internal/text"
)

// Position is a place in a file, both from 1, the column in characters. The zero Position is the file as a whole.
type Position struct{ Line, Column int }

// sourceText is the text of the file.
type sourceText struct {
	lines  []string // without line ends
	secret []bool   // lines that hold a secret's key although its name does not say so, or a part of its value
	hidden []bool   // see hide; nil before
}

func newSource(text string) *sourceText {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSuffix(line, "\r")
	}
	return &sourceText{lines: lines, secret: make([]bool, len(lines))}
}

// maxExcerpt is how much of a line an excerpt shows.
const maxExcerpt = 120

// excerpt returns a line with a caret under the column, and the column as a place in the line. The text is empty where the line may
// have a secret.
func (s *sourceText) excerpt(at Position) (column int, text string) {
	if at.Line < 1 || at.Line > len(s.lines) {
		return at.Column, ""
	}
	line := []rune(s.lines[at.Line-1])
	caret := min(max(at.Column, 1), len(line)+1) - 1
	column = caret + 1
	if s.hidden[at.Line-1] {
		return column, ""
	}
	if start := caret - maxExcerpt/2; len(line) > maxExcerpt && start > 0 {
		line, caret = append([]rune("..."), line[start:]...), caret-start+3
	}
	if len(line) > maxExcerpt {
		line = append(line[:maxExcerpt:maxExcerpt], []rune("...")...)
	}
	margin := fmt.Sprintf("%5d | ", at.Line)
	return column, margin + printable(string(line)) + "\n" + strings.Repeat(" ", len(margin)-2) + "| " + strings.Repeat(" ", caret) + "^"
}

// tabNear returns a line that is indented with a tab: the given one, or one beside it, since a parser may notice only then.
func (s *sourceText) tabNear(line int) (int, bool) {
	for _, n := range []int{line, line + 1, line - 1} {
		if n >= 1 && n <= len(s.lines) && strings.Contains(s.lines[n-1][:indentOf(s.lines[n-1])], "\t") {
			return n, true
		}
	}
	return 0, false
}

// alike are characters that look like those of YAML, and are typed in their place or come with copied text.
var alike = strings.NewReplacer("：", ":", "，", ",", "｛", "{", "｝", "}", "［", "[", "］", "]", "“", `"`, "”", `"`, "‘", "'", "’", "'", "－", "-", "\u3000", " ", "\u00a0", " ")

// lookalikes describes which characters of a line, or of the next, are not those that they look like; "" if none.
func (s *sourceText) lookalikes(line int) string {
	for n := line; n <= min(line+1, len(s.lines)); n++ {
		for _, r := range s.lines[max(n, 1)-1] {
			if meant := alike.Replace(string(r)); meant != string(r) {
				return fmt.Sprintf("line %d has the full-width or typographic character %q (U+%04X): write %q", n, string(r), r, meant)
			}
		}
	}
	return ""
}

// printable replaces what a terminal would obey, a tab included, by a space: the caret stays in its column.
func printable(line string) string { return text.Printable(line, ' ') }
