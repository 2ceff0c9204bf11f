package freezes

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"tollgate/fleet"
	"tollgate/freeze"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// deaf is a client that is never answered.
type deaf struct{}

func (deaf) Ask(context.Context, *fleet.Question) (any, error) { return nil, fleet.ErrAway }
func (deaf) State() fleet.State                                { return fleet.State{} }

type nowhere struct{}

func (nowhere) Record(context.Context, freeze.Change) error { return nil }

func numbered(i int) freeze.Freeze {
	return freeze.Freeze{ID: fmt.Sprintf("f-%08x", i+1), Subject: freeze.Subject{Kind: freeze.Caller, Name: fmt.Sprint("c", i)}, Reason: "why", Since: noon, By: "uid 7"}
}

func made(t testing.TB, n int) *Freezes { return madeOf(t, nowhere{}, n) }

func madeOf(t testing.TB, store freeze.Store, n int) *Freezes {
	var kept []freeze.Freeze
	for i := range n {
		kept = append(kept, numbered(i))
	}
	of, err := freeze.NewSwitch(store, kept)
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{
		Client: deaf{}, Name: "a", Switch: of, Now: func() time.Time { return noon },
		Await: func(context.Context, *freeze.Freeze) error { return nil },
	})
}

func reply(count int, listed, ended []any) any {
	return []any{"1796006416205882", "1796006416205882", int64(count), listed, ended}
}

// run does the jobs that are waiting.
func (f *Freezes) run(t *testing.T) {
	for _, job := range f.takeJobs() {
		job(t.Context())
		f.did()
	}
}

// FuzzEntries: whatever is in Redis, nothing is lifted but by an end that is exactly as a member writes it, whatever is not understood
// stops all calls, and no more is in force than may be.
func FuzzEntries(f *testing.F) {
	f.Add("f-000000aa", encode(numbered(0xa9)), encode(end{"f-00000001", "uid 8", "", noon}))
	f.Add("f-000000aa", `{"id":"f-000000aa","kind":"caller","kind":"all","reason":"x","since":"2026-11-29T12:00:00Z"}`, `{"id":"f-00000001","by":"a","by":"b","at":"2026-11-29T12:00:00Z"}`)
	f.Add("f-00000000", "", "null")
	f.Add("x", "{", `{"ID":"f-00000001"}`)
	f.Fuzz(func(t *testing.T, id, text, ending string) {
		m := made(t, 2)
		m.merge(reply(1, []any{id, text}, []any{"f-00000001", ending, id, ending}), 0)
		m.run(t)
		set := m.Switch.Gate().Set()
		var e end
		lifts := json.Unmarshal([]byte(ending), &e) == nil && len(ending) <= maxText && e.ID == "f-00000001" && encode(e) == ending && freeze.CheckEnd(e.By, e.Reason) == nil
		if (set.Find("f-00000001") == nil) != lifts || set.Find("f-00000002") == nil {
			t.Errorf("end %q lifts, or does not: %v", ending, set.List())
		}
		if !freeze.IsID(id) || id == overflow || set.Find(id) == nil {
			return
		}
		var read freeze.Freeze
		got := set.Find(id)
		exact := json.Unmarshal([]byte(text), &read) == nil && encode(wire(read)) == text && read.ID == id && read.Check() == nil
		if own := id == "f-00000001" || id == "f-00000002"; !own && !exact && got.Kind != freeze.All || exact && !own && got.Subject != read.Subject {
			t.Errorf("freeze %q stops %v", text, got)
		}
	})
}

// TestUnreadStops: a freeze that this version cannot read stops all calls; one that is no freeze's stops none.
func TestUnreadStops(t *testing.T) {
	good := encode(numbered(9))
	for text, kind := range map[string]freeze.Kind{
		good: freeze.Caller, "": freeze.All, good[1:]: freeze.All, strings.Replace(good, "caller", "tenant", 1): freeze.All,
		strings.Replace(good, `"reason"`, `"except":"x","reason"`, 1): freeze.All, strings.Replace(good, "0000000a", "0000000b", 1): freeze.All,
	} {
		m := made(t, 0)
		m.merge(reply(1, []any{"f-0000000a", text, "a note", text}, []any{}), 0)
		list := m.Switch.Gate().Set().List()
		if len(list) != 1 || list[0].Kind != kind {
			t.Errorf("%q stops %v, want %s", text, list, kind)
		}
		if problems := len(m.Problems()); problems != map[bool]int{true: 1, false: 2}[kind == freeze.Caller] {
			t.Errorf("%q: problems %q", text, m.Problems())
		}
	}
}

