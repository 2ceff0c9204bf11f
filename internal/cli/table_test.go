package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"tollgate/internal/text"
)

// printed returns what a table prints of rows.
func printed(t *testing.T, table *Table, rows ...[]string) string {
	t.Helper()
	var b bytes.Buffer
	table.W = &b
	for _, row := range rows {
		if err := table.Row(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTableBlocks(t *testing.T) {
	var rows [][]string
	for i := range tableBlock + 1 {
		rows = append(rows, []string{strings.Repeat("界", i%3), fmt.Sprint(i)})
	}
	lines := strings.Split(printed(t, &Table{Columns: []Column{{Name: "A"}, {Name: "B", Number: true}}}, rows...), "\n")
	first, last := strings.Join(lines[:4], "|"), strings.Join(lines[tableBlock:], "|")
	if first != "A       B|-       0|界      1|界界    2" || last != "-     999|A      B|界  1000|" {
		t.Errorf("%q … %q", first, last)
	}
}

// TestTableWidth: a line has at most MaxWidth characters; the widest columns are truncated first, and those never that must be whole.
func TestTableWidth(t *testing.T) {
	columns := []Column{{Name: "WHOLE", Whole: true}, {Name: "SHORT"}, {Name: "LONG"}, {Name: "LONGER"}, {Name: "NUMBER", Number: true}}
	row := []string{strings.Repeat("w", 36), "short", strings.Repeat("ä", 60), strings.Repeat("x", 200), "1234567"}
	lines := strings.Split(printed(t, &Table{Columns: columns}, row), "\n")
	want := row[0] + "  short  " + strings.Repeat("ä", 21) + "…  " + strings.Repeat("x", 21) + "…  1234567"
	if lines[1] != want || utf8.RuneCountInString(want) != MaxWidth {
		t.Errorf("%q, want %q", lines[1], want)
	}
	if got := printed(t, &Table{Columns: columns, Wide: true}, row); !strings.Contains(got, row[2]) || !strings.Contains(got, row[3]) {
		t.Errorf("a wide table is truncated: %q", got)
	}
	whole := strings.Repeat("w", 2*MaxWidth)
	if got := printed(t, &Table{Columns: columns}, []string{whole, "s", "l", "l", "1"}); !strings.Contains(got, whole) {
		t.Errorf("an id is truncated: %q", got)
	}
}

// TestTableOfWideCharacters: a Chinese character takes two columns of a terminal, and lines of a table end within the same.
func TestTableOfWideCharacters(t *testing.T) {
	columns := []Column{{Name: "WHO", Least: 20}, {Name: "WHAT"}, {Name: "CALL", Whole: true}}
	rows := [][]string{{"上海分公司", strings.Repeat("订单", 60), "c-1"}, {strings.Repeat("a", 30), "x", "c-2"}, {"e\u0301", strings.Repeat("y", 90), "c-3"}}
	for i, line := range strings.Split(strings.TrimSuffix(printed(t, &Table{Columns: columns}, rows...), "\n"), "\n") {
		if before, _, found := strings.Cut(line, "c-"); i > 0 && (!found || text.Width(before) != MaxWidth-len("CALL")) {
			t.Errorf("the last column begins elsewhere: %s", line)
		}
	}
	if got := printed(t, &Table{Columns: columns}, rows...); !strings.Contains(got, strings.Repeat("a", 30)) && !strings.Contains(got, strings.Repeat("a", 19)+"…") {
		t.Errorf("narrower than its least width:\n%s", got)
	}
}

// TestTableColumns: which columns are there depends on the width and, of sparse ones, on the rows; one that gets a value later appears.
func TestTableColumns(t *testing.T) {
	columns := []Column{{Name: "A"}, {Name: "W", Wide: true}, {Name: "N", Narrow: true}, {Name: "S", Sparse: true}}
	empty, full := []string{"a", "w", "n", "0.00"}, []string{"a", "w", "n", "0.50"}
	for _, c := range []struct {
		wide bool
		rows [][]string
		want string
	}{
		{false, [][]string{empty}, "A  N\na  n\n"},
		{false, [][]string{empty, full}, "A  N  S\na  n  0.00\na  n  0.50\n"},
		{true, [][]string{empty}, "A  W  S\na  w  0.00\n"},
	} {
		if got := printed(t, &Table{Columns: columns, Wide: c.wide}, c.rows...); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	table := &Table{Columns: columns}
	first := printed(t, table, empty)
	if later, last := printed(t, table, full), printed(t, table, empty); first != "A  N\na  n\n" || later != "A  N  S\na  n  0.50\n" || last != "a  n  0.00\n" {
		t.Errorf("%q, %q, %q", first, later, last)
	}
}

// TestTableIsPrintable: texts of records reach no terminal as they are.
func TestTableIsPrintable(t *testing.T) {
	if got := printed(t, &Table{Columns: Columns("A")}, []string{"x\x1b[2J\u202e\n"}); got != "A\nx\uFFFD[2J\uFFFD\uFFFD\n" {
		t.Errorf("%q", got)
	}
}
