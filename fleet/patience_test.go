package fleet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// upAt runs a client on a stand, in a bubble whose clock stands still until all wait.
func upAt(t *testing.T, s *stand, patience time.Duration) (c *Client, stop func()) {
	o := options("a", "127.0.0.1:6379", "a")
	o.Settings.Patience = patience
	c, stop = s.run(o)
	synctest.Wait()
	if state := c.State(); !state.Up {
		t.Fatalf("not up: %+v", state)
	}
	return c, stop
}

// asking asks in a goroutine of its own, and sends what came of it and after what time.
func asking(c *Client, ctx context.Context, q *Question) <-chan came {
	done := make(chan came, 1)
	begun := time.Now()
	go func() {
		reply, err := c.Ask(ctx, q)
		done <- came{reply, err, time.Since(begun)}
	}()
	return done
}

type came struct {
	reply any
	err   error
	after time.Duration
}

// heldAt runs a client on a stand that holds its answers back until gate is closed.
func heldAt(t *testing.T, patience time.Duration) (s *stand, c *Client, gate chan struct{}, stop func()) {
	s, gate = newStand(t), make(chan struct{})
	c, stop = upAt(t, s, patience)
	s.gate = gate
	return s, c, gate, stop
}

// TestPatience: a question that was sent and one that waits for the next round trip end with their patience; while the answer is
// out, others are not kept at all; then all is well again.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, gate, stop := heldAt(t, 5*time.Millisecond)
		defer stop()

		fates := make(chan bool, 1)
		q := add("x")
		q.Fate = func(applied bool) { fates <- applied }
		first := asking(c, context.Background(), q)
		synctest.Wait()
		time.Sleep(time.Millisecond)
		second := asking(c, context.Background(), add("x"))
		if got := <-first; !errors.Is(got.err, ErrLate) || got.after != 5*time.Millisecond {
			t.Errorf("the one that was sent: %+v", got)
		}
		if got := <-asking(c, context.Background(), add("x")); !errors.Is(got.err, ErrAway) || got.after != 0 {
			t.Errorf("one that comes while Redis is slow: %+v", got)
		}
		if !c.State().Slow {
			t.Error("not called slow")
		}
		if got := <-second; !errors.Is(got.err, ErrAway) || errors.Is(got.err, ErrLate) || got.after != 5*time.Millisecond {
			t.Errorf("the one that waited: %+v", got)
		}
		s.mu.Lock()
		s.gate = nil
		s.mu.Unlock()
		close(gate)
		if !<-fates {
			t.Error("the late question was done, and its asker got the opposite")
		}
		synctest.Wait()
		if got := <-asking(c, context.Background(), add("x")); got.err != nil || got.after != 0 {
			t.Errorf("afterwards: %+v", got)
		}
		if s.dials != 1 {
			t.Errorf("%d connections", s.dials)
		}
	})
}

// TestNoAnswer: a round trip of more than a second ends the connection, and what was sent on it is not sent again.
func TestNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, gate, stop := heldAt(t, 5*time.Millisecond)
		defer stop()
		fates := make(chan bool, 1)
		q := add("x")
		q.Fate = func(applied bool) { fates <- applied }
		if got := <-asking(c, context.Background(), q); !errors.Is(got.err, ErrLate) {
			t.Errorf("%+v", got)
		}
		time.Sleep(tripLimit - 6*time.Millisecond)
		if s.dials != 1 || !c.State().Up {
			t.Errorf("after less than a second: %d connections, up %t", s.dials, c.State().Up)
		}
		time.Sleep(time.Second) // the pause after the first failure is shorter
		s.mu.Lock()
		s.gate = nil
		s.mu.Unlock()
		if s.dials != 2 || !c.State().Up {
			t.Errorf("after a second: %d connections, up %t", s.dials, c.State().Up)
		}
		if <-fates {
			t.Error("a question that was not done is said to be")
		}
		close(gate)
	})
}

