package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestTableBlocks(t *testing.T) {
	var b bytes.Buffer
	tab := table{w: &b, header: []string{"A", "B"}, right: map[int]bool{1: true}}
	for i := range tableBlock + 1 {
		if err := tab.row([]string{strings.Repeat("界", i%3), fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := tab.flush(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	first, last := strings.Join(lines[:4], "|"), strings.Join(lines[tableBlock:], "|")
	if first != "A     B|-     0|界     1|界界    2" || last != "-   999|A     B|界  1000|" {
		t.Errorf("%q … %q", first, last)
	}
}
