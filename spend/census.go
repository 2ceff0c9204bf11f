package spend

import (
	"maps"
	"time"
)

// Census is how much a [Memory] holds.
type Census struct {
	Calls   int               // that hold keys, or may return charges
	Unknown int               // of these
	Acts    map[string]string // held as a whole: see [Memory.HoldAct]
}

// Census returns how much is held. It does not look at single calls, so that it may be asked for often.
func (m *Memory) Census() Census {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Census{len(m.calls), m.unknown, maps.Clone(m.acts)}
}

// Use is what is used of a cap.
type Use struct {
	Since  time.Time    // from when on it counts; zero: it has not counted yet
	Counts []CountState // of the period, in no order
}

// Use returns what is used of a cap in the period of a time, or in a later one where the clock was set back.
func (m *Memory) Use(c *Cap, now time.Time) (u Use) {
	m.mu.Lock()
	defer m.mu.Unlock()
	cc := m.caps.all[capID{c.Name, c.Definition}]
	if cc == nil {
		return u
	}
	u.Since = cc.since
	if cc.now.label < c.Period(now) {
		return u
	}
	for _, n := range cc.now.counts {
		u.Counts = append(u.Counts, CountState{n.state(), n.used, n.calls, n.unpriced, n.last})
	}
	return u
}
