package freeze

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func of(kind Kind, name string) Freeze {
	return Freeze{ID: NewID(), Subject: Subject{kind, name}, Reason: "a key leaked", Since: noon, By: "uid 0"}
}

func setOf(t testing.TB, all ...Freeze) *Set {
	t.Helper()
	set, err := NewSet(all)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestMatch(t *testing.T) {
	call := Call{Caller: "shop", Credential: "main", Customers: []string{"c-1", "c-2"}, Spends: true}
	read, unclear := call, Call{Caller: "shop", Unclear: true}
	read.Spends = false
	for _, c := range []struct {
		subject Subject
		call    Call
		want    bool
	}{
		{Subject{All, ""}, Call{}, true},
		{Subject{Caller, "shop"}, read, true},
		{Subject{Caller, "sho"}, call, false},
		{Subject{Caller, "Shop"}, call, false},
		{Subject{Caller, "main"}, call, false},
		{Subject{Credential, "main"}, read, true},
		{Subject{Credential, "other"}, call, false},
		{Subject{Credential, "main"}, Call{Caller: "shop"}, false},
		{Subject{Customer, "c-1"}, read, true},
		{Subject{Customer, "c-2"}, call, true},
		{Subject{Customer, " C-2"}, call, true},
		{Subject{Customer, "c-3"}, call, false},
		{Subject{Customer, "c-3"}, unclear, true},
		{Subject{Customer, "c-3"}, Call{Customers: []string{"C-3 "}}, true},
		{Subject{Spend, ""}, call, true},
		{Subject{Spend, ""}, read, false},
		{Subject{Caller, "shop"}, unclear, true},
		{Subject{Credential, "main"}, unclear, false},
	} {
		got := setOf(t, of(c.subject.Kind, c.subject.Name)).Match(&c.call)
		if (got != nil) != c.want {
			t.Errorf("a freeze of %s and %+v: %v, want %v", c.subject, c.call, got, c.want)
		}
	}
	var none *Set
	if none.Match(&call) != nil || !none.Empty() || len(none.List()) != 0 {
		t.Error("an empty set stops calls")
	}
}

func TestCheck(t *testing.T) {
	for name, change := range map[string]func(*Freeze){
		"no id":                   func(f *Freeze) { f.ID = "" },
		"foreign id":              func(f *Freeze) { f.ID = "f-XXXXXXXX" },
		"no kind":                 func(f *Freeze) { f.Kind = "" },
		"unknown kind":            func(f *Freeze) { f.Kind = "callers" },
		"no name":                 func(f *Freeze) { f.Name = "" },
		"blank name":              func(f *Freeze) { f.Subject = Subject{Customer, " "} },
		"a name for all":          func(f *Freeze) { f.Kind = All },
		"long name":               func(f *Freeze) { f.Name = strings.Repeat("x", maxName+1) },
		"name with a quote":       func(f *Freeze) { f.Name = `a"b` },
		"name with a line feed":   func(f *Freeze) { f.Name = "a\nb" },
		"no reason":               func(f *Freeze) { f.Reason = " " },
		"long reason":             func(f *Freeze) { f.Reason = strings.Repeat("x", maxReason+1) },
		"reason long in the log":  func(f *Freeze) { f.Reason = strings.Repeat(`"`, maxReason/2+1) },
		"reason with an escape":   func(f *Freeze) { f.Reason = "a\x1b[31m" },
		"reason that is no UTF-8": func(f *Freeze) { f.Reason = "a\xff" },
		"reason that turns text":  func(f *Freeze) { f.Reason = "a\u202eb" },
		"long by":                 func(f *Freeze) { f.By = strings.Repeat("x", maxBy+1) },
		"no since":                func(f *Freeze) { f.Since = time.Time{} },
		"until in year 10000":     func(f *Freeze) { f.Until = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		f := of(Caller, "shop")
		if err := f.Check(); err != nil {
			t.Fatal(err)
		}
		change(&f)
		if f.Check() == nil {
			t.Errorf("%s is taken", name)
		}
		if _, err := NewSet([]Freeze{f}); err == nil {
			t.Errorf("%s is taken into a set", name)
		}
	}
}

func TestSetIsBounded(t *testing.T) {
	var all []Freeze
	for i := range Max {
		all = append(all, of(Caller, fmt.Sprint("c", i)))
	}
	if _, err := setOf(t, all...).with([]Freeze{of(Spend, "")}); err == nil {
		t.Errorf("%d freezes are taken", Max+1)
	}
	if _, err := NewSet([]Freeze{all[0], all[0]}); err == nil {
		t.Error("the same id is taken twice")
	}
}

// TestUntil: a freeze ends when the wall clock shows it and as much time has passed, not when a clock was set ahead.
func TestUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := of(Spend, "")
		f.Since = time.Now()
		f.Until = f.Since.Add(time.Hour).Round(0)
		set := setOf(t, f)
		kept := f
		kept.Since = f.Since.Round(0) // as the log has it: without the reading of the monotonic clock
		restarted := setOf(t, kept)
		if len(set.expired(time.Now())) != 0 || len(restarted.expired(time.Now())) != 0 {
			t.Error("it ends at once")
		}
		time.Sleep(time.Hour - 1)
		if len(set.expired(time.Now())) != 0 || len(restarted.expired(time.Now())) != 0 {
			t.Error("it ends too soon")
		}
		time.Sleep(time.Nanosecond)
		if len(set.expired(time.Now())) != 1 || len(restarted.expired(time.Now())) != 1 {
			t.Error("it does not end")
		}
	})
}

