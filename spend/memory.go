package spend

import (
	"context"
	"errors"
	"time"
)

// Memory is a [Ledger] of one process. Its methods may be called concurrently.
type Memory struct{}

// NewMemory returns a ledger in which nothing is held or used.
func NewMemory() *Memory { return &Memory{} }

// Suspend makes the ledger unavailable, until Resume, while it is brought up to what is on record.
func (m *Memory) Suspend() {}

// Resume makes the ledger available.
func (m *Memory) Resume() {}

// Available implements [Ledger].
func (m *Memory) Available() error { return nil }

// Reserve implements [Ledger].
func (m *Memory) Reserve(ctx context.Context, c *Claim) (Report, error) {
	return Report{}, errors.ErrUnsupported
}

// Settle implements [Ledger].
func (m *Memory) Settle(call string, s Settlement) {}

// Release implements [Ledger].
func (m *Memory) Release(call string) {}

// Record takes a claim that is on record in an intent, whatever is held and full: the call may have been sent. Of its caps only Name and
// Definition need be known. A call that is known is left as it is.
func (m *Memory) Record(c *Claim) {}

// Count adds charges of caps that are new to a call on record which did not charge them. If the call is not known, it is one that was settled
// without giving back; it must not be counted twice.
func (m *Memory) Count(call string, charges []Charge) {}

// AllowRepeat has the next claim pass that is held by a call and by no other.
func (m *Memory) AllowRepeat(call string) error { return errors.ErrUnsupported }

// HoldAct holds an act as a whole, because keys of it that are on record cannot be compared: a call of it is refused as held by the call
// with these. AcceptAct ends that.
func (m *Memory) HoldAct(act, call string) {}

// AcceptAct releases an act that HoldAct holds, and reports whether it was held.
func (m *Memory) AcceptAct(act string) bool { return false }

// Conflicts returns an error that names each hard cap which counts otherwise by these rules than it did so far.
func (m *Memory) Conflicts(r *Rules) error { return nil }

// Follow makes the caps of rules known, as counted from now on, and returns those that were not known. Their counts begin at zero: see
// [Memory.Count] and [Memory.CountedSince].
func (m *Memory) Follow(r *Rules, now time.Time) (fresh []*Cap) { return nil }

// CountedSince says from when on a cap has counted, after the calls of its period were counted that are on record.
func (m *Memory) CountedSince(c *Cap, since time.Time) {}

// Snapshot returns all that the ledger knows, for the state file and for people.
func (m *Memory) Snapshot() State { return State{} }

// Restore makes a ledger that knows nothing know what another one did.
func (m *Memory) Restore(s State) error { return errors.ErrUnsupported }

// Call returns what is known of a call that holds keys or may give back charges.
func (m *Memory) Call(id string) (CallState, bool) { return CallState{}, false }
