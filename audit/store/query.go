package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
)

var _ calls.Source = (*Index)(nil)

// Calls implements [calls.Source]: it gives exactly what [calls.Scan] gives of a whole log. What came to the log after the
// index was last written is read from the log. An error that wraps [ErrUnusable] says that the index cannot answer;
// when it comes before the first call was given, a scan can answer instead.
//
// Queries hold up nobody: they read the database in short pieces, and never while yield runs. With f.Last they hold so
// many calls in memory.
func (x *Index) Calls(ctx context.Context, f *calls.Filter, yield func(*calls.Call) error) error {
	r, err := x.reader(ctx)
	if err != nil {
		return err
	}
	defer r.close()
	q, err := r.query(ctx, f)
	if err != nil {
		return r.failed(err)
	}
	if f.Last > 0 {
		return q.last(ctx, yield)
	}
	if err := q.walk(ctx, forwards, yield); err != nil {
		return err
	}
	return r.tail(ctx, f, yield)
}

// Seq gives the number of the last record that is in the index, if it can be used.
func (x *Index) Seq(ctx context.Context) (uint64, error) {
	r, err := x.reader(ctx)
	if err != nil {
		return 0, err
	}
	return r.upTo.seq, r.close()
}

// reader answers one query.
type reader struct {
	*database
	file  string
	dir   string
	lines logfile.LineReader
	upTo  mark
	open  []logfile.Position
	lost  []match

	behind func() calls.Settlements // in records that the index does not have yet
}

// reader opens the index and says whether it can be used. When the database is replaced before it is known to be open
// as a whole, the new one is opened.
func (x *Index) reader(ctx context.Context) (*reader, error) {
	for {
		path, err := target(x.file)
		if err != nil {
			return nil, unusable(x.file, err)
		}
		r, err := x.openReader(ctx, path)
		if now, gone := target(x.file); gone == nil && now == path {
			return r, err
		}
		if err == nil {
			_ = r.close() // of what is no more
		}
	}
}

func (x *Index) openReader(ctx context.Context, path string) (*reader, error) {
	d, err := connect(ctx, path, "ro", reading)
	if err != nil {
		return nil, unusable(x.file, err)
	}
	r := &reader{database: d, file: x.file, dir: x.dir, lines: logfile.LineReader{Files: os.DirFS(x.dir)}}
	r.behind = sync.OnceValue(r.settledBehind)
	if err := r.begin(ctx); err != nil {
		return nil, errors.Join(r.failed(err), r.close())
	}
	return r, nil
}

func (r *reader) close() error { return errors.Join(r.lines.Close(), r.database.close()) }

func (r *reader) failed(err error) error { return unusable(r.file, err) }

// begin reads, at one moment, how far the index goes, and looks whether it fits the log.
func (r *reader) begin(ctx context.Context) error {
	if err := r.check(ctx); err != nil {
		return err
	}
	var known int64
	var marks []mark
	err := r.transaction(ctx, "BEGIN", func() (err error) {
		if known, err = r.number(ctx, "SELECT first FROM begin"); err != nil {
			return err
		}
		if marks, err = r.marks(ctx); err != nil {
			return err
		}
		if r.open, err = r.openCalls(ctx); err != nil {
			return err
		}
		r.lost, err = r.lostCalls(ctx)
		return err
	})
	if err != nil {
		return err
	}
	first, err := logfile.First(r.dir)
	if err != nil {
		return err
	}
	if first != uint64(known) {
		return fmt.Errorf("%w: it begins with record %d, the log with record %d", errMisfit, known, first)
	}
	r.upTo.seq = first - 1
	if len(marks) == 0 {
		return nil
	}
	if r.upTo = marks[0]; !r.upTo.holds(&r.lines) {
		return fmt.Errorf("%w: record %d is not the one that was indexed", errMisfit, r.upTo.seq)
	}
	return nil
}

// tail reads what the index does not have yet from the log, and the calls that are open.
func (r *reader) tail(ctx context.Context, f *calls.Filter, yield func(*calls.Call) error) error {
	j := calls.NewJoiner(r.behind(), f.Passing(yield))
	for _, at := range r.open {
		intent, err := readKind(&r.lines, at, logfile.KindIntent)
		if err != nil {
			return r.failed(err)
		}
		if err := j.Add(intent); err != nil {
			return err
		}
	}
	follower := logfile.NewFollowerBehind(r.dir, r.upTo.seq, r.upTo.at)
	defer follower.Close()
	err := follower.Read(func(record *logfile.Record, _ []byte, _ logfile.Position) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return j.Add(record)
	})
	if err != nil {
		return err
	}
	return j.End()
}

