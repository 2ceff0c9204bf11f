package verify

import (
	"cmp"
	"crypto/sha256"
	"maps"
	"slices"

	"tollgate/audit/logfile"
)

// maxOpen bounds the calls that are followed at once.
const maxOpen = logfile.MaxOpen

// maxCall bounds how much of a call's id is stored, in bytes. Ids are UUIDs, of 36.
const maxCall = 64

// calls matches intents and outcomes.
type calls struct {
	open   map[string]opened // intents without outcome
	hidden bool              // intents since the last start may not have been read
	lossy  bool              // nor may outcomes
	oldest opened            // as of the last search
	named  string            // the call of oldest
}

type opened struct {
	seq  uint64
	at   place
	byte int64 // of all lines
}

func newCalls() calls { return calls{open: map[string]opened{}} }

// hide notes that records before were not read: intents may be among them, and outcomes of intents that were read.
func (c *calls) hide() {
	c.hidden = true
	clear(c.open)
}

// lose notes that records are damaged. Until the next start no further fault of calls can be found.
func (c *calls) lose() {
	c.hide()
	c.lossy = true
}

func callID(call []byte) []byte {
	if len(call) <= maxCall {
		return call
	}
	sum := sha256.Sum256(call)
	return sum[:]
}

func (c *calls) add(v *verifier, at place, l *line) {
	switch l.kind {
	case logfile.KindStart:
		c.start(v)
	case logfile.KindIntent, logfile.KindRefusal:
		c.begin(v, at, l)
	case logfile.KindOutcome:
		id := callID(l.call)
		if _, ok := c.open[string(id)]; !ok && !c.hidden {
			v.fault(FaultCall, l.seq, at, "an outcome of the call %.64q, which has no intent before it, or an outcome already", l.call)
		}
		delete(c.open, string(id))
	}
}

func (c *calls) begin(v *verifier, at place, l *line) {
	id := callID(l.call)
	if first, ok := c.open[string(id)]; ok {
		v.fault(FaultCall, l.seq, at, "a second %s of the call %.64q, whose intent is record %d", l.kind, l.call, first.seq)
		return
	}
	switch {
	case l.kind == logfile.KindRefusal:
	case len(l.call) == 0:
		v.fault(FaultCall, l.seq, at, "an intent without the id of its call")
	case len(c.open) >= maxOpen:
		v.fault(FaultCall, l.seq, at, "more than %d calls are open at once; up to the next start they are not followed", maxOpen)
		c.lose()
	case !c.lossy:
		c.open[string(id)] = opened{l.seq, at, v.state.end}
	}
}

// first returns the oldest open call.
func (c *calls) first() (opened, bool) {
	if o, ok := c.open[c.named]; ok && o == c.oldest {
		return o, true
	}
	c.oldest = opened{}
	for call, o := range c.open {
		if c.oldest.seq == 0 || o.seq < c.oldest.seq {
			c.oldest, c.named = o, call
		}
	}
	return c.oldest, c.oldest.seq > 0
}

// start reports the intents that a start should have closed.
func (c *calls) start(v *verifier) {
	for _, o := range slices.SortedFunc(maps.Values(c.open), func(a, b opened) int { return cmp.Compare(a.seq, b.seq) }) {
		v.fault(FaultCall, o.seq, o.at, "an intent without outcome, although the log was opened again behind it: the outcome was removed")
	}
	clear(c.open)
	c.hidden, c.lossy = false, false
}
