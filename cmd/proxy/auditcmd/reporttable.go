package auditcmd

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"tollgate/audit/calls"
	"tollgate/internal/cli"
)

// tables prints a report for people: in one table if it is wide, else the counts and the money apart, so that both fit.
func (f *reportFlags) tables(w io.Writer, r *calls.Report) error {
	if _, err := fmt.Fprintf(w, "%s\n\n", f.words.Text("report.calls", "Times", f.times.Text())); err != nil {
		return err
	}
	var err error
	if f.format.Format == cli.AsWide {
		err = f.wide(w, r)
	} else {
		err = errors.Join(f.counts(w, r), f.money(w, r))
	}
	if err == nil {
		_, err = fmt.Fprintf(w, "\n%s\n", f.words.Text("report.rules"))
	}
	return err
}

// The columns of [calls.SumColumns] that count calls.
const (
	firstCount = 1
	lastCount  = 8
)

// sums are the columns of a table of sums, and which cells of [calls.Cells] they have.
type sums struct {
	columns []cli.Column
	cells   []int
}

func (s *sums) add(index int, column cli.Column) {
	s.columns, s.cells = append(s.columns, column), append(s.cells, index)
}

func (s *sums) of(m *calls.Money, n *calls.Counts) []string {
	all, some := calls.Cells(m, n), make([]string, len(s.cells))
	for i, index := range s.cells {
		some[i] = all[index]
	}
	return some
}

// newSums returns the columns that choose chooses. Those that always has are there also without a value.
func (f *reportFlags) newSums(choose func(index int) bool, always ...string) *sums {
	s := new(sums)
	for i, name := range calls.SumColumns {
		if choose(i) {
			text := name == "currency" || name == "from"
			s.add(i, cli.Column{Name: f.columnName(name), Number: !text, Whole: text, Sparse: !slices.Contains(always, name)})
		}
	}
	return s
}

// table returns an empty table with the names that rows have, and sums.
func (f *reportFlags) table(w io.Writer, s *sums) *cli.Table {
	t := f.format.Table(w)
	for _, d := range f.by {
		t.Columns = append(t.Columns, cli.Column{Name: f.columnName(string(d))})
	}
	t.Columns = append(t.Columns, s.columns...)
	return t
}

// columnName returns the name of a column for people. CSV and JSON have the names themselves.
func (f *reportFlags) columnName(name string) string { return f.words.Text("report.column." + name) }

// total returns the names of a row that is of all calls.
func (f *reportFlags) total(id string) []string {
	names := make([]string, len(f.by))
	names[0] = f.words.Text(id)
	return names
}

// wide prints all sums. One row counts all calls, and one has the money of each currency: currencies do not add up.
func (f *reportFlags) wide(w io.Writer, r *calls.Report) error {
	s := f.newSums(func(int) bool { return true })
	t := f.table(w, s)
	var err error
	for _, g := range r.Groups() {
		err = errors.Join(err, t.Row(slices.Concat(g.Names, s.of(&g.Money, &g.Counts))))
	}
	err = errors.Join(err, t.Row(slices.Concat(f.total("report.total"), s.of(nil, r.Total()))))
	for _, m := range r.Money() {
		err = errors.Join(err, t.Row(slices.Concat(f.total("report.money"), s.of(m, nil))))
	}
	return errors.Join(err, t.Flush())
}

// counts prints how many calls there were, in one row for all currencies.
func (f *reportFlags) counts(w io.Writer, r *calls.Report) error {
	s := f.newSums(func(index int) bool { return index >= firstCount && index <= lastCount }, "calls", "succeeded")
	t := f.table(w, s)
	var err error
	groups := r.Groups()
	for i, g := range groups {
		if i > 0 && slices.Equal(groups[i-1].Names, g.Names) {
			continue
		}
		n := g.Counts
		for _, same := range groups[i+1:] {
			if !slices.Equal(same.Names, g.Names) {
				break
			}
			n = plus(n, same.Counts)
		}
		err = errors.Join(err, t.Row(slices.Concat(g.Names, s.of(nil, &n))))
	}
	return errors.Join(err, t.Row(slices.Concat(f.total("report.total"), s.of(nil, r.Total()))), t.Flush())
}

// plus adds counts up.
func plus(a, b calls.Counts) calls.Counts {
	return calls.Counts{
		Calls: a.Calls + b.Calls, Succeeded: a.Succeeded + b.Succeeded, Failed: a.Failed + b.Failed, Partial: a.Partial + b.Partial, Unknown: a.Unknown + b.Unknown,
		NotSent: a.NotSent + b.NotSent, Open: a.Open + b.Open, Refused: a.Refused + b.Refused, NoAmount: a.NoAmount + b.NoAmount, Unsummed: a.Unsummed + b.Unsummed,
	}
}

// money prints what calls moved or may have moved, of which how much is known, and how many calls are in no sum.
func (f *reportFlags) money(w io.Writer, r *calls.Report) error {
	s := f.newSums(func(index int) bool { return index < firstCount || index > lastCount }, "currency", "moved")
	t := f.table(w, s)
	var err error
	rows := 0
	for _, g := range r.Groups() {
		if len(g.From) > 0 || g.NoAmount > 0 || g.Unsummed > 0 {
			rows++
			err = errors.Join(err, t.Row(slices.Concat(g.Names, s.of(&g.Money, &g.Counts))))
		}
	}
	if rows == 0 {
		_, none := fmt.Fprintf(w, "\n%s\n", f.words.Text("report.no_money"))
		return errors.Join(err, none)
	}
	for _, m := range r.Money() {
		err = errors.Join(err, t.Row(slices.Concat(f.total("report.money"), s.of(m, nil))))
	}
	_, blank := fmt.Fprintln(w)
	return errors.Join(err, blank, t.Flush())
}
