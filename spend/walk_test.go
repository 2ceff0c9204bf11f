package spend

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"tollgate/audit/logfile"
)

// walk makes random calls of a ledger and its model.
type walk struct {
	*rand.Rand
	t      *testing.T
	memory *Memory
	model  *model
	caps   []*Cap
	now    time.Time
	ids    []string
	log    []func(*Memory) // what is on record
}

func newWalk(t *testing.T, seed uint64) *walk {
	rules := mustRules(t, Config{Caps: []CapConfig{
		{Name: "day", Each: EachDay, Amount: amount("CNY", 20, "USD", 9)}, {Name: "month", Each: EachMonth, Count: 9, Zone: "UTC"},
		{Name: "soft", Each: EachDay, Amount: cny(7), Mode: Soft, Zone: "America/New_York"}, {Name: "each", Each: EachCall, Amount: cny(6)},
	}})
	return &walk{
		Rand: rand.New(rand.NewPCG(seed, 1)), t: t, memory: NewMemory(), model: newModel(), caps: rules.Caps(),
		now: time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC),
	}
}

func pick[T any](w *walk, from ...T) T { return from[w.IntN(len(from))] }

func (w *walk) claim() *Claim {
	c := &Claim{Call: fmt.Sprint("call-", len(w.ids)), Caller: pick(w, "a", "b"), Act: "act", At: w.now, Shadow: w.IntN(8) == 0}
	for range w.IntN(4) {
		c.Keys = append(c.Keys, Key{Digest{byte(w.IntN(6))}, pick(w, 0, time.Hour, 30*time.Hour)})
	}
	slices.SortFunc(c.Keys, func(a, b Key) int { return int(a.Digest[0]) - int(b.Digest[0]) })
	c.Keys = slices.CompactFunc(c.Keys, func(a, b Key) bool { return a.Digest == b.Digest }) // no call names one twice
	for range w.IntN(4) {
		ch := Charge{Cap: pick(w, w.caps...), Counted: pick(w, "", "x", "y"), Amount: 1}
		if ch.Cap.OfMoney() {
			ch.Amount, ch.Currency, ch.Unpriced = Money(w.IntN(8*perUnit)), pick(w, "CNY", "CNY", "USD"), w.IntN(5) == 0
		}
		c.Charges = append(c.Charges, ch)
	}
	if len(w.ids) > 0 && w.IntN(2) == 0 {
		c.Repeats = w.recent()
		if h, _ := w.model.holder(Digest{byte(w.IntN(6))}, false); h != nil {
			c.Repeats = h.Call
		}
	}
	return c
}

func (w *walk) recent() string {
	if len(w.ids) == 0 {
		return "none"
	}
	return w.ids[max(0, len(w.ids)-1-w.IntN(20))]
}

func (w *walk) reserve() {
	c := w.claim()
	w.ids = append(w.ids, c.Call)
	want, repeats := w.model.reserve(c)
	r, err := w.memory.Reserve(w.t.Context(), c)
	if got := texts(r, err); got != want || err == nil && c.Repeats != repeats {
		w.t.Fatalf("%s: %q, repeats %q; want %q, repeats %q", c.Call, got, c.Repeats, want, repeats)
	}
	if err != nil { // it is not on record, so that a key is held longer by the records, if the clock is set back then
		w.record(func(m *Memory) { m.expire(c.At) })
		return
	}
	if got := w.model.byID[c.Call].Charges; !slices.Equal(got, c.Charges) {
		w.t.Fatalf("%s: %+v; want %+v", c.Call, c.Charges, got)
	}
	w.record(func(m *Memory) { m.Record(recorded(c)) })
}

// recorded is a claim as a record has it.
func recorded(c *Claim) *Claim {
	r := *c
	r.Charges = slices.Clone(c.Charges)
	for i := range r.Charges {
		r.Charges[i].Cap = &Cap{Name: c.Charges[i].Cap.Name, Definition: c.Charges[i].Cap.Definition}
	}
	return &r
}

// texts says what a ledger answered.
func texts(r Report, err error) (says string) {
	var held *HeldError
	var full *FullError
	switch {
	case errors.As(err, &full):
		return fmt.Sprintln("full", full.Charge, full.Cap, full.Used)
	case errors.As(err, &held):
	case err != nil:
		return err.Error()
	}
	if held = r.Held; held != nil {
		says = heldWords(held.Key, held.Call, held.Outcome, held.Until, held.Repeated)
	}
	for _, full := range r.Full {
		says += fmt.Sprintln("full", full.Charge, full.Cap, full.Used)
	}
	return says
}

func (w *walk) record(act func(*Memory)) { w.log = append(w.log, act) }

func (w *walk) settle() {
	call := w.recent()
	outcomes := []string{logfile.Succeeded, logfile.Succeeded, logfile.Partial, logfile.Failed, logfile.NotSent, logfile.Unknown}
	s := Settlement{Outcome: pick(w, outcomes...), At: w.now, Released: []int{w.IntN(3)}}
	w.model.settle(call, s)
	w.memory.Settle(call, s)
	w.record(func(m *Memory) { m.Settle(call, s) })
}

