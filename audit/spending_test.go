package audit

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/setting"
)

// holding is an event that states what a call holds, of so many keys.
func holding(keys int) *logfile.Record {
	return &logfile.Record{Event: logfile.EventUnresolved, Subject: "a", Spending: &logfile.Spending{
		Act: "pay", Keys: []logfile.ActKeys{{Window: 600, MACs: slices.Repeat([]string{strings.Repeat("m", 22)}, keys)}},
	}}
}

// TestEvent: an event is durable when its writer goes on, and what a call holds is never on record in part.
func TestEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		l := opened(t, small(d))
		if err := l.Event(t.Context(), holding(logfile.MaxActKeys)); err != nil {
			t.Fatal(err)
		}
		whole := d.kill()
		if _, left := walk(t, whole); !slices.ContainsFunc(left, func(r logfile.Record) bool {
			return r.Event == logfile.EventUnresolved && len(r.Keys[0].MACs) == logfile.MaxActKeys && !r.Cut
		}) {
			t.Error("a crash has taken it")
		}
		queued := holding(logfile.MaxActKeys + 1)
		queued.Kind = logfile.KindEvent
		for name, err := range map[string]error{
			"awaited": l.Event(t.Context(), holding(logfile.MaxActKeys+1)),
			"queued":  l.Queue(queued),
		} {
			if !errors.Is(err, ErrCut) {
				t.Errorf("%s: it is cut, and taken: %v", name, err)
			}
		}
		for _, code := range []logfile.EventCode{"", logfile.EventFrozen} {
			if err := l.Event(t.Context(), &logfile.Record{Event: code}); err == nil {
				t.Errorf("event %q is taken", code)
			}
		}
		end(l)
	})
}

// TestQueueOutcome: the caller that queues an outcome goes on at once, and is called back once: when it is durable, or lost with the log.
func TestQueueOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		l, sync := slowLog(t, d)
		ended := make(chan error, 3)
		queue := func(call string) error {
			return l.QueueOutcome(&logfile.Record{Call: call, Outcome: logfile.NotSent}, func(err error) { ended <- err })
		}
		if err := queue(""); err == nil {
			t.Error("an outcome of no call is taken")
		}
		sync.Store(int64(time.Minute))
		if err := queue("a"); err != nil {
			t.Fatal(err)
		}
		if time.Sleep(30 * time.Second); len(ended) > 0 {
			t.Errorf("while the disk writes: %v", <-ended)
		}
		time.Sleep(2 * time.Minute)
		if len(ended) != 1 || <-ended != nil {
			t.Error("it is not known that the outcome is durable")
		}
		if _, left := walk(t, d.kill()); !slices.ContainsFunc(left, func(r logfile.Record) bool { return r.Kind == logfile.KindOutcome && r.Call == "a" }) {
			t.Error("it is not")
		}
		d.plan(func(string, int) fault { return notDone })
		if err := queue("b"); err != nil {
			t.Fatal(err)
		}
		end(l)
		synctest.Wait()
		if len(ended) != 1 || <-ended == nil {
			t.Error("the outcome is lost, and that is not known")
		}
		if err := queue("c"); err == nil || len(ended) > 0 {
			t.Errorf("a log that has ended takes an outcome: %v", err)
		}
	})
}

// TestPruneSparesWhatIsNeeded: a segment stays that has a record which is needed still, and those behind it.
func TestPruneSparesWhatIsNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, needed := newMemDisk(), new(atomic.Uint64)
		cfg := keeping(d)
		cfg.NeededFrom = needed.Load
		l := opened(t, cfg)
		days(t, l, 10)
		first := func() uint64 {
			if err := l.Prune(context.Background()); err != nil {
				t.Fatal(err)
			}
			names, _ := d.List()
			first, _ := logfile.ParseSegmentName(logfile.SegmentNames(names)[0])
			return first
		}
		if got := first(); got != 1 {
			t.Errorf("before anything is known, the log begins with record %d", got)
		}
		needed.Store(12)
		if got := first(); got == 1 || got > 12 {
			t.Errorf("record 12 is needed, and the log begins with record %d", got)
		}
		needed.Store(1 << 40)
		if got := first(); got <= 12 {
			t.Errorf("nothing is needed, and the log begins with record %d", got)
		}
		closed(t, l)
	})
}

// TestCheckKeep: two days more than the longest window or period.
func TestCheckKeep(t *testing.T) {
	for _, c := range []struct {
		keep, longest time.Duration
		ok            bool
	}{
		{0, 366 * setting.Day, true},
		{33 * setting.Day, 31 * setting.Day, true},
		{33*setting.Day - 1, 31 * setting.Day, false},
		{time.Hour, 0, false},
		{2 * setting.Day, 0, true},
	} {
		err := (&Config{Keep: setting.Duration(c.keep)}).CheckKeep(c.longest)
		if (err == nil) != c.ok {
			t.Errorf("records of %v, needed for %v: %v", c.keep, c.longest, err)
		}
	}
}
