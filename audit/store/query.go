package store

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
)

// query is a filter, made ready for the database.
type query struct {
	*reader
	filter *calls.Filter
	kinds  kindSet // of calls that may match; nil: all
	keys   []int64 // of ids that a call must have
	spans  []int64 // keys of which its span must have one call at least: those, and the plan
	only   func(entry) bool

	since, until int64 // microseconds
	least, most  int64 // of amounts, where amounts is set
	amounts      bool

	low, high int64 // the calls to look at, by ord; both included

	seen func(*calls.Call) // called with each call whose lines were read; may be nil
}

const (
	// maxBlocks is how many blocks are read at once: these take some milliseconds, and five megabytes.
	maxBlocks = 256
	// fewRows is how many rows are read at once: a page is often among them.
	fewRows = 64
	// pageRows is how many events are read at once.
	pageRows = 1000
)

// query makes a filter ready. Only chooses among the calls that it chooses; nil: all of them.
func (r *reader) query(ctx context.Context, f *calls.Filter, only func(entry) bool) (*query, error) {
	q := &query{reader: r, filter: f, only: only, low: 1, high: int64(r.upTo.Seq)}
	q.since, q.until = timeBounds(f.Since, f.Until)
	for _, id := range ids {
		if value := id.filter(f); value != "" {
			q.keys = append(q.keys, hash48(id.kind, value))
		}
	}
	if q.spans = q.keys; f.Plan != "" {
		q.spans = append(slices.Clip(q.spans), planKey(f.Plan))
	}
	if q.amounts = f.MinAmount != nil || f.MaxAmount != nil; q.amounts {
		q.least, q.most = math.MinInt64, math.MaxInt64
		if f.MinAmount != nil {
			q.least = amountKey(*f.MinAmount)
		}
		if f.MaxAmount != nil {
			q.most = amountKey(*f.MaxAmount)
		}
	}
	return q, q.chooseKinds(ctx)
}

// chooseKinds sets the kinds of calls that may match.
func (q *query) chooseKinds(ctx context.Context) error {
	conditions := kindConditions(q.filter)
	if len(conditions) == 0 {
		return nil
	}
	q.kinds = q.known.meeting(conditions)
	n := len(q.known.list)
	if n < maxKnown {
		return nil
	}
	return each(ctx, q.database, (*kindRow).columns, func(k *kindRow) error {
		if k.meets(conditions) {
			q.kinds.add(k.id)
		}
		return nil
	}, "SELECT id, "+kindNames+" FROM kinds WHERE id > ?", q.known.list[n-1].id)
}

// may reports whether a call may match, by what its block says.
func (q *query) may(e entry) bool {
	return (q.kinds == nil || q.kinds.has(e.kind)) && e.ord >= q.low && e.ord <= q.high && (q.only == nil || q.only(e)) &&
		(!q.amounts || e.amounts && e.high >= q.least && e.low <= q.most)
}

type direction string

const (
	forwards  direction = "ASC"
	backwards direction = "DESC"
)

// walk calls yield for the calls that ended and match. It reads the blocks of the log in pieces: none takes long, and none reads much more than
// it returns.
func (q *query) walk(ctx context.Context, to direction, yield func(*calls.Call, *row) error) error {
	if len(q.kinds) == 0 && q.kinds != nil && len(q.lost) == 0 {
		q.low = q.high + 1
	}
	for n := 1; q.low <= q.high; n = min(2*n, maxBlocks) {
		blocks, err := q.blocks(ctx, to, n)
		if err != nil {
			return q.failed(err)
		}
		if err := q.readBlocks(ctx, to, blocks, len(blocks) < n, yield); err != nil {
			return err
		}
	}
	return nil
}

// blocks returns the next blocks in a direction that may have calls that match, n of them or a few more; fewer: they are the last.
func (q *query) blocks(ctx context.Context, to direction, n int) (blocks []block, err error) {
	text := "SELECT " + blockColumns + " FROM blocks WHERE last BETWEEN ? AND ? AND high >= ? AND low <= ?"
	args := []any{q.low, lastOf(q.high >> spanShift), q.since, q.until}
	for _, key := range q.spans {
		text, args = text+fmt.Sprintf(" AND EXISTS (SELECT 1 FROM ids WHERE span = last >> %d AND key = ?)", spanShift), append(args, key)
	}
	err = each(ctx, q.database, (*block).columns, func(b *block) error {
		// All blocks of a span are read at once: they may be compacted before the next piece is read.
		if len(blocks) >= n && b.span() != blocks[len(blocks)-1].span() {
			return errFull
		}
		blocks = append(blocks, *b)
		return nil
	}, text+" ORDER BY last "+string(to), args...)
	if err == errFull {
		err = nil
	}
	return blocks, err
}

// readBlocks reads the calls of blocks; end is whether there are no more behind them.
func (q *query) readBlocks(ctx context.Context, to direction, blocks []block, end bool, yield func(*calls.Call, *row) error) (err error) {
	var found []row
	for i := range blocks {
		if found, err = q.choose(ctx, found, &blocks[i], to); err != nil {
			return q.failed(err)
		}
		last := i+1 == len(blocks)
		if !last && (len(found) < fewRows || blocks[i+1].span() == blocks[i].span()) {
			continue
		}
		if err := q.readTo(ctx, to, found, blocks[i].span(), last && end, yield); err != nil {
			return err
		}
		found = found[:0]
	}
	if len(blocks) == 0 {
		return q.readTo(ctx, to, nil, 0, true, yield)
	}
	return nil
}

