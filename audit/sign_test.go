package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/audit/logfile"
)

func intent(t *testing.T, l *Log, call string) {
	t.Helper()
	if err := l.Intent(t.Context(), &logfile.Record{Call: call}); err != nil {
		t.Fatal(err)
	}
}

// signed returns how many records the last checkpoint covers, once the committer has nothing to do.
func signed(l *Log) uint64 {
	synctest.Wait()
	return l.Status().Signed
}

// TestCheckpointByTime: a record is covered after Checkpoints.Every, and without a record there is no checkpoint.
func TestCheckpointByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		l, _ := open(t, small(d))
		if got := signed(l); got != 2 {
			t.Errorf("after opening %d records are signed, want start and key", got)
		}
		intent(t, l, "a")
		time.Sleep(9 * time.Second) // the bubble's clock
		intent(t, l, "b")
		if got := signed(l); got != 2 {
			t.Errorf("%d records are signed after 9 seconds", got)
		}
		time.Sleep(time.Second)
		if got := signed(l); got != 5 {
			t.Errorf("%d records are signed 10 seconds after the first one, want all 5", got)
		}
		time.Sleep(24 * time.Hour)
		if got := l.Status(); got.LastSeq != 6 || got.Signed != 5 || got.DurableSeq != 6 {
			t.Errorf("a day without records: %+v", got)
		}
		if err := l.Queue(&logfile.Record{Kind: logfile.KindRefusal}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Second)
		if got := signed(l); got != 7 {
			t.Errorf("%d records are signed, want the refusal, too", got)
		}
		contents(t, d)
	})
}

// TestCheckpointUnderLoad: the time runs also while the committer never waits for a record.
func TestCheckpointUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		cfg := growing(d)
		cfg.Preallocate = 64 << 10
		l, _ := open(t, cfg)
		synctest.Wait()
		d.mu.Lock()
		d.fault = func(op string, _ int) fault {
			if op == "sync" {
				time.Sleep(time.Second) // the bubble's clock
			}
			return fine
		}
		d.mu.Unlock()
		var callers sync.WaitGroup
		for c := range 2 {
			callers.Go(func() {
				for i := range 40 {
					intent(t, l, fmt.Sprint(c, "-", i))
				}
			})
		}
		time.Sleep(15*time.Second + 500*time.Millisecond) // between two syncs, at which the order of things is open
		if got := l.Status(); got.Signed <= 3 || got.Pending == 0 {
			t.Errorf("after 15 seconds of load: %+v", got)
		}
		callers.Wait()
	})
}

// TestCheckpointByCount: so many records are covered at once, also when others come meanwhile.
func TestCheckpointByCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		cfg := growing(d)
		cfg.Checkpoints.Records, cfg.Preallocate = 3, 64<<10
		l, _ := open(t, cfg)
		for i, want := range []uint64{2, 2, 6, 6, 6, 10} {
			intent(t, l, fmt.Sprint(i))
			if got := signed(l); got != want {
				t.Errorf("after %d intents %d records are signed, want %d", i+1, got, want)
			}
		}
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() { intent(t, l, fmt.Sprint("c", i)) })
		}
		all.Wait()
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		records := contents(t, d)
		if last := records[len(records)-1]; last.Kind != logfile.KindCheckpoint || records[len(records)-2].Kind != logfile.KindStop {
			t.Errorf("the log ends with %s", kinds(records[len(records)-3:]))
		}
	})
}

// TestCheckpointsLeaveTheReserve: on a full disk none is written but the last one; with space again they go on.
func TestCheckpointsLeaveTheReserve(t *testing.T) {
	for _, freed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			d := newMemDisk()
			cfg := growing(d)
			cfg.Checkpoints.Records = 1
			l, _ := open(t, cfg)
			d.mu.Lock()
			d.budget = int64(len(d.names[logfile.SegmentName(1)].cache)) // the disk is full from now on
			d.mu.Unlock()
			n := 0
			for l.Intent(t.Context(), &logfile.Record{Call: fmt.Sprint(n)}) == nil {
				n++
			}
			for l.Queue(&logfile.Record{Kind: logfile.KindRefusal}) == nil { // as small as it gets
				n++
			}
			if err := l.Outcome(t.Context(), &logfile.Record{Call: "0"}); err != nil {
				t.Fatal(err)
			}
			before, room := signed(l), l.Status().Preallocated
			time.Sleep(time.Hour)
			if got := l.Status(); n == 0 || got.Signed != before || got.Preallocated != room || before >= got.LastSeq-1 {
				t.Errorf("an hour on a full disk, after %d records: %d signed of %d, room %d; then %+v", n, before, got.LastSeq, room, got)
			}
			if freed {
				d.mu.Lock()
				d.budget = -1
				d.mu.Unlock()
				time.Sleep(2 * maxBackoff)
				if got := signed(l); got != l.Status().LastSeq-1 {
					t.Errorf("with room again %d records are signed of %d", got, l.Status().LastSeq)
				}
			}
			if err := l.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if records := contents(t, d); records[len(records)-1].Kind != logfile.KindCheckpoint {
				t.Errorf("the log ends with %s", records[len(records)-1].Kind)
			}
		})
	}
}

