package spend

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/audit/logfile"
)

var noon = time.Date(2026, 11, 10, 4, 0, 0, 0, time.UTC) // in Shanghai

func paying(call string, order byte, window time.Duration) *Claim {
	return &Claim{Call: call, Caller: "shop", Act: "pay", At: noon, Keys: []Key{{Digest{order}, window}}}
}

func must(t testing.TB, m *Memory, c *Claim) *Claim {
	t.Helper()
	if _, err := m.Reserve(t.Context(), c); err != nil {
		t.Fatalf("%s: %v", c.Call, err)
	}
	return c
}

func heldBy(t *testing.T, m *Memory, c *Claim, call string) {
	t.Helper()
	_, err := m.Reserve(t.Context(), c)
	var held *HeldError
	if !errors.As(err, &held) || held.Call != call {
		t.Errorf("%s: %v, want held by %s", c.Call, err, call)
	}
}

func succeeded(m *Memory, call string) {
	m.Settle(call, Settlement{Outcome: logfile.Succeeded, At: noon})
}

func TestAllowRepeat(t *testing.T) {
	m := NewMemory()
	refused := func(call, want string) {
		t.Helper()
		if err := m.AllowRepeat(call); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("allow to repeat %s: %v, want %q", call, err, want)
		}
	}
	must(t, m, paying("a", 1, time.Hour))
	refused("x", "holds no act")
	refused("a", "under way")
	m.Settle("a", Settlement{Outcome: logfile.Unknown, At: noon})
	refused("a", "unknown")
	succeeded(m, "a")
	for _, outcome := range []string{logfile.NotSent, logfile.Succeeded} { // the leave lasts until the act was done
		if err := m.AllowRepeat("a"); err != nil {
			t.Fatal(err)
		}
		other := paying("other", 1, time.Hour)
		other.Keys = append(other.Keys, must(t, m, paying("c", 2, 0)).Keys...)
		heldBy(t, m, other, "c")
		m.Release("c")
		if c := must(t, m, paying("b", 1, time.Hour)); c.Repeats != "a" {
			t.Errorf("it repeats %q", c.Repeats)
		}
		heldBy(t, m, paying("c", 1, time.Hour), "b")
		m.Settle("b", Settlement{Outcome: outcome, At: noon})
	}
	heldBy(t, m, paying("c", 1, time.Hour), "b")
	refused("a", "repeated by call b")
}

// TestAllowTwo: a call that two calls hold repeats neither, even if an operator allowed both.
func TestAllowTwo(t *testing.T) {
	m := NewMemory()
	for i, call := range []string{"a", "b"} {
		must(t, m, paying(call, byte(i), time.Hour))
		succeeded(m, call)
		if err := m.AllowRepeat(call); err != nil {
			t.Fatal(err)
		}
	}
	both := paying("c", 0, time.Hour)
	both.Keys = append(both.Keys, paying("", 1, time.Hour).Keys...)
	heldBy(t, m, both, "b")
	if c := must(t, m, paying("d", 0, time.Hour)); c.Repeats != "a" {
		t.Errorf("it repeats %q", c.Repeats)
	}
}

// TestFullOfHolds: nothing is released for want of room, a caller leaves room for others, and what is on record is taken in any case.
func TestFullOfHolds(t *testing.T) {
	m := NewMemory()
	m.places = newPlaces(14)
	for i := range 3 { // two places each
		must(t, m, paying(fmt.Sprint("a", i), byte(i), time.Hour))
		succeeded(m, fmt.Sprint("a", i))
	}
	_, err := m.Reserve(t.Context(), paying("a3", 3, time.Hour))
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "caller shop") {
		t.Errorf("a caller that would have more than it leaves free: %v", err)
	}
	other := paying("b", 0, time.Hour)
	other.Caller = "other"
	heldBy(t, m, other, "a0")
	other.Keys[0].Digest = Digest{9}
	must(t, m, other)
	m.Record(paying("r0", 0, time.Hour))
	m.Record(paying("r1", 11, time.Hour))
	third := paying("c", 12, time.Hour)
	third.Caller = "third"
	if _, err := m.Reserve(t.Context(), third); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a full ledger: %v", err)
	}
	succeeded(m, "r0")
	succeeded(m, "r1")
	late := paying("d", 0, 0)
	late.At = noon.Add(time.Hour)
	must(t, m, late) // where all windows have ended
	if m.places.taken != 2+2 {
		t.Errorf("%d places are taken", m.places.taken)
	}
}

