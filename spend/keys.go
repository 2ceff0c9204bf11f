package spend

import (
	"container/heap"
	"fmt"
	"time"

	"tollgate/audit/logfile"
)

// hold is a key that a call holds. Others hold it too where a call repeats another, and in shadow mode; the newest is the one that calls are
// refused for.
type hold struct {
	of           *entry // nil: it was released
	Key                 // as claimed
	position     int    // in the claim
	until        time.Time
	place        int // in keys.ending, from 1; 0: no window runs
	older, newer *hold
}

// keys finds who holds a key, and whose window ends first.
type keys struct {
	newest map[Digest]*hold
	ending endings
}

func newKeys() keys { return keys{newest: map[Digest]*hold{}} }

func (k *keys) link(h *hold) {
	if h.older = k.newest[h.Digest]; h.older != nil {
		h.older.newer = h
	}
	k.newest[h.Digest] = h
}

// unlink releases a key. The next older hold of it, if there is one, is the one that counts then.
func (k *keys) unlink(h *hold) {
	switch {
	case h.newer != nil:
		h.newer.older = h.older
	case h.older != nil:
		k.newest[h.Digest] = h.older
	default:
		delete(k.newest, h.Digest)
	}
	if h.older != nil {
		h.older.newer = h.newer
	}
	if h.place > 0 {
		heap.Remove(&k.ending, h.place-1)
	}
	*h = hold{}
}

func (k *keys) holdUntil(h *hold, until time.Time) {
	h.until = until
	heap.Push(&k.ending, h)
}

// ended returns a hold whose window has ended; nil: there is none.
func (k *keys) ended(now time.Time) *hold {
	if len(k.ending) == 0 || k.ending[0].until.After(now) {
		return nil
	}
	return k.ending[0]
}

// endings is a heap of the holds whose windows run.
type endings []*hold

func (e endings) Len() int           { return len(e) }
func (e endings) Less(i, j int) bool { return e[i].until.Before(e[j].until) }
func (e endings) Swap(i, j int) {
	e[i], e[j] = e[j], e[i]
	e[i].place, e[j].place = i+1, j+1
}

func (e *endings) Push(h any) {
	*e = append(*e, h.(*hold))
	h.(*hold).place = len(*e)
}

func (e *endings) Pop() any {
	last := len(*e) - 1
	h := (*e)[last]
	(*e)[last], *e = nil, (*e)[:last]
	h.place = 0
	return h
}

// blocked returns the call that a claim repeats, or why it is held. A claim that is not held and repeats none has neither.
func (m *Memory) blocked(c *Claim) (repeated *entry, held *HeldError) {
	if by, whole := m.acts[c.Act]; whole {
		return nil, &HeldError{Key: -1, Call: by, Outcome: logfile.Unknown}
	}
	for i, k := range c.Keys {
		h := m.held.newest[k.Digest]
		if h == nil {
			continue
		}
		if !h.of.repeatable(c) || repeated != nil && repeated != h.of {
			return nil, h.refuse(i, c)
		}
		if below := h.undecided(); below != nil {
			return nil, below.refuse(i, c)
		}
		repeated = h.of
	}
	return repeated, nil
}

// repeatable reports whether a claim may repeat the call: once it is known what it did, once for each call, and by the call's id or an
// operator's leave.
func (e *entry) repeatable(c *Claim) bool {
	return e.final() && e.repeatedBy == "" && (c.Repeats == e.Call || c.Repeats == "" && e.allowed)
}

// undecided returns the hold of an older call of which it is not known what it did. In shadow mode calls do not wait for that.
func (h *hold) undecided() *hold {
	for h = h.older; h != nil && h.of.final(); {
		h = h.older
	}
	return h
}

func (h *hold) refuse(key int, c *Claim) *HeldError {
	e := h.of
	return &HeldError{Key: key, Call: e.Call, Caller: e.Caller, Outcome: e.outcome, Until: h.until, Repeated: c.Repeats == e.Call && !e.repeatable(c)}
}

// AllowRepeat has the next claim pass that is held by this call and by no other. The error says why that is not to be had.
func (m *Memory) AllowRepeat(call string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.calls[call]
	switch {
	case e == nil || e.holding == 0:
		return fmt.Errorf("call %s holds no act: it is not known, or failed, or its windows have ended; an equal call passes without more", call)
	case !e.final():
		return fmt.Errorf("call %s is under way, or its outcome is unknown: settle it first (tollgate resolve %[1]s)", call)
	}
	hidden := ""
	for i := range e.holds {
		switch h := &e.holds[i]; {
		case h.of == nil:
		case h.newer == nil:
			e.allowed, e.repeatedBy = true, ""
			return nil
		default:
			hidden = h.newer.of.Call
		}
	}
	return fmt.Errorf("call %s was repeated by call %s, which is the one that holds now", call, hidden)
}
