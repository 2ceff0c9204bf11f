package spend

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"tollgate/audit/logfile"
)

// Snapshot returns all that the ledger knows, for the state file and for people.
func (m *Memory) Snapshot() State {
	s := m.copied()
	slices.SortFunc(s.Calls, func(a, b CallState) int { return cmp.Compare(a.number, b.number) })
	slices.SortFunc(s.Caps, func(a, b CapState) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Definition, b.Definition))
	})
	slices.SortFunc(s.Counts, func(a, b CountState) int { return a.CountID.compare(b.CountID) })
	return s
}

// copied returns all in no order, so that calls wait for no sorting.
func (m *Memory) copied() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := State{Calls: make([]CallState, 0, len(m.calls)), Counts: make([]CountState, 0, m.caps.number), Acts: maps.Clone(m.acts)}
	for _, e := range m.calls {
		s.Calls = append(s.Calls, e.state())
	}
	for _, cc := range m.caps.all {
		s.Caps = append(s.Caps, CapState{cc.id.name, cc.id.definition, cc.hard, cc.since, cc.now.label})
		for _, p := range []*periodCounts{&cc.before, &cc.now} {
			for _, n := range p.counts {
				s.Counts = append(s.Counts, CountState{n.state(), n.used, n.calls, n.unpriced, n.last})
			}
		}
	}
	return s
}

func (a CountID) compare(b CountID) int {
	return cmp.Or(cmp.Compare(a.Cap, b.Cap), cmp.Compare(a.Definition, b.Definition), cmp.Compare(a.Period, b.Period),
		cmp.Compare(a.Counted, b.Counted), cmp.Compare(a.Currency, b.Currency))
}

// Call returns what is known of a call that holds keys or may return charges.
func (m *Memory) Call(id string) (s CallState, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.calls[id]
	if e == nil {
		return s, false
	}
	return e.state(), true
}

func (e *entry) state() CallState {
	s := CallState{
		Call: e.call, Caller: e.caller, Act: e.act, At: e.at, Outcome: e.outcome, Ended: e.settlement.At,
		Repeats: e.repeats, RepeatedBy: e.repeatedBy, Allowed: e.allowed, number: e.number,
	}
	for i := range e.holds {
		if h := &e.holds[i]; h.of != nil {
			s.Keys = append(s.Keys, KeyState{h.position, h.Digest, h.Window, h.until, h.newer != nil})
		}
	}
	for _, c := range e.charges {
		s.Charges = append(s.Charges, ChargeState{c.count.state(), c.amount, c.unpriced})
	}
	return s
}

func (n *count) state() CountID {
	return CountID{n.cap.id.name, n.cap.id.definition, n.id.by, n.period, n.id.currency}
}

// Restore makes a ledger that knows nothing know what another one did. After an error it is of no use.
func (m *Memory) Restore(s State) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.calls) > 0 || len(m.caps.all) > 0 {
		return errors.New("the ledger is not empty")
	}
	if s.Acts != nil {
		m.acts = maps.Clone(s.Acts)
	}
	if err := m.caps.restore(s); err != nil {
		return err
	}
	for i := range s.Calls {
		if err := m.restoreCall(&s.Calls[i]); err != nil {
			return fmt.Errorf("call %.70q: %w", s.Calls[i].Call, err)
		}
	}
	return nil
}

func (all *caps) restore(s State) error {
	for _, c := range s.Caps {
		cc := all.of(&Cap{Name: c.Name, Definition: c.Definition, Hard: c.Hard}, c.Since)
		cc.now.label = c.Period
	}
	for _, c := range s.Counts {
		cc := all.all[capID{c.Cap, c.Definition}]
		if cc == nil || c.Period == "" || c.Period > cc.now.label || c.Used < 0 || c.Calls < 1 || c.Unpriced < 0 {
			return fmt.Errorf("a count of cap %.70q is malformed", c.Cap)
		}
		n := all.recorded(cc, &Charge{Counted: c.Counted, Period: c.Period, Currency: c.Currency})
		if n.calls != 0 {
			return fmt.Errorf("a count of cap %.70q stands twice", c.Cap)
		}
		n.used, n.calls, n.unpriced, n.last = c.Used, c.Calls, c.Unpriced, c.Last
	}
	return nil
}

// find returns a count, which of a period that was dropped is not among the others.
func (all *caps) find(id CountID) *count {
	by, cc := counted{id.Counted, id.Currency}, all.all[capID{id.Cap, id.Definition}]
	if cc == nil {
		cc = &capCounts{id: capID{id.Cap, id.Definition}}
	}
	for _, p := range []*periodCounts{&cc.now, &cc.before} {
		if n := p.counts[by]; n != nil && p.label == id.Period {
			return n
		}
	}
	return &count{cap: cc, period: id.Period, id: by}
}

func (m *Memory) restoreCall(s *CallState) error {
	switch {
	case s.Call == "" || m.calls[s.Call] != nil:
		return errors.New("it has no id of its own")
	case !slices.Contains([]string{"", logfile.Unknown, logfile.Succeeded, logfile.Partial}, s.Outcome):
		return fmt.Errorf("outcome %.20q holds nothing", s.Outcome)
	}
	e := m.newEntry()
	for _, ch := range s.Charges {
		if ch.Amount < 0 {
			return errors.New("a charge is negative")
		}
		e.charges = append(e.charges, charged{m.caps.find(ch.CountID), ch.Amount, ch.Unpriced})
	}
	c := Claim{Call: s.Call, Caller: s.Caller, Act: s.Act, At: s.At, Repeats: s.Repeats}
	for _, k := range s.Keys {
		c.Keys = append(c.Keys, Key{k.Digest, k.Window})
	}
	m.take(e, &c)
	e.outcome, e.settlement = s.Outcome, Settlement{Outcome: s.Outcome, At: s.Ended}
	if e.outcome == logfile.Unknown {
		m.unknown++
	}
	e.repeatedBy, e.allowed = s.RepeatedBy, s.Allowed
	for i, k := range s.Keys {
		e.holds[i].position = k.Key
		if e.final() {
			m.held.holdUntil(&e.holds[i], k.Until)
		}
	}
	return nil
}
