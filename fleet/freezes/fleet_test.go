package freezes_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/fleet"
	"tollgate/fleet/fleettest"
	"tollgate/fleet/freezes"
	"tollgate/fleet/redistest"
	"tollgate/freeze"
)

// member is a gateway of a fleet: its switch, its log, and its calls.
type member struct {
	*freezes.Freezes
	name    string
	client  *fleet.Client
	stop    func()
	records record
	calls   []*freeze.Passage // looked at when a freeze begins
}

// record is a log.
type record struct {
	mutex   sync.Mutex
	changes []freeze.Change
	err     error
}

func (r *record) Record(_ context.Context, c freeze.Change) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.err == nil {
		r.changes = append(r.changes, c)
	}
	return r.err
}

func (r *record) fail(err error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.err = err
}

// last returns what was recorded last about a freeze.
func (r *record) last(id string) (last freeze.Change) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, c := range r.changes {
		if c.Freeze != nil && c.Freeze.ID == id {
			last = c
		}
	}
	return last
}

func newMember(t *testing.T, address, name string, kept []freeze.Freeze, members ...string) *member {
	t.Helper()
	m := &member{name: name}
	m.client = fleettest.Client(t, address, name, members, func(r *fleet.Row) { r.Freezes = m.Applied() })
	of, err := freeze.NewSwitch(&m.records, kept)
	if err != nil {
		t.Fatal(err)
	}
	m.Freezes = freezes.New(freezes.Options{
		Client: m.client, Name: name, Switch: of, Now: time.Now,
		Await: func(ctx context.Context, _ *freeze.Freeze) error { return of.Gate().Await(ctx, m.calls) },
	})
	m.client.Add(m)
	return m
}

func (m *member) run(t *testing.T) *member {
	m.stop = fleettest.Run(t, m.client.Run, m.Run)
	return m
}

var names = []string{"a", "b", "c"}

// startAll starts a member of each name, each at an address of its own, and waits until they have joined.
func startAll(t *testing.T, address func(i int) string) []*member {
	t.Helper()
	var all []*member
	for i, name := range names {
		all = append(all, newMember(t, address(i), name, nil, names...).run(t))
	}
	awaitUp(t, all...)
	settle(t, all...)
	return all
}

func awaitUp(t *testing.T, all ...*member) {
	t.Helper()
	for _, m := range all {
		fleettest.Until(t, m.name+" is up", func() bool { return m.client.State().Up })
	}
}

func at(address string) func(int) string { return func(int) string { return address } }

func of(kind freeze.Kind, name string) freeze.Freeze {
	return freeze.Freeze{ID: freeze.NewID(), Subject: freeze.Subject{Kind: kind, Name: name}, Reason: "a key leaked", Since: time.Now(), By: "uid 7"}
}

func (m *member) freeze(t *testing.T, f freeze.Freeze) freeze.Freeze {
	t.Helper()
	if err := m.Switch.Freeze(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	return f
}

func (m *member) lift(t *testing.T, f freeze.Freeze) {
	t.Helper()
	if _, err := m.Switch.Lift(t.Context(), f.ID, "uid 8", "key replaced"); err != nil {
		t.Fatal(err)
	}
}

func (m *member) has(f freeze.Freeze) bool { return m.Switch.Gate().Set().Find(f.ID) != nil }

// until waits until all of some members have a freeze, or none does.
func until(t *testing.T, f freeze.Freeze, frozen bool, all ...*member) {
	t.Helper()
	for _, m := range all {
		fleettest.Until(t, fmt.Sprintf("freeze %s is in force at %s: %v", f.Subject, m.name, frozen), func() bool { return m.has(f) == frozen })
	}
}

// confirm waits until all have confirmed what one has changed.
func confirm(t *testing.T, m *member) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	for _, c := range m.Confirm(ctx) {
		if !c.Confirmed {
			t.Errorf("asked at %s, %s has not confirmed: %s", m.name, c.Member, c.Why)
		}
	}
}