func (w *walk) release() {
	call := w.recent()
	if c := w.model.byID[call]; c != nil && c.outcome == "" {
		w.model.settle(call, Settlement{Outcome: logfile.NotSent})
	}
	w.memory.Release(call)
	w.record(func(m *Memory) { m.Release(call) })
}

func (w *walk) allow() {
	call := w.recent()
	want := w.model.allow(call)
	if err := w.memory.AllowRepeat(call); (err == nil) != want {
		w.t.Fatalf("allow to repeat %s: %v, want %v", call, err, want)
	}
	w.record(func(m *Memory) { _ = m.AllowRepeat(call) })
}

func (w *walk) pass() {
	w.now = w.now.Add(time.Duration(w.Int64N(int64(pick(w, time.Minute, 5*time.Hour, 40*time.Hour)))))
	if w.IntN(10) == 0 {
		w.now = w.now.Add(-time.Duration(w.Int64N(int64(50 * time.Hour))))
	}
}

// restart replaces the ledger by one that was restored from its state.
func (w *walk) restart() {
	text, err := json.Marshal(w.memory.Snapshot())
	if err != nil {
		w.t.Fatal(err)
	}
	var s State
	if err := json.Unmarshal(text, &s); err != nil {
		w.t.Fatal(err)
	}
	fresh := NewMemory()
	if err := fresh.Restore(s); err != nil {
		w.t.Fatal(err)
	}
	if again, err := json.Marshal(fresh.Snapshot()); err != nil || string(again) != string(text) {
		w.t.Fatalf("restored:\n%.4000s\nwas:\n%.4000s\n%v", again, text, err)
	}
	w.memory = fresh
}

// compare holds what the ledger knows against the model, and against a ledger that reads all records.
func (w *walk) compare() {
	rebuilt := NewMemory()
	for _, act := range w.log {
		act(rebuilt)
	}
	for _, m := range []*Memory{w.memory, rebuilt} {
		m.expire(w.now)
	}
	w.model.expire(w.now)
	state := w.memory.Snapshot()
	counts := map[CountID]CountState{}
	for _, n := range rebuilt.Snapshot().Counts {
		counts[n.CountID] = n
	}
	for _, n := range state.Counts {
		ch := Charge{Cap: &Cap{Name: n.Cap, Definition: n.Definition}, Counted: n.Counted, Period: n.Period, Currency: n.Currency}
		if used := w.model.used(&ch); used != n.Used || counts[n.CountID] != n && w.model.newest[n.Cap] == n.Period {
			w.t.Fatalf("%+v; want %v; by the records %+v", n, used, counts[n.CountID])
		}
	}
	if got, want := holding(state), holding(rebuilt.Snapshot()); !reflect.DeepEqual(got, want) {
		w.t.Fatalf("held:\n%+v\nby the records:\n%+v", got, want)
	}
	for d := range byte(6) {
		h, _ := w.model.holder(Digest{d}, false)
		if by := w.memory.held.newest[Digest{d}]; (h == nil) != (by == nil) || h != nil && h.Call != by.of.call {
			w.t.Fatalf("key %d: %+v, want %+v", d, by, h)
		}
	}
	w.bounded()
}

func holding(s State) (calls []CallState) {
	for _, c := range s.Calls {
		if len(c.Keys) > 0 {
			c.Charges, c.number = nil, 0 // those of periods that ended may be dropped sooner or later
			calls = append(calls, c)
		}
	}
	return calls
}

// bounded checks what the ledger counts of itself.
func (w *walk) bounded() {
	w.memory.places.dropIdle()
	taken, byCaller, counts := 0, map[string]int{}, 0
	for _, e := range w.memory.calls {
		taken += 1 + e.holding
		byCaller[e.caller] += 1 + e.holding
	}
	for _, cc := range w.memory.caps.all {
		counts += len(cc.now.counts) + len(cc.before.counts)
	}
	p, same := w.memory.places, func(s *share, n int) bool { return s.taken == n }
	if p.taken != taken || !maps.EqualFunc(p.byCaller, byCaller, same) || w.memory.caps.number != counts {
		w.t.Fatalf("%+v, %d counts; want %d, %v, %d", p, w.memory.caps.number, taken, byCaller, counts)
	}
}

// TestModel makes random calls, by a clock of its own that is set back at times, and holds each answer against the model's.
func TestModel(t *testing.T) {
	for seed := range uint64(60) {
		w := newWalk(t, seed)
		steps := []func(){w.reserve, w.reserve, w.reserve, w.reserve, w.settle, w.settle, w.settle, w.release, w.allow, w.pass, w.pass}
		for i := range 400 {
			pick(w, steps...)()
			if i%40 == 39 {
				w.compare()
				w.restart()
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
