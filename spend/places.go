package spend

import (
	"fmt"
	"maps"
)

// maxSpare and maxSpareKeys bound what is kept to be used again.
const maxSpare, maxSpareKeys = 256, 16

// places are how much of a [Memory] each caller has taken.
type places struct {
	room     int
	taken    int
	byCaller map[string]*share
}

// share is what one caller has taken.
type share struct {
	caller string
	taken  int
}

func newPlaces(room int) places { return places{room: room, byCaller: map[string]*share{}} }

// check returns why a caller gets no more places: with them it would have more than are free.
func (p *places) check(caller string, n int) error {
	s := p.of(caller)
	if free := p.room - p.taken; s.taken+n > free-n {
		return fmt.Errorf("%w: no room for what caller %s would hold: it has %d of %d places, and %d are free", ErrUnavailable,
			caller, s.taken, p.room, free)
	}
	return nil
}

// of returns the share of a caller.
func (p *places) of(caller string) *share {
	s := p.byCaller[caller]
	if s == nil {
		s = &share{caller: caller}
		p.byCaller[caller] = s
	}
	return s
}

// add counts further places, or fewer where n is negative.
func (p *places) add(s *share, n int) {
	p.taken += n
	s.taken += n
}

// dropIdle drops the shares of callers that have nothing.
func (p *places) dropIdle() {
	maps.DeleteFunc(p.byCaller, func(_ string, s *share) bool { return s.taken == 0 })
}

// newEntry returns an empty entry.
func (m *Memory) newEntry() *entry {
	last := len(m.spare) - 1
	if last < 0 {
		return new(entry)
	}
	e := m.spare[last]
	m.spare = m.spare[:last]
	*e = entry{holds: e.holds[:0], charges: e.charges[:0]}
	return e
}
