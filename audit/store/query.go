package store

import (
	"context"
	"fmt"
	"math"
	"slices"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
)

// query is a filter, made ready for the database.
type query struct {
	*reader
	filter    *calls.Filter
	from      source
	parts     []command // of WHERE
	low, high int64     // the calls to look at, by ord; both included
	window    int64     // how many records are looked at at once
}

// source is what calls are read from: tables, in the order in which they are read, and how they are bounded. Texts are made of constants of this
// package only; what a filter says are arguments. ?1 and ?2 are the first and the last call by ord, ?3 is how many rows are read.
type source struct {
	from  command
	where string
	own   []command // the parts of WHERE that choose among its rows
}

const (
	// bounds has the arguments that each statement begins with: those behind it have no number.
	bounds    = "WITH bounds AS (SELECT ?1, ?2, ?3) SELECT "
	ordBounds = "calls.ord BETWEEN ?1 AND ?2"

	countLimit = 10_000 // of several sources the one with the fewest calls is read; they are counted up to it

	firstWindow, growth, shrink = 1024, 4, 2
)

var (
	all      = source{from: command{"calls NOT INDEXED", nil}, where: ordBounds}
	unsummed = source{from: command{"calls INDEXED BY unsummed", nil}, where: "calls.summed = 0 AND " + ordBounds}

	spanBounds = fmt.Sprintf(ordBounds+" AND p.span BETWEEN ?1 >> %d AND ?2 >> %[1]d", spanShift)
	ordInSpan  = fmt.Sprintf("spans AS p CROSS JOIN ids AS i ON i.span = p.span AND i.key = ? CROSS JOIN calls NOT INDEXED ON calls.ord BETWEEN i.ord AND i.ord + %d", 1<<spanShift-1)
	byAmount   = fmt.Sprintf("spans AS p CROSS JOIN calls INDEXED BY by_amount ON calls.ord >> %d = +p.span", spanShift)
	hasID      = fmt.Sprintf("EXISTS (SELECT 1 FROM ids WHERE span = calls.ord >> %d AND key = ? AND ord = calls.ord)", spanShift)
)

// query makes a filter ready. Calls are read from a source that is given, or from the one with the fewest calls.
func (r *reader) query(ctx context.Context, f *calls.Filter, from *source) (*query, error) {
	q := &query{reader: r, filter: f, from: all, low: 1, high: int64(r.upTo.Seq), window: firstWindow}
	if err := q.times(ctx); err != nil {
		return nil, err
	}
	choice := slices.Concat(q.ids(), q.kinds(), q.amounts())
	if from != nil {
		choice = []source{*from}
	}
	return q, q.choose(ctx, choice)
}

// times bounds the calls by the filter's times.
func (q *query) times(ctx context.Context) error {
	if q.filter.Since.IsZero() && q.filter.Until.IsZero() {
		return nil
	}
	since, until := timeBounds(q.filter.Since, q.filter.Until)
	q.parts = append(q.parts, command{"calls.time BETWEEN ? AND ?", []any{since, until}})
	found, err := fetch(ctx, q.database, func(s *span) []any { return []any{&s.low, &s.high} },
		"SELECT coalesce(min(span), 0), coalesce(max(span), -1) FROM spans WHERE high >= ? AND low <= ?", since, until)
	if err != nil {
		return err
	}
	q.low, q.high = max(q.low, found[0].low<<spanShift), min(q.high, (found[0].high+1)<<spanShift-1)
	return nil
}

func (q *query) kinds() []source {
	conditions := kindConditions(q.filter)
	if len(conditions) == 0 {
		return nil
	}
	in := command{"calls.kind IN (SELECT k.id FROM kinds AS k WHERE true", nil}
	for _, c := range conditions {
		in = command{in.text + " AND " + c.text, append(in.args, c.args...)}
	}
	in.text += ")"
	q.parts = append(q.parts, in)
	return []source{{command{"calls INDEXED BY by_kind", nil}, ordBounds, []command{in}}}
}

// ids has the sources by ids; of plans, the rows say only which spans have calls.
func (q *query) ids() (list []source) {
	for _, id := range ids {
		if value := id.filter(q.filter); value != "" {
			key := []any{hash48(id.kind, value)}
			q.parts = append(q.parts, command{hasID, key})
			list = append(list, source{from: command{"spans AS p CROSS JOIN ids AS i ON i.span = p.span AND i.key = ? CROSS JOIN calls ON calls.ord = i.ord", key}, where: spanBounds})
		}
	}
	if q.filter.Plan != "" {
		list = append(list, source{from: command{ordInSpan, []any{planKey(q.filter.Plan)}}, where: spanBounds})
	}
	return list
}

