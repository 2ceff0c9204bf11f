package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestTableBlocks(t *testing.T) {
	var b bytes.Buffer
	tab := Table{W: &b, Header: []string{"A", "B"}, Right: map[int]bool{1: true}}
	for i := range tableBlock + 1 {
		if err := tab.Row([]string{strings.Repeat("界", i%3), fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := tab.Flush(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	first, last := strings.Join(lines[:4], "|"), strings.Join(lines[tableBlock:], "|")
	if first != "A     B|-     0|界     1|界界    2" || last != "-   999|A     B|界  1000|" {
		t.Errorf("%q … %q", first, last)
	}
}
