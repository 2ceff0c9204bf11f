package spendtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/spend"
)

func underWay(t *testing.T, l spend.Ledger) {
	c := reserve(t, l, claim(key(0)))
	held(t, l, again(c, 1000*time.Hour), c, "")
	reserve(t, l, claim(key(0)))
	if err := l.Available(); err != nil {
		t.Error(err)
	}
}

func window(t *testing.T, l spend.Ledger) {
	c := reserve(t, l, claim(key(time.Hour), key(2*time.Hour)))
	settle(l, c, logfile.Succeeded, time.Minute)
	until := start.Add(61 * time.Minute)
	if h := held(t, l, again(c, time.Hour), c, logfile.Succeeded); h.Key != 0 || !h.Until.Equal(until) {
		t.Errorf("%+v, want key 0 until %v", h, until)
	}
	if h := held(t, l, again(c, 61*time.Minute), c, logfile.Succeeded); h.Key != 1 {
		t.Errorf("%+v, want key 1", h)
	}
	reserve(t, l, again(c, 2*time.Hour+time.Minute))
}

func noWindow(t *testing.T, l spend.Ledger) {
	c := reserve(t, l, claim(key(0)))
	settle(l, c, logfile.Succeeded, 0)
	reserve(t, l, again(c, 0))
}

// unknown: what may have been done is held whatever its age, until it is settled.
func unknown(t *testing.T, l spend.Ledger) {
	for _, outcome := range []string{logfile.Unknown, "", "a word of another version"} {
		c := reserve(t, l, claim(key(time.Hour)))
		settle(l, c, outcome, 0)
		held(t, l, again(c, 10_000*time.Hour), c, logfile.Unknown)
		settle(l, c, logfile.Unknown, time.Hour)
		held(t, l, again(c, 10_000*time.Hour), c, logfile.Unknown)
		settle(l, c, logfile.Succeeded, 10_000*time.Hour)
		held(t, l, again(c, 10_000*time.Hour+59*time.Minute), c, logfile.Succeeded)

		d := reserve(t, l, claim(key(time.Hour)))
		settle(l, d, logfile.Unknown, 0)
		settle(l, d, logfile.Failed, time.Hour)
		reserve(t, l, again(d, 0))
	}
}

func givenBack(t *testing.T, l spend.Ledger) {
	for _, outcome := range []string{logfile.Failed, logfile.NotSent} {
		c := reserve(t, l, charged(t, 100, key(time.Hour)))
		settle(l, c, outcome, 0)
		settle(l, c, logfile.Succeeded, 0) // it is not known any more
		l.Release(reserve(t, l, charged(t, 100, c.Keys...)).Call)
	}
}

func released(t *testing.T, l spend.Ledger) {
	c := reserve(t, l, charged(t, 100, key(time.Hour)))
	l.Release(c.Call)
	d := reserve(t, l, charged(t, 100, c.Keys...))
	settle(l, d, logfile.Unknown, 0)
	l.Release(d.Call) // its intent was written: there is an outcome
	l.Release("no such call")
	held(t, l, again(d, 0), d, logfile.Unknown)
}

func partial(t *testing.T, l spend.Ledger) {
	c := claim(key(time.Hour), key(time.Hour), key(0))
	c.Charges = []spend.Charge{{Cap: theCap(t, "day", spend.EachDay, 100), Currency: "CNY", Amount: money(60)}}
	reserve(t, l, c)
	settle(l, c, logfile.Partial, 0, 1, 7, -1)
	h := held(t, l, again(c, 59*time.Minute), c, logfile.Partial)
	if h.Key != 0 {
		t.Errorf("%+v, want key 0", h)
	}
	reserve(t, l, claim(c.Keys[1], c.Keys[2]))
	full(t, l, charged(t, 41), money(60))
	reserve(t, l, charged(t, 40))

	all := reserve(t, l, claim(key(time.Hour), key(time.Hour)))
	settle(l, all, logfile.Partial, 0)
	for _, k := range all.Keys {
		held(t, l, claim(k), all, logfile.Partial)
	}
}

