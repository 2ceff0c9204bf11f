package store

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
)

// query is a filter, made ready for the database.
type query struct {
	*reader
	filter    *calls.Filter
	from      source
	parts     []command // of WHERE
	joinKinds bool
	low, high int64 // the calls to look at, by ord; both included
	window    int64 // how many records are looked at at once
}

// source is what calls are read from. Texts are made of constants of this package only; what a filter says are arguments. In a text LOW and
// HIGH stand for the first and the last call by ord, MOST for how many rows are read.
type source struct {
	from    command // tables, in the order in which they are read
	where   string
	count   command // FROM and WHERE of a SELECT of the rows that lead to its calls
	isKinds bool    // it has kinds, as k
}

// Of several sources the one with the fewest calls is read: they are counted up to these limits.
var countLimits = [...]int64{1000, 20_000, 100_000}

const firstWindow, growth, shrink = 1024, 4, 2

const (
	ordBounds = "calls.ord BETWEEN LOW AND HIGH"
	inKinds   = "kinds AS k CROSS JOIN calls INDEXED BY by_kind ON calls.kind = k.id"
)

var (
	all      = source{from: command{"calls NOT INDEXED", nil}, where: ordBounds}
	unsummed = source{from: command{"calls INDEXED BY unsummed", nil}, where: "calls.summed = 0 AND " + ordBounds}
)