// readTo reads calls that were found, and the lost ones between them, up to the end of a span in a direction, or of all.
func (q *query) readTo(ctx context.Context, to direction, found []row, span int64, all bool, yield func(*calls.Call, *row) error) error {
	low, high := q.low, q.high
	switch {
	case all:
	case to == forwards:
		high = min(high, lastOf(span))
	default:
		low = max(low, firstOf(span))
	}
	for some := range slices.Chunk(q.addLost(found, to, low, high), fewRows) {
		if err := q.readSome(ctx, some, yield); err != nil {
			return err
		}
	}
	if to == forwards {
		q.low = high + 1
	} else {
		q.high = low - 1
	}
	return nil
}

// choose adds the calls of a block that may match. Only their places, and what the block says of them, are known.
func (q *query) choose(ctx context.Context, found []row, b *block, to direction) ([]row, error) {
	having, err := q.having(ctx, b.span())
	if err != nil {
		return nil, err
	}
	begin, all, first, last := len(found), int64(0), int64(0), int64(0)
	for e, err := range entries(b.span(), b.calls) {
		if err != nil {
			return nil, err
		}
		if q.may(e) && (having == nil || having[e.ord] == len(q.keys)) {
			found = append(found, e.row())
		}
		if all, last = all+1, e.ord; all == 1 {
			first = e.ord
		}
	}
	if to == backwards {
		slices.Reverse(found[begin:])
	}
	if all == 0 || int64(len(found)-begin) < all { // to count them would take longer than to read the others
		return found, nil
	}
	return found, q.checkRows(ctx, first, last, all)
}

// checkRows checks that from the first call of a block to its last one there are as many rows as the block has.
func (q *query) checkRows(ctx context.Context, first, last, want int64) error {
	n, err := q.number(ctx, "SELECT count(*) FROM calls WHERE ord BETWEEN ? AND ?", first, last)
	if err == nil && n != want {
		err = fmt.Errorf("%w: a block has %d calls, from that which ended with record %d to %d, and there are %d rows", errMisfit, want, first, last, n)
	}
	return err
}

// having returns how many of the ids that the filter asks for the calls of a span have; nil if it asks for none.
func (q *query) having(ctx context.Context, span int64) (map[int64]int, error) {
	if len(q.keys) == 0 {
		return nil, nil
	}
	having := map[int64]int{}
	for _, key := range q.keys {
		err := each(ctx, q.database, func(ord *int64) []any { return []any{ord} }, func(ord *int64) error { having[*ord]++; return nil },
			"SELECT ord FROM ids WHERE span = ? AND key = ?", span, key)
		if err != nil {
			return nil, err
		}
	}
	return having, nil
}

// addLost puts the lost calls from low to high between the others.
func (q *query) addLost(found []row, to direction, low, high int64) []row {
	if len(q.lost) == 0 {
		return found
	}
	for _, r := range q.lost {
		if r.ord >= low && r.ord <= high {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, row.compare)
	if to == backwards {
		slices.Reverse(found)
	}
	return found
}

// complete reads the rows of calls that were found, which must say what their blocks say.
func (q *query) complete(ctx context.Context, found []row) error {
	ords := make([]byte, 1, 12*len(found))
	for _, r := range found {
		ords = append(strconv.AppendInt(ords, r.ord, 10), ',')
	}
	ords[0], ords[len(ords)-1] = '[', ']'
	rows := map[int64]row{}
	err := each(ctx, q.database, (*row).columns, func(r *row) error { rows[r.ord] = *r; return nil },
		"SELECT "+rowColumns+" FROM json_each(?) AS o CROSS JOIN calls ON calls.ord = o.value", string(ords))
	if err != nil {
		return err
	}
	for i, r := range found {
		if r.intent.Segment > 0 { // lost
			continue
		}
		whole, ok := rows[r.ord]
		if found[i] = whole; !ok || whole.entry() != r.entry() {
			return fmt.Errorf("%w: its block and its row differ in the call that ended with record %d", errMisfit, r.ord)
		}
	}
	return nil
}

// readSome reads the rows of calls that were found, and their lines, and calls yield for those that match.
func (q *query) readSome(ctx context.Context, found []row, yield func(*calls.Call, *row) error) error {
	if err := q.complete(ctx, found); err != nil {
		return q.failed(err)
	}
	for i := range found {
		r := &found[i]
		lost := r.ended.Segment == 0
		if !lost && (r.time < q.since || r.time > q.until) {
			continue
		}
		c, err := q.read(ctx, r)
		if err == nil && lost {
			err = q.checkUnended(ctx, []*logfile.Record{c.Intent}, r.intent, c.Lost-1)
		}
		if err == nil {
			err = q.settle(ctx, c)
		}
		if err != nil {
			return q.failed(err)
		}
		if q.seen != nil {
			q.seen(c)
		}
		if !q.filter.Match(c) {
			continue
		}
		if err := cmp.Or(yield(c, r), ctx.Err()); err != nil {
			return err
		}
	}
	return nil
}
