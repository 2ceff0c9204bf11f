package calls

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"tollgate/audit/logfile"
)

// MaxOpen is how many open calls a [Joiner] holds. It bounds memory; a gateway has at most bounds.concurrent in flight.
const MaxOpen = 100_000

// Joiner joins records, which are added in the order of the log, to calls. It holds only the open ones.
type Joiner struct {
	open    map[string]*Call
	max     int // MaxOpen
	settled Settlements
	yield   func(*Call) error
}

// NewJoiner returns a Joiner that calls yield for each call when it ends, in the order of [Call.Order]. Its methods return the errors of
// yield. Settled are the settlements of the whole log, since they stand behind the outcomes.
func NewJoiner(settled Settlements, yield func(*Call) error) *Joiner {
	return &Joiner{open: map[string]*Call{}, max: MaxOpen, settled: settled, yield: yield}
}

// Add adds the next record, and retains it if it is an intent. It ignores records that belong to no call, such as refused handshakes.
func (j *Joiner) Add(r *logfile.Record) error {
	switch {
	case r.Kind == logfile.KindStart:
		return j.end(r.Seq)
	case r.Call == "":
		return nil
	case r.Kind == logfile.KindIntent:
		return j.intent(r)
	case r.Kind == logfile.KindOutcome:
		c := Call{Outcome: r}
		c.Settle(j.settled)
		if begun := j.open[r.Call]; begun != nil {
			c.Intent = begun.Intent
			delete(j.open, r.Call)
		}
		return j.yield(&c)
	case r.Kind == logfile.KindRefusal:
		return j.yield(&Call{Refusal: r})
	}
	return nil
}

func (j *Joiner) intent(r *logfile.Record) error {
	if before := j.open[r.Call]; before != nil { // not written by a gateway
		before.Lost = r.Seq
		if err := j.yield(before); err != nil {
			return err
		}
	} else if len(j.open) == j.max {
		return fmt.Errorf("record %d: more than %d calls have no outcome before it, which no gateway leaves: verify the log", r.Seq, j.max)
	}
	j.open[r.Call] = &Call{Intent: r}
	return nil
}

// end yields the open calls. At a start record, whose seq is lost, they are lost: a gateway closes them before it writes that record.
func (j *Joiner) end(lost uint64) error {
	for _, c := range j.Open() {
		c.Lost = lost
		if err := j.yield(c); err != nil {
			return err
		}
	}
	clear(j.open)
	return nil
}

// Open returns the calls without an outcome so far, in the order of their intents. The Joiner retains them.
func (j *Joiner) Open() []*Call {
	return slices.SortedFunc(maps.Values(j.open), func(a, b *Call) int { return cmp.Compare(a.Seq(), b.Seq()) })
}

// End yields the open calls, after the last record.
func (j *Joiner) End() error { return j.end(0) }