// lateOutcomes: a call that has an outcome keeps it.
func lateOutcomes(t *testing.T, l spend.Ledger) {
	c := reserve(t, l, claim(key(time.Hour)))
	settle(l, c, logfile.Succeeded, 0)
	for _, late := range []string{logfile.Failed, logfile.Unknown, logfile.Succeeded, logfile.Partial} {
		settle(l, c, late, 50*time.Minute, 0)
	}
	l.Release(c.Call)
	held(t, l, again(c, 59*time.Minute), c, logfile.Succeeded)
	reserve(t, l, again(c, time.Hour))
}

// reservedBefore: a call reserves once.
func reservedBefore(t *testing.T, l spend.Ledger) {
	c := reserve(t, l, charged(t, 60))
	if _, err := l.Reserve(t.Context(), charged(t, 50)); err == nil {
		t.Error("the cap has no room")
	}
	if _, err := l.Reserve(t.Context(), c); !errors.Is(err, spend.ErrUnavailable) {
		t.Errorf("the same call: %v", err)
	}
	settle(l, c, logfile.Failed, 0)
	reserve(t, l, charged(t, 100))
}

// allOrNone: a call that is refused takes nothing.
func allOrNone(t *testing.T, l spend.Ledger) {
	first := reserve(t, l, charged(t, 50, key(time.Hour)))
	free := key(time.Hour)
	for range 3 {
		held(t, l, charged(t, 50, free, first.Keys[0]), first, "")
		over := charged(t, 50, free)
		over.Charges = append(over.Charges, spend.Charge{Cap: theCap(t, "small", spend.EachCall, 1), Currency: "CNY", Amount: money(50)})
		if e := full(t, l, over, 0); e.Charge != 1 || e.Cap != "small" || e.Limit != money(1) {
			t.Errorf("%+v", e)
		}
	}
	reserve(t, l, charged(t, 50, free))
}

// uncountable: a call that a cap cannot count takes nothing, and is refused for a key where one is held.
func uncountable(t *testing.T, l spend.Ledger) {
	first := reserve(t, l, charged(t, 50, key(time.Hour)))
	settle(l, first, logfile.Succeeded, 0)
	free, why := key(time.Hour), errors.New("no price")
	refused := func(c *spend.Claim) {
		t.Helper()
		c.Uncountable = why
		if _, err := l.Reserve(t.Context(), c); err != why {
			t.Errorf("%v, want %v", err, why)
		}
	}
	refused(claim(free))
	reserve(t, l, claim(free))
	other := claim(key(time.Hour), first.Keys[0])
	other.Uncountable = why
	held(t, l, other, first, logfile.Succeeded)
	second := again(first, time.Minute)
	second.Repeats = first.Call
	refused(second)
	second.Uncountable = nil
	reserve(t, l, second)
}

func repeat(t *testing.T, l spend.Ledger) {
	first := reserve(t, l, claim(key(time.Hour)))
	settle(l, first, logfile.Succeeded, 0)
	second := again(first, time.Minute)
	second.Repeats = first.Call
	if reserve(t, l, second); second.Repeats != first.Call {
		t.Errorf("it repeats %q", second.Repeats)
	}
	third := again(first, time.Minute)
	third.Repeats = first.Call
	if h := held(t, l, third, second, ""); h.Repeated {
		t.Error("the call that holds was not named")
	}
	settle(l, second, logfile.Succeeded, 10*time.Minute)
	held(t, l, third, second, logfile.Succeeded)
	third.At = second.At.Add(70*time.Minute - 1)
	held(t, l, third, second, logfile.Succeeded)
	third.Repeats = second.Call
	reserve(t, l, third)
	settle(l, third, logfile.Failed, 0)
	fourth := again(third, 1)
	fourth.Repeats = second.Call
	if reserve(t, l, fourth); fourth.Repeats != "" {
		t.Errorf("nothing was held, and it repeats %s", fourth.Repeats)
	}
}

