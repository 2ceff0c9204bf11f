package freeze

import (
	"fmt"
	"slices"
	"time"
)

// Set is the freezes in force. It does not change. A nil Set is empty.
type Set struct {
	all []Freeze // the oldest first
	by  map[Subject]*Freeze
}

// NewSet returns a set of freezes, the oldest first. It refuses malformed ones, those with the same id, and more than [Max].
func NewSet(freezes []Freeze) (*Set, error) {
	if len(freezes) == 0 {
		return nil, nil
	}
	if len(freezes) > Max {
		return nil, fmt.Errorf("%d freezes would be in force, and %d may be: lift some that are no longer needed", len(freezes), Max)
	}
	s := &Set{slices.Clone(freezes), make(map[Subject]*Freeze, len(freezes))}
	ids := make(map[string]bool, len(freezes))
	for i := range s.all {
		f := &s.all[i]
		if err := f.Check(); err != nil {
			return nil, err
		}
		if ids[f.ID] {
			return nil, fmt.Errorf("two freezes have the id %s", f.ID)
		}
		ids[f.ID] = true
		if s.by[f.key()] == nil {
			s.by[f.key()] = f
		}
	}
	return s, nil
}

// List returns the freezes, the oldest first. The list must not be changed.
func (s *Set) List() []Freeze {
	if s == nil {
		return nil
	}
	return s.all
}

// Empty reports whether nothing is frozen.
func (s *Set) Empty() bool { return s == nil }

// Call is what freezes need to know of a call.
type Call struct {
	Caller     string
	Credential string // that signs it; empty: none
	Customers  []string
	Unclear    bool // it may concern customers besides these
	Spends     bool
}

// Match returns the freeze that stops a call, or nil. A call that does not say clearly which customers it concerns is stopped by a
// freeze of any customer.
func (s *Set) Match(c *Call) *Freeze {
	if s == nil {
		return nil
	}
	for _, subject := range [...]Subject{{All, ""}, {Caller, c.Caller}, {Credential, c.Credential}} {
		if f := s.by[subject]; f != nil {
			return f
		}
	}
	if f := s.by[Subject{Spend, ""}]; f != nil && c.Spends {
		return f
	}
	return s.matchCustomer(c)
}

func (s *Set) matchCustomer(c *Call) *Freeze {
	i := slices.IndexFunc(s.all, func(f Freeze) bool { return f.Kind == Customer })
	if i < 0 {
		return nil
	}
	if c.Unclear {
		return &s.all[i]
	}
	for _, id := range c.Customers {
		if f := s.by[Subject{Customer, id}.key()]; f != nil {
			return f
		}
	}
	return nil
}

// Count returns how many freezes of a kind there are.
func (s *Set) Count(kind Kind) (n int) {
	for i := range s.List() {
		if s.all[i].Kind == kind {
			n++
		}
	}
	return n
}

// Find returns the freeze of an id, or nil.
func (s *Set) Find(id string) *Freeze {
	list := s.List()
	if i := slices.IndexFunc(list, func(f Freeze) bool { return f.ID == id }); i >= 0 {
		return &list[i]
	}
	return nil
}

// with returns the set with more freezes.
func (s *Set) with(more []Freeze) (*Set, error) { return NewSet(slices.Concat(s.List(), more)) }

// without returns the set without the freeze of an id.
func (s *Set) without(id string) *Set {
	rest, _ := NewSet(slices.DeleteFunc(slices.Clone(s.List()), func(f Freeze) bool { return f.ID == id })) // each was checked before
	return rest
}

// expired returns the freezes whose time is over: the wall clock shows it, and as much time has passed since the freeze began. The latter is
// known of freezes that began in this process, of which a clock that is set ahead ends none.
func (s *Set) expired(now time.Time) (all []Freeze) {
	for _, f := range s.List() {
		if !f.Until.IsZero() && !now.Before(f.Until) && now.Sub(f.Since) >= f.Until.Sub(f.Since) {
			all = append(all, f)
		}
	}
	return all
}
