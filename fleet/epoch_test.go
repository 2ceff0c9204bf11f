package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"tollgate/fleet/redistest"
	"tollgate/internal/setting"
)

// keeper is a part that uploads what was added on this member: one counter, which Redis keeps the greatest of.
type keeper struct {
	mu    sync.Mutex
	knows int64
	joins []uint64 // the epochs
	again []bool
	err   error // of Join
}

var keepScript = NewScript("keep", `
local k = key('test:' .. args[1])
if tonumber(redis.call('GET', k) or '0') < tonumber(args[2]) then redis.call('SET', k, args[2]) end
return true`)

func (k *keeper) Join(ctx context.Context, s *Session) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.joins, k.again = append(k.joins, s.Epoch()), append(k.again, s.Again())
	if k.err != nil {
		return k.err
	}
	_, err := s.Do(ctx, keepScript, "x", k.knows)
	return err
}

func (k *keeper) learn(n int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.knows = n
}

// numbers returns the epochs that were joined.
func (k *keeper) numbers() []uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.joins)
}

// inEpoch waits until the member has joined a complete epoch of the number.
func (m *member) inEpoch(number uint64) {
	m.t.Helper()
	await(m.t, fmt.Sprintf("epoch %d", number), func() bool {
		s := m.State()
		return s.Up && s.Epoch.Number == number && s.Epoch.Complete
	})
}

// TestLosses: whatever Redis loses, the next epoch begins, and it has what the members know before a question is asked.
func TestLosses(t *testing.T) {
	for name, lose := range map[string]func(s *redistest.Server){
		"restarted empty": func(s *redistest.Server) { s.Restart(nil) },
		"restarted from a snapshot": func(s *redistest.Server) {
			old := s.Snapshot()
			s.Do("SET", "{tollgate}:test:x", "6")
			s.Restart(old)
		},
		"emptied":                  func(s *redistest.Server) { s.Do("FLUSHALL") },
		"record gone":              func(s *redistest.Server) { s.Do("DEL", "{tollgate}:epoch") },
		"record of another":        func(s *redistest.Server) { s.Do("HSET", "{tollgate}:epoch", "identity", "other", "number", "0") },
		"nonsense for a number":    func(s *redistest.Server) { s.Do("HSET", "{tollgate}:epoch", "number", "one") },
		"a number like another":    func(s *redistest.Server) { s.Do("HSET", "{tollgate}:epoch", "number", "1e3") },
		"a number beyond counting": func(s *redistest.Server) { s.Do("HSET", "{tollgate}:epoch", "number", "999999999999999999") },
		"list of the joined gone":  func(s *redistest.Server) { s.Do("DEL", "{tollgate}:joined") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := redistest.Start(t, redistest.Options{})
			k := &keeper{knows: 5}
			m := run(t, options("a", s.Address(), "a"), k)
			m.inEpoch(1)
			if got := m.count("x"); got != 5 {
				t.Fatalf("after joining the count is %d", got)
			}
			k.learn(7)
			lose(s)
			m.inEpoch(2)
			if got := m.count("x"); got != 7 {
				t.Errorf("after joining again the count is %d, want 7", got)
			}
			if got := k.numbers(); !slices.Equal(slices.Compact(got), []uint64{1, 2}) {
				t.Errorf("joined %v", got)
			}
		})
	}
}

// TestRowGone: the row alone is made again, in the same epoch.
func TestRowGone(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	m := run(t, options("a", s.Address(), "a"), &keeper{}).up()
	s.Do("DEL", "{tollgate}:member:a")
	await(t, "a row", func() bool { return m.State().Up && s.Do("HGET", "{tollgate}:member:a", "connection") != "" })
	m.inEpoch(1)
	m.ask(add("x"))
}

// TestScriptsGone: scripts are sent again, and each question is done once.
func TestScriptsGone(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	m := run(t, options("a", s.Address(), "a")).up()
	for range 5 {
		m.ask(add("x"))
		s.Do("SCRIPT", "FLUSH")
		var askers sync.WaitGroup
		for range 40 {
			askers.Go(func() {
				if _, err := m.Ask(context.Background(), add("x")); err != nil {
					t.Error(err)
				}
			})
		}
		askers.Wait()
	}
	if got := m.count("x"); got != 5*41 {
		t.Errorf("the count is %d, want %d", got, 5*41)
	}
}