// TestFullOfCounts: a count that finds no room refuses the call, and takes nothing of the others.
func TestFullOfCounts(t *testing.T) {
	m, day := NewMemory(), mustRules(t, Config{Caps: []CapConfig{{Name: "d", Each: EachDay, Amount: cny(9), Per: PerCustomer, Mode: Soft}}}).Caps()[0]
	m.caps.room = 2
	charging := func(call string, customers ...string) *Claim {
		c := &Claim{Call: call, Caller: "shop", At: noon}
		for _, id := range customers {
			c.Charges = append(c.Charges, Charge{Cap: day, Counted: id, Currency: "CNY", Amount: 1})
		}
		return c
	}
	must(t, m, charging("a", "x"))
	for _, c := range []*Claim{charging("b", "x", "y", "z"), charging("b", "y", "z")} {
		if _, err := m.Reserve(t.Context(), c); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%v", err)
		}
	}
	must(t, m, charging("b", "x", "y"))
	m.Settle("b", Settlement{Outcome: logfile.Failed})
	must(t, m, charging("c", "z"))
	must(t, m, charging("c2", "x", "z")) // which are counted already
	m.Record(charging("d", "w"))         // it says no period: of a cap of each call
	if got := m.caps.number; got != 2 {
		t.Errorf("%d counts", got)
	}
	next := charging("e", "y")
	next.At = noon.Add(48 * time.Hour)
	if _, err := m.Reserve(t.Context(), next); !errors.Is(err, ErrUnavailable) {
		t.Errorf("the period before is dropped only by the next: %v", err)
	}
	next.At = noon.Add(72 * time.Hour)
	must(t, m, next)
}

func TestHoldAct(t *testing.T) {
	m := NewMemory()
	m.HoldAct("pay", "old")
	heldBy(t, m, paying("a", 1, 0), "old")
	shadow := paying("a", 1, 0)
	shadow.Shadow = true
	if r, err := m.Reserve(t.Context(), shadow); err != nil || r.Held == nil || r.Held.Key != -1 {
		t.Errorf("%+v, %v", r, err)
	}
	must(t, m, &Claim{Call: "b", Caller: "shop", Act: "renew", At: noon, Keys: []Key{{Digest{2}, 0}}})
	must(t, m, &Claim{Call: "c", Caller: "shop", At: noon}) // no act at all
	restored := NewMemory()
	if err := restored.Restore(m.Snapshot()); err != nil {
		t.Fatal(err)
	}
	heldBy(t, restored, paying("d", 3, 0), "old")
	if !restored.AcceptAct("pay") || restored.AcceptAct("pay") {
		t.Error("accepted once")
	}
	must(t, restored, paying("d", 3, 0))
}

func TestSuspend(t *testing.T) {
	m := NewMemory()
	m.Suspend()
	m.Record(paying("a", 1, time.Hour))
	if _, err := m.Reserve(t.Context(), paying("b", 2, 0)); !errors.Is(err, ErrUnavailable) || !errors.Is(m.Available(), ErrUnavailable) {
		t.Errorf("suspended: %v", err)
	}
	succeeded(m, "a")
	m.Resume()
	heldBy(t, m, paying("b", 1, 0), "a")
}

func TestCall(t *testing.T) {
	m := NewMemory()
	must(t, m, paying("a", 1, time.Hour))
	if s, ok := m.Call("a"); !ok || s.Call != "a" || s.Act != "pay" || len(s.Keys) != 1 || s.Outcome != "" {
		t.Errorf("%+v, %v", s, ok)
	}
	if _, ok := m.Call("b"); ok {
		t.Error("there is no such call")
	}
}

