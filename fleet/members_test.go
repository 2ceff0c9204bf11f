package fleet

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/fleet/redistest"
)

// seen returns how m sees a member.
func (m *member) seen(name string) Member {
	for _, other := range m.State().Members {
		if other.Name == name {
			return other
		}
	}
	return Member{}
}

// TestMembers: members see each other, what they report, who has signed off and who is absent.
func TestMembers(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	p := redistest.NewProxy(t, s.Address())
	a := run(t, options("a", s.Address(), "a", "b", "c", "d")).up()
	o := options("b", s.Address(), "a", "b")
	o.Describe = func(r *Row) { r.Version, r.Plan, r.Freezes = "1.2", "f00d", 9 }
	b := run(t, o).up()
	c := run(t, options("c", p.Address(), "a", "b", "c")).up()
	extra := run(t, options("extra", s.Address(), "a")).up()

	await(t, "all", func() bool { return a.seen("b").Joined && a.seen("c").Joined && a.seen("extra").Present })
	if m := a.seen("b"); !m.Present || !m.Configured || m.Version != "1.2" || m.Plan != "f00d" || m.Freezes != 9 || m.Seen < 0 {
		t.Errorf("b: %+v", m)
	}
	if m := a.seen("extra"); m.Configured || m.Absent() {
		t.Errorf("extra: %+v", m)
	}
	if m := a.seen("d"); m.Present || m.Seen >= 0 || !m.Absent() {
		t.Errorf("d: %+v", m)
	}
	b.stop()
	extra.stop()
	await(t, "that b has signed off", func() bool { return a.seen("b").SignedOff })
	if m := a.seen("b"); m.Present || m.Absent() {
		t.Errorf("b: %+v", m)
	}
	if a.Absent() != 1 {
		t.Errorf("%d are absent, want d alone", a.Absent())
	}
	p.BlackHole()
	await(t, "that c is absent", func() bool { return a.Absent() == 2 })
	p.Pass()
	await(t, "that c is back", func() bool { return a.Absent() == 1 })
	c.up()
}

// TestOneName: of two processes with one name the first works, and the second does when the first has gone.
func TestOneName(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	first := run(t, options("a", s.Address(), "a")).up()
	second := run(t, options("a", s.Address(), "a")).away("has the name of this member")
	for range 5 {
		first.ask(add("x"))
	}
	first.stop()
	second.up().ask(add("x"))

	// One that was suspended for longer than its lease has lost the name.
	third := run(t, options("a", s.Address(), "a")).away("has the name of this member")
	s.Do("HSET", "{tollgate}:member:a", "lease", "0")
	await(t, "one of the two", func() bool { return third.State().Up != second.State().Up })
}

// TestLeaseOfAnotherTime: a lease that ends later than any can, since the clock of Redis was set back, keeps neither a member nor a name.
func TestLeaseOfAnotherTime(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	m := run(t, options("a", s.Address(), "a", "b")).up()
	s.Do("HSET", "{tollgate}:member:b", "instance", "other", "lease", "9000000000000000", "beat", "8999999999000000", "off", "0")
	s.Do("SADD", "{tollgate}:members", "b")
	await(t, "the row of b", func() bool { return m.seen("b").Instance == "other" })
	if b := m.seen("b"); b.Present || !b.Absent() {
		t.Errorf("%+v", b)
	}
	run(t, options("b", s.Address(), "a", "b")).up()
}

// TestBeats: parts see heartbeats, and the number of the freezes in them.
func TestBeats(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	p := &beatPart{seen: make(chan Beat, 100)}
	run(t, options("a", s.Address(), "a"), p).up()
	s.Do("SET", "{tollgate}:"+FreezesKey, "17")
	for b := range p.seen {
		if b.Freezes == 17 && b.Epoch.Number == 1 && len(b.Members) == 1 {
			break
		}
	}
}

type beatPart struct{ seen chan Beat }

func (*beatPart) Join(context.Context, *Session) error { return nil }

func (p *beatPart) Beat(b *Beat) {
	select {
	case p.seen <- *b:
	default:
	}
}

// TestRestart: a member that is started again has its name at once if it signed off, and is still joined.
func TestRestart(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	other := run(t, options("b", s.Address(), "a", "b")).up()
	first := run(t, options("a", s.Address(), "a", "b"))
	first.inEpoch(1)
	first.stop()
	await(t, "that a has gone", func() bool { return other.seen("a").SignedOff })
	if e := other.Epoch(); !e.Complete {
		t.Errorf("when a has stopped: %+v", e)
	}
	k := &keeper{}
	run(t, options("a", s.Address(), "a", "b"), k).inEpoch(1)
	if got := k.numbers(); !slices.Equal(got, []uint64{1}) || k.again[0] {
		t.Errorf("joined %v, again %v", got, k.again)
	}
}

// blocked is a part that does not end to upload before its context does.
type blocked struct{ began chan struct{} }

func (b *blocked) Join(ctx context.Context, _ *Session) error {
	close(b.began)
	<-ctx.Done()
	return ctx.Err()
}

// TestSignOffWhileJoining: a member that stops before it has joined signs off too.
func TestSignOffWhileJoining(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	b := &blocked{make(chan struct{})}
	m := run(t, options("a", s.Address(), "a"), b)
	<-b.began
	if _, err := m.Ask(t.Context(), add("x")); !errors.Is(err, ErrJoining) {
		t.Errorf("while it joins: %v", err)
	}
	m.stop()
	if got := s.Do("HGET", "{tollgate}:member:a", "off"); got != "1" {
		t.Errorf("signed off: %q", got)
	}
}

// TestJoinAgain: a new connection to the same data is another session of the same epoch.
func TestJoinAgain(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	k := &keeper{}
	m := run(t, options("a", s.Address(), "a"), k).up()
	s.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	await(t, "the next session", func() bool { return len(k.numbers()) == 2 && m.State().Up })
	if !slices.Equal(k.again, []bool{false, true}) || m.Epoch().Number != 1 {
		t.Errorf("again %v, in %+v", k.again, m.Epoch())
	}
}

// TestRowsOfOthers: what another version or another program wrote into a row does not break heartbeats.
func TestRowsOfOthers(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	m := run(t, options("a", s.Address(), "a")).up()
	s.Do("HSET", "{tollgate}:member:x", "instance", "i", "lease", "much", "about", "{nonsense")
	s.Do("SADD", "{tollgate}:members", "x", "gone")
	await(t, "the row", func() bool { return m.seen("x").Instance == "i" })
	await(t, "that a name without a row is left out", func() bool {
		return !strings.Contains(s.Do("SMEMBERS", "{tollgate}:members"), "gone")
	})
	if state := m.State(); !state.Up || time.Since(state.Since) < 0 {
		t.Errorf("%+v", state)
	}
}
