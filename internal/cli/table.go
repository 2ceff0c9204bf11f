package cli

import (
	"io"
	"slices"
	"strings"

	"tollgate/internal/text"
)

// MaxWidth is how many columns of a terminal a line of a table has at most, unless it is wide or has columns that must not be truncated.
const MaxWidth = 100

// minWidth is the width below which no column is narrowed.
const minWidth = 8

// Column is a column of a [Table].
type Column struct {
	Name   string
	Number bool // flush right, and never truncated
	Whole  bool // never truncated: an id, a time, an amount
	Least  int  // not narrowed below so many columns of a terminal; 0: a few
	Sparse bool // left out where no row has a value in it, other than zero
	Wide   bool // only in wide tables
	Narrow bool // only in tables that are not wide
}

// Columns returns columns that have no more than a name.
func Columns(names ...string) []Column {
	columns := make([]Column, len(names))
	for i, name := range names {
		columns[i].Name = name
	}
	return columns
}

// Table prints rows in columns as wide as their widest cell so far, and truncates the widest ones where a line would be longer than
// [MaxWidth]. It holds a block of rows, so that a long log does not fill memory.
type Table struct {
	W       io.Writer
	Columns []Column
	Wide    bool // all columns, nothing truncated

	shown  []int // indexes of the columns of this block; nil before its header
	widths []int // of those, not truncated
	block  [][]string
}

// tableBlock is how many rows have one header, for which the widths are chosen.
const tableBlock = 1000

// Row adds a row, which has a cell for each column, shown or not. Empty cells become "-".
func (t *Table) Row(cells []string) error {
	clean := make([]string, len(cells))
	for i, cell := range cells {
		clean[i] = text.Printable(cell, '\uFFFD')
	}
	if t.block = append(t.block, clean); len(t.block) < tableBlock {
		return nil
	}
	err := t.Flush()
	t.shown = nil
	return err
}

// Flush prints the rows that are held: the first time with the header.
func (t *Table) Flush() error {
	if len(t.block) == 0 {
		return nil
	}
	var b strings.Builder
	if shown := t.choose(); !slices.Equal(shown, t.shown) {
		t.shown, t.widths = shown, make([]int, len(shown))
		t.block = append([][]string{t.header()}, t.block...)
	}
	for _, row := range t.block {
		for i, column := range t.shown {
			t.widths[i] = max(t.widths[i], text.Width(cellText(row[column])))
		}
	}
	widths := t.fit()
	for _, row := range t.block {
		b.WriteString(t.line(row, widths))
		b.WriteByte('\n')
	}
	t.block = t.block[:0]
	_, err := io.WriteString(t.W, b.String())
	return err
}

func (t *Table) header() []string {
	names := make([]string, len(t.Columns))
	for i, column := range t.Columns {
		names[i] = column.Name
	}
	return names
}

// choose returns the columns that this block is printed in: those that were, and sparse ones that have a value now.
func (t *Table) choose() (shown []int) {
	for i, column := range t.Columns {
		switch {
		case t.Wide && column.Narrow, !t.Wide && column.Wide:
		case t.Wide, !column.Sparse, slices.Contains(t.shown, i), slices.ContainsFunc(t.block, func(row []string) bool { return hasValue(row[i]) }):
			shown = append(shown, i)
		}
	}
	return shown
}

// hasValue reports whether a cell says more than nothing and zero.
func hasValue(cell string) bool { return strings.Trim(cell, "0.") != "" }

// fit returns the widths to print in: where a line would be too long, the widest columns are narrowed.
func (t *Table) fit() []int {
	widths := slices.Clone(t.widths)
	length := 2 * (len(widths) - 1)
	for _, width := range widths {
		length += width
	}
	for ; !t.Wide && length > MaxWidth; length-- {
		widest := -1
		for i, width := range widths {
			if column := t.Columns[t.shown[i]]; !column.Whole && !column.Number && width > max(column.Least, minWidth) && (widest < 0 || width >= widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
	}
	return widths
}

func (t *Table) line(row []string, widths []int) string {
	var b strings.Builder
	for i, column := range t.shown {
		cell := text.Fit(cellText(row[column]), widths[i])
		blanks := strings.Repeat(" ", widths[i]-text.Width(cell))
		if t.Columns[column].Number {
			b.WriteString(blanks + cell + "  ")
		} else {
			b.WriteString(cell + blanks + "  ")
		}
	}
	return strings.TrimRight(b.String(), " ")
}

func cellText(cell string) string {
	if cell == "" {
		return "-"
	}
	return cell
}
