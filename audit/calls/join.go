package calls

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"tollgate/audit/logfile"
)

// MaxOpen is how many calls without an outcome a [Joiner] holds. It bounds memory; a gateway has as many under way as
// bounds.concurrent allows.
const MaxOpen = 100_000

// Joiner makes calls of records, which it is given in the order of the log. It holds only the calls that are open.
type Joiner struct {
	open    map[string]*Call
	max     int // MaxOpen
	settled Settlements
	yield   func(*Call) error
}

// NewJoiner gives a joiner that calls yield for each call when it ends, in the order of [Call.Order]. An error of yield is
// given back by the method that was called. What records behind a call say of it is known from the start, by settled.
func NewJoiner(settled Settlements, yield func(*Call) error) *Joiner {
	return &Joiner{open: map[string]*Call{}, max: MaxOpen, settled: settled, yield: yield}
}

// Add takes the next record, and keeps it if it is an intent. Records that belong to no call, such as refused handshakes,
// are passed over.
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

// end yields the open calls. At a start record, whose seq lost is, they are lost: each call of the gateway's former life has its outcome
// before it.
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

// Open gives the calls that have no outcome so far, in the order of their intents. They stay in the joiner.
func (j *Joiner) Open() []*Call {
	return slices.SortedFunc(maps.Values(j.open), func(a, b *Call) int { return cmp.Compare(a.Seq(), b.Seq()) })
}

// End gives the open calls, after the last record.
func (j *Joiner) End() error { return j.end(0) }
