package audit

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/freeze"
)

func freezeOf(i int) freeze.Freeze {
	return freeze.Freeze{
		ID: fmt.Sprintf("f-%08x", i), Subject: freeze.Subject{Kind: freeze.Caller, Name: fmt.Sprint("app-", i)}, Reason: "a key leaked", Since: noon,
	}
}

func sameFreezes(a, b []freeze.Freeze) bool {
	return slices.EqualFunc(a, b, func(a, b freeze.Freeze) bool { return a.String() == b.String() && a.Since.Equal(b.Since) })
}

// TestFreezesSurvive: over months of rotation and pruning, stops and crashes, a start finds the freezes of the last change, and the
// segments with that change are pruned.
func TestFreezesSurvive(t *testing.T) {
	for _, kill := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			d := newMemDisk()
			frozen := []freeze.Freeze{freezeOf(1), freezeOf(2)}
			restart := func(l *Log, want []freeze.Freeze) *Log {
				if kill {
					synctest.Wait()
					next := d.kill()
					end(l)
					d = next
				} else {
					closed(t, l)
				}
				l, found, err := Open(keeping(d))
				if err != nil {
					t.Fatal(err)
				}
				if !sameFreezes(found.Freezes, want) {
					t.Errorf("found %v, want %v", found.Freezes, want)
				}
				return l
			}
			l := opened(t, keeping(d))
			if err := l.Freezes(t.Context(), &logfile.Record{Event: logfile.EventFrozen, Freezes: frozen}); err != nil {
				t.Fatal(err)
			}
			l = restart(l, frozen)
			days(t, l, 30)
			if err := l.Prune(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := l.Status().PrunedRecords; n < 50 {
				t.Errorf("%d records were pruned", n)
			}
			l = restart(l, frozen)
			days(t, l, 1)
			l = restart(restart(l, frozen), frozen)
			if err := l.Freezes(t.Context(), &logfile.Record{Event: logfile.EventUnfrozen}); err != nil {
				t.Fatal(err)
			}
			l = restart(l, nil)
			days(t, l, 10)
			end(restart(l, nil))
		})
	}
}

// TestFreezesOfAFailingLog: the error says that the change is not recorded.
func TestFreezesOfAFailingLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		l := opened(t, small(d))
		defer end(l)
		d.plan(func(string, int) fault { return notDone })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Freezes(ctx, &logfile.Record{Event: logfile.EventFrozen, Freezes: []freeze.Freeze{freezeOf(1)}}); err == nil {
			t.Error("it is taken for recorded")
		}
	})
}

// TestRestatedWhileTheDiskFails: what is stated again while the record that states it is waited for takes no space of its own.
func TestRestatedWhileTheDiskFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		l := opened(t, small(d))
		defer end(l)
		d.plan(func(string, int) fault { return notDone })
		state := func(code logfile.EventCode, freezes ...freeze.Freeze) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return l.Freezes(ctx, &logfile.Record{Event: code, Freezes: freezes})
		}
		if state(logfile.EventFrozen, freezeOf(1)) == nil {
			t.Fatal("it is taken for recorded")
		}
		before := l.Status().LastSeq
		for range 3 {
			if state(logfile.EventFreezes, freezeOf(1)) == nil {
				t.Error("it is taken for recorded")
			}
		}
		if n := l.Status().LastSeq - before; n != 0 {
			t.Errorf("%d further records wait", n)
		}
		if state(logfile.EventFreezes, freezeOf(1), freezeOf(2)) == nil || l.Status().LastSeq != before+1 {
			t.Error("other freezes are not recorded")
		}
		d.plan(nil)
		time.Sleep(time.Minute)
		before = l.Status().LastSeq
		if err := state(logfile.EventFreezes, freezeOf(1), freezeOf(2)); err != nil || l.Status().LastSeq <= before {
			t.Errorf("what is durable is not stated again: %v", err)
		}
	})
}

func TestOtherEventsStateNoFreezes(t *testing.T) {
	l := opened(t, small(newMemDisk()))
	defer end(l)
	if err := l.Freezes(t.Context(), &logfile.Record{Event: logfile.EventLogStalled}); err == nil {
		t.Error("an event of another code is taken")
	}
	var many []freeze.Freeze
	for i := range freeze.Max + 1 {
		many = append(many, freezeOf(i))
	}
	if err := l.Freezes(t.Context(), &logfile.Record{Event: logfile.EventFrozen, Freezes: many}); err == nil {
		t.Error("a record is taken that does not hold all freezes")
	}
}

// TestForgedFreezes: a checkpoint that states other freezes than there are, or none, ends a start, and so does a record of them that was
// changed or is not there.
func TestForgedFreezes(t *testing.T) {
	key := newKey(t, "tollgate/test")
	build := func(change func(*writer), forge func(*logfile.State)) *memDisk {
		w := &writer{d: newMemDisk(), ledger: logfile.LedgerFrom(1, false)}
		w.add(&logfile.Record{Kind: logfile.KindStart})
		w.key(key, nil, false)
		w.state()
		w.add(&logfile.Record{Kind: logfile.KindEvent, Event: logfile.EventFrozen, Freezes: []freeze.Freeze{freezeOf(1)}})
		w.state()
		w.state()
		if change != nil {
			change(w)
		}
		w.forge = forge
		w.state()
		if forge != nil {
			w.forge = nil
		}
		w.rotate()
		w.d.remove(logfile.SegmentName(w.seq + 1))
		w.d.private[key.Public().String()] = key
		w.d.put(keyName, []byte(key.Public().String()))
		return w.d
	}
	l, found, err := Open(small(build(nil, nil)))
	if err != nil || !sameFreezes(found.Freezes, []freeze.Freeze{freezeOf(1)}) {
		t.Fatalf("%v, %v", found.Freezes, err)
	}
	end(l)
	for name, forge := range map[string]func(*logfile.State){
		"none":          func(s *logfile.State) { s.Frozen = nil },
		"another":       func(s *logfile.State) { s.Frozen.Seq = 1 },
		"another place": func(s *logfile.State) { s.Frozen.Back++ },
		"another hash":  func(s *logfile.State) { s.Frozen.Hash = (checkpoint.Hash{}).String() },
	} {
		t.Run(name, func(t *testing.T) { mustRefuse(t, build(nil, forge), "states another record of the freezes") })
	}
	t.Run("changed", func(t *testing.T) {
		d := build(nil, nil)
		text := d.bytes(logfile.SegmentName(1))
		for i := range text {
			if string(text[i:i+5]) == "app-1" {
				text[i+4] = '2'
				break
			}
		}
		d.put(logfile.SegmentName(1), text)
		mustRefuse(t, d, "")
	})
}