// memory is a store that fails if it is set to.
type memory struct {
	changes []Change
	err     error
}

func (m *memory) Record(_ context.Context, c Change) error {
	if m.err == nil {
		m.changes = append(m.changes, c)
	}
	return m.err
}

// TestOrder: a freeze is in force before it is recorded, and its end is recorded before it is lifted.
func TestOrder(t *testing.T) {
	var s *Switch
	var inForce []int
	s, err := NewSwitch(storeFunc(func(c Change) error {
		inForce = append(inForce, len(s.Gate().Set().List()))
		return nil
	}), nil)
	if err != nil {
		t.Fatal(err)
	}
	f := of(All, "")
	if err := s.Freeze(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lift(t.Context(), f.ID, "uid 0", "found"); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(inForce) != "[1 1]" || !s.Gate().Set().Empty() {
		t.Errorf("when recorded %v were in force, want 1 each; left: %v", inForce, s.Gate().Set().List())
	}
}

type storeFunc func(Change) error

func (f storeFunc) Record(_ context.Context, c Change) error { return f(c) }

// TestUnrecordable: what the store does not take stays frozen, and is recorded when it takes it.
func TestUnrecordable(t *testing.T) {
	m := &memory{err: errors.New("disk full")}
	s, err := NewSwitch(m, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := of(Caller, "shop")
	err = s.Freeze(t.Context(), f)
	if u, ok := errors.AsType[*Unrecordable](err); !ok || u.Freeze.ID != f.ID || !strings.Contains(err.Error(), "restart") {
		t.Errorf("error %v", err)
	}
	if s.Gate().Set().Empty() || s.Unrecorded() == nil {
		t.Error("it is not in force, or taken for recorded")
	}
	if _, err := s.Lift(t.Context(), f.ID, "uid 0", ""); err == nil || s.Gate().Set().Empty() {
		t.Errorf("it is lifted without a record: %v", err)
	}
	if _, err := s.Maintain(t.Context(), noon); err == nil {
		t.Error("recording again is said to work")
	}
	m.err = nil
	if _, err := s.Maintain(t.Context(), noon); err != nil || s.Unrecorded() != nil {
		t.Errorf("it is not recorded again: %v", err)
	}
	if len(m.changes) != 1 || m.changes[0].Happened != Restated || len(m.changes[0].InForce) != 1 {
		t.Errorf("recorded: %+v", m.changes)
	}
	if _, err := s.Maintain(t.Context(), noon); err != nil || len(m.changes) != 1 {
		t.Errorf("it is recorded more than once: %+v, %v", m.changes, err)
	}
	if _, err := s.Lift(t.Context(), "f-00000000", "uid 0", ""); err == nil {
		t.Error("a freeze is lifted that there is not")
	}
}

// TestFreezeWhileTheStoreHangs: a freeze is in force at once, whatever is being recorded, and an end that is recorded meanwhile leaves it in
// force. Nor is a record waited for to know how the store stands.
func TestFreezeWhileTheStoreHangs(t *testing.T) {
	var changes []Change
	recording, hang := make(chan struct{}, 2), make(chan struct{})
	first, second := of(Caller, "shop"), of(Spend, "")
	s, err := NewSwitch(storeFunc(func(c Change) error {
		changes = append(changes, c)
		recording <- struct{}{}
		<-hang
		return nil
	}), []Freeze{first})
	if err != nil {
		t.Fatal(err)
	}
	var changing sync.WaitGroup
	changing.Go(func() {
		if _, err := s.Lift(t.Context(), first.ID, "uid 0", ""); err != nil {
			t.Error(err)
		}
	})
	<-recording
	changing.Go(func() {
		if err := s.Freeze(t.Context(), second); err != nil {
			t.Error(err)
		}
	})
	for end := time.Now().Add(10 * time.Second); len(s.Gate().Set().List()) < 2 && time.Now().Before(end); {
		runtime.Gosched()
	}
	if len(s.Gate().Set().List()) != 2 {
		t.Errorf("in force: %v", s.Gate().Set().List())
	} else if s.Unrecorded() != nil {
		t.Error("the store is said to fail")
	}
	close(hang)
	changing.Wait()
	if all := s.Gate().Set().List(); len(all) != 1 || all[0].ID != second.ID {
		t.Errorf("in force: %v", all)
	}
	if len(changes) != 2 || len(changes[0].InForce) != 0 || changes[1].Happened != Began || len(changes[1].InForce) != 1 {
		t.Errorf("recorded: %+v", changes)
	}
}

func TestExpiry(t *testing.T) {
	m := &memory{}
	first, second := of(Caller, "shop"), of(Spend, "")
	first.Until = noon.Add(time.Hour)
	s, err := NewSwitch(m, []Freeze{first, second})
	if err != nil {
		t.Fatal(err)
	}
	if lifted, err := s.Maintain(t.Context(), noon.Add(time.Hour-1)); len(lifted) != 0 || err != nil {
		t.Errorf("lifted %v, %v", lifted, err)
	}
	m.err = errors.New("disk full")
	if lifted, err := s.Maintain(t.Context(), noon.Add(time.Hour)); len(lifted) != 0 || err == nil || len(s.Gate().Set().List()) != 2 {
		t.Errorf("lifted without a record: %v, %v", lifted, err)
	}
	m.err = nil
	lifted, err := s.Maintain(t.Context(), noon.Add(time.Hour))
	if err != nil || len(lifted) != 1 || lifted[0].ID != first.ID {
		t.Errorf("lifted %v, %v", lifted, err)
	}
	if last := m.changes[len(m.changes)-1]; last.Happened != Ended || last.By != Expired || len(last.InForce) != 1 || last.InForce[0].ID != second.ID {
		t.Errorf("recorded %+v", last)
	}
}

// TestGate: from when Await has returned to when the freeze is lifted, no call is between its last check and its first byte that has not seen
// the freeze. A gate that looks at the freezes before it says that the call is passing fails it, on two processors.
func TestGate(t *testing.T) {
	g, p, set := new(Gate), new(Passage), setOf(t, of(All, ""))
	var frozen, over atomic.Bool
	var wrong atomic.Int32
	var caller sync.WaitGroup
	caller.Go(func() {
		for !over.Load() {
			if !p.Enter(g).Empty() {
				p.TurnBack(g)
				continue
			}
			if frozen.Load() {
				wrong.Add(1)
			}
			p.Leave(g)
		}
	})
	for range 200_000 {
		g.set.Store(set)
		if p.Passing() {
			if err := g.Await(t.Context(), []*Passage{p}); err != nil {
				t.Error(err)
			}
		}
		frozen.Store(true)
		frozen.Store(false)
		g.set.Store(nil)
	}
	over.Store(true)
	caller.Wait()
	if n := wrong.Load(); n > 0 {
		t.Errorf("%d calls wrote their first byte after Await", n)
	}
}

// TestAwait: it returns when the last of the calls has left or turned back, and not before.
func TestAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, passages, returned := new(Gate), []*Passage{new(Passage), new(Passage), new(Passage)}, false
		for _, p := range passages {
			p.Enter(g)
		}
		go func() {
			if err := g.Await(t.Context(), passages); err != nil {
				t.Error(err)
			}
			returned = true
		}()
		for i := range passages {
			synctest.Wait()
			if returned {
				t.Fatalf("it has returned when %d calls had moved on", i)
			}
			if i == 1 {
				passages[i].TurnBack(g)
			} else {
				passages[i].Leave(g)
			}
		}
		synctest.Wait()
		if !returned {
			t.Error("it waits still")
		}
	})
}