// repeatGivenBack: a repeat that did nothing leaves all as it was.
func repeatGivenBack(t *testing.T, l spend.Ledger) {
	first := reserve(t, l, claim(key(time.Hour), key(time.Hour)))
	settle(l, first, logfile.Succeeded, 0)
	for _, outcome := range []string{logfile.Failed, logfile.NotSent} {
		second := again(first, time.Minute)
		second.Repeats = first.Call
		reserve(t, l, second)
		settle(l, second, outcome, 0)
		held(t, l, again(first, time.Minute), first, logfile.Succeeded)
	}
	second := again(first, time.Minute)
	second.Repeats = first.Call
	reserve(t, l, second)
	settle(l, second, logfile.Partial, 0, 0)
	third := claim(first.Keys[0])
	third.Repeats = first.Call
	if h := held(t, l, third, first, logfile.Succeeded); !h.Repeated {
		t.Error("it was repeated once already")
	}
}

func repeatUndecided(t *testing.T, l spend.Ledger) {
	first := reserve(t, l, claim(key(time.Hour)))
	second := again(first, 0)
	second.Repeats = first.Call
	if h := held(t, l, second, first, ""); !h.Repeated {
		t.Errorf("%+v", h)
	}
	settle(l, first, logfile.Unknown, 0)
	if h := held(t, l, second, first, logfile.Unknown); !h.Repeated {
		t.Errorf("%+v", h)
	}
}

// repeatOthers: a repeat names the call that holds every key that is held.
func repeatOthers(t *testing.T, l spend.Ledger) {
	a, b := reserve(t, l, claim(key(time.Hour))), reserve(t, l, claim(key(time.Hour)))
	settle(l, a, logfile.Succeeded, 0)
	settle(l, b, logfile.Succeeded, 0)
	both := claim(a.Keys[0], b.Keys[0])
	for _, name := range []*spend.Claim{a, b} {
		both.Repeats = name.Call
		other := b
		if name == b {
			other = a
		}
		if h := held(t, l, both, other, logfile.Succeeded); h.Repeated {
			t.Errorf("%+v", h)
		}
	}
	both.Repeats = "no such call"
	held(t, l, both, a, logfile.Succeeded)
	one := claim(key(0), b.Keys[0])
	one.Repeats = b.Call
	reserve(t, l, one)
}

// shadow: what is held is reported, and held by the newest; a call that is not settled is repeated by none.
func shadow(t *testing.T, l spend.Ledger) {
	first := reserve(t, l, claim(key(time.Hour)))
	second := again(first, 0)
	second.Shadow = true
	r, err := l.Reserve(t.Context(), second)
	if err != nil || r.Held == nil || r.Held.Call != first.Call {
		t.Fatalf("%+v, %v", r, err)
	}
	settle(l, second, logfile.Succeeded, 0)
	third := again(first, 0)
	held(t, l, third, second, logfile.Succeeded)
	third.Repeats = second.Call
	held(t, l, third, first, "")
	settle(l, first, logfile.Failed, 0)
	reserve(t, l, third)
}

// left: a caller that has left before takes nothing.
func left(t *testing.T, l spend.Ledger) {
	gone, leave := context.WithCancel(t.Context())
	leave()
	c := claim(key(time.Hour))
	if _, err := l.Reserve(gone, c); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	reserve(t, l, c)
}

// oneOfMany: of many calls at once for one act one goes.
func oneOfMany(t *testing.T, l spend.Ledger) {
	k := key(time.Hour)
	if n := concurrently(200, func() bool {
		_, err := l.Reserve(t.Context(), claim(key(0), k))
		return err == nil
	}); n != 1 {
		t.Errorf("%d calls went, want 1", n)
	}
}