// settle waits until a member knows of nothing that is to be done.
func settle(t *testing.T, all ...*member) {
	t.Helper()
	for _, m := range all {
		fleettest.Until(t, m.name+" has settled", func() bool {
			return !slices.ContainsFunc(m.Members(), func(c freezes.Confirmation) bool { return !c.Confirmed })
		})
	}
}

// TestEverywhere: a freeze that begins anywhere begins everywhere, is in the log of each as it was meant, and ends everywhere when it is lifted
// anywhere. Who has confirmed has it.
func TestEverywhere(t *testing.T) {
	t.Parallel()
	all := startAll(t, at(redistest.Start(t, redistest.Options{}).Address()))
	for i, m := range all {
		f := m.freeze(t, of(freeze.Caller, "shop"))
		confirm(t, m)
		for _, other := range all {
			if !other.has(f) {
				t.Errorf("%s has confirmed and does not have it", other.name)
			}
			fleettest.Until(t, "it is recorded", func() bool { return other.records.last(f.ID).Happened == freeze.Began })
			if in := other.Switch.Gate().Set().Find(f.ID); in.Since == in.Since.Round(0) {
				t.Errorf("%s would end it by a clock that is set ahead", other.name)
			}
			if got := other.records.last(f.ID).Freeze; got.By != "uid 7" || got.Reason != f.Reason || !got.Since.Round(0).Equal(f.Since) || got.Subject != f.Subject {
				t.Errorf("%s has recorded %+v", other.name, got)
			}
		}
		by := all[(i+1)%len(all)]
		by.lift(t, f)
		confirm(t, by)
		for _, other := range all {
			who, named := "uid 8", false
			if other != by {
				who, named = "uid 8 at "+by.name, true
			}
			if last := other.records.last(f.ID); other.has(f) || last.Happened != freeze.Ended || last.By != who || last.Reason != "key replaced" {
				t.Errorf("%s has confirmed and has recorded %+v", other.name, last)
			}
			if lifts := strings.Join(other.Lifts(), "\n"); strings.Contains(lifts, f.ID) != named || named && !strings.Contains(lifts, "over Redis by "+who) {
				t.Errorf("%s names %q", other.name, lifts)
			}
		}
	}
}

// TestPassingCalls: a member confirms when the calls that were between their last check and their first byte have moved on, not before.
func TestPassingCalls(t *testing.T) {
	t.Parallel()
	all := startAll(t, at(redistest.Start(t, redistest.Options{}).Address()))
	var call freeze.Passage
	last := all[len(all)-1]
	last.calls = []*freeze.Passage{&call}
	call.Enter(last.Switch.Gate())
	f := all[0].freeze(t, of(freeze.All, ""))
	until(t, f, true, all...)
	awaitConfirmed := func(name string) {
		fleettest.Until(t, name+" has confirmed", func() bool { return slices.Contains(confirmed(all[0]), name) })
	}
	awaitConfirmed("a")
	awaitConfirmed("b")
	beats(t, last, 3)
	if got := confirmed(all[0]); slices.Contains(got, "c") {
		t.Errorf("confirmed by %v, while a call is passing at c", got)
	}
	call.TurnBack(last.Switch.Gate())
	confirm(t, all[0])
}

func confirmed(m *member) (names []string) {
	for _, c := range m.Members() {
		if c.Confirmed {
			names = append(names, c.Member)
		}
	}
	return names
}

// beats waits for heartbeats of a member.
func beats(t *testing.T, m *member, n int) {
	t.Helper()
	seen, last := 0, time.Duration(-1)
	fleettest.Until(t, "heartbeats", func() bool {
		for _, row := range m.client.State().Members {
			if row.Name == m.name && row.Latency != last {
				seen, last = seen+1, row.Latency
			}
		}
		return seen > n
	})
}

