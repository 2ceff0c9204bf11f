package server

import (
	"sync"
	"time"
)

// slack is how much later than asked a time may end that is measured in seconds. It spares connections with many requests a call of the
// system for each.
const slack = time.Second

// deadline is a deadline of a connection that is noted when it is asked for, and set when something is read or written.
type deadline struct {
	set func(time.Time) error

	mutex   sync.Mutex
	wanted  time.Time
	exact   bool // it must not end later either
	current time.Time
	waiting bool // a read or write is under way, which must see what is wanted at once
}

// want notes a deadline. It may be called at any time, by any goroutine.
func (d *deadline) want(at time.Time, exact bool) error {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.wanted, d.exact = at, exact
	if d.waiting {
		return d.apply()
	}
	return nil
}

// wantOrSooner notes a deadline for a wait that looks again when it ends too soon: one that is set and still to come stays. So a connection with many
// requests, whose heads have another deadline than the time between them, pays no calls of the system for going from one to the other.
func (d *deadline) wantOrSooner(at, now time.Time) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if now.Before(d.current) && d.current.Before(at) {
		at = d.current
	}
	d.wanted, d.exact = at, false
}

// isOver reports, of a wait that has ended, whether it was interrupted or the time is over.
func (d *deadline) isOver(at time.Time) bool {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return d.current.Equal(past) || !time.Now().Before(at)
}

// bound notes a deadline where there is none, and reports whether there was none.
func (d *deadline) bound(within time.Duration, exact bool) bool {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if !d.wanted.IsZero() {
		return false
	}
	d.wanted, d.exact = time.Now().Add(within), exact
	return true
}

// begin sets what is wanted for a read or a write, which end follows.
func (d *deadline) begin() error {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.waiting = true
	return d.apply()
}

func (d *deadline) end() {
	d.mutex.Lock()
	d.waiting = false
	d.mutex.Unlock()
}

// apply sets what is wanted, if what is set will not do. mutex is held.
func (d *deadline) apply() error {
	if d.wanted.Equal(d.current) {
		return nil
	}
	at := d.wanted
	if !d.exact && !at.IsZero() {
		if later := d.current.Sub(at); !d.current.IsZero() && later >= 0 && later <= slack {
			return nil
		}
		at = at.Add(slack)
	}
	d.current = at
	return d.set(at)
}

// interrupt ends a read or write that is under way, and no other.
func (d *deadline) interrupt() {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.waiting {
		d.current = past
		_ = d.set(past)
	}
}

// past is a deadline that is over.
var past = time.Unix(1, 0)

// after returns the time after a duration; none for 0.
func after(now time.Time, d time.Duration) time.Time {
	if d <= 0 {
		return time.Time{}
	}
	return now.Add(d)
}
