package main

import (
	"fmt"
	"io"

	"tollgate/internal/cli"
)

// rows are a table that is printed if it has any.
type rows struct {
	columns []cli.Column
	cells   [][]string
}

func (r *rows) add(cells ...string) { r.cells = append(r.cells, cells) }

// print prints the table below an empty line.
func (r *rows) print(w io.Writer, wide bool) error {
	if len(r.cells) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	t := cli.Table{W: w, Columns: r.columns, Wide: wide}
	for _, row := range r.cells {
		if err := t.Row(row); err != nil {
			return err
		}
	}
	return t.Flush()
}

// whole returns a column of which nothing is left out, such as an id or a time.
func whole(name string) cli.Column { return cli.Column{Name: name, Whole: true} }

// number returns a column of numbers.
func number(name string) cli.Column { return cli.Column{Name: name, Number: true} }

// part returns a column that is truncated where a line would be too long.
func part(name string) cli.Column { return cli.Column{Name: name} }
