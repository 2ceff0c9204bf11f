package auditcmd

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"tollgate/internal/cli"
)

// printer prints calls or records in one of the formats.
type printer[T any] struct {
	row     func(T) error
	flush   func() error
	printed int
}

func (p *printer[T]) print(v T) error {
	p.printed++
	return p.row(v)
}

func unbuffered() error { return nil }

// end prints what is held, and in a table of nothing that there is nothing.
func (p *printer[T]) end(out *bufio.Writer, format cli.FormatFlags, none string, err error) error {
	if err = errors.Join(err, p.flush()); err == nil && p.printed == 0 && format.IsTable() {
		fmt.Fprintln(out, none) // Flush returns its error
	}
	return errors.Join(err, out.Flush())
}

// column is a column of a table of calls or records, and what it holds of one.
type column[T any] struct {
	cli.Column
	cell func(T) string
}

// tablePrinter returns a printer of a table.
func tablePrinter[T any](w io.Writer, format cli.FormatFlags, columns []column[T]) *printer[T] {
	t := format.Table(w)
	for _, c := range columns {
		t.Columns = append(t.Columns, c.Column)
	}
	return &printer[T]{flush: t.Flush, row: func(v T) error {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = c.cell(v)
		}
		return t.Row(cells)
	}}
}

// The times of tables.
const (
	narrowTime = time.DateTime
	wideTime   = "2006-01-02 15:04:05.000"
)

// timeColumns returns the columns of a time, of which wide tables show more digits.
func timeColumns[T any](zone *time.Location, of func(T) time.Time) []column[T] {
	name := "TIME (" + zone.String() + ")"
	return []column[T]{
		{cli.Column{Name: name, Whole: true, Narrow: true}, func(v T) string { return of(v).In(zone).Format(narrowTime) }},
		{cli.Column{Name: name, Whole: true, Wide: true}, func(v T) string { return of(v).In(zone).Format(wideTime) }},
	}
}

// join returns the texts that are not empty, with blanks between and as one line.
func join(texts ...string) string { return strings.Join(strings.Fields(strings.Join(texts, " ")), " ") }
