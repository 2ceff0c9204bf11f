package gateway_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"tollgate/spend"
)

// watchedLedger is a ledger that knows whether each call which reserved is released or settled, once.
type watchedLedger struct {
	*spend.Memory
	history *history

	mutex  sync.Mutex
	open   map[string]bool // by call: true until it ends
	faults []string
	down   error                   // of each reservation
	during func(call string) error // each reservation; nil: nothing
}

func (l *watchedLedger) Available() error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.down
}

func (l *watchedLedger) Reserve(ctx context.Context, c *spend.Claim) (spend.Report, error) {
	if l.during != nil {
		if err := l.during(c.Call); err != nil {
			return spend.Report{}, err
		}
	}
	report, err := l.Memory.Reserve(ctx, c)
	if err != nil {
		return report, err
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if _, known := l.open[c.Call]; known {
		l.faults = append(l.faults, "call "+c.Call+" reserved twice")
	}
	if l.open == nil {
		l.open = map[string]bool{}
	}
	l.open[c.Call] = true
	l.history.add("reserved")
	return report, err
}

func (l *watchedLedger) Settle(call string, s spend.Settlement) {
	l.end(call, "settled "+s.Outcome)
	l.Memory.Settle(call, s)
}

func (l *watchedLedger) Release(call string) {
	l.end(call, "released")
	l.Memory.Release(call)
}

func (l *watchedLedger) end(call, how string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if !l.open[call] {
		l.faults = append(l.faults, fmt.Sprintf("call %s was %s, and was not under way", call, how))
	}
	l.open[call] = false
	l.history.add(how)
}

// check holds all that tests of this package do to one rule: a call that reserves ends by one release or one settlement.
func (l *watchedLedger) check(t testing.TB) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for call, open := range l.open {
		if open {
			l.faults = append(l.faults, "call "+call+" is under way for good")
		}
	}
	for _, c := range l.Snapshot().Calls {
		if c.Outcome == "" {
			l.faults = append(l.faults, "the ledger has call "+c.Call+" under way for good")
		}
	}
	for _, fault := range l.faults {
		t.Error(fault)
	}
}
