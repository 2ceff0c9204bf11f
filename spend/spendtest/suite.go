// Package spendtest is what any ledger must do, whether what it knows is in memory or on a store that several gateways share. All times are
// arguments, so a test takes none.
package spendtest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/spend"
)

var tests = map[string]func(*testing.T, spend.Ledger){
	"under way": underWay, "window": window, "no window": noWindow, "unknown": unknown, "given back": givenBack, "released": released,
	"partial": partial, "late outcomes": lateOutcomes, "reserved before": reservedBefore, "all or none": allOrNone, "one of many": oneOfMany, "uncountable": uncountable,
	"repeat": repeat, "repeat given back": repeatGivenBack, "repeat of the undecided": repeatUndecided, "repeat of others": repeatOthers,
	"shadow": shadow, "keeps": keeps, "counted apart": countedApart, "each call": eachCall, "periods": periods, "no step back": noStepBack,
	"soft": soft, "never over": neverOver, "left": left,
}

// Run tests ledgers that a function makes. Each must hold nothing yet, and share what it holds with none of the others.
func Run(t *testing.T, newLedger func(t *testing.T) spend.Ledger) {
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newLedger(t))
		})
	}
}

// start is when tests begin: far from the end of a day in the zone of all caps here, and of no month.
var start = time.Date(2026, 11, 10, 2, 0, 0, 0, time.UTC)

var number atomic.Int64

// claim makes one of a new call.
func claim(keys ...spend.Key) *spend.Claim {
	return &spend.Claim{Call: fmt.Sprintf("call-%d", number.Add(1)), Caller: "shop", Act: "pay", At: start, Keys: keys}
}

// key makes a key that no test has had.
func key(window time.Duration) (k spend.Key) {
	_, _ = rand.Read(k.Digest[:]) // never fails
	k.Window = window
	return k
}

func again(c *spend.Claim, after time.Duration) *spend.Claim {
	other := claim(c.Keys...)
	other.At = c.At.Add(after)
	return other
}

// reserve asks the ledger.
func reserve(t *testing.T, l spend.Ledger, c *spend.Claim) *spend.Claim {
	t.Helper()
	r, err := l.Reserve(t.Context(), c)
	if err != nil || r.Held != nil || r.Full != nil {
		t.Fatalf("%s: %v, %+v", c.Call, err, r)
	}
	return c
}

// held asks for what a call holds.
func held(t *testing.T, l spend.Ledger, c *spend.Claim, by *spend.Claim, outcome string) *spend.HeldError {
	t.Helper()
	_, err := l.Reserve(t.Context(), c)
	var refused *spend.HeldError
	if !errors.As(err, &refused) || refused.Call != by.Call || refused.Outcome != outcome || refused.Caller != by.Caller {
		t.Fatalf("%s: %v (%+v), want held by %s, %q", c.Call, err, refused, by.Call, outcome)
	}
	return refused
}

func settle(l spend.Ledger, c *spend.Claim, outcome string, after time.Duration, released ...int) {
	l.Settle(c.Call, spend.Settlement{Outcome: outcome, At: c.At.Add(after), Released: released})
}

// concurrently returns how many of n calls go.
func concurrently(n int, goes func() bool) int64 {
	var went atomic.Int64
	var calls sync.WaitGroup
	for range n {
		calls.Go(func() {
			if goes() {
				went.Add(1)
			}
		})
	}
	calls.Wait()
	return went.Load()
}
