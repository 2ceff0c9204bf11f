package freeze

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Change is what a [Store] records: what happened, and which freezes are in force after it.
type Change struct {
	Happened Happening
	Freeze   *Freeze // that began or ended; nil for [Restated]
	By       string  // who asked for the end of a freeze
	Reason   string  // of the end of a freeze; empty: none was given
	InForce  []Freeze
}

// Happening says what changed.
type Happening string

const (
	Began    Happening = "frozen"
	Ended    Happening = "unfrozen"
	Restated Happening = "freezes" // nothing changed: the freezes in force are stated once more
)

// Expired is who ends a freeze whose time is over.
const Expired = "expiry"

// Store keeps the freezes in force, so that they outlive the process.
type Store interface {
	// Record returns when the change is durable. After an error it may be or not.
	Record(ctx context.Context, c Change) error
}

// Watcher has callbacks that a [Switch] calls at each change of the freezes in force. They must not block.
type Watcher interface {
	Began(all []Freeze)                 // they are in force
	Ended(f *Freeze, by, reason string) // it is on record, and f is about to be lifted
}

// Switch changes the freezes in force: a freeze is in force before it is recorded, and its end is recorded before it is lifted. So what is
// not recorded stays frozen. Create it with [NewSwitch].
type Switch struct {
	Watcher    Watcher // set before the first change; nil: there is none
	Spare      string  // the id of the freeze that the last place is kept for; empty: it is kept for none
	gate       *Gate
	store      Store
	recording  sync.Mutex // one record at a time, each of what is in force then; a freeze does not wait for it to be in force
	mutex      sync.Mutex // of changes of the set, and of unrecorded
	unrecorded error      // why the store may not have the freezes in force; nil: it has them
}

// NewSwitch returns a switch with the freezes that a store had.
func NewSwitch(store Store, kept []Freeze) (*Switch, error) {
	set, err := NewSet(kept)
	if err != nil {
		return nil, err
	}
	s := &Switch{gate: new(Gate), store: store}
	s.gate.set.Store(set)
	return s, nil
}

// Gate returns the gate at which the freezes are in force.
func (s *Switch) Gate() *Gate { return s.gate }

// Unrecorded returns why the store may not have the freezes in force, or nil. [Switch.Maintain] tries again.
func (s *Switch) Unrecorded() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.unrecorded
}

// Unrecordable is the error of a freeze that is in force and not recorded.
type Unrecordable struct {
	Freeze Freeze
	Err    error
}

func (e *Unrecordable) Error() string {
	return fmt.Sprintf("freeze %s is in force, but is not recorded: it would not survive a restart. Recording is tried again: %v", e.Freeze.ID, e.Err)
}

// Unwrap returns the cause.
func (e *Unrecordable) Unwrap() error { return e.Err }

// Freeze puts a freeze in force and records it. If it cannot be recorded the error is an [*Unrecordable], and the freeze is in force.
func (s *Switch) Freeze(ctx context.Context, f Freeze) error {
	if err := s.Begin(f); err != nil {
		return err
	}
	return s.Record(ctx, f)
}

// Begin puts freezes in force, all or none. [Switch.Record] has to follow.
func (s *Switch) Begin(all ...Freeze) error {
	if len(all) == 0 {
		return nil
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	next, err := s.gate.Set().with(all)
	if err == nil && s.Spare != "" && len(next.List()) == Max && next.Find(s.Spare) == nil {
		err = fmt.Errorf("%d freezes may be in force at a member of a fleet, which keeps its last place for what does not fit: lift some that are no longer needed", Max-1)
	}
	if err != nil {
		return err
	}
	s.gate.set.Store(next)
	if s.Watcher != nil {
		s.Watcher.Began(all)
	}
	return nil
}

// Record records freezes that have begun. If one cannot be recorded the error is an [*Unrecordable].
func (s *Switch) Record(ctx context.Context, all ...Freeze) error {
	s.recording.Lock()
	defer s.recording.Unlock()
	for i := range all {
		if err := s.record(ctx, Change{Happened: Began, Freeze: &all[i], InForce: s.gate.Set().List()}); err != nil {
			return &Unrecordable{all[i], err} // the others are restated with it
		}
	}
	return nil
}

// Lift ends the freeze of an id. After an error it is in force still.
func (s *Switch) Lift(ctx context.Context, id, by, reason string) (Freeze, error) {
	s.recording.Lock()
	defer s.recording.Unlock()
	f := s.gate.Set().Find(id)
	if f == nil {
		return Freeze{}, fmt.Errorf("no freeze %.40q is in force", id)
	}
	if err := CheckEnd(by, reason); err != nil {
		return *f, err
	}
	return *f, s.lift(ctx, f, by, reason)
}

// CheckEnd returns what is wrong with the texts about the end of a freeze.
func CheckEnd(by, reason string) error {
	if len(by) > maxEndBy || escapedLen(reason) > maxReason || !printable(by+reason) {
		return fmt.Errorf("a reason has up to %d printable bytes", maxReason)
	}
	return nil
}

func (s *Switch) lift(ctx context.Context, f *Freeze, by, reason string) error {
	err := s.record(ctx, Change{Happened: Ended, Freeze: f, By: by, Reason: reason, InForce: s.gate.Set().without(f.ID).List()})
	if err != nil {
		return fmt.Errorf("freeze %s stays in force, since its end cannot be recorded: %w", f.ID, err)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.Watcher != nil {
		s.Watcher.Ended(f, by, reason)
	}
	s.gate.set.Store(s.gate.Set().without(f.ID)) // others may have begun meanwhile
	return nil
}

// record remembers whether the store has what is in force.
func (s *Switch) record(ctx context.Context, c Change) error {
	err := s.store.Record(ctx, c)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.unrecorded = err
	return err
}

// Maintain ends the freezes whose time is over by the wall clock now, and returns them. It records the freezes in force once more if
// that has failed before.
func (s *Switch) Maintain(ctx context.Context, now time.Time) (lifted []Freeze, err error) {
	s.recording.Lock()
	defer s.recording.Unlock()
	if s.Unrecorded() != nil {
		if err := s.record(ctx, Change{Happened: Restated, InForce: s.gate.Set().List()}); err != nil {
			return nil, err
		}
	}
	for _, f := range s.gate.Set().expired(now) {
		if err := s.lift(ctx, &f, Expired, ""); err != nil {
			return lifted, err
		}
		lifted = append(lifted, f)
	}
	return lifted, nil
}