// TestWhyAway: what was late or ended for the client is its reason, and not the error of questions that were not asked.
func TestWhyAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		c, stop := upAt(t, s, 5*time.Millisecond)
		defer stop()
		gate := make(chan struct{})
		s.mu.Lock()
		s.gate, s.all = gate, true
		s.mu.Unlock()
		time.Sleep(2 * tripLimit)
		_, err := c.Ask(context.Background(), add("x"))
		if state := c.State(); state.Up || !errors.Is(err, ErrAway) || errors.Is(err, ErrLate) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("up %t, %v", state.Up, err)
		}
		if err := because(fmt.Errorf("a heartbeat: %w", ErrLate)); !errors.Is(err, ErrAway) || errors.Is(err, ErrLate) {
			t.Error(err)
		}
		s.mu.Lock()
		s.gate = nil
		s.mu.Unlock()
		close(gate)
	})
}

// TestNoneWaitsLonger: questions that come at any time, while answers take any time, are answered within their patience.
func TestNoneWaitsLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		c, stop := upAt(t, s, 5*time.Millisecond)
		defer stop()
		s.delay = func() time.Duration { return time.Duration(rand.ExpFloat64() * float64(time.Millisecond)) }
		var askers sync.WaitGroup
		counts := map[string]int{}
		for range 50 {
			askers.Go(func() {
				for range 100 {
					time.Sleep(rand.N(20 * time.Millisecond))
					ctx, cancel := context.WithTimeout(context.Background(), rand.N(50*time.Millisecond))
					got := <-asking(c, ctx, add("x"))
					cancel()
					s.mu.Lock()
					switch {
					case got.err == nil:
						counts["answered"]++
					case errors.Is(got.err, ErrLate):
						counts["late"]++
					case errors.Is(got.err, context.DeadlineExceeded):
						counts["gone"]++
					case errors.Is(got.err, ErrAway):
						counts["away"]++
					default:
						t.Error(got.err)
					}
					s.mu.Unlock()
					if got.after > 5*time.Millisecond {
						t.Errorf("waited for %v: %v", got.after, got.err)
					}
				}
			})
		}
		askers.Wait()
		for _, kind := range []string{"answered", "late", "gone", "away"} {
			if counts[kind] == 0 {
				t.Errorf("none was %s: %v", kind, counts)
			}
		}
	})
}

// TestOneTrip: what comes while a round trip is under way goes out together in the next.
func TestOneTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, gate, stop := heldAt(t, MaxPatience)
		defer stop()
		trips := c.State().Trips
		var waiting []<-chan came
		for range 200 {
			waiting = append(waiting, asking(c, context.Background(), add("x")))
			synctest.Wait()
		}
		s.mu.Lock()
		s.gate = nil
		s.mu.Unlock()
		close(gate)
		for _, w := range waiting {
			if got := <-w; got.err != nil {
				t.Error(got.err)
			}
		}
		if got := c.State().Trips - trips; got != 2 {
			t.Errorf("200 questions took %d round trips", got)
		}
	})
}

// TestFull: the queue has a bound.
func TestFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, gate, stop := heldAt(t, 100*time.Millisecond)
		defer stop()
		ctx, cancel := context.WithCancel(context.Background())
		var waiting []<-chan came
		for range maxQueue + 1 {
			waiting = append(waiting, asking(c, ctx, add("x")))
			if len(waiting) == 1 {
				synctest.Wait() // it is on its way
			}
		}
		synctest.Wait()
		if got := <-asking(c, ctx, add("x")); !errors.Is(got.err, errFull) {
			t.Errorf("one more: %+v", got)
		}
		cancel()
		for i, w := range waiting {
			if got := <-w; errors.Is(got.err, ErrLate) != (i == 0) || !errors.Is(got.err, context.Canceled) {
				t.Errorf("question %d: %+v", i, got)
			}
		}
		s.gate = nil
		close(gate)
	})
}

// TestClockStep: after a step of the clock of Redis there is another epoch; a slow drift is none.
func TestClockStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		c, stop := upAt(t, s, 5*time.Millisecond)
		defer stop()
		for want, step := range []time.Duration{0, 4 * time.Second, 6 * time.Second, -6 * time.Second} {
			s.mu.Lock()
			s.step += step
			s.mu.Unlock()
			time.Sleep(3 * beatInterval)
			synctest.Wait()
			if got := c.Epoch(); got.Number != uint64(max(want, 1)) || !c.State().Up {
				t.Errorf("after a step of %v: epoch %+v", step, got)
			}
		}
	})
}