// query makes a filter ready. Calls are read from a source that is given, or from the best one.
func (r *reader) query(ctx context.Context, f *calls.Filter, from *source) (*query, error) {
	q := &query{reader: r, filter: f, from: all, low: 1, high: int64(r.upTo.Seq), window: firstWindow}
	if err := q.times(ctx); err != nil {
		return nil, err
	}
	choice := slices.Concat(q.ids(), q.kinds(), q.amounts(), q.plan())
	if from != nil {
		q.from = *from
		return q, nil
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
	least, err := q.number(ctx, "SELECT min(span) FROM spans WHERE high >= ? AND low <= ?", since, until)
	if err != nil {
		return err
	}
	most, err := q.number(ctx, "SELECT max(span) FROM spans WHERE high >= ? AND low <= ?", since, until)
	if err != nil {
		return err
	}
	q.low, q.high = max(q.low, least<<spanShift), min(q.high, (most+1)<<spanShift-1)
	return nil
}

func (q *query) kinds() []source {
	conditions := kindConditions(q.filter)
	if len(conditions) == 0 {
		return nil
	}
	q.joinKinds = true
	q.parts = append(q.parts, conditions...)
	text, args := inKinds+" WHERE "+ordBounds, []any{}
	for _, c := range conditions {
		text, args = text+" AND "+c.text, append(args, c.args...)
	}
	return []source{{from: command{inKinds, nil}, where: ordBounds, count: command{text, args}, isKinds: true}}
}

var (
	spanBounds = fmt.Sprintf("p.span BETWEEN LOW >> %d AND HIGH >> %[1]d AND i.ord BETWEEN LOW AND HIGH", spanShift)
	spanOf     = fmt.Sprintf("calls.ord >> %d", spanShift)
)

func (q *query) ids() (list []source) {
	for _, id := range ids {
		value := id.filter(q.filter)
		if value == "" {
			continue
		}
		key := []any{hash48(id.kind, value)}
		const found = "spans AS p CROSS JOIN ids AS i ON i.span = p.span AND i.key = ?"
		q.parts = append(q.parts, command{"EXISTS (SELECT 1 FROM ids WHERE span = " + spanOf + " AND key = ? AND ord = calls.ord)", key})
		list = append(list, source{
			from: command{found + " CROSS JOIN calls ON calls.ord = i.ord", key}, where: spanBounds, count: command{found + " WHERE " + spanBounds, key},
		})
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
	q.parts = append(q.parts, command{"calls.high >= ? AND calls.low <= ?", []any{low, high}})
	const found = "(SELECT DISTINCT ord FROM amounts WHERE (key BETWEEN ? AND ? OR key = ?) AND ord BETWEEN LOW AND HIGH) AS a"
	args := []any{low, high, int64(anyAmount)}
	return []source{{from: command{found + " CROSS JOIN calls ON calls.ord = a.ord", args}, where: "true", count: command{found, args}}}
}

// inPlan is the condition that a call is in a run of a plan; both are expressions of SQL.
func inPlan(plan, ord string) string {
	return "coalesce((SELECT high FROM plans WHERE plan = " + plan + " AND low <= " + ord + " ORDER BY low DESC LIMIT 1), 0) >= " + ord
}

func (q *query) plan() []source {
	if q.filter.Plan == "" {
		return nil
	}
	plan := []any{q.filter.Plan}
	q.parts = append(q.parts, command{inPlan("?", "calls.ord"), plan})
	const found = "plans AS p CROSS JOIN calls NOT INDEXED ON p.plan = ? AND calls.ord BETWEEN max(p.low, LOW) AND min(p.high, HIGH)"
	const within = "p.low <= HIGH AND p.high >= LOW"
	return []source{{from: command{found, plan}, where: within, count: command{found + " WHERE " + within, plan}}}
}

// choose takes the source with the fewest calls, of broad ones the first.
func (q *query) choose(ctx context.Context, choice []source) error {
	if len(choice) > 0 {
		q.from = choice[0]
	}
	for _, limit := range countLimits {
		if len(choice) < 2 {
			return nil
		}
		fewest := limit
		for _, s := range choice {
			count := statement{args: []any{q.low, q.high, limit}}
			count.add("SELECT count(*) FROM (SELECT 1 FROM "+s.count.text+" LIMIT MOST)", s.count.args...)
			n, err := q.number(ctx, count.String(), count.args...)
			if err != nil {
				return err
			}
			if n < fewest {
				fewest, q.from = n, s
			}
		}
		if fewest < limit {
			return nil
		}
	}
	return nil
}

// statement is a text that grows, with its arguments, of which the first three are LOW, HIGH and MOST.
type statement struct {
	text strings.Builder
	args []any
}

// add adds a text, in which each ? stands for the next of some arguments.
func (s *statement) add(text string, args ...any) {
	for i, part := range strings.Split(text, "?") {
		if i > 0 {
			s.args = append(s.args, args[i-1])
			s.text.WriteString("?" + strconv.Itoa(len(s.args)))
		}
		s.text.WriteString(part)
	}
}

var bounds = strings.NewReplacer("LOW", "?1", "HIGH", "?2", "MOST", "?3")

func (s *statement) String() string { return bounds.Replace(s.text.String()) }

type direction string

const (
	forwards  direction = "ASC"
	backwards direction = "DESC"
)

// pageRows is how many rows are read at once.
const pageRows = 1000

// page reads the first rows from low to high, in a direction.
func (q *query) page(ctx context.Context, to direction, low, high int64, limit int) ([]row, error) {
	s := statement{args: []any{low, high, limit}}
	s.add("SELECT " + rowColumns + " FROM ")
	s.add(q.from.from.text, q.from.from.args...)
	if q.joinKinds && !q.from.isKinds {
		s.add(" CROSS JOIN kinds AS k ON k.id = calls.kind")
	}
	s.add(" WHERE " + q.from.where)
	for _, c := range q.parts {
		s.add(" AND "+c.text, c.args...)
	}
	s.add(" ORDER BY calls.ord " + string(to) + " LIMIT MOST")
	return fetch(ctx, q.database, (*row).columns, s.String(), s.args...)
}

// walk calls yield for the calls that ended and match. It reads windows of the log, which grow while little is found: no piece takes long,
// and none reads much more than it returns.
func (q *query) walk(ctx context.Context, to direction, yield func(*calls.Call, *row) error) error {
	for limit := 16; q.low <= q.high; limit = min(2*limit, pageRows) {
		low, high := q.low, q.high
		if to == forwards {
			high = min(high, low+q.window-1)
		} else {
			low = max(low, high-q.window+1)
		}
		page, err := q.page(ctx, to, low, high, limit)
		if err != nil {
			return q.failed(err)
		}
		if full := len(page) == limit; !full {
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