// TestAway: a member that is away keeps what it has, stops what it is asked to, and catches up when it is back. The answer says so.
func TestAway(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	proxy := redistest.NewProxy(t, server.Address())
	all := startAll(t, func(i int) string { return [...]string{server.Address(), server.Address(), proxy.Address()}[i] })
	first, away := all[0], all[2]
	kept, lifted := first.freeze(t, of(freeze.Caller, "kept")), first.freeze(t, of(freeze.Caller, "lifted"))
	confirm(t, first)
	proxy.Refuse()
	fleettest.Until(t, "c is away", func() bool { return !away.client.State().Up })
	first.lift(t, lifted)
	until(t, lifted, false, all[1])
	missed, own := first.freeze(t, of(freeze.Caller, "missed")), away.freeze(t, of(freeze.Caller, "own"))
	until(t, missed, true, all[1])
	fleettest.Until(t, "c has awaited its calls", func() bool { return slices.Contains(confirmed(away), "c") })
	if !away.has(kept) || !away.has(lifted) || !away.has(own) || away.has(missed) {
		t.Errorf("away, c has %v", away.Switch.Gate().Set().List())
	}
	ended, stop := context.WithCancel(t.Context())
	stop()
	for _, c := range away.Confirm(ended) {
		if c.Confirmed != (c.Member == "c") || !c.Confirmed && !strings.Contains(c.Why, "when Redis answers again") {
			t.Errorf("asked at the one that is away: %+v", c)
		}
	}
	fleettest.Until(t, "c is absent", func() bool { return first.client.Absent() == 1 })
	for _, c := range first.Members() {
		if c.Member == "c" && (c.Confirmed || !strings.Contains(c.Why, "goes on with what it knows")) {
			t.Errorf("asked at another: %+v", c)
		}
	}
	proxy.Pass()
	awaitUp(t, away)
	until(t, lifted, false, all...)
	for _, f := range []freeze.Freeze{kept, missed, own} {
		until(t, f, true, all...)
	}
	settle(t, all...)
}

// TestStopped: who has stopped in good order has nothing to confirm, and learns at its start what began and what ended meanwhile.
func TestStopped(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	all := startAll(t, at(server.Address()))
	first, last := all[0], all[2]
	ends, stays := first.freeze(t, of(freeze.Caller, "ends")), first.freeze(t, of(freeze.Caller, "stays"))
	confirm(t, first)
	last.stop()
	fleettest.Until(t, "c has stopped", func() bool {
		return slices.ContainsFunc(first.Members(), func(c freezes.Confirmation) bool { return c.Member == "c" && c.Stopped && !c.Confirmed })
	})
	first.lift(t, ends)
	begins := first.freeze(t, of(freeze.Caller, "begins"))
	until(t, begins, true, all[1])
	again := newMember(t, server.Address(), "c", []freeze.Freeze{ends, stays}, names...).run(t)
	awaitUp(t, again)
	if !again.has(stays) || !again.has(begins) {
		t.Errorf("having joined it has %v", again.Switch.Gate().Set().List())
	}
	until(t, ends, false, first, all[1], again)
}

// TestEmpty: a Redis that has lost all lifts nothing, and what was lifted before does not come back by a member that was away.
func TestEmpty(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	proxy := redistest.NewProxy(t, server.Address())
	all := startAll(t, func(i int) string { return [...]string{server.Address(), server.Address(), proxy.Address()}[i] })
	kept, lifted := all[0].freeze(t, of(freeze.Caller, "kept")), all[0].freeze(t, of(freeze.Caller, "lifted"))
	confirm(t, all[0])
	old := server.Snapshot()
	proxy.Refuse()
	fleettest.Until(t, "c is away", func() bool { return !all[2].client.State().Up })
	all[0].lift(t, lifted)
	until(t, lifted, false, all[1])
	for _, snapshot := range [][]byte{nil, old} {
		server.Restart(snapshot)
		awaitUp(t, all[:2]...)
		until(t, lifted, false, all[:2]...)
	}
	proxy.Pass()
	awaitUp(t, all...)
	until(t, lifted, false, all...)
	until(t, kept, true, all...)
	settle(t, all...)
	if all[0].has(lifted) || all[1].has(lifted) {
		t.Error("what was lifted is back")
	}
	if n := server.Do("HLEN", "{tollgate}:freezes"); n != "1" {
		t.Errorf("Redis has %s freezes", n)
	}
}