// TestDayRotation: a segment ends with the commit that brings another day, at opening as well, and its last checkpoint alone
// begins none.
func TestDayRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		l, _ := open(t, growing(d)) // the bubble's clock begins at midnight
		intent(t, l, "a")
		time.Sleep(24*time.Hour - time.Second) // its checkpoint comes on the second day
		intent(t, l, "b")
		segment := func() string {
			synctest.Wait()
			return l.Status().Segment
		}
		if got := segment(); got != logfile.SegmentName(1) {
			t.Errorf("on the first day the log is in %s", got)
		}
		time.Sleep(10 * time.Minute)
		if got := segment(); got != logfile.SegmentName(1) {
			t.Errorf("without a record of another day the log is in %s", got)
		}
		intent(t, l, "c")
		// start, key, checkpoint, a, checkpoint, b, checkpoint, c
		if got := segment(); got != logfile.SegmentName(9) {
			t.Errorf("on the second day the log is in %s", got)
		}
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(24 * time.Hour)
		l, _ = open(t, growing(d)) // the calls have no outcome yet
		// checkpoint, stop, checkpoint, outcomes of a, b and c, start
		if got := segment(); got != logfile.SegmentName(16) {
			t.Errorf("opened on the third day, the log is in %s", got)
		}
		contents(t, d)
	})
}

// TestPublished: a receiver gets checkpoints that are durable already, a slow one gets the newest, and Close waits for the
// last, but not for ever.
func TestPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		cfg := growing(d)
		cfg.Checkpoints.Records = 1
		var got []string
		gate := make(chan struct{})
		cfg.Published = func(note string) {
			d.mu.Lock()
			durable := string(d.durable[logfile.SegmentName(1)].disk)
			d.mu.Unlock()
			if root := strings.Split(note, "\n")[2]; !strings.Contains(durable, root) {
				t.Errorf("a checkpoint was published and is not on the disk: %s", note)
			}
			got = append(got, strings.Split(note, "\n")[1])
			<-gate
		}
		l, _ := open(t, cfg)
		synctest.Wait()
		for i := range 5 {
			intent(t, l, fmt.Sprint(i)) // the receiver is busy with the first one all the while
			synctest.Wait()
		}
		gate <- struct{}{}
		synctest.Wait()
		if want := "[2 12]"; fmt.Sprint(got) != want {
			t.Errorf("received %v, want %v: the first and the newest", got, want)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("close while the receiver hangs: %v", err)
		}
		close(gate)
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if want := "[2 12 14]"; fmt.Sprint(got) != want {
			t.Errorf("received %v, want %v", got, want)
		}
	})
}

// TestUnsigned: a start says how many records were not signed.
func TestUnsigned(t *testing.T) {
	for _, ending := range []string{"close", "kill"} {
		synctest.Test(t, func(t *testing.T) {
			d := newMemDisk()
			l, _ := open(t, small(d))
			for i := range 3 {
				intent(t, l, fmt.Sprint(i))
			}
			want := uint64(3)
			if ending == "close" {
				want = 0
				if err := l.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			d = d.kill()
			_, found := open(t, small(d))
			records := contents(t, d)
			start := records[len(records)-2]
			if found.Unsigned != want || start.Kind != logfile.KindStart || start.Unsigned != want {
				t.Errorf("%s: found %d unsigned records, the %s record says %d; want %d", ending, found.Unsigned, start.Kind, start.Unsigned, want)
			}
		})
	}
}
