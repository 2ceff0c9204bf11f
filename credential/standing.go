package credential

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tollgate/signing"
)

const (
	// PauseTime is how long a pause lasts before one call may probe it. It is longer than the five minutes for which the
	// provider locks a key.
	PauseTime = 5*time.Minute + 15*time.Second

	// recently is how long an accepted answer speaks for the keys against a single rejection.
	recently = time.Minute

	// trialCalls is how many calls may use keys on trial at a time. With the rejection that began the trial that makes five,
	// and the provider locks a key after more than five.
	trialCalls = 4
)

// Pause says why and since when a credential signs nothing.
type Pause struct {
	Caller  string // the only one whose calls are concerned; empty: all
	Reason  string
	Since   time.Time
	ProbeAt time.Time // from then on one call at a time may try
}

// pause is a Pause that calls may probe.
type pause struct {
	Pause
	probing bool // guarded by the mutex of the key set
}

// pauses are those of one key set, by caller; "" is for all. Callers stand in the configuration, which bounds them.
type pauses map[string]*pause

// Trial says why only a few calls at a time may use keys.
type Trial struct {
	Reason string    // of the rejection that began it; empty: the keys were never accepted
	Since  time.Time // of the rejection
}

type trial struct {
	Trial
	tokens chan struct{} // holds one for each call
	over   chan struct{} // closed by an acceptance
}

func newTrial(t Trial) *trial {
	return &trial{t, make(chan struct{}, trialCalls), make(chan struct{})}
}

// keySet is one generation of keys, and how it stands with the provider.
type keySet struct {
	keys     Keys
	key      *signing.Key
	accepted atomic.Int64 // when an answer was last accepted, in Unix nanoseconds; 0: never
	trial    atomic.Pointer[trial]
	pauses   atomic.Pointer[pauses] // never changed in place

	mutex sync.Mutex // guards every change of trial and pauses
}

func newKeySet(keys Keys) *keySet {
	s := &keySet{keys: keys, key: signing.NewKey(keys.AccessKey, keys.SecretKey)}
	s.trial.Store(newTrial(Trial{}))
	s.pauses.Store(&pauses{})
	return s
}

// paused returns the pauses that concern a caller; nil is none.
func (s *keySet) paused(caller string) pauses {
	all := *s.pauses.Load()
	if len(all) == 0 {
		return nil
	}
	concerned := pauses{}
	for _, name := range [...]string{"", caller} {
		if p := all[name]; p != nil {
			concerned[name] = p
		}
	}
	if len(concerned) == 0 {
		return nil
	}
	return concerned
}

func (s *keySet) list() []Pause {
	var all []Pause
	for _, p := range *s.pauses.Load() {
		all = append(all, p.Pause)
	}
	slices.SortFunc(all, func(a, b Pause) int { return strings.Compare(a.Caller, b.Caller) })
	return all
}

// change replaces the pauses. The mutex is held.
func (s *keySet) change(change func(pauses)) {
	all := maps.Clone(*s.pauses.Load())
	change(all)
	s.pauses.Store(&all)
}

// accept ends a trial.
func (s *keySet) accept(t *trial) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if t != nil && s.trial.CompareAndSwap(t, nil) {
		close(t.over)
	}
}

// reject pauses the keys for the caller, or for all if they are on trial or were not accepted lately.
func (s *keySet) reject(caller, reason string, now time.Time) Pause {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.trial.Load() != nil || now.Sub(time.Unix(0, s.accepted.Load())) > recently {
		caller = ""
	} else {
		s.trial.Store(newTrial(Trial{reason, now}))
	}
	p := &pause{Pause: Pause{Caller: caller, Reason: reason, Since: now, ProbeAt: now.Add(PauseTime)}}
	s.change(func(all pauses) {
		if before := all[caller]; before != nil { // the first moment of an unbroken pause counts
			p.Since, p.probing = before.Since, before.probing
		}
		all[caller] = p
	})
	return p.Pause
}

// probe lets one call try each of the pauses that concern its caller; it returns the pause that forbids it.
func (s *keySet) probe(caller string, now time.Time) (probed []string, forbids *pause) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	concerned := s.paused(caller)
	for _, p := range concerned {
		if (p.probing || now.Before(p.ProbeAt)) && (forbids == nil || p.Caller == "") {
			forbids = p
		}
	}
	if forbids != nil {
		return nil, forbids
	}
	for name, p := range concerned {
		p.probing = true
		probed = append(probed, name)
	}
	return probed, nil
}

// endProbe lets the next call probe what this one did, or ends the pauses if it was accepted.
func (s *keySet) endProbe(probed []string, accepted bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.change(func(all pauses) {
		for _, name := range probed {
			if p := all[name]; p != nil && accepted {
				delete(all, name)
			} else if p != nil {
				p.probing = false
			}
		}
	})
}
