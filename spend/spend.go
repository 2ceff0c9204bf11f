// Package spend keeps money from moving twice, and from passing a cap. A [Claim] is what a call that spends asks for before it is written
// down as an intent: the keys of its business act, of which each may be held by one call at a time, and the charges against caps. A [Ledger]
// takes all of it or nothing.
//
// A key is held while its call is under way, for the window of its act after the call succeeded, and for as long as it is unknown whether it
// did. A charge counts from the reservation on: it is given back when the call failed or was not sent, and never lowered.
//
// Time is an argument throughout.
package spend

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrUnavailable is wrapped by errors of a ledger that does not know now what is held and used. Nothing was reserved.
var ErrUnavailable = errors.New("what was spent is not known")

// Digest is the keyed hash of what identifies a key: act, scope and ids in their canonical form.
type Digest [16]byte

// Key is one thing that an act is about, such as an order to be paid.
type Key struct {
	Digest Digest
	Window time.Duration // how long it is held after success; 0: not at all
}

// Claim is what a call asks for. [Ledger.Reserve] completes it: with the periods of its charges, and with the call that it repeats. Then it must
// not be changed, since the ledger may keep it, and stands in the intent as it is.
type Claim struct {
	Call    string // its id
	Caller  string
	Act     string // empty: none
	At      time.Time
	Keys    []Key
	Shadow  bool // keys that are held are reported, and hold nothing back
	Charges []Charge
	// Uncountable is why a cap cannot count the call. It is not reserved then, and Reserve returns this unless a key is held: what holds the act
	// says more.
	Uncountable error
	// Repeats is the call that the caller repeats on purpose: the one that holds each of the keys that are held. Empty: none. Reserve sets
	// it to the call that an operator allowed to be repeated, and clears it where no key was held.
	Repeats string
}

// Charge is what a call takes of one count of a cap.
type Charge struct {
	Cap      *Cap
	Counted  string // whose count it is, by the cap's Per: "shop"; empty where the cap has one count for all
	Period   string // label of the period, in the cap's zone: "2026-11-30", "2026-11"; empty for a cap of each call. Set by Reserve
	Currency string // of Amount; empty for a cap that counts calls, and for a price that a soft cap cannot count
	Amount   Money  // of a cap that counts calls: the number of calls
	Unpriced bool   // the price of the act is not known, or has no currency of the cap: Amount is what the cap assumes
}

// Ledger knows what is held and used.
type Ledger interface {
	// Reserve takes all keys and charges of a claim, or none. The error is a *[HeldError], a *[FullError] or Claim.Uncountable, or wraps
	// [ErrUnavailable] or that of the context. What is in shadow or soft mode is taken also where it is held or full; the report names it.
	Reserve(ctx context.Context, c *Claim) (Report, error)
	// Settle records the outcome of a call that reserved. By that, what it reserved stays or is returned; a call that is unknown can be
	// settled again. Of calls that are not known it does nothing.
	Settle(call string, s Settlement)
	// Release returns what a call reserved that was not written down as an intent.
	Release(call string)
	// Available returns an error that wraps [ErrUnavailable] while the ledger cannot reserve, since it does not know yet what is held and
	// used. Calls that change something are refused then, also those that reserve nothing.
	Available() error
}

// Settlement is the outcome of a call.
type Settlement struct {
	Outcome  string // of package logfile
	At       time.Time
	Released []int // of a call that was done in part: the keys of its claim whose part failed
}

// Report is what a reservation would have been refused for, had all been enforced.
type Report struct {
	Held *HeldError   // nil: no key was held
	Full []*FullError // soft caps
}

// HeldError is the refusal of an act of which another call holds a key.
type HeldError struct {
	Key      int       // which of the claim's; -1: the act as a whole is held, see [Memory.HoldAct]
	Call     string    // that holds it
	Caller   string    // of that call
	Outcome  string    // of that call; empty while it is under way
	Until    time.Time // when its window ends; zero where none runs
	Repeated bool      // Claim.Repeats names the call that holds, which was repeated before, or is under way or unknown
}

func (e *HeldError) Error() string { return fmt.Sprintf("key %d is held by call %s", e.Key, e.Call) }

// FullError is the refusal of a charge that a cap has no room for.
type FullError struct {
	Charge int    // which of the claim's
	Cap    string // its name
	Used   Money
	Limit  Money
}

func (e *FullError) Error() string { return fmt.Sprintf("cap %q is full", e.Cap) }