func (q *query) amounts() []source {
	if q.filter.MinAmount == nil && q.filter.MaxAmount == nil {
		return nil
	}
	low, high := int64(math.MinInt64), int64(math.MaxInt64)
	if q.filter.MinAmount != nil {
		low = amountKey(*q.filter.MinAmount)
	}
	if q.filter.MaxAmount != nil {
		high = amountKey(*q.filter.MaxAmount)
	}
	in := command{"calls.high >= ? AND calls.low <= ?", []any{low, high}}
	q.parts = append(q.parts, in)
	return []source{{command{byAmount, nil}, spanBounds, []command{in}}}
}

// choose takes the source with the fewest calls, of broad ones the first.
func (q *query) choose(ctx context.Context, choice []source) error {
	if len(choice) > 0 {
		q.from = choice[0]
	}
	if len(choice) < 2 {
		return nil
	}
	fewest := int64(countLimit)
	for _, s := range choice {
		text, args := s.rows("1", s.own, q.low, q.high, countLimit)
		n, err := q.number(ctx, "SELECT count(*) FROM ("+text+" LIMIT ?3)", args...)
		if err != nil {
			return err
		}
		if n < fewest {
			fewest, q.from = n, s
		}
	}
	return nil
}

// rows returns the text that selects columns of a source's rows, and its arguments.
func (s *source) rows(columns string, parts []command, low, high, limit int64) (text string, args []any) {
	text, args = bounds+columns+" FROM "+s.from.text+" WHERE "+s.where, append([]any{low, high, limit}, s.from.args...)
	for _, c := range parts {
		text, args = text+" AND "+c.text, append(args, c.args...)
	}
	return text, args
}

type direction string

const (
	forwards  direction = "ASC"
	backwards direction = "DESC"
)

// pageRows is how many rows are read at once.
const pageRows = 1000

// walk calls yield for the calls that ended and match. It reads windows of the log, which grow while little is found: no piece takes long,
// and none reads much more than it returns.
func (q *query) walk(ctx context.Context, to direction, yield func(*calls.Call, *row) error) error {
	for limit := int64(16); q.low <= q.high; limit = min(2*limit, pageRows) {
		low, high := max(q.low, q.high-q.window+1), q.high
		if to == forwards {
			low, high = q.low, min(q.high, q.low+q.window-1)
		}
		text, args := q.from.rows(rowColumns, q.parts, low, high, limit)
		page, err := fetch(ctx, q.database, (*row).columns, text+" ORDER BY calls.ord "+string(to)+" LIMIT ?3", args...)
		if err != nil {
			return q.failed(err)
		}
		if full := int64(len(page)) == limit; !full {
			q.window *= growth
		} else if q.window = max(q.window/shrink, firstWindow); to == forwards {
			high = page[limit-1].ord
		} else {
			low = page[limit-1].ord
		}
		if to == forwards {
			q.low = high + 1
		} else {
			q.high = low - 1
		}
		if err := q.readAll(ctx, q.addLost(page, to, low, high), yield); err != nil {
			return err
		}
	}
	return nil
}

func (q *query) readAll(ctx context.Context, page []row, yield func(*calls.Call, *row) error) error {
	for i := range page {
		c, err := q.read(ctx, &page[i])
		if err == nil && c.Lost != 0 {
			err = q.checkUnended(ctx, []*logfile.Record{c.Intent}, page[i].intent, c.Lost-1)
		}
		if err == nil {
			err = q.settle(ctx, c)
		}
		if err != nil {
			return q.failed(err)
		}
		if !q.filter.Match(c) {
			continue
		}
		if err := yield(c, &page[i]); err != nil {
			return err
		}
	}
	return nil
}

// addLost puts the lost calls from low to high between the others.
func (q *query) addLost(page []row, to direction, low, high int64) []row {
	if len(q.lost) == 0 {
		return page
	}
	for _, r := range q.lost {
		if r.ord >= low && r.ord <= high {
			page = append(page, r)
		}
	}
	slices.SortFunc(page, row.compare)
	if to == backwards {
		slices.Reverse(page)
	}
	return page
}
