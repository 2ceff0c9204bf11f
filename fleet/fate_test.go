package fleet

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/fleet/redistest"
)

// ledger counts the fate of questions that add to one counter.
type ledger struct {
	t                           *testing.T
	done, late, applied, undone atomic.Int64
}

// ask asks a question, notes its fate, and reports whether it was answered.
func (l *ledger) ask(m *member) bool {
	refused := atomic.Bool{}
	q := add("x")
	q.Fate = func(applied bool) {
		if refused.Swap(true) {
			l.t.Error("the fate of a question was reported twice")
		}
		if applied {
			l.applied.Add(1)
		} else {
			l.undone.Add(1)
		}
	}
	_, err := m.Ask(context.Background(), q)
	switch {
	case err == nil:
		l.done.Add(1)
	case errors.Is(err, ErrLate):
		l.late.Add(1)
	case !errors.Is(err, ErrAway):
		l.t.Error(err)
	}
	return err == nil
}

// settled waits until the fate of all late questions was reported, and compares the counter with what the askers know.
func (l *ledger) settled(m *member) {
	l.t.Helper()
	defer func() {
		if l.t.Failed() {
			l.t.Logf("%d answered, %d late, %d done, %d not done; %+v", l.done.Load(), l.late.Load(), l.applied.Load(), l.undone.Load(), m.State())
		}
	}()
	await(l.t, "all fates", func() bool { return l.applied.Load()+l.undone.Load() == l.late.Load() })
	m.up()
	var sum int64
	await(l.t, "the sum", func() (ok bool) {
		reply, err := m.Ask(context.Background(), &Question{Script: readScript, Args: []any{"x"}, Patience: MaxPatience})
		sum, ok = reply.(int64)
		return err == nil && ok
	})
	if want := l.done.Load() + l.applied.Load(); sum != want {
		l.t.Errorf("Redis has counted %d questions, their askers %d (%d answered, %d late and done, %d late and not done)",
			sum, want, l.done.Load(), l.applied.Load(), l.undone.Load())
	}
}

// askers keep asking until they are stopped.
func (l *ledger) askers(m *member, n int) (stop func()) {
	var running sync.WaitGroup
	ended := make(chan struct{})
	for range n {
		running.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
				}
				if !l.ask(m) {
					time.Sleep(time.Millisecond) // else those who are refused at once take the processor from Redis
				}
			}
		})
	}
	return func() { close(ended); running.Wait() }
}

// TestFates: whatever breaks, each question has counted once if its asker knows so, and otherwise not at all.
func TestFates(t *testing.T) {
	nonsense := []string{"nonsense\r\n", "*2000000000\r\n", "$-7\r\n", "+OK\r\n", "-OOM command not allowed\r\n", "-NOSCRIPT no\r\n", ":1\r\n", "*2\r\n$1\r\n7\r\n:1\r\n"}
	for name, breaks := range map[string]func(p *redistest.Proxy, s *redistest.Server){
		"connections cut": func(p *redistest.Proxy, _ *redistest.Server) { p.Cut(rand.IntN(4000)); awaitCut(p) },
		"answers lost":    func(p *redistest.Proxy, _ *redistest.Server) { p.LoseAnswers(); time.Sleep(20 * time.Millisecond) },
		"half answers":    func(p *redistest.Proxy, _ *redistest.Server) { p.Half(); time.Sleep(20 * time.Millisecond) },
		"nonsense answers": func(p *redistest.Proxy, _ *redistest.Server) {
			p.Answer(nonsense[rand.IntN(len(nonsense))])
			time.Sleep(20 * time.Millisecond)
		},
		"slow answers": func(p *redistest.Proxy, _ *redistest.Server) {
			p.Delay(30 * time.Millisecond)
			time.Sleep(100 * time.Millisecond)
		},
		"scripts are lost": func(_ *redistest.Proxy, s *redistest.Server) { s.Do("SCRIPT", "FLUSH") },
		"full": func(_ *redistest.Proxy, s *redistest.Server) {
			s.Do("CONFIG", "SET", "maxmemory", "1")
			time.Sleep(20 * time.Millisecond)
			s.Do("CONFIG", "SET", "maxmemory", "0")
		},
		"stopped": func(_ *redistest.Proxy, s *redistest.Server) {
			s.Stop()
			time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond)
			s.Continue()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := redistest.Start(t, redistest.Options{})
			p := redistest.NewProxy(t, s.Address())
			o := options("a", p.Address(), "a")
			o.Settings.Patience = 10 * time.Millisecond
			m := run(t, o).up()
			l := &ledger{t: t}
			stop := l.askers(m, 20)
			for range 3 {
				was := l.done.Load()
				breaks(p, s)
				p.Pass()
				await(t, "answers again", func() bool { return l.done.Load() > was+20 })
			}
			stop()
			l.settled(m)
			if e := m.Epoch(); e.Number != 1 {
				t.Errorf("the epoch is %+v, though Redis has lost nothing", e)
			}
			t.Logf("%d answered, %d late (%d done)", l.done.Load(), l.late.Load(), l.applied.Load())
		})
	}
}

func awaitCut(p *redistest.Proxy) {
	for before := p.Cuts(); p.Cuts() == before; {
		time.Sleep(time.Millisecond)
	}
}
