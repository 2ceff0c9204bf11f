package calls

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"tollgate/audit/logfile"
)

// manyRefusals is a log of so many refusals of a kilobyte each. It looks at what is held in memory when all were read.
type manyRefusals struct {
	n    int
	held *uint64
}

func (m manyRefusals) settlements() (Settlements, uint64, error) {
	return Settlements{}, uint64(m.n), nil
}

func (m manyRefusals) read(fn func(*logfile.Record) error) error {
	before := heap()
	for seq := uint64(1); seq <= uint64(m.n); seq++ {
		r := &logfile.Record{Seq: seq, Kind: logfile.KindRefusal, Call: fmt.Sprint(seq), Detail: strings.Repeat("x", 1024)}
		if err := fn(r); err != nil {
			return err
		}
	}
	*m.held = max(heap(), before) - before
	return nil
}

func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// TestPageIsBounded: of a long log, a page holds no more calls than it has.
func TestPageIsBounded(t *testing.T) {
	var held uint64
	p := scanPager{"a", manyRefusals{20_000, &held}}
	page, next, err := p.Page(t.Context(), &Filter{}, Cursor{}, 50)
	if err != nil || len(page) != 50 || page[0].Seq() != 20_000 || next.Seq != 19_951 {
		t.Fatalf("%d calls, %v, %v", len(page), next, err)
	}
	if held > 2<<20 {
		t.Errorf("a page of 50 calls holds %d bytes", held)
	}
	for _, n := range []int{0, -1} {
		if page, again, err := p.Page(t.Context(), &Filter{}, next, n); len(page) > 0 || again.String() != next.String() || err != nil {
			t.Errorf("a page of %d calls: %d, %v", n, len(page), err)
		}
	}
}

// TestAsOf: a call as a log has it that ends with each of its records.
func TestAsOf(t *testing.T) {
	event := settled("a", logfile.Succeeded)
	event.Seq = 7
	paid := &Call{Intent: &logfile.Record{Seq: 3, Call: "a"}, Outcome: &logfile.Record{Seq: 5, Call: "a", Outcome: logfile.Unknown}, Settled: event}
	lost := &Call{Intent: &logfile.Record{Seq: 3}, Lost: 6}
	for _, c := range []struct {
		call  *Call
		end   uint64
		state string
		order uint64
	}{
		{paid, 3, Open, 1<<64 - 1}, {paid, 4, Open, 1<<64 - 1}, {paid, 5, logfile.Unknown, 5}, {paid, 6, logfile.Unknown, 5}, {paid, 7, logfile.Succeeded, 5},
		{lost, 5, Open, 1<<64 - 1}, {lost, 6, Open, 6}, {&Call{Refusal: &logfile.Record{Seq: 4}}, 4, Refused, 4},
	} {
		if got := c.call.AsOf(c.end); got.State() != c.state || got.Order() != c.order {
			t.Errorf("%s as of %d: %s, order %d", brief(c.call), c.end, got.State(), got.Order())
		}
	}
	if got := paid.AsOf(2); got != nil {
		t.Errorf("%+v before it began", got)
	}
	if paid.State() != logfile.Succeeded || lost.Lost != 6 {
		t.Error("AsOf changes the call")
	}
}