// TestBadState: what no ledger writes is not taken.
func TestBadState(t *testing.T) {
	good := func() State {
		id := CountID{Cap: "c", Definition: "d", Period: "2026-11", Currency: "CNY"}
		return State{
			Caps: []CapState{{Name: "c", Definition: "d", Period: "2026-11"}}, Counts: []CountState{{CountID: id, Used: 5, Calls: 1}},
			Calls: []CallState{{Call: "a", Keys: []KeyState{{}}, Charges: []ChargeState{{CountID: id, Amount: 5}}}},
		}
	}
	for name, change := range map[string]func(*State){
		"a call twice":        func(s *State) { s.Calls = append(s.Calls, s.Calls[0]) },
		"a call without id":   func(s *State) { s.Calls[0].Call = "" },
		"an outcome":          func(s *State) { s.Calls[0].Outcome = logfile.Failed },
		"a negative charge":   func(s *State) { s.Calls[0].Charges[0].Amount = -1 },
		"a negative count":    func(s *State) { s.Counts[0].Used = -1 },
		"a count of no calls": func(s *State) { s.Counts[0].Calls = 0 },
		"a count twice":       func(s *State) { s.Counts = append(s.Counts, s.Counts[0]) },
		"an unknown cap":      func(s *State) { s.Counts[0].Cap = "x" },
		"a later period":      func(s *State) { s.Counts[0].Period = "2026-12" },
	} {
		s := good()
		change(&s)
		if err := NewMemory().Restore(s); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	m := NewMemory()
	if err := m.Restore(good()); err != nil {
		t.Fatal(err)
	}
	if m.Restore(State{}) == nil {
		t.Error("a ledger that is not empty is restored")
	}
	m.Settle("a", Settlement{Outcome: logfile.Failed})
	if s := m.Snapshot(); len(s.Counts) != 0 || len(s.Calls) != 0 {
		t.Errorf("given back: %+v", s)
	}
}

// TestInterleaved makes calls of several goroutines: none holds what another one holds, and no cap is passed at any time.
func TestInterleaved(t *testing.T) {
	m := NewMemory()
	day := mustRules(t, dayCap(func(c *CapConfig) { c.Amount = map[string]Money{"CNY": 500} })).Caps()[0]
	var owners [8]atomic.Int32
	var spent atomic.Int64
	var calls sync.WaitGroup
	for worker := range uint64(8) {
		calls.Go(func() {
			random := rand.New(rand.NewPCG(worker, 2))
			for i := range 2000 {
				n := Money(random.IntN(40))
				c := &Claim{Call: fmt.Sprint(worker, "-", i), Caller: "shop", Act: "pay", At: noon, Charges: []Charge{{Cap: day, Currency: "CNY", Amount: n}}}
				first, second := random.IntN(8), random.IntN(8)
				c.Keys = []Key{{Digest{byte(first)}, 0}}
				if second != first {
					c.Keys = append(c.Keys, Key{Digest{byte(second)}, 0})
				}
				if _, err := m.Reserve(t.Context(), c); err != nil {
					continue
				}
				for _, k := range c.Keys {
					if owners[k.Digest[0]].Add(1) != 1 {
						t.Error("a key is held twice")
					}
				}
				if spent.Add(int64(n)) > 500 {
					t.Error("the cap is passed")
				}
				for _, k := range c.Keys {
					owners[k.Digest[0]].Add(-1)
				}
				outcome := []string{logfile.Failed, logfile.NotSent, logfile.Succeeded}[random.IntN(20)/9]
				if outcome != logfile.Succeeded {
					spent.Add(-int64(n))
				}
				m.Settle(c.Call, Settlement{Outcome: outcome, At: noon})
			}
		})
	}
	calls.Wait()
	s := m.Snapshot()
	if len(s.Calls) != 0 || len(s.Counts) != 1 || s.Counts[0].Used != Money(spent.Load()) || m.places.taken != 0 {
		t.Errorf("%+v, %d spent", s, spent.Load())
	}
}

func TestDigestText(t *testing.T) {
	d, read := Digest{0xff, 1, 2}, Digest{}
	if err := read.UnmarshalText([]byte(d.String())); err != nil || read != d || len(d.String()) != 22 {
		t.Errorf("%v, %v", read, err)
	}
	for _, bad := range []string{"", "AAAA", d.String() + "==", d.String() + "A", d.String()[:21] + "B", strings.Repeat("/", 22)} {
		if err := read.UnmarshalText([]byte(bad)); err == nil || read != d {
			t.Errorf("%q is read", bad)
		}
	}
}
