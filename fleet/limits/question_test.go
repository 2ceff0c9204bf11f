package limits

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/fleet"
	"tollgate/fleet/redistest"
	"tollgate/ratelimit"
)

// script is a Redis that does what a test says with each question.
type script func(q *fleet.Question) (any, error)

func (s script) Ask(_ context.Context, q *fleet.Question) (any, error) { return s(q) }

// grant is an answer that grants a call of one bucket.
var grant = []any{int64(0), int64(0), int64(1_800_000_000_000_000), int64(0), int64(0), int64(0), int64(5_000_000), int64(1), int64(7), int64(5_000_000)}

func refuseAll() []any {
	no := append([]any{}, grant...)
	no[0], no[1], no[2] = int64(refused), int64(1), int64(1_000_000)
	return no
}

// TestFateOfLateQuestions: a call that went by its member's share is reported unless Redis is known to have counted it, whenever that is
// known. What the question has reported is reported again if it did not arrive.
func TestFateOfLateQuestions(t *testing.T) {
	for _, test := range []struct {
		name    string
		answer  []any // that came too late; nil: none
		applied bool
		owed    int
	}{
		{"not applied", nil, false, 3},
		{"granted", grant, true, 0},
		{"refused", refuseAll(), true, 1},
		{"applied, and the answer is lost", nil, true, 1},
	} {
		for _, early := range []bool{true, false} {
			t.Run(fmt.Sprint(test.name, ", before Ask returns: ", early), func(t *testing.T) {
				var asked *fleet.Question
				fate := func() {
					if test.answer != nil {
						if err := asked.Check(test.answer); err != nil {
							t.Error(err)
						}
					}
					asked.Fate(test.applied)
				}
				away := true
				l := New(script(func(q *fleet.Question) (any, error) {
					if away {
						return nil, fleet.ErrAway
					}
					asked = q
					if early {
						fate()
					}
					return nil, fmt.Errorf("%w: no answer", fleet.ErrLate)
				}), ratelimit.NewLimiter(), 1)
				m := &member{Limiter: l}
				d := follow(t, []*member{m}, 0, ratelimit.Rule{Name: "r", Rate: ratelimit.MinPerSecond, Burst: 10}).Of(ratelimit.Subject{Caller: "x"})
				m.go1(t, d)
				m.go1(t, d) // two that are owed
				away = false
				if v := m.go1(t, d); v.From != ratelimit.FromShare || !v.Allowed {
					t.Fatalf("%+v", v)
				}
				if !early {
					if n := owes(l); n != 0 {
						t.Errorf("%d calls are owed before the fate of the question is known", n)
					}
					fate()
				}
				if n := owes(l); n != test.owed {
					t.Errorf("%d calls are owed, want %d", n, test.owed)
				}
			})
		}
	}
}

// TestLateGrantOfARefusedCall: a call that Redis counted too late, and that the share then refused, is taken back from a calendar: else each
// retry beside a slow Redis would use up the day of the whole fleet.
func TestLateGrantOfARefusedCall(t *testing.T) {
	late := false
	l := New(script(func(q *fleet.Question) (any, error) {
		if !late {
			return nil, fleet.ErrAway
		}
		answer := append([]any{}, grant...)
		answer[2] = time.Now().UnixMicro()
		if err := q.Check(answer); err != nil {
			t.Error(err)
		}
		q.Fate(true)
		return nil, fleet.ErrLate
	}), ratelimit.NewLimiter(), 1)
	m := &member{Limiter: l}
	rule := ratelimit.Rule{Name: "day", Quota: ratelimit.Quota{Calls: 1, Period: ratelimit.Day}, Zone: zone()}
	d := follow(t, []*member{m}, 0, rule).Of(ratelimit.Subject{Caller: "x"})
	if v := m.go1(t, d); !v.Allowed || owes(l) != 1 {
		t.Fatalf("%+v, %d calls are owed", v, owes(l))
	}
	late = true
	for i := range 3 { // the first reports the call that was owed
		if v := m.go1(t, d); v.Allowed {
			t.Errorf("%+v", v)
		}
		if n := owes(l); n != -1 {
			t.Errorf("try %d: %d calls are owed, want -1", i, n)
		}
	}
}

func owes(l *Limiter) (n int) {
	l.owed.mu.Lock()
	defer l.owed.mu.Unlock()
	for _, d := range l.owed.debts {
		n += d.calls
	}
	return n
}

// TestYoungEpoch: Redis is not asked while members are missing that may still say what they know, and is afterwards.
func TestYoungEpoch(t *testing.T) {
	rules := follow(t, nil, 0, ratelimit.Rule{Name: "r", Rate: 10, Burst: 10})
	bucket := rules.Of(ratelimit.Subject{Caller: "x"})
	window := rules.Of(ratelimit.Subject{Caller: "x", Operation: "o", Credential: "c", Quota: 0.1})
	for _, test := range []struct {
		epoch fleet.Epoch
		d     *ratelimit.Demand
		young bool
	}{
		{fleet.Epoch{}, bucket, false}, // the client says why it is away
		{fleet.Epoch{Number: 3, Complete: true}, bucket, false},
		{fleet.Epoch{Number: 3, Age: time.Second}, bucket, true},
		{fleet.Epoch{Number: 3, Age: 4 * time.Second}, bucket, false},
		{fleet.Epoch{Number: 3, Age: 4 * time.Second}, window, true},
		{fleet.Epoch{Number: 3, Age: 11 * time.Second}, window, false},
	} {
		if err := newView(test.epoch, 2, nil).young(test.d); (err != nil) != test.young {
			t.Errorf("%+v, %d limits: %v", test.epoch, len(test.d.Limits), err)
		}
	}
}

// counting counts questions by script.
type counting struct {
	Asker
	takes, others atomic.Int64
}

