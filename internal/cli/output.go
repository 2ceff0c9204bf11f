package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"tollgate/internal/text"
)

// The formats.
const (
	AsTable = "table"
	AsJSON  = "json"
	AsCSV   = "csv"
)

// FormatFlags are the flags that choose how rows are printed.
type FormatFlags struct {
	Format    string
	json, BOM bool
}

// Register adds the flags to a command.
func (f *FormatFlags) Register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.Format, "format", AsTable, "table, json (one object a line) or csv")
	cmd.Flags().BoolVar(&f.json, "json", false, "short for --format json")
	cmd.Flags().BoolVar(&f.BOM, "bom", false, "begin CSV with a byte order mark, by which some spreadsheets know UTF-8")
}

// Parse sets Format and checks the flags.
func (f *FormatFlags) Parse(cmd *cobra.Command) error {
	if f.json {
		if cmd.Flags().Changed("format") && f.Format != AsJSON {
			return UsageError("--json and --format %s contradict each other", f.Format)
		}
		f.Format = AsJSON
	}
	if f.BOM && f.Format != AsCSV {
		return UsageError("--bom is for --format csv")
	}
	return CheckChoice("format", f.Format, []string{AsTable, AsJSON, AsCSV})
}

// WriteLine writes a value as one line of JSON, with nothing in it that a terminal would not print.
func WriteLine(w io.Writer, value any) error { return writeJSON(w, value, "") }

// PrintJSON is WriteLine over several lines, indented.
func PrintJSON(w io.Writer, value any) error { return writeJSON(w, value, "  ") }

func writeJSON(w io.Writer, value any, indent string) error {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", indent)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err
	}
	_, err := io.WriteString(w, EscapeUnprintable(text.String()))
	return err
}

// Table prints rows in columns as wide as their widest cell so far. It holds a block of rows, so that a long log does not
// fill memory.
type Table struct {
	W      io.Writer
	Header []string
	widths []int
	block  [][]string
	Right  map[int]bool // columns of numbers
}

// tableBlock is after how many rows the widths are settled anew, under a header of their own.
const tableBlock = 1000

// Row adds a row. Empty cells become "-".
func (t *Table) Row(cells []string) error {
	clean := make([]string, len(cells))
	for i, cell := range cells {
		if clean[i] = text.Printable(cell, '\uFFFD'); cell == "" {
			clean[i] = "-"
		}
	}
	if t.block = append(t.block, clean); len(t.block) < tableBlock {
		return nil
	}
	err := t.Flush()
	t.widths = nil
	return err
}

// Flush prints the rows that are held: the first time with the header.
func (t *Table) Flush() error {
	if len(t.block) == 0 {
		return nil
	}
	if t.widths == nil {
		t.widths = make([]int, len(t.Header))
		t.block = append([][]string{t.Header}, t.block...)
	}
	for _, row := range t.block {
		for i, cell := range row {
			t.widths[i] = max(t.widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range t.block {
		b.WriteString(t.line(row))
		b.WriteByte('\n')
	}
	t.block = t.block[:0]
	_, err := io.WriteString(t.W, b.String())
	return err
}

func (t *Table) line(row []string) string {
	var b strings.Builder
	for i, cell := range row {
		width := t.widths[i]
		if !t.Right[i] {
			width = -width
		}
		fmt.Fprintf(&b, "%*s  ", width, cell)
	}
	return strings.TrimRight(b.String(), " ")
}

// EscapeUnprintable escapes in JSON what a terminal would not print, which encoding/json lets through in part: strangers
// may have put it into a path, and it could forge or hide what a reviewer sees.
func EscapeUnprintable(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r == '\n' || strconv.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}