// query is a filter, made ready for the database.
type query struct {
	*reader
	filter     *calls.Filter
	from       rowSource
	conditions []condition
	seen       []int64 // the keys of its columns
	low, high  int64   // the calls to look at, by ord; both included
}

// condition is a part of WHERE. Texts are made of constants of this package only; what a filter says are arguments.
type condition struct {
	text string
	args []any
}

// rowSource is what calls are read from: all of them, or those that one condition leads to.
type rowSource struct {
	condition
	bounds string // a condition with two arguments, the first and the last call by ord; or several, with as many each
	order  string // the columns that give the order, with a %s for the direction behind each
}

// args are those of the source, and of its bounds.
func (s *rowSource) args(low, high int64) []any {
	args := slices.Clone(s.condition.args)
	for range strings.Count(s.bounds, "?") / 2 {
		args = append(args, low, high)
	}
	return args
}

const ordBounds, ordOrder = "calls.ord BETWEEN ? AND ?", "calls.ord %s"

var all = rowSource{condition{"calls NOT INDEXED", nil}, ordBounds, ordOrder}

// Calls by blocks and by spans, in the order of which all of their calls are.
var (
	blockBounds = fmt.Sprintf("s.block BETWEEN ? >> %d AND ? >> %[1]d", blockShift)
	spanBounds  = fmt.Sprintf("p.span BETWEEN ? >> %d AND ? >> %[1]d", spanShift)
	spanOf      = fmt.Sprintf("i.span = calls.ord >> %d", spanShift)
	blockOf     = fmt.Sprintf("calls.ord BETWEEN s.block << %d AND (s.block << %[1]d) + %d", blockShift, 1<<blockShift-1)
)

// selective is a source beside the number of its rows, by what it is counted.
type selective struct {
	rowSource
	count  rowSource
	weight int64 // how many calls are read for each that is counted
	only   bool  // if fewer than broad are read: otherwise it costs more than it saves
	blocks bool  // it is one of blocks, which other columns narrow
}

// broad is how many rows are counted of a source at most.
const broad = 20_000

func (r *reader) query(ctx context.Context, f *calls.Filter) (*query, error) {
	q := &query{reader: r, filter: f, from: all, low: 1, high: int64(r.upTo.seq)}
	if err := q.times(ctx); err != nil {
		return nil, err
	}
	var choice []selective
	for i, c := range columns {
		if text := c.filter(f); text != "" {
			choice = append(choice, q.column(i, hash32(text).(int64)))
		}
	}
	for _, c := range ids {
		if text := c.filter(f); text != "" {
			choice = append(choice, q.id(hash48(c.kind, text)))
		}
	}
	if f.MinAmount != nil || f.MaxAmount != nil {
		choice = append(choice, q.amounts())
	}
	return q, q.choose(ctx, choice)
}

