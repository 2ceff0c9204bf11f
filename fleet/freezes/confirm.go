package freezes

import (
	"context"
	"fmt"
	"time"

	"tollgate/fleet"
)

// Confirmation says whether a member has applied the freezes of this one, and lifted what it has lifted.
type Confirmation struct {
	Member    string
	Confirmed bool
	Stopped   bool   // it has ended in good order, and takes no calls
	Why       string // it has not confirmed
}

// Confirm waits until each present member has applied what was changed here so far, or ctx ends. It returns all members of the fleet.
func (f *Freezes) Confirm(ctx context.Context) []Confirmation {
	f.mutex.Lock()
	changes := f.changes
	f.mutex.Unlock()
	for {
		moved := f.next()
		all, wait := f.confirmations(changes)
		if !wait {
			return all
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return all
		}
	}
}

func (f *Freezes) next() <-chan struct{} {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.moved
}

// Members returns all members of the fleet, and whether they have what is in force here.
func (f *Freezes) Members() []Confirmation {
	f.mutex.Lock()
	changes := f.changes
	f.mutex.Unlock()
	all, _ := f.confirmations(changes)
	return all
}

// confirmations returns how it stands, and whether waiting may change it soon.
func (f *Freezes) confirmations(changes uint64) (all []Confirmation, wait bool) {
	state := f.Client.State()
	f.mutex.Lock()
	defer f.mutex.Unlock()
	uploaded, version := f.uploaded >= changes, max(f.uploadedAs, f.merged)
	wait = !uploaded || f.underWay > 0
	for i := range state.Members {
		m := &state.Members[i]
		c := Confirmation{Member: m.Name, Stopped: m.SignedOff && !m.Present}
		if m.Name == f.Name {
			c.Stopped, c.Confirmed = false, f.underWay == 0
		} else {
			c.Confirmed = state.Up && uploaded && m.Present && version <= m.Freezes && m.Freezes <= f.latest
		}
		wait = wait || m.Present && !c.Confirmed
		if !c.Confirmed && (m.Configured || m.Present) {
			c.Why = f.why(m, &state, uploaded)
		}
		if m.Configured || m.Present {
			all = append(all, c)
		}
	}
	return all, wait
}

func (f *Freezes) why(m *fleet.Member, state *fleet.State, uploaded bool) string {
	switch {
	case m.Name == f.Name:
		return "calls are passing still: see what is said of this gateway"
	case m.SignedOff && !m.Present:
		return "it has stopped, and learns it at its start"
	case !state.Up && uploaded:
		return fmt.Sprintf("what it has now is not known before Redis answers again (%s)", state.Why)
	case !state.Up:
		return fmt.Sprintf("the change reaches it when Redis answers again (%s)", state.Why)
	case !uploaded:
		return "the change is being uploaded"
	case !m.Present && m.Seen < 0:
		return "not seen since the data of Redis began: it may be at work with what it knows, and learns it when it reaches Redis"
	case !m.Present:
		return fmt.Sprintf("not seen for %v: it goes on with what it knows, and learns it when it reaches Redis", m.Seen.Round(time.Second))
	}
	return "calls are passing there still, or something is in its way that its readiness says"
}