// TestEvicted: a Redis that evicts keys has lost something, whatever it is. The record of the epoch stays in this test.
func TestEvicted(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{Config: []string{"maxmemory-policy volatile-random"}})
	m := run(t, options("a", s.Address(), "a")).up()
	if got := m.State().Warnings; len(got) != 1 {
		t.Errorf("warnings of the policy: %q", got)
	}
	s.Do("SET", "other", strings.Repeat("x", 1<<16), "EX", "1000")
	s.Do("CONFIG", "SET", "maxmemory", "1")
	await(t, "an eviction", func() bool { return s.Info("evicted_keys") != "0" })
	s.Do("CONFIG", "SET", "maxmemory", "0")
	await(t, "another epoch", func() bool { return m.State().Up && m.Epoch().Number > 1 })
	s.Do("CONFIG", "SET", "maxmemory-policy", "noeviction")
	await(t, "no warning any more", func() bool { return len(m.State().Warnings) == 0 })
}

// TestMany: members that start at once begin one epoch, which is complete when the last has joined.
func TestMany(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	var members []*member
	for _, name := range names[1:] {
		members = append(members, run(t, options(name, s.Address(), names...)))
	}
	for _, m := range members {
		m.up()
		await(t, "the others", func() bool { return slices.Equal(m.Epoch().Missing, []string{"a"}) })
		if _, err := m.Ask(context.Background(), &Question{Script: readScript, Args: []any{"x"}, Complete: true}); !errors.Is(err, ErrIncomplete) {
			t.Errorf("a question that needs all: %v", err)
		}
	}
	members = append(members, run(t, options("a", s.Address(), names...)))
	for _, m := range members {
		m.inEpoch(1)
		m.ask(&Question{Script: readScript, Args: []any{"x"}, Complete: true})
	}
	s.Restart(nil)
	for _, m := range members {
		m.inEpoch(2)
	}
}

// TestFollow: who is missing follows the list of members.
func TestFollow(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	m := run(t, options("a", s.Address(), "a", "b")).up()
	await(t, "a heartbeat", func() bool { return m.Absent() == 1 })
	m.Follow(Settings{[]string{"a"}, patient})
	if e := m.Epoch(); !e.Complete || m.Absent() != 0 {
		t.Errorf("without b: %+v, %d absent", e, m.Absent())
	}
	m.Follow(Settings{[]string{"a", "c"}, patient})
	if e := m.Epoch(); e.Complete || !slices.Equal(e.Missing, []string{"c"}) || m.Absent() != 1 {
		t.Errorf("with c: %+v, %d absent", e, m.Absent())
	}
}

// TestNeverBack: a Redis whose record has a lower number than the member has seen is not taken for an earlier epoch.
func TestNeverBack(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	m := run(t, options("a", s.Address(), "a")).up()
	for number := uint64(2); number < 4; number++ {
		s.Do("FLUSHALL")
		m.inEpoch(number)
	}
	s.Do("HSET", "{tollgate}:epoch", "number", "1")
	m.inEpoch(4)
}

// TestJoinFails: a member whose parts cannot upload is not up, says why, and tries again.
func TestJoinFails(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	k := &keeper{err: errors.New("no room")}
	m := run(t, options("a", s.Address(), "a"), k).away("no room")
	if _, err := m.Ask(context.Background(), add("x")); !errors.Is(err, ErrAway) {
		t.Errorf("asked: %v", err)
	}
	k.mu.Lock()
	k.err = nil
	k.mu.Unlock()
	m.inEpoch(1)
}

// TestSameNumberElsewhere: who has joined an epoch has not joined that of another process which happens to have the same number.
func TestSameNumberElsewhere(t *testing.T) {
	c := New(Options{Name: "a", Settings: Settings{Members: []string{"a", "b", "c"}}})
	l := newLink(c, &wire{}, setting.Endpoint{})
	for _, e := range []struct {
		identity string
		number   uint64
		kept     bool
	}{{"x", 4, false}, {"x", 4, true}, {"y", 4, false}, {"y", 5, false}} {
		c.take(l, &entry{epoch: epoch{life: life{number: e.number, identity: e.identity}}})
		if kept := len(c.epoch.members) == 2; kept != e.kept {
			t.Errorf("%+v: members %q", e, c.epoch.members)
		}
		c.epoch.members = []string{"b", "c"}
	}
}