// FuzzReply: an answer of another form is none, and none makes a member fail.
func FuzzReply(f *testing.F) {
	f.Add(`["1","1",0,[],[]]`)
	f.Add(`["1796006416205882","1796006416205882",1,["f-000000aa","x"],["f-00000001",""]]`)
	f.Add(`["-1","1",0,[],[]]`)
	f.Add(`["1","1",0,["x"],[]]`)
	f.Add(`[1,2,"3",null,{}]`)
	f.Fuzz(func(t *testing.T, text string) {
		var value any
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if d.Decode(&value) != nil {
			return
		}
		m := made(t, 1)
		value = asRedis(value)
		if _, err := parse(value); err == nil {
			m.merge(value, 0)
		}
		if set := m.Switch.Gate().Set(); set.Empty() || len(set.List()) > freeze.Max {
			t.Errorf("in force: %v", set.List())
		}
	})
}

// asRedis has the types of an answer of Redis.
func asRedis(v any) any {
	switch v := v.(type) {
	case json.Number:
		n, _ := v.Int64()
		return n
	case []any:
		for i := range v {
			v[i] = asRedis(v[i])
		}
	}
	return v
}

// TestFit: what does not fit is replaced by a freeze of all calls, which ends when all fits; and where there is no room for that either, the
// version is not confirmed.
func TestFit(t *testing.T) {
	listed := func(n int) (all []any) {
		for i := range n {
			all = append(all, numbered(1000+i).ID, encode(numbered(1000+i)))
		}
		return all
	}
	for _, c := range []struct {
		own, fleet int
		inForce    int
		stopped    bool
		applied    bool
	}{
		{0, 0, 0, false, true}, {100, 27, 127, false, true}, {100, 28, 128, true, true}, {100, 400, 128, true, true}, {126, 1, 127, false, true}, {127, 1, 128, true, true},
		{128, 0, 128, false, true}, {128, 1, 128, false, false},
	} {
		m := made(t, c.own)
		m.merge(reply(c.own+c.fleet, listed(c.fleet), []any{}), 0)
		m.run(t)
		set := m.Switch.Gate().Set()
		if stopped := set.Match(&freeze.Call{Caller: "another"}) != nil; len(set.List()) != c.inForce || stopped != c.stopped || (m.Applied() != 0) != c.applied {
			t.Errorf("%+v: %d in force, others stopped %v, applied %d", c, len(set.List()), stopped, m.Applied())
		}
		m.merge(reply(c.own, listed(0), []any{}), 0)
		m.run(t)
		if m.Switch.Gate().Set().Match(&freeze.Call{Caller: "another"}) != nil {
			t.Errorf("%+v: calls are stopped when all fit again", c)
		}
	}
	m := made(t, 0)
	m.merge(reply(maxListed, []any{}, []any{}), 0)
	if m.Switch.Gate().Set().Find(overflow) == nil {
		t.Error("as many as Redis takes, so that those of others may be missing, stop nothing")
	}
}

// TestNotBegun: what could not be put in force is not on record, nor confirmed.
func TestNotBegun(t *testing.T) {
	log := new(counted)
	m := madeOf(t, log, 127)
	m.Switch.Spare = "f-ffffffff" // not for the freeze of all calls
	m.merge(reply(128, []any{numbered(500).ID, encode(numbered(500))}, []any{}), 0)
	m.run(t)
	if log.n != 0 || m.Applied() != 0 || len(m.Problems()) != 2 {
		t.Errorf("%d records, applied %d, problems %q", log.n, m.Applied(), m.Problems())
	}
}