// TestForeignHands: what others write into Redis can freeze; what cannot be read, and what is missing, lifts nothing.
func TestForeignHands(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	all := startAll(t, at(server.Address()))
	touch := func() { // has the members look
		server.Do("INCR", "{tollgate}:freezes:version")
		settle(t, all...)
	}
	good := `{"id":"ID","by":"uid 8","at":"2026-11-30T00:00:00Z"}`
	var kept []freeze.Freeze
	for _, text := range []string{
		"", "x", "{}", "null", "[]", strings.ToUpper(good), good + " ", " " + good, good + good, strings.Replace(good, "ID", "f-00000001", 1), strings.Replace(good, `"by"`, `"By"`, 1),
		strings.Replace(good, `"by"`, `"more":1,"by"`, 1), strings.Replace(good, `"by"`, `"by":"uid 9","by"`, 1), strings.Replace(good, "uid 8", strings.Repeat("x", 140), 1),
		strings.Replace(good, "uid 8", `\u001b[2J`, 1), strings.Replace(good, `"by"`, `"reason":"`+strings.Repeat("x", 5000)+`","by"`, 1),
	} {
		f := all[0].freeze(t, of(freeze.Caller, fmt.Sprint("caller-", len(kept))))
		kept = append(kept, f)
		server.Do("HSET", "{tollgate}:freezes:ended", f.ID, strings.Replace(text, "ID", f.ID, 1))
		server.Do("HDEL", "{tollgate}:freezes", f.ID)
	}
	last := all[0].freeze(t, of(freeze.Caller, "last"))
	until(t, last, true, all...)
	server.Do("INCR", "{tollgate}:freezes:version")
	fleettest.Until(t, "a has looked", func() bool { return len(all[0].Problems()) == len(kept) })
	if got := confirmed(all[1]); slices.Contains(got, "a") {
		t.Error("a has ends that it cannot read, and has confirmed")
	}
	for i, f := range kept {
		if p := strings.Join(all[0].Problems(), "\n"); !all[0].has(f) || !strings.Contains(p, "the end of freeze "+strconv.Quote(f.ID)+" in Redis cannot be read") {
			t.Errorf("end %d: in force %v, problems %q", i, all[0].has(f), p)
		}
	}
	server.Do("DEL", "{tollgate}:freezes:ended", "{tollgate}:freezes", "{tollgate}:freezes:version")
	for _, f := range append(kept, last) { // what others deleted is uploaded again
		until(t, f, true, all...)
	}
	settle(t, all...)
	if n := server.Do("HLEN", "{tollgate}:freezes"); n != fmt.Sprint(len(kept)+1) {
		t.Errorf("what others deleted is not uploaded again: Redis has %s freezes", n)
	}
	var unread []freeze.Freeze
	for i, text := range []string{"", "x", `{"id":"f-11111111","kind":"caller"}`, `{"id":"f-11111111","kind":"tenant","name":"x","reason":"y","since":"2026-11-30T00:00:00Z"}`} {
		unread = append(unread, freeze.Freeze{ID: fmt.Sprintf("f-1111111%d", i)})
		server.Do("HSET", "{tollgate}:freezes", unread[i].ID, text, "no id", "x")
	}
	touch()
	for _, f := range unread {
		until(t, f, true, all...)
		if in := all[1].Switch.Gate().Set().Find(f.ID); in.Kind != freeze.All {
			t.Errorf("a freeze that cannot be read stops %v", in)
		}
		all[1].lift(t, f)
	}
	for _, f := range unread {
		until(t, f, false, all...)
	}
	server.Do("DEL", "{tollgate}:freezes")
	server.Do("SET", "{tollgate}:freezes", "no hash")
	f := all[0].freeze(t, of(freeze.Spend, ""))
	beats(t, all[0], 2)
	server.Do("DEL", "{tollgate}:freezes")
	for _, f := range append(kept, last, f) {
		until(t, f, true, all...)
	}
	server.Do("HSET", "{tollgate}:freezes:ended", last.ID, strings.Replace(good, "ID", last.ID, 1))
	touch()
	until(t, last, false, all...)
}

