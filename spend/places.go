package spend

import "fmt"

// maxSpare and maxSpareKeys bound what is kept to be used again.
const maxSpare, maxSpareKeys = 256, 16

// places are how much of a [Memory] each caller has taken.
type places struct {
	room     int
	taken    int
	byCaller map[string]int
}

func newPlaces(room int) places { return places{room: room, byCaller: map[string]int{}} }

// check returns why a caller gets no more places: with them it would have more than are free.
func (p *places) check(caller string, n int) error {
	if free := p.room - p.taken - n; p.byCaller[caller]+n > free {
		return fmt.Errorf("%w: no room for what caller %s would hold: it holds %d of %d places, and %d are free", ErrUnavailable,
			caller, p.byCaller[caller], p.room, p.room-p.taken)
	}
	return nil
}

func (p *places) take(caller string, n int) {
	p.taken += n
	p.byCaller[caller] += n
}

func (p *places) give(caller string, n int) {
	p.taken -= n
	if p.byCaller[caller] -= n; p.byCaller[caller] == 0 {
		delete(p.byCaller, caller)
	}
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