func TestAwaitEnds(t *testing.T) {
	g, p := new(Gate), new(Passage)
	p.Enter(g)
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("waited long enough")
	cancel(cause)
	if err := g.Await(ctx, []*Passage{p}); !errors.Is(err, cause) {
		t.Errorf("Await returned %v", err)
	}
	p.End()
	if !p.Passing() {
		t.Error("a call that was answered before its first byte is not waited for")
	}
	p.Leave(g)
	p.End()
	p.Leave(g)
	if p.Passing() || p.Out() {
		t.Error("a call that has ended is out again")
	}
}

// BenchmarkGate is what the gate costs a call when nothing is frozen.
func BenchmarkGate(b *testing.B) {
	g := new(Gate)
	b.ReportAllocs()
	for b.Loop() {
		var p Passage
		if !g.Set().Empty() || !p.Enter(g).Empty() {
			b.Fatal("frozen")
		}
		p.Leave(g)
		p.End()
	}
}

// watcher notes its calls, and what was in force then.
type watcher struct {
	s    *Switch
	seen []string
}

func (w *watcher) Began(all []Freeze) {
	w.seen = append(w.seen, fmt.Sprint("began ", len(all), " of ", len(w.s.Gate().Set().List())))
}

func (w *watcher) Ended(f *Freeze, by, reason string) {
	w.seen = append(w.seen, fmt.Sprint("ended by ", by, ": ", reason, ", in force ", w.s.Gate().Set().Find(f.ID) != nil))
}

