package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
)

// entry is what a block holds of a call: what filters ask about. A block is the calls of a span, or of a part of one, in their order:
//
//	4 bytes   the number of calls
//	8 bytes   of each call: from the lowest bit, 12 bits of its place in the span, a bit each for whether it is summed up and has amounts, its kind
//	16 bytes  of each call with amounts: the least and the greatest of them
//
// Numbers are little-endian. A query reads all blocks of its period, so that none takes longer than that, by any filters together.
type entry struct {
	ord, kind       int64
	summed, amounts bool
	low, high       int64
}

const (
	summedBit  = 1 << spanShift
	amountsBit = summedBit << 1
	kindShift  = spanShift + 2

	countSize, entrySize, amountsSize = 4, 8, 16
)

// entry returns what a block holds of a row.
func (r *row) entry() entry {
	e := entry{ord: r.ord, kind: r.kind, summed: r.summed == 1}
	if e.low, e.amounts = r.low.(int64); e.amounts {
		e.high, _ = r.high.(int64)
	}
	return e
}

// row returns a row of what a block holds.
func (e entry) row() row {
	r := row{ord: e.ord, kind: e.kind, summed: int64(one(e.summed))}
	if e.amounts {
		r.low, r.high = e.low, e.high
	}
	return r
}

// appendBlock appends a block of entries of one span.
func appendBlock(b []byte, entries []entry) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(entries)))
	for _, e := range entries {
		n := uint64(e.ord)&(1<<spanShift-1) | uint64(e.kind)<<kindShift
		if e.summed {
			n |= summedBit
		}
		if e.amounts {
			n |= amountsBit
		}
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	for _, e := range entries {
		if e.amounts {
			b = binary.LittleEndian.AppendUint64(b, uint64(e.low))
			b = binary.LittleEndian.AppendUint64(b, uint64(e.high))
		}
	}
	return b
}

var errBlock = fmt.Errorf("%w: a block of calls is none", errMisfit)

// entries returns an iterator over the entries of a block whose span is known. The last pair has an error if the block is none.
func entries(span int64, b []byte) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		if len(b) < countSize || uint64(len(b)-countSize) < entrySize*uint64(binary.LittleEndian.Uint32(b)) {
			yield(entry{}, errBlock)
			return
		}
		end := countSize + entrySize*int(binary.LittleEndian.Uint32(b))
		amounts, before := b[end:], int64(-1)
		for at := countSize; at < end; at += entrySize {
			n := binary.LittleEndian.Uint64(b[at:])
			e := entry{ord: span<<spanShift | int64(n&(1<<spanShift-1)), kind: int64(n >> kindShift), summed: n&summedBit != 0, amounts: n&amountsBit != 0}
			if e.ord <= before || e.amounts && len(amounts) < amountsSize {
				yield(e, errBlock)
				return
			}
			before = e.ord
			if e.amounts {
				e.low, e.high = int64(binary.LittleEndian.Uint64(amounts)), int64(binary.LittleEndian.Uint64(amounts[8:]))
				amounts = amounts[amountsSize:]
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// block is a row of the table blocks.
type block struct {
	last      int64 // a record of its span, behind which the next block begins
	low, high int64 // the least and the greatest time of its calls
	calls     []byte
}

func (b *block) span() int64 { return b.last >> spanShift }

const blockColumns = "last, low, high, calls"

func (b *block) columns() []any { return []any{&b.last, &b.low, &b.high, &b.calls} }

// blocksOf returns the blocks of rows, which are in order.
func blocksOf(rows []row) (blocks []block) {
	for len(rows) > 0 {
		n := slices.IndexFunc(rows, func(r row) bool { return r.ord>>spanShift != rows[0].ord>>spanShift })
		if n < 0 {
			n = len(rows)
		}
		blocks, rows = append(blocks, blockOf(rows[:n])), rows[n:]
	}
	return blocks
}

// blockOf returns the block of rows of one span.
func blockOf(rows []row) block {
	b := block{last: rows[len(rows)-1].ord, low: rows[0].time, high: rows[0].time}
	list := make([]entry, len(rows))
	for i := range rows {
		list[i], b.low, b.high = rows[i].entry(), min(b.low, rows[i].time), max(b.high, rows[i].time)
	}
	b.calls = appendBlock(nil, list)
	return b
}

func (d *database) writeBlocks(ctx context.Context, blocks []block) error {
	for _, b := range blocks {
		if err := d.exec(ctx, "INSERT INTO blocks VALUES (?, ?, ?, ?)", b.last, b.low, b.high, b.calls); err != nil {
			return err
		}
		d.pace(ctx)
	}
	return nil
}

// compact makes one block, and one row of days for each day, of those that batches have written of a span that is complete.
func (d *database) compact(ctx context.Context, span int64) error {
	blocks, err := fetch(ctx, d, (*block).columns, "SELECT "+blockColumns+" FROM blocks WHERE last BETWEEN ? AND ? ORDER BY last", firstOf(span), lastOf(span))
	if err != nil || len(blocks) < 2 {
		return err
	}
	var list []entry
	whole := blocks[len(blocks)-1]
	for _, b := range blocks {
		whole.low, whole.high = min(whole.low, b.low), max(whole.high, b.high)
		for e, err := range entries(span, b.calls) {
			if err != nil {
				return err
			}
			list = append(list, e)
		}
	}
	whole.calls = appendBlock(nil, list)
	if err := d.exec(ctx, "DELETE FROM blocks WHERE last BETWEEN ? AND ?", firstOf(span), lastOf(span)); err != nil {
		return err
	}
	if err := d.writeBlocks(ctx, []block{whole}); err != nil {
		return err
	}
	return d.compactSums(ctx, span)
}

// blockAgain makes the block of a span again, from its rows.
func (d *database) blockAgain(ctx context.Context, span int64) error {
	rows, err := fetch(ctx, d, (*row).columns, "SELECT "+rowColumns+" FROM calls WHERE ord BETWEEN ? AND ? ORDER BY ord", firstOf(span), lastOf(span))
	if err != nil {
		return err
	}
	if err := d.exec(ctx, "DELETE FROM blocks WHERE last BETWEEN ? AND ?", firstOf(span), lastOf(span)); err != nil {
		return err
	}
	return d.writeBlocks(ctx, blocksOf(rows))
}

func firstOf(span int64) int64 { return span << spanShift }
func lastOf(span int64) int64  { return (span+1)<<spanShift - 1 }
