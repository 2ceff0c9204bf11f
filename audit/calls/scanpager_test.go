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

func (m manyRefusals) settlements() (Settlements, error) {
	return Settlements{}, nil
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
