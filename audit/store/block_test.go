package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tollgate/audit/calls"
	"tollgate/internal/decimal"
	"tollgate/internal/testlog"
)

// FuzzBlock: what is read as a block is written as the same bytes, but for what stands behind it.
func FuzzBlock(f *testing.F) {
	f.Add(appendBlock(nil, []entry{{ord: 1, kind: 1, summed: true}, {ord: 4095, kind: 1<<50 - 1, amounts: true, low: math.MinInt64, high: math.MaxInt64}}))
	f.Add([]byte{0, 0, 0, 0})
	f.Add([]byte{255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		var list []entry
		for e, err := range entries(0, b) {
			if err != nil {
				if !errors.Is(err, errMisfit) {
					t.Error(err)
				}
				return
			}
			list = append(list, e)
		}
		if again := appendBlock(nil, list); !bytes.HasPrefix(b, again) || !slices.IsSortedFunc(list, func(a, b entry) int { return int(a.ord - b.ord) }) {
			t.Errorf("%x is %+v, written %x", b, list, again)
		}
	})
}

// FuzzSums: what is read as sums of days is written as sums that are read alike.
func FuzzSums(f *testing.F) {
	one := sum{calls: 3, noAmount: 1, unsummed: 2, money: decimal.Decimal{}}
	f.Add(appendSum(appendSum(nil, &sumKey{kind: 7, scope: calls.ScopeTotal}, &one), &sumKey{kind: 1 << 40, scope: calls.ScopeCustomer, customer: "c-17", priceFrom: "request"}, &one))
	f.Add([]byte{0x20, 1, 1, 1, 'x', 1, 'a'})
	f.Add([]byte{0, 0x80})
	f.Fuzz(func(t *testing.T, list []byte) {
		read := func(list []byte) (texts []string, again []byte) {
			err := eachSum(list, func(s *savedSum) error {
				n, err := s.sum()
				if err != nil {
					return err
				}
				k := sumKey{kind: s.kind, scope: scopes[s.scope], customer: string(s.customer), priceFrom: string(s.priceFrom)}
				texts, again = append(texts, fmt.Sprint(k, n.calls, n.noAmount, n.unsummed, n.money)), appendSum(again, &k, &n)
				return nil
			})
			if err != nil && !errors.Is(err, errMisfit) {
				t.Error(err)
			}
			return texts, again
		}
		texts, again := read(list)
		if same, _ := read(again); !slices.Equal(same, texts) {
			t.Errorf("%x: %q, written %x: %q", list, texts, again, same)
		}
	})
}

// manySpans returns the index of a log of several spans, taken up in small batches.
func manySpans(t *testing.T) *Index {
	dir := filepath.Join(t.TempDir(), "log")
	l := testlog.New(dir, nil)
	l.Mixture(4 << spanShift)
	l.Close()
	x := New(dir, filepath.Join(t.TempDir(), "index"))
	x.batch = 500
	step(t, x)
	return x
}

// TestCompact: a span that is complete has one block, and one row of sums for each day.
func TestCompact(t *testing.T) {
	x := manySpans(t)
	d, err := connect(t.Context(), x.log, x.file, "ro", reading)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	for text, want := range map[string]int64{
		"SELECT max(n) FROM (SELECT count(*) AS n FROM blocks GROUP BY last >> ?1)":                                   1,
		"SELECT max(n) FROM (SELECT count(*) AS n FROM days GROUP BY last >> ?1, day)":                                1,
		"SELECT count(*) FROM days WHERE NOT EXISTS (SELECT 1 FROM blocks WHERE blocks.last >> ?1 = days.last >> ?1)": 0,
		"SELECT count(*) FROM (SELECT DISTINCT ord >> ?1 FROM calls) WHERE (SELECT count(*) FROM blocks) = 0":         0,
		"SELECT min((SELECT count(*) FROM blocks), 4) FROM (SELECT ?1)":                                               4,
	} {
		n, err := d.number(t.Context(), text, spanShift)
		if err != nil || n != want {
			t.Errorf("%s: %d, %v, want %d", text, n, err, want)
		}
	}
}

// TestDeadlineGoesOn: a search that finds nothing gets on from page to page, however often it is cut off, and reads no block twice.
func TestDeadlineGoesOn(t *testing.T) {
	x := manySpans(t)
	amount, err := decimal.Parse("1e9")
	if err != nil {
		t.Fatal(err)
	}
	places := []uint64{}
	for cursor, blocks := (calls.Cursor{}), 1; ; blocks++ {
		r, err := x.reader(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		b := &pageBuilder{reader: r, log: "a", filter: &calls.Filter{MinAmount: &amount}, after: cursor, n: 10}
		pieces := 0
		r.before = func(text string) error { // time is up when a block has been read
			if strings.Contains(text, "FROM blocks") {
				pieces++
			}
			if pieces > 1 {
				pieces = 0
				return context.DeadlineExceeded
			}
			return nil
		}
		if cursor.Seq == 0 {
			if err := b.newest(ctx); err != nil {
				t.Fatal(err)
			}
			cursor = b.after
		} else {
			cursor, err = b.older(ctx)
		}
		cancel()
		_ = r.close()
		if len(b.page) > 0 || blocks > 20 {
			t.Fatalf("%d calls on page %d", len(b.page), blocks)
		}
		if places = append(places, cursor.Order); err == nil && blocks > 1 {
			break
		}
	}
	if !slices.IsSortedFunc(places, func(a, b uint64) int { return int(b) - int(a) }) || len(slices.Compact(slices.Clone(places))) < 4 {
		t.Errorf("the places of pages are %d", places)
	}
}
