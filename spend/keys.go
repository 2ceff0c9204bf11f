package spend

import (
	"fmt"
	"slices"
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
	older, newer *hold
	queue        *queue // nil: no window runs
	sooner, next *hold  // in queue
}

// keys finds who holds a key, and whose windows end first.
type keys struct {
	newest  map[Digest]*hold
	endings []*queue // one for each length of a window, of which there are few
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
	if h.queue != nil {
		h.queue.remove(h)
	}
	*h = hold{}
}

func (k *keys) holdUntil(h *hold, until time.Time) {
	h.until = until
	i := slices.IndexFunc(k.endings, func(q *queue) bool { return q.window == h.Window })
	if i < 0 {
		i = len(k.endings)
		k.endings = append(k.endings, &queue{window: h.Window})
	}
	k.endings[i].add(h)
}

// ended returns a hold whose window has ended; nil: there is none.
func (k *keys) ended(now time.Time) *hold {
	for _, q := range k.endings {
		if q.first != nil && !q.first.until.After(now) {
			return q.first
		}
	}
	return nil
}

// queue has the holds whose windows have the same length, in the order in which they end. They come in that order, unless the clock was set
// back.
type queue struct {
	window      time.Duration
	first, last *hold
}

func (q *queue) add(h *hold) {
	h.queue, h.sooner = q, q.last
	for h.sooner != nil && h.sooner.until.After(h.until) {
		h.sooner = h.sooner.sooner
	}
	if h.sooner == nil {
		h.next, q.first = q.first, h
	} else {
		h.next, h.sooner.next = h.sooner.next, h
	}
	if h.next == nil {
		q.last = h
	} else {
		h.next.sooner = h
	}
}

func (q *queue) remove(h *hold) {
	if h.sooner == nil {
		q.first = h.next
	} else {
		h.sooner.next = h.next
	}
	if h.next == nil {
		q.last = h.sooner
	} else {
		h.next.sooner = h.sooner
	}
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
	return e.final() && e.repeatedBy == "" && (c.Repeats == e.call || c.Repeats == "" && e.allowed)
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
	return &HeldError{Key: key, Call: e.call, Caller: e.caller, Outcome: e.outcome, Until: h.until, Repeated: c.Repeats == e.call && !e.repeatable(c)}
}

// AllowRepeat lets the next claim pass that is held by this call and by no other. The error says why it cannot.
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
			hidden = h.newer.of.call
		}
	}
	return fmt.Errorf("call %s was repeated by call %s, which is the one that holds now", call, hidden)
}
