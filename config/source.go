package config

import (
	"fmt"
	"strings"

	"tollgate/internal/text"
)

// position is a place in the file, both from 1, the column in characters. The zero position is the file as a whole.
type position struct{ line, column int }

// fileText is the text of the file.
type fileText struct {
	lines []string    // without line ends
	masks map[int]int // what maskFrom found for a line: finding it is slow for a long line with many problems
}

func newFileText(text string) *fileText {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSuffix(line, "\r")
	}
	return &fileText{lines, map[int]int{}}
}

// maxExcerpt is how much of a line an excerpt shows.
const maxExcerpt = 120

// excerpt shows a line with a caret under the column. Secrets that somebody wrote into the line are masked; a column
// inside the mask becomes its start.
func (s *fileText) excerpt(at position) (column int, text string) {
	if at.line < 1 || at.line > len(s.lines) {
		return at.column, ""
	}
	line := []rune(s.lines[at.line-1])
	caret := min(max(at.column, 1), len(line)+1) - 1
	if from := s.mask(at.line - 1); from <= len(line) {
		line = append(line[:from:from], []rune("[masked]")...)
		caret = min(caret, from)
	}
	column = caret + 1
	if start := caret - maxExcerpt/2; len(line) > maxExcerpt && start > 0 {
		line, caret = append([]rune("..."), line[start:]...), caret-start+3
	}
	if len(line) > maxExcerpt {
		line = append(line[:maxExcerpt:maxExcerpt], []rune("...")...)
	}
	margin := fmt.Sprintf("%5d | ", at.line)
	return column, margin + printable(string(line)) + "\n" + strings.Repeat(" ", len(margin)-2) + "| " + strings.Repeat(" ", caret) + "^"
}

func (s *fileText) mask(i int) int {
	from, known := s.masks[i]
	if !known {
		from = s.maskFrom(i)
		s.masks[i] = from
	}
	return from
}

// printable replaces what a terminal would obey, a tab included, by a space: the caret stays in its column.
func printable(line string) string { return text.Printable(line, ' ') }
