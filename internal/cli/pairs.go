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

func (p *Pairs) wrap(said string) []string {
	if p.Wide {
		return []string{said}
	}
	return wrap(said, MaxWidth-p.width-2)
}