// times bounds the calls by the filter's times.
func (q *query) times(ctx context.Context) error {
	if q.filter.Since.IsZero() && q.filter.Until.IsZero() {
		return nil
	}
	since, until := int64(math.MinInt64), int64(math.MaxInt64)
	if !q.filter.Since.IsZero() {
		since = micros(q.filter.Since)
	}
	if !q.filter.Until.IsZero() {
		until = micros(q.filter.Until)
	}
	q.conditions = append(q.conditions, condition{"calls.time BETWEEN ? AND ?", []any{since, until}})
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

// column reads the blocks in which a value occurs.
func (q *query) column(i int, hash int64) selective {
	key := seenKey(i, hash)
	q.conditions = append(q.conditions, columnCondition(columns[i].name, hash))
	q.seen = append(q.seen, key)
	blocks := condition{"(SELECT block FROM seen WHERE key = ?) AS s", []any{key}}
	calls := condition{blocks.text + " CROSS JOIN calls ON " + blockOf, blocks.args}
	return selective{
		rowSource: rowSource{calls, blockBounds + " AND " + ordBounds, "s.block %s, calls.ord %[1]s"},
		count:     rowSource{blocks, blockBounds, ""}, weight: 1 << blockShift / 2, blocks: true,
	}
}

func columnCondition(name string, hash int64) condition {
	if name == stateColumn {
		return condition{"calls.state IN (?, ?)", []any{hash, unknown}}
	}
	return condition{"calls." + name + " = ?", []any{hash}}
}

func (q *query) id(hash int64) selective {
	q.conditions = append(q.conditions, condition{"EXISTS (SELECT 1 FROM ids AS i WHERE " + spanOf + " AND i.key = ? AND i.ord = calls.ord)", []any{hash}})
	found := condition{"spans AS p CROSS JOIN ids AS i ON i.span = p.span AND i.key = ?", []any{hash}}
	calls := condition{found.text + " CROSS JOIN calls ON calls.ord = i.ord", found.args}
	bounds := spanBounds + " AND i.ord BETWEEN ? AND ?"
	return selective{rowSource: rowSource{calls, bounds, "p.span %s, i.ord %[1]s"}, count: rowSource{found, bounds, ""}, weight: 1}
}

func (q *query) amounts() selective {
	low, high := int64(math.MinInt64), int64(math.MaxInt64)
	if q.filter.MinAmount != nil {
		low = amountKey(*q.filter.MinAmount)
	}
	if q.filter.MaxAmount != nil {
		high = amountKey(*q.filter.MaxAmount)
	}
	q.conditions = append(q.conditions, condition{"calls.high >= ?", []any{low}}, condition{"calls.low <= ?", []any{high}})
	const found = "(key BETWEEN ? AND ? OR key = ?)"
	const bounds = "a.ord BETWEEN ? AND ?"
	args := []any{low, high, anyAmount}
	calls := "(SELECT DISTINCT ord FROM amounts WHERE " + found + " ORDER BY ord) AS a CROSS JOIN calls ON calls.ord = a.ord"
	return selective{
		rowSource: rowSource{condition{calls, args}, bounds, "a.ord %s"},
		count:     rowSource{condition{"(SELECT ord FROM amounts WHERE " + found + ") AS a", args}, bounds, ""}, weight: 1, only: true,
	}
}

// choose takes the source with the fewest rows.
func (q *query) choose(ctx context.Context, choice []selective) error {
	fewest, blocks := int64(math.MaxInt64), false
	for _, s := range choice {
		text := "SELECT count(*) FROM (SELECT 1 FROM " + s.count.text + " WHERE " + s.count.bounds + " LIMIT ?)"
		n, err := q.number(ctx, text, append(s.count.args(q.low, q.high), broad)...)
		if err != nil {
			return err
		}
		if n *= s.weight; n < fewest && (n < broad || !s.only) {
			fewest, q.from, blocks = n, s.rowSource, s.blocks
		}
	}
	if blocks {
		for _, key := range q.seen {
			q.conditions = append(q.conditions, condition{"EXISTS (SELECT 1 FROM seen WHERE key = ? AND block = s.block)", []any{key}})
		}
	}
	return nil
}

type direction string

const (
	forwards  direction = "ASC"
	backwards direction = "DESC"
)

// pageRows is how many rows are read at once.
const pageRows = 1000

// match is a row that may be what is looked for.
type match struct {
	ord           int64
	intent, ended logfile.Position
}

// page reads the next rows from low to high, in a direction.
func (q *query) page(ctx context.Context, to direction, rows int) ([]match, error) {
	var text strings.Builder
	text.WriteString("SELECT calls.ord, intent_segment, intent_offset, segment, offset FROM " + q.from.text + " WHERE " + q.from.bounds)
	args := q.from.args(q.low, q.high)
	for _, c := range q.conditions {
		text.WriteString(" AND " + c.text)
		args = append(args, c.args...)
	}
	text.WriteString(" ORDER BY " + fmt.Sprintf(q.from.order, to) + " LIMIT ?")
	return fetch(ctx, q.database, func(f *match) []any {
		return []any{&f.ord, &f.intent.Segment, &f.intent.Offset, &f.ended.Segment, &f.ended.Offset}
	}, text.String(), append(args, rows)...)
}

// compare gives the order of calls: those that one record shows to be lost stand in the order of their intents.
func (f match) compare(g match) int {
	return cmp.Or(cmp.Compare(f.ord, g.ord), cmp.Compare(f.intent.Segment, g.intent.Segment), cmp.Compare(f.intent.Offset, g.intent.Offset))
}

// walk gives the calls that ended and match.
func (q *query) walk(ctx context.Context, to direction, yield func(*calls.Call) error) error {
	for rows := 16; q.low <= q.high; rows = min(2*rows, pageRows) {
		page, err := q.page(ctx, to, rows)
		if err != nil {
			return q.failed(err)
		}
		low, high := q.low, q.high
		if full := len(page) == rows; !full {
			q.low = q.high + 1
		} else if last := page[rows-1].ord; to == forwards {
			high, q.low = last, last+1
		} else {
			low, q.high = last, last-1
		}
		page = q.addLost(page, to, low, high)
		for i := range page {
			c, err := q.read(ctx, &page[i])
			if err != nil {
				return q.failed(err)
			}
			if !q.filter.Match(c) {
				continue
			}
			if err := yield(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// addLost puts the lost calls from low to high between the others.
func (q *query) addLost(page []match, to direction, low, high int64) []match {
	if len(q.lost) == 0 {
		return page
	}
	for _, f := range q.lost {
		if f.ord >= low && f.ord <= high {
			page = append(page, f)
		}
	}
	slices.SortFunc(page, match.compare)
	if to == backwards {
		slices.Reverse(page)
	}
	return page
}

// read makes a call of its lines, which must be those that the row says.
func (q *query) read(ctx context.Context, f *match) (*calls.Call, error) {
	var c calls.Call
	if f.ended.Segment == 0 {
		c.Lost = uint64(f.ord)
	}
	for _, at := range [...]logfile.Position{f.intent, f.ended} {
		if at.Segment == 0 {
			continue
		}
		r, err := readRecord(&q.lines, at)
		if err != nil {
			return nil, err
		}
		switch r.Kind {
		case logfile.KindIntent:
			c.Intent = r
		case logfile.KindRefusal:
			c.Refusal = r
		case logfile.KindOutcome:
			c.Outcome = r
		}
	}
	if !f.is(&c) {
		return nil, fmt.Errorf("%w: the lines at %v and %v are not those of the call that ended with record %d", errMisfit, f.intent, f.ended, f.ord)
	}
	return &c, q.settle(ctx, &c)
}

// settle adds the record that settles the outcome of a call, if there is one.
func (r *reader) settle(ctx context.Context, c *calls.Call) error {
	if c.State() != logfile.Unknown {
		return nil
	}
	at, err := r.settlements(ctx, c.ID())
	if err != nil {
		return err
	}
	settled := calls.Settlements{}
	for _, at := range at {
		event, err := readKind(&r.lines, at, logfile.KindEvent)
		if err != nil {
			return err
		}
		settled.Add(event)
	}
	if c.Settle(settled); c.Settled == nil {
		c.Settle(r.behind())
	}
	return nil
}

// settledBehind reads what settles outcomes in records that the index does not have yet. A fault there is no error: tail meets it.
func (r *reader) settledBehind() calls.Settlements {
	settled, log := calls.Settlements{}, logfile.NewFollowerBehind(r.dir, r.upTo.seq, r.upTo.at)
	defer log.Close() // opened for reading: nothing can be lost
	_ = settled.AddFrom(log)
	return settled
}

// is says whether a call is the one that the row stands for.
func (f *match) is(c *calls.Call) bool {
	intent, ended := c.Intent != nil, c.Outcome != nil || c.Refusal != nil
	if intent != (f.intent.Segment != 0) || ended != (f.ended.Segment != 0) || !intent && !ended || c.Order() != uint64(f.ord) {
		return false
	}
	return !intent || c.Refusal == nil && c.Seq() < c.Order() && (c.Outcome == nil || c.Outcome.Call == c.Intent.Call)
}

var errFull = errors.New("enough calls")

// last gives the last calls that match: first those at the end of the log, which are the newest, then older ones.
func (q *query) last(ctx context.Context, yield func(*calls.Call) error) error {
	n := q.filter.Last
	var newest []*calls.Call
	fault := q.tail(ctx, q.filter, func(c *calls.Call) error {
		if newest = append(newest, c); len(newest) >= 2*n+pageRows {
			newest = slices.Clone(newest[len(newest)-n:])
		}
		return nil
	})
	if errors.Is(fault, ErrUnusable) || ctx.Err() != nil {
		return fault // before anything was given: whoever asks can ask the log instead
	}
	newest = newest[max(len(newest)-n, 0):]
	slices.Reverse(newest)
	err := errFull
	if len(newest) < n {
		err = q.walk(ctx, backwards, func(c *calls.Call) error {
			if newest = append(newest, c); len(newest) == n {
				return errFull
			}
			return nil
		})
	}
	if err != nil && err != errFull {
		return err
	}
	for _, c := range slices.Backward(newest) {
		if err := yield(c); err != nil {
			return err
		}
	}
	return fault
}
