package spend

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"tollgate/audit/logfile"
)

// maxPlaces is how many calls and keys a [Memory] holds. A call takes one place, and one for each key, until its windows end.
// maxCounts is how many counts of caps it has in all periods.
const maxPlaces, maxCounts = 1 << 20, 1 << 18

// Memory is a [Ledger] of one process. Its methods may be called concurrently.
//
// What it holds is bounded: it reserves nothing more, by an error that wraps [ErrUnavailable], rather than release a key before its time. A
// caller gets no more places than it leaves free.
type Memory struct {
	mu        sync.Mutex
	suspended bool
	calls     map[string]*entry
	held      keys
	acts      map[string]string // held as a whole, with the call that holds each
	caps      caps
	places    places
	reserved  uint64   // how many calls have
	unknown   int      // how many are
	spare     []*entry // to be used again
}

// NewMemory returns a ledger in which nothing is held or used.
func NewMemory() *Memory {
	return &Memory{
		calls: map[string]*entry{}, held: newKeys(), acts: map[string]string{}, caps: newCaps(maxCounts), places: newPlaces(maxPlaces),
	}
}

// entry is a call that holds keys, or may return charges.
type entry struct {
	call, caller, act, repeats string
	at                         time.Time
	share                      *share
	number                     uint64 // of the reservation
	outcome                    string // empty: under way
	settlement                 Settlement
	holds                      []hold // one for each key of the claim; those that were released are not of the entry
	holding                    int    // how many are
	charges                    []charged
	repeatedBy                 string
	allowed                    bool // an operator allowed to repeat it
}

// final reports whether the call's outcome does not change any more.
func (e *entry) final() bool { return e.outcome != "" && e.outcome != logfile.Unknown }

// Suspend makes the ledger unavailable, until Resume, while it is brought up to what is on record.
func (m *Memory) Suspend() { m.suspend(true) }

// Resume makes the ledger available.
func (m *Memory) Resume() { m.suspend(false) }

func (m *Memory) suspend(yes bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.suspended = yes
}

// Available implements [Ledger].
func (m *Memory) Available() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.available()
}

func (m *Memory) available() error {
	if m.suspended {
		return fmt.Errorf("%w: the records are still being read", ErrUnavailable)
	}
	return nil
}

// Reserve implements [Ledger].
func (m *Memory) Reserve(ctx context.Context, c *Claim) (Report, error) {
	if err := ctx.Err(); err != nil {
		return Report{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.ready(c); err != nil {
		return Report{}, err
	}
	repeated, held := m.blocked(c)
	r := Report{Held: held}
	if held != nil && !c.Shadow {
		return r, held
	}
	if c.Uncountable != nil {
		return r, c.Uncountable
	}
	e := m.newEntry()
	full, err := m.caps.reserve(e, c)
	if err != nil {
		m.caps.giveBack(e)
		m.spare = append(m.spare, e)
		return r, err
	}
	r.Full, c.Repeats = full, ""
	if repeated != nil {
		c.Repeats, repeated.repeatedBy = repeated.call, c.Call
	}
	m.take(e, c)
	return r, nil
}

// ready releases what is held no longer, and returns why a claim cannot be looked at.
func (m *Memory) ready(c *Claim) error {
	if err := m.available(); err != nil {
		return err
	}
	m.expire(c.At)
	if m.calls[c.Call] != nil {
		return fmt.Errorf("%w: call %s has reserved before", ErrUnavailable, c.Call)
	}
	return m.places.check(c.Caller, 1+len(c.Keys))
}

// take makes a call hold its keys.
func (m *Memory) take(e *entry, c *Claim) {
	m.reserved++
	e.call, e.caller, e.act, e.repeats, e.at, e.number = c.Call, c.Caller, c.Act, c.Repeats, c.At, m.reserved
	m.calls[c.Call] = e
	e.share = m.places.of(c.Caller)
	m.places.add(e.share, 1+len(c.Keys))
	e.holds, e.holding = slices.Grow(e.holds[:0], len(c.Keys)), len(c.Keys)
	for i, k := range c.Keys {
		e.holds = append(e.holds, hold{of: e, Key: k, position: i})
		m.held.link(&e.holds[i])
	}
}

// Record takes a claim that is on record in an intent, whatever is held and full: the call may have been sent. Of its caps only Name and
// Definition need be known. A call that is known is left as it is.
func (m *Memory) Record(c *Claim) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.calls[c.Call] != nil {
		return
	}
	m.expire(c.At)
	e := m.newEntry()
	m.caps.record(e, c)
	if repeated := m.calls[c.Repeats]; repeated != nil {
		repeated.repeatedBy = c.Call
	}
	m.take(e, c)
}

// Settle implements [Ledger].
func (m *Memory) Settle(call string, s Settlement) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.calls[call]; e != nil && !e.final() {
		m.settle(e, s)
	}
}

// settle ends a call. An outcome that is not known to this version is as good as none.
func (m *Memory) settle(e *entry, s Settlement) {
	if e.outcome == logfile.Unknown {
		m.unknown--
	}
	e.outcome, e.settlement = s.Outcome, s
	e.settlement.Released = nil
	switch s.Outcome {
	case logfile.Succeeded:
		m.done(e, nil)
	case logfile.Partial:
		m.done(e, s.Released)
	case logfile.Failed, logfile.NotSent:
		m.undo(e)
	default:
		e.outcome = logfile.Unknown
		m.unknown++
	}
	m.drop(e)
}

// Release implements [Ledger].
func (m *Memory) Release(call string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.calls[call]; e != nil && e.outcome == "" {
		m.settle(e, Settlement{Outcome: logfile.NotSent})
	}
}

// done keeps what a call has charged, and holds its keys for their windows, but for those of parts that failed.
func (m *Memory) done(e *entry, released []int) {
	e.charges = e.charges[:0]
	for i := range e.holds {
		h := &e.holds[i]
		if h.of == nil {
			continue
		}
		if h.Window <= 0 || slices.Contains(released, h.position) {
			m.unhold(h)
			continue
		}
		m.held.holdUntil(h, e.settlement.At.Add(h.Window))
	}
}

// undo returns all that a call reserved, also that it repeated another one.
func (m *Memory) undo(e *entry) {
	m.caps.giveBack(e)
	for i := range e.holds {
		if h := &e.holds[i]; h.of != nil {
			m.unhold(h)
		}
	}
	if repeated := m.calls[e.repeats]; repeated != nil && repeated.repeatedBy == e.call {
		repeated.repeatedBy = ""
	}
}

// expire releases the keys whose windows have ended.
func (m *Memory) expire(now time.Time) {
	for h := m.held.ended(now); h != nil; h = m.held.ended(now) {
		e := h.of
		m.unhold(h)
		m.drop(e)
	}
}

// unhold releases a key.
func (m *Memory) unhold(h *hold) {
	h.of.holding--
	m.places.add(h.of.share, -1)
	m.held.unlink(h)
}

// drop removes a call that holds nothing and can return nothing any more.
func (m *Memory) drop(e *entry) {
	if e.holding > 0 || e.outcome == "" || len(e.charges) > 0 {
		return
	}
	delete(m.calls, e.call)
	m.places.add(e.share, -1)
	if len(m.spare) < maxSpare && cap(e.holds) <= maxSpareKeys {
		m.spare = append(m.spare, e)
	}
}
