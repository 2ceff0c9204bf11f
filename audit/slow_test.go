package audit

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/setting"
)

// slowLog is a log whose syncs take as long as is said, and whose callers wait for two seconds.
func slowLog(t *testing.T, d *memDisk) (l *Log, sync *atomic.Int64) {
	cfg := small(d)
	cfg.Deadline = setting.Duration(2 * time.Second)
	cfg.SegmentSize, cfg.Preallocate = 1<<20, 4*logfile.MaxLine
	l, _ = open(t, cfg)
	sync = new(atomic.Int64)
	d.plan(func(op string, _ int) fault {
		if op == "sync" {
			time.Sleep(time.Duration(sync.Load()))
		}
		return fine
	})
	return l, sync
}

// intendFor is a call whose caller waits for two seconds.
func intendFor(t *testing.T, l *Log, call string) error {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	return l.Intent(ctx, &logfile.Record{Call: call})
}

func ready(l *Log) bool {
	s := l.Status()
	return s.Err == nil && s.Slow == 0
}

// TestSlowDisk: a log whose disk is too slow says so all the time, whether calls come or not, until the disk has been fast for a while.
func TestSlowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, sync := slowLog(t, newMemDisk())
		if err := intendFor(t, l, "fast"); err != nil || !ready(l) {
			t.Fatalf("%v, %+v", err, l.Status())
		}
		sync.Store(int64(3 * time.Second))
		for i := range 3 {
			if err := intendFor(t, l, fmt.Sprint("slow-", i)); !errors.Is(err, ErrUnavailable) {
				t.Errorf("an intent that takes three seconds: %v", err)
			}
		}
		for range 600 { // a minute
			if ready(l) {
				t.Fatalf("ready: %+v", l.Status())
			}
			time.Sleep(100 * time.Millisecond)
		}
		sync.Store(int64(1500 * time.Millisecond)) // still not fast
		time.Sleep(5 * time.Second)
		for range 600 {
			if s := l.Status(); s.Slow == 0 {
				t.Fatalf("ready: %+v", s)
			}
			time.Sleep(100 * time.Millisecond)
		}
		sync.Store(0)
		fast := time.Now()
		for !ready(l) {
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(fast); took < 8*time.Second || took > 14*time.Second {
			t.Errorf("the log is ready after %v", took)
		}
	})
}

// TestSlowForSome: two commits of which neither takes too long may do so together.
func TestSlowForSome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, sync := slowLog(t, newMemDisk())
		sync.Store(int64(1500 * time.Millisecond))
		if err := intendFor(t, l, "alone"); err != nil || !ready(l) {
			t.Errorf("an intent that waits for one commit: %v, %+v", err, l.Status())
		}
		go intendFor(t, l, "first")
		synctest.Wait()
		if err := intendFor(t, l, "second"); !errors.Is(err, ErrUnavailable) {
			t.Errorf("an intent that waits for two commits: %v", err)
		}
		if s := l.Status(); s.Slow != 2*time.Second {
			t.Errorf("then %+v", s)
		}
	})
}

// TestStalledDisk: the present commit counts as soon as callers do not wait for it any more.
func TestStalledDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, sync := slowLog(t, newMemDisk())
		sync.Store(int64(time.Minute))
		go l.Queue(&logfile.Record{Kind: logfile.KindOutcome, Call: "a", Outcome: logfile.Succeeded})
		time.Sleep(lingerTime + 1900*time.Millisecond)
		if !ready(l) {
			t.Errorf("after 1.9 s: %+v", l.Status())
		}
		time.Sleep(200 * time.Millisecond)
		if l.Status().Err == nil {
			t.Errorf("after 2.1 s: %+v", l.Status())
		}
		time.Sleep(time.Minute)
		sync.Store(0)
	})
}

// TestFastDiskIsLeftAlone: nothing is written to try a disk that is fast, and what tries a slow one leaves zeros.
func TestFastDiskIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		l, sync := slowLog(t, d)
		if err := intendFor(t, l, "a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		ops := operations(d)
		time.Sleep(time.Hour)
		if n := operations(d); n != ops {
			t.Errorf("%d operations on a disk that is fast", n-ops)
		}
		sync.Store(int64(3 * time.Second))
		_ = intendFor(t, l, "b")
		time.Sleep(time.Minute)
		if n := operations(d); n < ops+20 {
			t.Errorf("%d operations on a disk that is slow", n-ops)
		}
		sync.Store(0)
		closed(t, l)
		contents(t, d)
	})
}

// operations returns how many operations a disk was asked for.
func operations(d *memDisk) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ops
}
