package spendtest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/spend"
)

func money(units int64) spend.Money { return spend.Money(units * 10_000) }

// capOf makes a cap by the rules.
func capOf(t *testing.T, given spend.CapConfig) *spend.Cap {
	t.Helper()
	r, err := spend.NewRules(spend.Config{Caps: []spend.CapConfig{given}})
	if err != nil {
		t.Fatal(err)
	}
	return r.Caps()[0]
}

func theCap(t *testing.T, name string, each spend.Each, most int64) *spend.Cap {
	t.Helper()
	return capOf(t, spend.CapConfig{Name: name, Each: each, Amount: map[string]spend.Money{"CNY": money(most)}})
}

// charged makes a claim that takes so much of a hundred a day.
func charged(t *testing.T, units int64, keys ...spend.Key) *spend.Claim {
	t.Helper()
	c := claim(keys...)
	c.Charges = []spend.Charge{{Cap: theCap(t, "day", spend.EachDay, 100), Currency: "CNY", Amount: money(units)}}
	return c
}

// full asks for what a cap has no room for.
func full(t *testing.T, l spend.Ledger, c *spend.Claim, used spend.Money) *spend.FullError {
	t.Helper()
	_, err := l.Reserve(t.Context(), c)
	var refused *spend.FullError
	if !errors.As(err, &refused) || refused.Used != used {
		t.Fatalf("%s: %v (%+v), want a cap that is full with %v", c.Call, err, refused, used)
	}
	return refused
}

// keeps: what may have been spent stays used.
func keeps(t *testing.T, l spend.Ledger) {
	for i, outcome := range []string{logfile.Succeeded, logfile.Partial, logfile.Unknown} {
		settle(l, reserve(t, l, charged(t, 30)), outcome, 0, 0)
		full(t, l, charged(t, 100), money(30*int64(i+1)))
	}
	reserve(t, l, charged(t, 10))
	full(t, l, charged(t, 1), money(100))
	reserve(t, l, charged(t, 0))
}

func countedApart(t *testing.T, l spend.Ledger) {
	day := theCap(t, "day", spend.EachDay, 100)
	day.Amounts["USD"] = money(7)
	other := theCap(t, "other", spend.EachDay, 100)
	for i, ch := range []spend.Charge{
		{Cap: day, Currency: "CNY", Amount: money(100)}, {Cap: day, Counted: "a", Currency: "CNY", Amount: money(100)},
		{Cap: day, Currency: "USD", Amount: money(7)}, {Cap: other, Currency: "CNY", Amount: money(100)},
	} {
		c, twice := claim(), claim()
		c.Charges, twice.Charges = []spend.Charge{ch}, []spend.Charge{ch}
		reserve(t, l, c)
		if e := full(t, l, twice, ch.Amount); e.Limit != ch.Amount {
			t.Errorf("%d: %+v", i, e)
		}
	}
	calls := capOf(t, spend.CapConfig{Name: "calls", Each: spend.EachMonth, Count: 2})
	for i := range 3 {
		c := claim()
		c.Charges = []spend.Charge{{Cap: calls, Amount: 1}}
		if i < 2 {
			reserve(t, l, c)
		} else if e := full(t, l, c, 2); e.Limit != 2 {
			t.Errorf("%+v", e)
		}
	}
}

// eachCall: a cap of each call keeps no count.
func eachCall(t *testing.T, l spend.Ledger) {
	each := theCap(t, "each", spend.EachCall, 100)
	for range 5 {
		c := claim()
		c.Charges = []spend.Charge{{Cap: each, Currency: "CNY", Amount: money(100)}}
		if reserve(t, l, c); c.Charges[0].Period != "" {
			t.Errorf("period %q", c.Charges[0].Period)
		}
	}
	c := claim()
	c.Charges = []spend.Charge{{Cap: each, Currency: "CNY", Amount: money(100) + 1}}
	full(t, l, c, 0)
}

func periods(t *testing.T, l spend.Ledger) {
	midnight := time.Date(2026, 11, 30, 16, 0, 0, 0, time.UTC) // in Shanghai a month ends
	month := theCap(t, "month", spend.EachMonth, 100)
	for _, step := range []struct {
		at         time.Time
		day, month string
	}{{midnight.Add(-1), "2026-11-30", "2026-11"}, {midnight, "2026-12-01", "2026-12"}, {midnight.Add(24 * time.Hour), "2026-12-02", ""}} {
		c := charged(t, 100)
		c.At = step.at
		if step.month != "" {
			c.Charges = append(c.Charges, spend.Charge{Cap: month, Currency: "CNY", Amount: money(100)})
		}
		reserve(t, l, c)
		if c.Charges[0].Period != step.day || step.month != "" && c.Charges[1].Period != step.month {
			t.Errorf("%v: %+v", step.at, c.Charges)
		}
	}
	c := claim()
	c.At, c.Charges = midnight.Add(48*time.Hour), []spend.Charge{{Cap: month, Currency: "CNY", Amount: 1}}
	full(t, l, c, money(100))
}

// noStepBack: a clock that is set back does not make an ended period begin again.
func noStepBack(t *testing.T, l spend.Ledger) {
	reserve(t, l, charged(t, 100))
	next := charged(t, 30)
	next.At = start.Add(24 * time.Hour)
	reserve(t, l, next)
	for _, back := range []time.Duration{0, -24 * time.Hour, -2400 * time.Hour} {
		c := charged(t, 10)
		c.At = start.Add(back)
		if reserve(t, l, c); c.Charges[0].Period != next.Charges[0].Period {
			t.Errorf("set back to %v: %+v", c.At, c.Charges)
		}
	}
	full(t, l, charged(t, 41), money(60))
}

// soft: what passes a soft cap is taken and reported.
func soft(t *testing.T, l spend.Ledger) {
	tight := capOf(t, spend.CapConfig{Name: "soft", Each: spend.EachDay, Amount: map[string]spend.Money{"CNY": money(10)}, Mode: spend.Soft})
	var names []string
	for range 3 {
		c := charged(t, 20)
		c.Charges = append(c.Charges, spend.Charge{Cap: tight, Currency: "CNY", Amount: money(6)})
		r, err := l.Reserve(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Full {
			names = append(names, fmt.Sprint(f.Cap, f.Charge, f.Used, f.Limit))
		}
	}
	if want := []string{"soft1 6.00 10.00", "soft1 12.00 10.00"}; !slices.Equal(names, want) {
		t.Errorf("reported %q, want %q", names, want)
	}
	full(t, l, charged(t, 41), money(60))
}

// neverOver: of calls at once as many go as the cap has room for.
func neverOver(t *testing.T, l spend.Ledger) {
	day := theCap(t, "day", spend.EachDay, 100)
	if n := concurrently(200, func() bool {
		c := claim()
		c.Charges = []spend.Charge{{Cap: day, Currency: "CNY", Amount: money(7)}}
		_, err := l.Reserve(t.Context(), c)
		return err == nil
	}); n != 14 {
		t.Errorf("%d calls went, want 14", n)
	}
}
