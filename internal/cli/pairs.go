package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"tollgate/internal/text"
)

// Pairs are names with texts, printed one below the other. Texts are wrapped between words where a line would be longer than [MaxWidth],
// unless they are wide.
type Pairs struct {
	Wide  bool
	pairs [][2]string
	width int // of the names
}

// Add adds a text.
func (p *Pairs) Add(name, said string) {
	p.pairs = append(p.pairs, [2]string{name, text.Printable(said, '\uFFFD')})
	p.width = max(p.width, utf8.RuneCountInString(name))
}

// Print writes the pairs.
func (p *Pairs) Print(w io.Writer) error {
	var b strings.Builder
	for _, pair := range p.pairs {
		for i, line := range p.wrap(pair[1]) {
			name := pair[0]
			if i > 0 {
				name = ""
			}
			b.WriteString(strings.TrimRight(fmt.Sprintf("%-*s  %s", p.width, name, line), " ") + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// wrap returns the lines of a text. A word that is longer than a line, such as a path, is left whole.
func (p *Pairs) wrap(said string) []string {
	room := MaxWidth - p.width - 2
	if p.Wide || utf8.RuneCountInString(said) <= room {
		return []string{said}
	}
	var lines []string
	line := ""
	for word := range strings.SplitSeq(said, " ") {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > room {
			lines, line = append(lines, line), word
			continue
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}