func (c *counting) Ask(ctx context.Context, q *fleet.Question) (any, error) {
	if q.Script == takeScript {
		c.takes.Add(1)
	} else {
		c.others.Add(1)
	}
	return c.Asker.Ask(ctx, q)
}

// TestQuestionsOfAWait: of the calls that wait only the first of a caller asks, so a granted call costs few questions however many wait.
func TestQuestionsOfAWait(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	m := joinAll(t, s.Address(), "f", 1, patient)[0]
	c := &counting{Asker: m.client}
	m.Limiter.client = c
	rules := follow(t, []*member{m}, time.Minute, ratelimit.Rule{Name: "r", Rate: 100, Burst: 1})
	var calls sync.WaitGroup
	for i := range 120 {
		d := rules.Of(ratelimit.Subject{Caller: fmt.Sprint("caller ", i%3)})
		calls.Go(func() {
			if v := m.go1(t, d); !v.Allowed {
				t.Errorf("%+v", v)
			}
		})
	}
	calls.Wait()
	// Each asks when it comes or becomes the first, and when its time has come; some come at once, before there is a line.
	if n := c.takes.Load(); n > 4*120 {
		t.Errorf("%d questions for 120 calls", n)
	}
}

// TestQueueIsBounded: a caller never gets more places than it leaves free, and no place is lost.
func TestQueueIsBounded(t *testing.T) {
	never := []any{int64(waiting), int64(1), int64(time.Hour / time.Microsecond), int64(1), int64(1), int64(0), int64(0), int64(0), int64(0), int64(0)}
	l := New(script(func(q *fleet.Question) (any, error) {
		if q.Script == takeScript {
			return never, q.Check(never)
		}
		return int64(1), nil
	}), ratelimit.NewLimiter(), 1)
	rules := follow(t, []*member{{Limiter: l}}, 10*time.Minute, ratelimit.Rule{Name: "r", Rate: 10, Burst: 1})
	ctx, leave := context.WithCancel(t.Context())
	var calls sync.WaitGroup
	var full atomic.Int64
	for range 2200 {
		calls.Go(func() {
			if v, err := l.Take(ctx, rules.Of(ratelimit.Subject{Caller: "greedy"})); err == nil && v.QueueFull {
				full.Add(1)
			}
		})
	}
	await(t, "places are used up", func() bool { return full.Load() == 2200-2048 })
	calls.Go(func() {
		if v, err := l.Take(ctx, rules.Of(ratelimit.Subject{Caller: "quiet"})); err == nil {
			t.Errorf("no place for another caller: %+v", v)
		}
	})
	await(t, "another caller waits", func() bool { return l.Waiting() == 2049 })
	leave()
	calls.Wait()
	l.Wait()
	if n := l.Waiting(); n != 0 {
		t.Errorf("%d places are lost", n)
	}
	if n := len(l.lines.of); n != 0 {
		t.Errorf("%d lines are left", n)
	}
}

// TestSentLate: the place of a call that is sent a while after it was granted is moved, and that of one that is sent at once is not.
func TestSentLate(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	m := joinAll(t, s.Address(), "f", 1, patient)[0]
	c := &counting{Asker: m.client}
	m.Limiter.client = c
	d := follow(t, []*member{m}, 0).Of(ratelimit.Subject{Caller: "x", Operation: "o", Credential: "c", Quota: 10})
	for moves, late := range []bool{false, true} {
		v, err := m.Take(t.Context(), d)
		if err != nil || !v.Allowed || v.Ticket == 0 {
			t.Fatalf("%+v, %v", v, err)
		}
		held := m.held.calls[v.Ticket]
		held.mu.Lock()
		held.placed = time.Now()
		if late {
			held.placed = held.placed.Add(-2 * promptly)
		} else {
			held.placed = held.placed.Add(time.Hour)
		}
		held.mu.Unlock()
		m.Sent(d, &v)
		m.Sent(d, &v) // it is not done twice
		m.tasks.Wait()
		if n := c.others.Load(); n != int64(moves) {
			t.Errorf("late: %v: %d moves, want %d", late, n, moves)
		}
	}
}

// TestNoPlaceLeavesNoLine: a call that finds no place to wait leaves nothing behind.
func TestNoPlaceLeavesNoLine(t *testing.T) {
	l := New(away{}, ratelimit.NewLimiter(), 1)
	for caller := range 4096 {
		l.lines.places.Take(fmt.Sprint(caller))
	}
	d := follow(t, []*member{{Limiter: l}}, time.Minute, ratelimit.Rule{Name: "r", Rate: 1, Burst: 1}).Of(ratelimit.Subject{Caller: "x"})
	c := &call{l: l, d: d, start: time.Now()}
	if v, refused := l.lines.wait(c, &takeReply{what: waiting, registered: true, delay: time.Second}); !refused || !v.QueueFull {
		t.Errorf("%+v, %v", v, refused)
	}
	if len(l.lines.of) != 0 || l.lines.leave(c) != nil {
		t.Errorf("%d lines are left", len(l.lines.of))
	}
}

// TestOwedOfAWindow: of a long time without Redis the calls of a window are owed, however close together they came, in a bounded number of slots.
func TestOwedOfAWindow(t *testing.T) {
	var slots []slot
	begun := time.Now()
	for i := range 3000 {
		at := begun.Add(time.Duration(i) * 20 * time.Millisecond)
		slots = withSlot(slots, slot{at, at, 1}, time.Second)
	}
	calls := 0
	for _, s := range slots {
		calls += s.calls
	}
	if calls < 50 || calls > 53 || len(slots) > slotsOfWindow+1 {
		t.Errorf("%d calls in %d slots, want 50 of the last second, and those of one slot more", calls, len(slots))
	}
}
