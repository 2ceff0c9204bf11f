package jobs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// inBubble runs a test with a runner in a bubble of its own time.
func inBubble(t *testing.T, paced bool, test func(t *testing.T, r *Runner)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := New(time.Now, paced)
		defer r.Close()
		test(t, r)
	})
}

// until is work that ends with the channel, or with the job.
func until(end <-chan struct{}, result any) Work {
	return func(ctx context.Context, _ *Progress) (any, error) {
		select {
		case <-end:
			return result, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func start(t *testing.T, r *Runner, name string, work Work) {
	t.Helper()
	if err := r.Start(name, "someone", work); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

func TestOneAtATime(t *testing.T) {
	inBubble(t, false, func(t *testing.T, r *Runner) {
		began, first, second := time.Now(), make(chan struct{}), make(chan struct{})
		start(t, r, "a", until(first, 1))
		time.Sleep(time.Minute)
		start(t, r, "b", until(second, 2))
		start(t, r, "a", until(second, 3)) // it runs already
		if j, ok := r.Current("a"); !ok || !j.Began.Equal(began) || j.Waiting != 0 || j.By != "someone" {
			t.Errorf("a: %+v", j)
		}
		if j, ok := r.Current("b"); !ok || !j.Began.IsZero() || j.Waiting != 1 || !j.Asked.Equal(began.Add(time.Minute)) {
			t.Errorf("b: %+v", j)
		}
		close(first)
		synctest.Wait()
		if j, ok := r.Last("a"); !ok || j.Result != 1 || j.Err != nil || !j.Ended.Equal(began.Add(time.Minute)) {
			t.Errorf("a ended: %+v", j)
		}
		if j, ok := r.Current("b"); !ok || !j.Began.Equal(began.Add(time.Minute)) {
			t.Errorf("b began: %+v", j)
		}
		close(second)
		synctest.Wait()
		if _, ok := r.Current("b"); ok {
			t.Error("b has not ended")
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	inBubble(t, false, func(t *testing.T, r *Runner) {
		for i := range maxWaiting + 1 {
			start(t, r, fmt.Sprint(i), until(nil, nil))
		}
		if err := r.Start("more", "", until(nil, nil)); err != ErrFull {
			t.Error(err)
		}
		r.Cancel("3")
		if err := r.Start("more", "", until(nil, nil)); err != nil {
			t.Error(err)
		}
	})
}

func TestResultsAreBounded(t *testing.T) {
	inBubble(t, false, func(t *testing.T, r *Runner) {
		for i := range 2 * maxKept {
			start(t, r, fmt.Sprint(i), func(context.Context, *Progress) (any, error) { return i, nil })
		}
		for i := range 2 * maxKept {
			if j, ok := r.Last(fmt.Sprint(i)); ok != (i >= maxKept) || ok && j.Result != i {
				t.Errorf("%d: %v, %v", i, j.Result, ok)
			}
		}
	})
}

func TestCancel(t *testing.T) {
	inBubble(t, false, func(t *testing.T, r *Runner) {
		start(t, r, "a", func(context.Context, *Progress) (any, error) { return "whole", nil })
		start(t, r, "a", until(nil, nil))
		start(t, r, "b", func(context.Context, *Progress) (any, error) { t.Error("b began"); return nil, nil })
		r.Cancel("b")
		if j, ok := r.Last("b"); !ok || !j.Cancelled() {
			t.Errorf("b: %+v", j)
		}
		r.Cancel("a")
		synctest.Wait()
		if _, ok := r.Current("a"); ok {
			t.Error("a goes on")
		}
		if j, ok := r.Last("a"); !ok || j.Result != "whole" {
			t.Errorf("the result before: %+v", j)
		}
		r.Cancel("none")
	})
}

func TestFailures(t *testing.T) {
	inBubble(t, false, func(t *testing.T, r *Runner) {
		wrong := errors.New("wrong")
		start(t, r, "a", func(context.Context, *Progress) (any, error) { return nil, wrong })
		start(t, r, "b", func(context.Context, *Progress) (any, error) { panic("no") })
		if j, _ := r.Last("a"); j.Err != wrong || j.Result != nil {
			t.Errorf("a: %+v", j)
		}
		if j, _ := r.Last("b"); j.Err == nil || j.Result != nil {
			t.Errorf("b: %+v", j)
		}
		start(t, r, "c", func(context.Context, *Progress) (any, error) { return 1, nil })
		if j, _ := r.Last("c"); j.Result != 1 {
			t.Errorf("c: %+v", j)
		}
	})
}

func TestClose(t *testing.T) {
	inBubble(t, true, func(t *testing.T, r *Runner) {
		start(t, r, "a", until(nil, nil))
		start(t, r, "b", until(nil, nil))
		r.Close()
		for _, name := range []string{"a", "b"} {
			if j, ok := r.Last(name); !ok || !j.Cancelled() {
				t.Errorf("%s: %+v", name, j)
			}
		}
		if err := r.Start("c", "", until(nil, nil)); err != ErrClosed {
			t.Error(err)
		}
	})
}

// work is a job of pieces that take a time each, in some goroutines.
func work(goroutines, pieces int, piece time.Duration) Work {
	return func(ctx context.Context, p *Progress) (any, error) {
		var group sync.WaitGroup
		for range goroutines {
			group.Go(func() {
				for i := range pieces {
					p.Do(ctx, func() { time.Sleep(piece) })
					p.Report(int64(i+1), int64(pieces))
				}
			})
		}
		group.Wait()
		return nil, ctx.Err()
	}
}

// TestPace holds that a paced job works a fifth of the time, in one goroutine at a time, and that others do not rest.
func TestPace(t *testing.T) {
	for name, c := range map[string]struct {
		paced      bool
		goroutines int
		piece      time.Duration
		want       time.Duration // of 100 pieces
	}{
		"paced":              {true, 1, time.Millisecond, 500 * time.Millisecond},
		"small pieces":       {true, 1, stretch / 10, 50 * time.Millisecond},
		"several goroutines": {true, 3, time.Millisecond, 1500 * time.Millisecond},
		"waited for a disk":  {true, 1, time.Second, 100*time.Second + 100*restTimes*mostWork},
		"not paced":          {false, 1, time.Millisecond, 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, c.paced, func(t *testing.T, r *Runner) {
				start(t, r, "a", work(c.goroutines, 100, c.piece))
				time.Sleep(time.Hour)
				j, ok := r.Last("a")
				if got := j.Ended.Sub(j.Began); !ok || got != c.want || j.Done != 100 || j.Total != 100 {
					t.Errorf("%v, want %v: %+v", got, c.want, j)
				}
			})
		})
	}
}

// TestCancelWhileResting holds that a rest does not delay the end.
func TestCancelWhileResting(t *testing.T) {
	inBubble(t, true, func(t *testing.T, r *Runner) {
		start(t, r, "a", func(ctx context.Context, p *Progress) (any, error) {
			p.Do(ctx, func() { time.Sleep(mostWork) })
			return nil, ctx.Err()
		})
		time.Sleep(mostWork + time.Millisecond)
		cancelled := time.Now()
		r.Cancel("a")
		r.Close()
		if waited := time.Since(cancelled); waited > 0 {
			t.Errorf("it ended %v later", waited)
		}
	})
}
