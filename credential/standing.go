package credential

import (
	"maps"
	"slices"
	"sync"
	"time"

	"tollgate/signing"
)

const (
	// PauseTime is how long a pause lasts before one call may probe it. It is longer than the five minutes for which the
	// provider locks a key.
	PauseTime = 5*time.Minute + 15*time.Second

	// recently is how long an accepted answer speaks for the keys against a single rejection.
	recently = time.Minute

	// maxRejected is how many signatures of an access key may be rejected in a row: the provider locks it after more than five.
	maxRejected = 5

	// trialCalls is how many calls may try an access key at a time: with the rejection that begins a trial that makes maxRejected.
	trialCalls = maxRejected - 1
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
	probing bool
}

// Trial says why only a few calls at a time may use keys.
type Trial struct {
	Reason string    // of the rejection that began it; empty: the keys were never accepted
	Since  time.Time // of the rejection
}

// standing is how an access key stands with the provider, which counts rejections by access key, whatever secret was used.
type standing struct {
	mutex    sync.Mutex    // guards this and all key sets with the access key
	rejected int           // signatures in a row
	row      int           // counts the rows: one ends with an accepted answer
	first    Trial         // the rejection that began the row
	last     *pause        // the latest for all callers, of whichever set
	trying   []string      // the callers of the calls under way on trial or as probes
	changed  chan struct{} // closed when waiting calls are to look again
}

// keySet is one generation of keys. Several may have the same access key.
type keySet struct {
	*standing
	keys     Keys
	key      signing.Key
	proven   bool              // the provider accepted them, in this run or an earlier one
	accepted time.Time         // the latest answer of this run
	pauses   map[string]*pause // by caller; "" is for all. Callers stand in the configuration, which bounds them
	left     time.Time         // when other keys took its place
}

func newKeySet(keys Keys, s *standing, scheme signing.Scheme) *keySet {
	return &keySet{standing: s, keys: keys, key: scheme.NewKey(keys.AccessKey, keys.SecretKey), pauses: map[string]*pause{}}
}

func newStanding() *standing { return &standing{changed: make(chan struct{})} }

// take lets a call use the keys, unless a pause forbids it or it has to wait. Probes do not wait.
func (s *keySet) take(l *Lease, now time.Time) (forbids *Pause, wait <-chan struct{}) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	paused := s.paused(l.caller)
	for _, p := range paused {
		if p.probing || now.Before(p.ProbeAt) || !s.free(l.caller) {
			forbidden := p.Pause
			return &forbidden, nil
		}
	}
	switch {
	case len(paused) == 0 && !s.onTrial():
		return nil, nil
	case !s.free(l.caller):
		return nil, s.changed
	}
	s.try(l, paused)
	return nil, nil
}

// try counts a call among those that try the access key.
func (s *keySet) try(l *Lease, probed []*pause) {
	s.trying = append(s.trying, l.caller)
	l.tries, l.row, l.probed = true, s.row, probed
	for _, p := range probed {
		p.probing = true
	}
}

// free reports whether one more call of a caller may try the access key, so that no more than maxRejected are rejected. One
// caller leaves a place to the others, or its slow calls would keep them out. The last place is for probes, which pauses keep apart.
func (s *standing) free(caller string) bool {
	places := max(1, min(trialCalls, maxRejected-s.rejected))
	own := 0
	for _, other := range s.trying {
		if other == caller {
			own++
		}
	}
	return len(s.trying) < places && own < max(1, places-1)
}

// leave notes that other keys took the place of these, and has calls that wait look for those.
func (s *keySet) leave(now time.Time) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.left = now
	s.wake()
}

// leftAt returns when other keys took the place of these, or when the latest pause began, if that is later.
func (s *keySet) leftAt() time.Time {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	at := s.left
	for _, p := range s.pauses {
		if begun := p.ProbeAt.Add(-PauseTime); begun.After(at) {
			at = begun
		}
	}
	return at
}

func (s *keySet) onTrial() bool { return s.rejected > 0 || !s.proven }