// TestWatcher: what begins is in force when a watcher is called, what ends is on record and still in force; there is no call for what fails.
func TestWatcher(t *testing.T) {
	m := &memory{}
	s, err := NewSwitch(m, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &watcher{s: s}
	s.Watcher = w
	first, second := of(Caller, "shop"), of(Spend, "")
	second.Until = noon.Add(time.Hour)
	if err := errors.Join(s.Begin(), s.Begin(first, second)); err != nil {
		t.Fatal(err)
	}
	if err := s.Begin(of(All, ""), first); err == nil || len(s.Gate().Set().List()) != 2 {
		t.Errorf("a part of what cannot begin is in force: %v, %v", err, s.Gate().Set().List())
	}
	m.err = errors.New("disk full")
	if _, err := s.Lift(t.Context(), first.ID, "uid 8", "found"); err == nil {
		t.Error("lifted without a record")
	}
	if err := s.Record(t.Context(), first, second); err == nil || s.Unrecorded() == nil {
		t.Error("recorded on a full disk")
	}
	m.err = nil
	if err := s.Record(t.Context(), first, second); err != nil || len(m.changes) != 2 || len(m.changes[0].InForce) != 2 {
		t.Errorf("%v, recorded %+v", err, m.changes)
	}
	if _, err := s.Lift(t.Context(), first.ID, "uid 8", "found"); err != nil {
		t.Error(err)
	}
	if _, err := s.Maintain(t.Context(), noon.Add(time.Hour)); err != nil {
		t.Error(err)
	}
	if got, want := strings.Join(w.seen, "\n"), "began 2 of 2\nended by uid 8: found, in force true\nended by expiry: , in force true"; got != want {
		t.Errorf("seen:\n%s\nwant:\n%s", got, want)
	}
}

// TestSpare: the last place is kept for the freeze that it is meant for.
func TestSpare(t *testing.T) {
	s, err := NewSwitch(&memory{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Spare = "f-00000000"
	begin := func(id string) error {
		return s.Begin(Freeze{ID: id, Subject: Subject{Kind: All}, Reason: "why", Since: time.Now()})
	}
	for i := range Max - 1 {
		if err := begin(fmt.Sprintf("f-%08x", i+1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := begin("f-ffffffff"); err == nil || !strings.Contains(err.Error(), "127 freezes") {
		t.Errorf("the last place is taken: %v", err)
	}
	if err := begin(s.Spare); err != nil {
		t.Error(err)
	}
}
