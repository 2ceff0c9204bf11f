package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"tollgate/internal/text"
)

// The formats.
const (
	asTable = "table"
	asJSON  = "json"
	asCSV   = "csv"
)

// formatFlags choose how rows are printed.
type formatFlags struct {
	format    string
	json, bom bool
}

func (f *formatFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.format, "format", asTable, "table, json (one object a line) or csv")
	cmd.Flags().BoolVar(&f.json, "json", false, "short for --format json")
	cmd.Flags().BoolVar(&f.bom, "bom", false, "begin CSV with a byte order mark, by which some spreadsheets know UTF-8")
}

func (f *formatFlags) parse(cmd *cobra.Command) error {
	if f.json {
		if cmd.Flags().Changed("format") && f.format != asJSON {
			return usageError("--json and --format %s contradict each other", f.format)
		}
		f.format = asJSON
	}
	if f.bom && f.format != asCSV {
		return usageError("--bom is for --format csv")
	}
	return checkChoices(choices{"format", f.format, []string{asTable, asJSON, asCSV}})
}

// writeLine writes a value as one line of JSON, with nothing in it that a terminal would not print.
func writeLine(w io.Writer, value any) error {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err
	}
	_, err := io.WriteString(w, escapeUnprintable(b.String()))
	return err
}

// table prints rows in columns as wide as their widest cell so far. It holds a block of rows, so that a long log does not
// fill memory.
type table struct {
	w      io.Writer
	header []string
	widths []int
	block  [][]string
	right  map[int]bool // columns of numbers
}

// tableBlock is after how many rows the widths are settled anew, under a header of their own.
const tableBlock = 1000

// row takes a row. Empty cells become "-".
func (t *table) row(cells []string) error {
	clean := make([]string, len(cells))
	for i, cell := range cells {
		if clean[i] = text.Printable(cell, '\uFFFD'); cell == "" {
			clean[i] = "-"
		}
	}
	if t.block = append(t.block, clean); len(t.block) < tableBlock {
		return nil
	}
	err := t.flush()
	t.widths = nil
	return err
}

// flush prints the rows that are held: the first time with the header.
func (t *table) flush() error {
	if len(t.block) == 0 {
		return nil
	}
	if t.widths == nil {
		t.widths = make([]int, len(t.header))
		t.block = append([][]string{t.header}, t.block...)
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
	_, err := io.WriteString(t.w, b.String())
	return err
}

func (t *table) line(row []string) string {
	var b strings.Builder
	for i, cell := range row {
		padding := strings.Repeat(" ", t.widths[i]-utf8.RuneCountInString(cell))
		if t.right[i] {
			cell, padding = padding+cell, ""
		}
		b.WriteString(cell + padding + "  ")
	}
	return strings.TrimRight(b.String(), " ")
}
