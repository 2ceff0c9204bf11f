package review

import (
	"tollgate/audit/logfile"
	"tollgate/internal/text"
)

// fieldRow is a field of a request or an answer.
type fieldRow struct {
	Name   string
	Values []string
	More   int
}

// Bounds of the fields that the page shows.
const (
	someFields = 40
	someValues = 10
)

func fieldRows(r *logfile.Record) (rows []fieldRow) {
	if r == nil {
		return nil
	}
	for _, f := range r.Fields[:min(len(r.Fields), someFields)] {
		row := fieldRow{Name: text.Truncate(f.Name, maxFact, "…")}
		for _, value := range f.Values[:min(len(f.Values), someValues)] {
			row.Values = append(row.Values, text.Truncate(value, maxFact, "…"))
		}
		row.More = len(f.Values) + f.Omitted - len(row.Values)
		rows = append(rows, row)
	}
	return rows
}
