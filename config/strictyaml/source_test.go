package strictyaml

import (
	"strings"
	"testing"
)

func TestExcerpt(t *testing.T) {
	long := "name: " + strings.Repeat("x", 300)
	for _, test := range []struct {
		line   string
		column int
		want   string
	}{
		{"a: b", 4, "    1 | a: b\n      |    ^"},
		{"a: b", 99, "    1 | a: b\n      |     ^"}, // behind the end
		{"a: b", 0, "    1 | a: b\n      | ^"},
		{"\ta: \x1b[31mb", 3, "    1 |  a:  [31mb\n      |   ^"}, // nothing that a terminal obeys
		{"é: ü", 4, "    1 | é: ü\n      |    ^"},
		{long, 1, "    1 | " + long[:120] + "...\n      | ^"},
		{long, 200, "    1 | ..." + strings.Repeat("x", 117) + "...\n      | " + strings.Repeat(" ", 63) + "^"},
	} {
		lines := newSource(test.line)
		lines.hide(func(string) bool { return false }, nil)
		if _, got := lines.excerpt(Position{1, test.column}); got != test.want {
			t.Errorf("%.20q, column %d: got\n%s\nwant\n%s", test.line, test.column, got, test.want)
		}
	}
}