// TestMoreThanFit: members that have more freezes together than each can hold stop all calls until enough were lifted.
func TestMoreThanFit(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	some := func(n int) (all []freeze.Freeze) {
		for i := range n {
			all = append(all, of(freeze.Caller, fmt.Sprint("caller-", i)))
		}
		return all
	}
	left, right := some(100), some(80)
	a, b := newMember(t, server.Address(), "a", left, "a", "b").run(t), newMember(t, server.Address(), "b", right, "a", "b").run(t)
	overflow := freeze.Freeze{ID: "f-00000000"}
	until(t, overflow, true, a, b)
	for _, m := range []*member{a, b} {
		if f := m.Switch.Gate().Set().Match(&freeze.Call{Caller: "another"}); f == nil || f.Kind != freeze.All {
			t.Errorf("%s lets a call pass: %v", m.name, f)
		}
		if p := fmt.Sprint(m.Problems()); !strings.Contains(p, "180 freezes") {
			t.Errorf("%s: problems %s", m.name, p)
		}
	}
	for _, f := range left[:60] {
		a.lift(t, f)
	}
	until(t, overflow, false, a, b)
	for _, m := range []*member{a, b} {
		fleettest.Until(t, m.name+" has all", func() bool { return len(m.Switch.Gate().Set().List()) == 120 })
	}
	settle(t, a, b)
	if p := append(a.Problems(), b.Problems()...); len(p) != 0 {
		t.Errorf("problems %q", p)
	}
}

// TestUntil: a freeze whose time is over begins nowhere, and is dropped from Redis when no clock can be so far behind.
func TestUntil(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	recent, long := of(freeze.Caller, "recent"), of(freeze.Caller, "long over")
	recent.Since, recent.Until = time.Now().Add(-time.Hour), time.Now().Add(-time.Minute)
	long.Since, long.Until = time.Now().Add(-time.Hour), time.Now().Add(-11*time.Minute)
	a := newMember(t, server.Address(), "a", []freeze.Freeze{recent, long}, "a", "b").run(t) // whose clock has not shown it yet
	awaitUp(t, a)
	b := newMember(t, server.Address(), "b", nil, "a", "b").run(t)
	awaitUp(t, b)
	until(t, long, false, a)
	settle(t, a, b)
	if list := b.Switch.Gate().Set().List(); len(list) != 0 {
		t.Errorf("b has %v", list)
	}
	if !a.has(recent) || server.Do("HKEYS", "{tollgate}:freezes") != recent.ID {
		t.Errorf("Redis has %s", server.Do("HKEYS", "{tollgate}:freezes"))
	}
	if last := a.records.last(long.ID); last.By != freeze.Expired {
		t.Errorf("recorded %+v", last)
	}
}

// TestExpiryIsNotReported: a freeze that has ended by one clock stays in force by the others.
func TestExpiryIsNotReported(t *testing.T) {
	t.Parallel()
	all := startAll(t, at(redistest.Start(t, redistest.Options{}).Address()))
	f := of(freeze.Caller, "shop")
	f.Since = f.Since.Round(0)
	f.Until = f.Since.Add(time.Hour)
	all[0].freeze(t, f)
	confirm(t, all[0])
	if lifted, err := all[1].Switch.Maintain(t.Context(), time.Now().Add(2*time.Hour)); len(lifted) != 1 || err != nil {
		t.Fatalf("%v, %v", lifted, err)
	}
	other := all[0].freeze(t, of(freeze.Caller, "another"))
	until(t, other, true, all...)
	if !all[0].has(f) || !all[2].has(f) {
		t.Error("a clock that is ahead has lifted it everywhere")
	}
}

