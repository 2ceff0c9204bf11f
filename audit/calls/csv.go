package calls

import (
	"io"
	"strings"
	"unicode/utf8"

	"tollgate/internal/text"
)

// CSV writes rows of cells by RFC 4180: commas, CRLF, every cell in quotes, a quote in a cell doubled. Texts of unauthenticated peers
// must not become formulas in a spreadsheet:
//
//   - a cell that begins, perhaps behind spaces, with "=", "+", "-", "@", a tab or an end of line, or with the full-width form
//     of one of the signs, has an apostrophe before it, unless it is a plain negative number, "-12.50";
//   - all cells are in quotes, so that a spreadsheet that separates by semicolons finds no cell within a cell;
//   - characters that a terminal would not print are U+FFFD, so that each row is one line.
//
// JSON has the exact texts.
type CSV struct {
	w   io.Writer
	bom bool
}

// NewCSV returns a writer. With bom it begins with a byte order mark, by which some spreadsheets recognise UTF-8.
func NewCSV(w io.Writer, bom bool) *CSV { return &CSV{w, bom} }

// Write writes one row.
func (c *CSV) Write(cells []string) error {
	var b strings.Builder
	if c.bom {
		b.WriteRune('\uFEFF')
		c.bom = false
	}
	for i, cell := range cells {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		b.WriteString(strings.ReplaceAll(text.Printable(safeCell(cell), '\uFFFD'), `"`, `""`))
		b.WriteByte('"')
	}
	b.WriteString("\r\n")
	_, err := io.WriteString(c.w, b.String())
	return err
}

// safeCell returns a text that no spreadsheet takes for a formula.
func safeCell(cell string) string {
	first, size := utf8.DecodeRuneInString(strings.TrimLeft(cell, " ")) // some spreadsheets drop spaces before a formula
	if size == 0 || !strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) || plainNegative(cell) {
		return cell
	}
	return "'" + cell
}

// plainNegative reports whether a cell is a number such as "-12" and "-12.50", and no formula such as "-1+cmd()".
func plainNegative(cell string) bool {
	rest, minus := strings.CutPrefix(cell, "-")
	whole, fraction, point := strings.Cut(rest, ".")
	return minus && allDigits(whole) && (!point || allDigits(fraction))
}

func allDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}