// TestEndsAreBounded: ends are dropped after a month, and the oldest of too many before.
func TestEndsAreBounded(t *testing.T) {
	e := ends{by: map[string]end{}}
	for i := range maxKnown + 10 {
		e.add(end{ID: numbered(i).ID, At: noon.Add(time.Duration(i) * time.Second)})
		e.add(end{ID: numbered(i).ID, At: noon})
	}
	if _, first := e.by[numbered(0).ID]; len(e.ids) != maxKnown || len(e.by) != maxKnown || first {
		t.Errorf("%d and %d are known", len(e.ids), len(e.by))
	}
	e.since(noon.Add((maxKnown + 5) * time.Second))
	if len(e.ids) != 5 || len(e.by) != 5 {
		t.Errorf("%d and %d are left", len(e.ids), len(e.by))
	}
}

// counted is a log that counts records.
type counted struct{ n int }

func (c *counted) Record(context.Context, freeze.Change) error { c.n++; return nil }

// TestFlood: an attacker who writes freezes and ends into Redis without end has a member write a bounded number of records, and what is not taken
// stops all calls.
func TestFlood(t *testing.T) {
	log := &counted{}
	m, now := madeOf(t, log, 0), noon
	m.Now = func() time.Time { return now }
	const rounds = 500
	var listed, ended []any
	for round := range rounds {
		ended = nil
		for i := 0; i < len(listed); i += 2 {
			id := listed[i].(string)
			ended = append(ended, id, encode(end{id, "uid 8", "", noon}))
		}
		listed = nil
		for i := range 100 {
			f := numbered(10_000 + 100*round + i)
			listed = append(listed, f.ID, encode(f))
		}
		now = now.Add(250 * time.Millisecond)
		m.merge(reply(100, listed, ended), 0)
		m.run(t)
		set := m.Switch.Gate().Set()
		for i := 0; i < len(listed); i += 2 {
			if f := set.Find(listed[i].(string)); f == nil && set.Match(&freeze.Call{Caller: "another"}) == nil {
				t.Fatalf("round %d: freeze %v stops nothing", round, listed[i])
			}
		}
	}
	if bound := maxChanges + freeze.Max + 2*rounds/4; log.n > bound {
		t.Errorf("%d records, more than %d", log.n, bound)
	}
}

// TestOverAheadOfRedis: a freeze that a member does not begin since its clock is ahead is not confirmed there, and is named.
func TestOverAheadOfRedis(t *testing.T) {
	f := numbered(9)
	f.Until = time.UnixMicro(1796006416205882).Add(time.Minute).UTC() // by the clock of the answer
	for _, ahead := range []bool{false, true} {
		m := made(t, 0)
		if ahead {
			m.Now = func() time.Time { return f.Until.Add(time.Minute) }
		}
		m.merge(reply(1, []any{f.ID, encode(f)}, []any{}), 0)
		m.run(t)
		if holds := m.Switch.Gate().Set().Find(f.ID) != nil; holds == ahead || (m.Applied() != 0) == ahead || (len(m.Problems()) == 1) != ahead {
			t.Errorf("ahead %v: in force %v, applied %d, problems %q", ahead, holds, m.Applied(), m.Problems())
		}
	}
}

// TestOverflowStays: the freeze of all calls that stands for those that do not fit comes back when it is lifted by hand.
func TestOverflowStays(t *testing.T) {
	m := made(t, 127)
	one := []any{numbered(500).ID, encode(numbered(500))}
	m.merge(reply(128, one, []any{}), 0)
	m.run(t)
	if _, err := m.Switch.Lift(t.Context(), overflow, "uid 0", ""); err != nil || !m.behind() {
		t.Fatalf("%v; it is not looked again", err)
	}
	m.merge(reply(128, one, []any{}), 0)
	if m.Switch.Gate().Set().Find(overflow) == nil {
		t.Error("calls pass, though a freeze does not fit")
	}
}

// TestManyProblems: only some are named.
func TestManyProblems(t *testing.T) {
	var listed []any
	for i := range 300 {
		listed = append(listed, fmt.Sprint("no id ", i), "x")
	}
	m := made(t, 0)
	m.merge(reply(300, listed, []any{}), 0)
	if p := m.Problems(); len(p) != maxProblems+1 || !strings.Contains(p[maxProblems], "280 more") {
		t.Errorf("%d problems: %q", len(p), p)
	}
}