// TestLogFails: a member whose log takes nothing stops calls all the same, and lifts nothing until it takes the record.
func TestLogFails(t *testing.T) {
	t.Parallel()
	all := startAll(t, at(redistest.Start(t, redistest.Options{}).Address()))
	first, last := all[0], all[2]
	f := first.freeze(t, of(freeze.Caller, "shop"))
	confirm(t, first)
	last.records.fail(errors.New("disk full"))
	second := first.freeze(t, of(freeze.Caller, "another"))
	confirm(t, first)
	if !last.has(second) {
		t.Error("it is not in force")
	}
	first.lift(t, f)
	until(t, f, false, all[:2]...)
	beats(t, last, 4)
	if !last.has(f) || slices.Contains(confirmed(first), "c") {
		t.Error("it is lifted, or confirmed, without a record")
	}
	last.records.fail(nil)
	until(t, f, false, last)
	confirm(t, first)
}

// TestQuiet: members that have settled ask for nothing but heartbeats.
func TestQuiet(t *testing.T) {
	t.Parallel()
	all := startAll(t, at(redistest.Start(t, redistest.Options{}).Address()))
	all[0].freeze(t, of(freeze.Caller, "shop"))
	confirm(t, all[0])
	settle(t, all...)
	for _, m := range all {
		beats(t, m, 2) // the last one may have said that there is something new
		before := m.client.State().Questions
		beats(t, m, 3)
		if asked := m.client.State().Questions - before; asked > 5 {
			t.Errorf("%s has asked %d questions in about four heartbeats", m.name, asked)
		}
	}
}

// TestDeletedFreeze: a freeze that someone takes out of Redis without a trace is uploaded again, so that those who come later have it.
func TestDeletedFreeze(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	a := newMember(t, server.Address(), "a", nil, "a", "b").run(t)
	awaitUp(t, a)
	f := a.freeze(t, of(freeze.Caller, "shop"))
	fleettest.Until(t, "Redis has it", func() bool { return server.Do("HLEN", "{tollgate}:freezes") == "1" })
	server.Do("DEL", "{tollgate}:freezes")
	b := newMember(t, server.Address(), "b", nil, "a", "b").run(t)
	until(t, f, true, b)
	server.Do("HSET", "{tollgate}:freezes", f.ID, strings.Replace(server.Do("HGET", "{tollgate}:freezes", f.ID), "shop", "none", 1))
	for _, m := range []*member{a, b} {
		fleettest.Until(t, m.name+" names the forgery", func() bool { return strings.Contains(fmt.Sprint(m.Problems()), "Redis has another one of that id") })
		if got := m.Switch.Gate().Set().Find(f.ID); got == nil || got.Name != "shop" {
			t.Errorf("%s has %v", m.name, got)
		}
	}
}

// TestForgedExpiry: an end by expiry lifts nothing whose time is not over by the clock of the member, and is not confirmed.
func TestForgedExpiry(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	all := startAll(t, at(server.Address()))
	f, long := of(freeze.Caller, "shop"), of(freeze.Caller, "long")
	long.Until = time.Now().Add(time.Hour).Round(0)
	all[0].freeze(t, f)
	all[0].freeze(t, long)
	confirm(t, all[0])
	for _, f := range []freeze.Freeze{f, long} {
		server.Do("HSET", "{tollgate}:freezes:ended", f.ID, `{"id":"`+f.ID+`","by":"expiry","at":"2026-11-30T00:00:00Z"}`)
	}
	server.Do("INCR", "{tollgate}:freezes:version")
	for _, m := range all {
		fleettest.Until(t, m.name+" has looked", func() bool { return len(m.Problems()) == 2 })
		if !m.has(f) || !m.has(long) {
			t.Errorf("%s has lifted what is not over: %v", m.name, m.Switch.Gate().Set().List())
		}
	}
	if got := confirmed(all[0]); !slices.Equal(got, []string{"a"}) {
		t.Errorf("confirmed by %q", got)
	}
}

// TestRedisGone: what a member had when Redis was last seen is not confirmed any more.
func TestRedisGone(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	all := startAll(t, at(server.Address()))
	server.Kill()
	fleettest.Until(t, "a is away", func() bool { return !all[0].client.State().Up })
	if got := confirmed(all[0]); !slices.Equal(got, []string{"a"}) {
		t.Errorf("confirmed by %q", got)
	}
}