// spent reports whether the access key had all rejections that it may have.
func (s *standing) spent() bool { return s.rejected >= maxRejected }

// paused returns the pauses that concern a caller, those for all first. Once the access key is spent, its latest pause is every set's.
func (s *keySet) paused(caller string) (all []*pause) {
	if s.spent() {
		all = append(all, s.last)
	}
	for _, p := range [...]*pause{s.pauses[""], s.pauses[caller]} {
		if p != nil && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

// list returns all pauses, one for all callers first and the others by caller.
func (s *keySet) list() (all []Pause) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if forAll := s.paused(""); len(forAll) > 0 {
		all = append(all, forAll[0].Pause)
	}
	for _, caller := range slices.Sorted(maps.Keys(s.pauses)) {
		if caller != "" {
			all = append(all, s.pauses[caller].Pause)
		}
	}
	return all
}

// trial returns why the keys are on trial.
func (s *keySet) trial() (t Trial, on bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.rejected > 0 {
		t = s.first
	}
	return t, s.onTrial()
}

// concerned reports whether a rejection of a set pauses s: its own, or the last that the access key may have.
func (s *keySet) concerned(rejected *keySet) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s == rejected || s.standing == rejected.standing && s.spent()
}

// done ends a lease; it returns the pause after a rejection, and whether the keys came on trial, or off it.
func (s *keySet) done(l *Lease, verdict Verdict, reason string, now time.Time) (begun *Pause, changed bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	before := s.evidence()
	for _, p := range l.probed {
		p.probing = false
	}
	switch verdict {
	case Accepted:
		s.accept(l, now)
	case Rejected:
		pause := s.reject(l, reason, now).Pause
		begun = &pause
	}
	s.tried(l)
	return begun, s.evidence() != before
}

// evidence is what is known of keys, and of their access key. The mutex is held.
type evidence struct{ accepted, rejected bool }

func (s *keySet) evidence() evidence { return evidence{accepted: s.proven, rejected: s.rejected > 0} }

// accept ends what the call probed, and the row of rejections that it was taken in. A call that went out before says nothing about it.
func (s *keySet) accept(l *Lease, now time.Time) {
	s.proven, s.accepted = true, now
	maps.DeleteFunc(s.pauses, func(_ string, p *pause) bool { return slices.Contains(l.probed, p) })
	if l.tries && l.row == s.row {
		s.rejected = 0
		s.row++
	}
}

func (s *keySet) reject(l *Lease, reason string, now time.Time) *pause {
	trial := s.onTrial()
	if !trial {
		s.row++ // for calls that are under way
	}
	if s.rejected == 0 {
		s.first = Trial{reason, now}
	}
	s.rejected++
	return s.pause(s.whom(l, trial, now), reason, now)
}

// whom returns the caller that a rejection pauses; "" for all.
func (s *keySet) whom(l *Lease, trial bool, now time.Time) string {
	switch {
	case s.spent():
		return ""
	case len(l.probed) == 0 && s.pauses[l.caller] != nil:
		return l.caller // went out before that pause: another rejection of one caller says nothing about others
	case trial || now.Sub(s.accepted) > recently:
		return ""
	}
	return l.caller
}

// pause begins a pause, or prolongs it: the first moment of an unbroken one counts.
func (s *keySet) pause(caller, reason string, now time.Time) *pause {
	p := s.pauses[caller]
	if p == nil {
		p = &pause{Pause: Pause{Caller: caller, Since: now}}
		s.pauses[caller] = p
	}
	p.Reason, p.ProbeAt = reason, now.Add(PauseTime)
	if caller == "" {
		s.last = p
	}
	return p
}

// tried ends a try; waiting calls look again.
func (s *keySet) tried(l *Lease) {
	if l.tries {
		i := slices.Index(s.trying, l.caller)
		s.trying = slices.Delete(s.trying, i, i+1)
		l.tries = false
		s.wake()
	}
}

// wake wakes the calls that wait. The mutex is held.
func (s *standing) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}
