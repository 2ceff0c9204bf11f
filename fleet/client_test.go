package fleet

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/fleet/redistest"
)

// addScript adds to a counter, and returns the sum. It counts.
var addScript = NewScript("add", `return redis.call('INCRBY', key('test:' .. args[1]), args[2])`)

// readScript reads a counter.
var readScript = NewScript("read", `return tonumber(redis.call('GET', key('test:' .. args[1])) or '0')`)

func add(name string) *Question {
	return &Question{Script: addScript, Args: []any{name, 1}, Counts: true}
}

// patient is long enough for a machine that is busy; no test measures it.
const patient = MaxPatience

// options are those of a member of a fleet of the names.
func options(name string, at string, members ...string) Options {
	to, err := endpoint(at)
	if err != nil {
		panic(err)
	}
	o := Options{Name: name, Settings: Settings{members, patient}}
	o.Addresses = append(o.Addresses, to)
	return o
}

// member is a client that runs, and its end.
type member struct {
	*Client
	t    *testing.T
	stop func()
}

// run runs a client until the test ends.
func run(t *testing.T, o Options, parts ...Part) *member {
	t.Helper()
	m := &member{Client: New(o), t: t}
	for _, p := range parts {
		m.Add(p)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { m.Run(ctx) })
	m.stop = func() { cancel(); running.Wait() }
	t.Cleanup(m.stop)
	return m
}

// await waits until a condition holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 1000 {
		if holds() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("timed out: %s", what)
}

// up waits until the member is up.
func (m *member) up() *member {
	m.t.Helper()
	await(m.t, "up", func() bool { return m.State().Up })
	return m
}

// away waits until the member is away for a reason, a part of which is given.
func (m *member) away(why string) *member {
	m.t.Helper()
	var state State
	defer func() {
		if m.t.Failed() {
			m.t.Logf("the state is %+v", state)
		}
	}()
	await(m.t, "away because of "+why, func() bool { state = m.State(); return !state.Up && strings.Contains(state.Why, why) })
	return m
}

// ask asks, and fails if there is no answer.
func (m *member) ask(q *Question) any {
	m.t.Helper()
	reply, err := m.Ask(context.Background(), q)
	if err != nil {
		m.t.Fatal(err)
	}
	return reply
}

func (m *member) count(name string) int64 {
	m.t.Helper()
	return m.ask(&Question{Script: readScript, Args: []any{name}}).(int64)
}

func TestAsk(t *testing.T) {
	s := redistest.Start(t, redistest.Options{})
	m := run(t, options("a", s.Address(), "a")).up()
	for want := range int64(3) {
		if got := m.ask(add("x")); got != want+1 {
			t.Errorf("the sum is %v, want %d", got, want+1)
		}
	}
	if e := m.Epoch(); e.Number != 1 || !e.Complete {
		t.Errorf("the epoch is %+v", e)
	}
	m.stop()
	if _, err := m.Ask(context.Background(), add("x")); !errors.Is(err, ErrAway) {
		t.Errorf("after its end: %v", err)
	}
	if got := s.Do("HGET", "{tollgate}:member:a", "off"); strings.TrimSpace(got) != "1" {
		t.Errorf("signed off: %q", got)
	}
}
