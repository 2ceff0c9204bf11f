package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tollgate/audit/logfile"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("AUDIT_TEST_VICTIM"); dir != "" {
		victim(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// open opens a log that the test's end closes.
func open(t testing.TB, cfg Options) (*Log, Recovery) {
	t.Helper()
	l, found, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(l) })
	return l, found
}

func onDisk(t testing.TB) Options {
	return Options{
		Config:      Config{Dir: filepath.Join(t.TempDir(), "a", "audit"), Reserve: 2 * logfile.MaxLine},
		Preallocate: 2 * logfile.MaxLine, Version: "v1.2.3",
	}
}

// listed returns the names in a directory.
func listed(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names, err
}

func count(records []logfile.Record, kinds ...logfile.Kind) int {
	n := 0
	for _, r := range records {
		if slices.Contains(kinds, r.Kind) {
			n++
		}
	}
	return n
}

// begun is what a new log begins with.
const begun = "start |key |checkpoint |"

func kinds(records []logfile.Record) string {
	var b strings.Builder
	for _, r := range records {
		fmt.Fprintf(&b, "%s %s|", r.Kind, r.Call)
	}
	return b.String()
}

func TestLogOnDisk(t *testing.T) {
	cfg := onDisk(t)
	l, found := open(t, cfg)
	if found.LastSeq != 0 || found.Closed != nil || found.Cut != 0 {
		t.Errorf("a new log recovers %+v", found)
	}
	intent := &logfile.Record{Call: "c1", Effect: "spend", Caller: "app"}
	if err := l.Intent(t.Context(), intent); err != nil {
		t.Fatal(err)
	}
	if intent.Seq != 4 || intent.Kind != logfile.KindIntent || intent.Time.IsZero() {
		t.Errorf("the record was given %d, %q, %v", intent.Seq, intent.Kind, intent.Time)
	}
	// What is durable can be read while the log is open.
	if got, want := kinds(verify(t, cfg.Dir)), begun+"intent c1|"; got != want {
		t.Errorf("open log: got %s, want %s", got, want)
	}
	if err := l.Outcome(t.Context(), &logfile.Record{Call: "c1", Outcome: logfile.Succeeded}); err != nil {
		t.Fatal(err)
	}
	if err := l.Queue(&logfile.Record{Kind: logfile.KindRefusal, Reason: "no_grant"}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	records := verify(t, cfg.Dir)
	if got, want := kinds(records), begun+"intent c1|outcome c1|refusal |stop |checkpoint |"; got != want {
		t.Errorf("closed log: got %s, want %s", got, want)
	}
	if records[0].Version != "v1.2.3" {
		t.Errorf("start record: %+v", records[0])
	}
	if err := l.Intent(t.Context(), &logfile.Record{Call: "c2"}); !errors.Is(err, ErrClosed) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("intent on a closed log: %v", err)
	}
}

func TestFileModes(t *testing.T) {
	cfg := onDisk(t)
	open(t, cfg)
	err := filepath.WalkDir(cfg.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestOneWriter(t *testing.T) {
	cfg := onDisk(t)
	open(t, cfg)
	_, _, err := Open(cfg)
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("second writer: %v; want ErrLocked and the process that holds the lock", err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, cfg := range []Options{
		{},
		{Config: Config{Dir: "x", SegmentSize: -1}},
		{Config: Config{Dir: "x", SegmentSize: 1}},
		{Config: Config{Dir: "x"}, Preallocate: logfile.MaxLine},
		{Config: Config{Dir: "x", Reserve: 1}},
		{Config: Config{Dir: "x"}, MaxPending: logfile.MaxLine},
		{Config: Config{Dir: "x", Deadline: -1}},
	} {
		if l, _, err := Open(cfg); err == nil {
			end(l)
			t.Errorf("%+v is accepted", cfg)
		}
	}
}

func TestRecordsAreChecked(t *testing.T) {
	l, _ := open(t, small(newMemDisk()))
	for name, err := range map[string]error{
		"intent without call":         l.Intent(t.Context(), &logfile.Record{}),
		"outcome without call":        l.Outcome(t.Context(), &logfile.Record{}),
		"queued intent":               l.Queue(&logfile.Record{Kind: logfile.KindIntent, Call: "c"}),
		"queued start":                l.Queue(&logfile.Record{Kind: logfile.KindStart}),
		"queued outcome without call": l.Queue(&logfile.Record{Kind: logfile.KindOutcome}),
		"event without code":          l.Queue(&logfile.Record{Kind: logfile.KindEvent}),
	} {
		if err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestIntentUnderEndedContext(t *testing.T) {
	d := newMemDisk()
	l, _ := open(t, small(d))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := &logfile.Record{Call: "c"}
	if err := l.Intent(ctx, r); !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) || r.Seq != 0 {
		t.Errorf("intent: %v, seq %d; want no record", err, r.Seq)
	}
	// An outcome must not be lost, even if its caller cannot wait for it.
	if err := l.Outcome(ctx, &logfile.Record{Call: "d"}); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("outcome: %v", err)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := kinds(contents(t, d)), begun+"outcome d|stop |checkpoint |"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestGroupCommit: all that comes while one fsync runs shares the next one.
func TestGroupCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		cfg := small(d)
		cfg.MaxPending = 8 << 20
		cfg.Preallocate = 8 << 20
		cfg.SegmentSize = 8 << 20
		l, _ := open(t, cfg)
		gate := make(chan struct{})
		d.fault = func(op string, _ int) fault {
			if op == "sync" {
				<-gate
			}
			return fine
		}
		before := d.syncs
		var all sync.WaitGroup
		for i := range 200 {
			all.Go(func() {
				if err := l.Intent(t.Context(), &logfile.Record{Call: fmt.Sprint(i)}); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait() // the first is in its sync now, the others wait behind it
		}
		if got := l.Status(); got.LastSeq != 203 || got.DurableSeq != 3 || got.Pending == 0 {
			t.Errorf("status while syncing: %+v", got)
		}
		close(gate)
		all.Wait()
		if n := d.syncs - before; n != 2 {
			t.Errorf("200 intents took %d fsyncs, want 2", n)
		}
		if got := l.Status(); got.DurableSeq != 203 || got.Pending != 0 || got.Err != nil {
			t.Errorf("status when idle: %+v", got)
		}
	})
}

// TestIntentIsDurable: when Intent returns nil, a loss of power that keeps nothing unsynced keeps the record.
func TestIntentIsDurable(t *testing.T) {
	d := newMemDisk()
	l, _ := open(t, small(d))
	for i := range 20 {
		if err := l.Intent(t.Context(), &logfile.Record{Call: fmt.Sprint("c", i)}); err != nil {
			t.Fatal(err)
		}
		d.mu.Lock()
		var durable []byte
		for _, node := range d.durable {
			durable = append(durable, node.disk...)
		}
		d.mu.Unlock()
		if !strings.Contains(string(durable), fmt.Sprintf(`"call":"c%d"`, i)) {
			t.Fatalf("intent %d is acknowledged and not on the disk", i)
		}
	}
}

// openOnFullDisk opens a log on a disk that is full from then on: what is allocated is all there is.
func openOnFullDisk(t *testing.T) (*Log, *memDisk) {
	d := newMemDisk()
	cfg := small(d)
	cfg.SegmentSize = 1 << 20
	l, _ := open(t, cfg)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.budget = int64(len(d.names[logfile.SegmentName(1)].cache))
	return l, d
}

// TestReserve: a full disk stops intents and refusals, and the outcomes of the calls that were sent still fit.
func TestReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, d := openOnFullDisk(t)
		var sent []string
		for {
			call := fmt.Sprint("call-", len(sent))
			if err := l.Intent(t.Context(), &logfile.Record{Call: call}); err != nil {
				if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "no space") {
					t.Errorf("intent on a full disk: %v", err)
				}
				break
			}
			if sent = append(sent, call); len(sent) > 10000 {
				t.Fatal("a full disk takes intents for ever")
			}
		}
		if l.Status().Err == nil {
			t.Error("a full log reports no error")
		}
		// The space is within one record of the reserve, so the smallest refusal may still fit, but not many.
		for range 10 {
			_ = l.Queue(&logfile.Record{Kind: logfile.KindRefusal, Caller: "a"})
		}
		if err := l.Queue(&logfile.Record{Kind: logfile.KindRefusal, Caller: "a"}); !errors.Is(err, ErrUnavailable) {
			t.Errorf("refusal on a full disk: %v", err)
		}
		if err := l.Queue(&logfile.Record{Kind: logfile.KindEvent, Event: "e"}); !errors.Is(err, ErrUnavailable) {
			t.Errorf("event on a full disk: %v", err)
		}
		if dropped := l.Status().Dropped; dropped == 0 || dropped > 11 {
			t.Errorf("%d refusals were dropped, at most 11 were not taken; an event comes again", dropped)
		}
		for _, call := range sent[:min(len(sent), 40)] {
			if err := l.Outcome(t.Context(), &logfile.Record{Call: call, Outcome: logfile.Succeeded}); err != nil {
				t.Fatalf("outcome on a full disk: %v", err)
			}
		}
		d.mu.Lock()
		d.budget = -1
		d.mu.Unlock()
		time.Sleep(2 * maxBackoff) // the bubble's clock
		if err := l.Intent(t.Context(), &logfile.Record{Call: "after"}); err != nil {
			t.Errorf("intent after room was made: %v", err)
		}
	})
}

// TestUnauthenticatedPeersLeaveTheRoomOfIntents: on a disk that is getting full, records of unauthenticated peers and summaries
// stop first, and intents go on in space of their own.
func TestUnauthenticatedPeersLeaveTheRoomOfIntents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := openOnFullDisk(t)
		for _, r := range []logfile.Record{{Kind: logfile.KindRefusal, Source: "192.0.2.1"}, {Kind: logfile.KindRefusals}} { // the smaller one last
			for range 3 { // what waits to be written goes first
				for record := r; l.Queue(&record) == nil; record = r {
				}
				time.Sleep(2 * lingerTime) // the bubble's clock
			}
		}
		if err := l.Queue(&logfile.Record{Kind: logfile.KindRefusals}); !errors.Is(err, ErrUnavailable) {
			t.Errorf("summary: %v", err)
		}
		before, used := l.Status().SegmentBytes, int64(0)
		for i := 0; l.Intent(t.Context(), &logfile.Record{Call: fmt.Sprint(i)}) == nil; i++ {
			used = l.Status().SegmentBytes - before
		}
		if used < int64(l.cfg.Reserve)*3/4 {
			t.Errorf("intents found room for %d bytes behind the records of unauthenticated peers, want about %d", used, l.cfg.Reserve)
		}
		if err := l.Outcome(t.Context(), &logfile.Record{Call: "0", Outcome: logfile.Succeeded}); err != nil {
			t.Errorf("outcome: %v", err)
		}
	})
}

// TestLastSummaryOnAFullDisk: what was counted is on record when the log is closed, although refusals find no space any more.
func TestLastSummaryOnAFullDisk(t *testing.T) {
	l, d := openOnFullDisk(t)
	refusals := NewRefusals(l, RefusalBounds{})
	const all = 1000
	for range all {
		refusals.Known(noon, &logfile.Record{Kind: logfile.KindRefusal, Caller: "shop", Reason: "no_grant", Detail: strings.Repeat("x", 200)})
	}
	filled := 0
	for l.Queue(&logfile.Record{Kind: logfile.KindRefusal, Caller: "a"}) == nil { // as small as it gets, so that a summary finds no space
		filled++
	}
	refusals.Close()
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	recorded, counted := 0, uint64(0)
	for _, r := range contents(t, d) {
		switch r.Kind {
		case logfile.KindRefusal:
			recorded++
		case logfile.KindRefusals:
			counted += r.Counts[0].Count
		}
	}
	if counted == 0 || recorded+int(counted) != all+filled {
		t.Errorf("%d refusals are recorded and %d counted, of %d", recorded, counted, all+filled)
	}
}

// TestFailingWrites: while writes fail, intents are refused and outcomes wait; when they work again all is in order.
func TestFailingWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		l, _ := open(t, small(d))
		broken := true
		var mu sync.Mutex
		d.fault = func(op string, _ int) fault {
			mu.Lock()
			defer mu.Unlock()
			if op == "write" && broken {
				return noSpace
			}
			return fine
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Intent(ctx, &logfile.Record{Call: "a"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("intent on a disk that cannot write: %v", err)
		}
		start := time.Now()
		r := &logfile.Record{Call: "b"}
		if err := l.Intent(t.Context(), r); !errors.Is(err, ErrUnavailable) || time.Since(start) != 0 || r.Seq != 0 {
			t.Errorf("the next intent: %v after %v, seq %d", err, time.Since(start), r.Seq)
		}
		if err := l.Queue(&logfile.Record{Kind: logfile.KindOutcome, Call: "a", Outcome: logfile.NotSent}); err != nil {
			t.Errorf("outcome: %v", err)
		}
		mu.Lock()
		broken = false
		mu.Unlock()
		time.Sleep(2 * maxBackoff) // the bubble's clock
		if err := l.Intent(t.Context(), &logfile.Record{Call: "c"}); err != nil {
			t.Errorf("intent after the disk works again: %v", err)
		}
		if got, want := kinds(contents(t, d)), begun+"intent a|outcome a|intent c|"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// TestQueuedRecordsLinger: a record that no caller waits for shares the sync of the next one that a caller waits for, and
// without one it is durable after lingerTime.
func TestQueuedRecordsLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := open(t, small(newMemDisk()))
		synctest.Wait()
		commits := func() uint64 {
			synctest.Wait()
			return l.Status().Commits
		}
		before := commits()
		queue := func() {
			if err := l.Queue(&logfile.Record{Kind: logfile.KindOutcome, Call: "read"}); err != nil {
				t.Fatal(err)
			}
		}
		queue()
		if commits() != before {
			t.Error("a queued record was synced at once")
		}
		if err := l.Intent(t.Context(), &logfile.Record{Call: "next"}); err != nil {
			t.Fatal(err)
		}
		if status := l.Status(); status.Commits != before+1 || status.DurableSeq != status.LastSeq {
			t.Errorf("%d commits, want one for both; %d of %d records are durable", status.Commits-before, status.DurableSeq, status.LastSeq)
		}
		time.Sleep(lingerTime - 1)
		queue()
		time.Sleep(lingerTime)
		if commits() != before+2 || l.Status().Pending != 0 {
			t.Errorf("%d commits after lingerTime, want a second one", commits()-before)
		}
	})
}

// TestQueueIsBounded: with a disk that hangs, refusals stop first, then intents, then outcomes; memory is bounded.
func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		cfg := small(d)
		cfg.Preallocate = 1 << 20
		l, _ := open(t, cfg)
		release := make(chan struct{})
		d.fault = func(op string, _ int) fault {
			if op == "sync" {
				<-release
			}
			return fine
		}
		limits := []struct {
			r    logfile.Record
			most int64
		}{
			{logfile.Record{Kind: logfile.KindRefusal}, cfg.MaxPending / 2},
			{logfile.Record{Kind: logfile.KindEvent, Event: "e"}, cfg.MaxPending / 2},
			{logfile.Record{Kind: logfile.KindOutcome, Call: "c"}, 2 * cfg.MaxPending},
		}
		for _, limit := range limits {
			n := 0
			for l.Queue(&limit.r) == nil {
				n++
			}
			if got := l.Status().Pending; got > limit.most || got < limit.most-1000 {
				t.Errorf("%s: %d bytes pending after %d records, want about %d", limit.r.Kind, got, n, limit.most)
			}
		}
		close(release)
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := l.Status(); got.Dropped != 1 || got.LostOutcomes != 1 {
			t.Errorf("status: %+v", got)
		}
	})
}

// TestForeignChanges: a live segment that is deleted, cut, grown or replaced ends the admission before anything is
// acknowledged.
func TestForeignChanges(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"deleted":   os.Remove,
		"moved":     func(path string) error { return os.Rename(path, path+".1") },
		"truncated": func(path string) error { return os.Truncate(path, 0) },
		"grown":     func(path string) error { return os.Truncate(path, 10<<20) },
		"replaced": func(path string) error {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return errors.Join(os.Remove(path), os.WriteFile(path, b, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := onDisk(t)
			l, _ := open(t, cfg)
			if err := l.Intent(t.Context(), &logfile.Record{Call: "a"}); err != nil {
				t.Fatal(err)
			}
			if err := change(filepath.Join(cfg.Dir, logfile.SegmentName(1))); err != nil {
				t.Fatal(err)
			}
			if err := l.Intent(t.Context(), &logfile.Record{Call: "b"}); !errors.Is(err, ErrUnavailable) {
				t.Errorf("intent after the segment was %s: %v", name, err)
			}
			if l.Status().Err == nil {
				t.Error("status reports no error")
			}
		})
	}
}

// TestRotation: the log goes on in a new segment, which begins with the record that its name says.
func TestRotation(t *testing.T) {
	cfg := onDisk(t)
	cfg.SegmentSize = logfile.MaxLine
	l, _ := open(t, cfg)
	const n = 60
	for i := range n {
		if err := l.Intent(t.Context(), &logfile.Record{Call: fmt.Sprint(i), Path: strings.Repeat("p", 8<<10)}); err != nil {
			t.Fatal(err)
		}
		if err := l.Queue(&logfile.Record{Kind: logfile.KindOutcome, Call: fmt.Sprint(i), Outcome: logfile.Failed}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	records := verify(t, cfg.Dir)
	if got := count(records, logfile.KindIntent, logfile.KindOutcome); got != 2*n {
		t.Errorf("%d records of calls, want %d", got, 2*n)
	}
	names, err := listed(cfg.Dir)
	if err != nil {
		t.Fatal(err)
	}
	segments := len(logfile.SegmentNames(names))
	if segments < 5 {
		t.Errorf("%d segments", segments)
	}
	if got := count(records, logfile.KindCheckpoint); got != segments+1 {
		t.Errorf("%d checkpoints for %d segments; want one for each, and one for the end", got, segments)
	}
	if slices.Contains(names, nextName) {
		t.Error("an unfinished segment was left")
	}
	_, found := open(t, cfg)
	if found.LastSeq != uint64(len(records)) || found.Unsigned != 0 || len(found.Closed) != 0 {
		t.Errorf("recovery: %+v", found)
	}
}

// TestConcurrent is for the race detector: writers of all kinds, readers and Status at once.
func TestConcurrent(t *testing.T) {
	cfg := onDisk(t)
	cfg.SegmentSize = logfile.MaxLine
	l, _ := open(t, cfg)
	var writers, readers sync.WaitGroup
	stop := make(chan struct{})
	readers.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			l.Status()
			if err := logfile.Read(cfg.Dir, func(*logfile.Record, []byte) error { return nil }); err != nil {
				t.Errorf("reading a log that is being written: %v", err)
				return
			}
		}
	})
	const workers, calls = 16, 20
	for w := range workers {
		writers.Go(func() {
			for i := range calls {
				call := fmt.Sprint(w, "-", i)
				if err := l.Intent(t.Context(), &logfile.Record{Call: call, Path: "/x"}); err != nil {
					t.Error(err)
				}
				if err := l.Queue(&logfile.Record{Kind: logfile.KindRefusal, Reason: "r"}); err != nil {
					t.Error(err)
				}
				if err := l.Outcome(t.Context(), &logfile.Record{Call: call, Outcome: logfile.Succeeded}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := count(verify(t, cfg.Dir), logfile.KindIntent, logfile.KindOutcome, logfile.KindRefusal), 3*workers*calls; got != want {
		t.Errorf("%d records of calls, want %d", got, want)
	}
}

// TestRotationOnFullDisk: a full segment frees what it preallocated only when the next one has its own space.
func TestRotationOnFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		l, _ := open(t, small(d))
		d.mu.Lock()
		d.budget = int64(len(d.names[logfile.SegmentName(1)].cache)) + 100 // no space for another segment
		d.mu.Unlock()
		var sent []string
		for l.Intent(t.Context(), &logfile.Record{Call: fmt.Sprint("call-", len(sent)), Path: strings.Repeat("p", 100)}) == nil {
			sent = append(sent, fmt.Sprint("call-", len(sent)))
		}
		got := l.Status()
		if got.SegmentBytes < 4<<10 || got.Segment != logfile.SegmentName(1) || got.Preallocated < 7<<10 {
			t.Errorf("on a full disk: %+v; want the first segment, with its reserve", got)
		}
		for _, call := range sent[:20] {
			if err := l.Outcome(t.Context(), &logfile.Record{Call: call, Outcome: logfile.Succeeded}); err != nil {
				t.Fatal(err)
			}
		}
		if names, _ := d.List(); slices.Contains(names, nextName) {
			t.Error("an unfinished segment takes room")
		}
		d.mu.Lock()
		d.budget = -1
		d.mu.Unlock()
		time.Sleep(2 * maxBackoff) // the bubble's clock
		if err := l.Intent(t.Context(), &logfile.Record{Call: "after"}); err != nil {
			t.Error(err)
		}
		if got := l.Status(); got.Segment == logfile.SegmentName(1) {
			t.Errorf("after room was made: %+v", got)
		}
		contents(t, d)
	})
}

// TestStopNamesOpenCalls: a stop that cut a call off does not look like any other.
func TestStopNamesOpenCalls(t *testing.T) {
	for _, settled := range []bool{true, false} {
		dir := t.TempDir()
		l, _, err := Open(Options{Config: Config{Dir: dir}})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Intent(t.Context(), &logfile.Record{Call: "a"}); err != nil {
			t.Fatal(err)
		}
		if settled {
			if err := l.Outcome(t.Context(), &logfile.Record{Call: "a", Outcome: logfile.Succeeded}); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		records := verify(t, dir)
		if stop := records[len(records)-2]; stop.Kind != logfile.KindStop || (stop.Note == "") != settled {
			t.Errorf("settled %v: the %s record says %q", settled, stop.Kind, stop.Note)
		}
	}
}

// TestOneWriterWithoutTheLockFile: removing the lock file by hand does not let a second writer in.
func TestOneWriterWithoutTheLockFile(t *testing.T) {
	dir := t.TempDir()
	l, _, err := Open(Options{Config: Config{Dir: dir}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close(t.Context())
	if err := os.Remove(filepath.Join(dir, lockName)); err != nil {
		t.Fatal(err)
	}
	if second, _, err := Open(Options{Config: Config{Dir: dir}}); !errors.Is(err, ErrLocked) {
		t.Errorf("a second writer: %v, %v", second, err)
	}
}

// TestIntentIsTakenWholeOrNotAtAll: nothing of which the log holds a part only may change anything.
func TestIntentIsTakenWholeOrNotAtAll(t *testing.T) {
	cfg := onDisk(t)
	l, _ := open(t, cfg)
	long := strings.Repeat("a", 16<<10+1)
	for _, effect := range []string{"write", "spend", "read"} {
		for name, r := range map[string]*logfile.Record{
			"query": {Query: long}, "path": {Path: long}, "detail": {Detail: long}, "omitted": {Fields: []logfile.Field{{Name: "amount", Omitted: 1}}},
			"in all": {Fields: []logfile.Field{{Name: "a", Values: []string{long[1:], long[1:], long[1:], long[1:]}}}},
		} {
			r.Call, r.Effect, r.Seq = effect+name, effect, 7
			err := l.Intent(t.Context(), r)
			if whole := effect == "read"; whole && err != nil || !whole && (!errors.Is(err, ErrCut) || r.Seq != 0) {
				t.Errorf("%s, %s: %v, seq %d", effect, name, err, r.Seq)
			}
		}
		if err := l.Intent(t.Context(), &logfile.Record{Call: effect, Effect: effect}); err != nil {
			t.Errorf("a whole one of effect %s: %v", effect, err)
		}
	}
	end(l)
	intents := 0
	err := logfile.Read(cfg.Dir, func(r *logfile.Record, _ []byte) error {
		if r.Kind == logfile.KindIntent {
			intents++
			if r.Effect != "read" && r.Cut {
				t.Errorf("%s was taken in part", r.Call)
			}
		}
		return nil
	})
	if err != nil || intents != 5+3 {
		t.Errorf("%d intents, %v", intents, err)
	}
}

// TestStartOnAFullDisk: a log that was closed in good order has the space that one has which was killed.
func TestStartOnAFullDisk(t *testing.T) {
	for _, ending := range []string{"close", "kill", "power loss"} {
		synctest.Test(t, func(t *testing.T) {
			d := newMemDisk()
			l := opened(t, small(d))
			work(l, calls)
			d = endIn(t, l, d, ending, 1)
			d.mu.Lock()
			d.budget = 0
			d.mu.Unlock()
			l, _, err := Open(small(d))
			if err != nil {
				t.Fatalf("after %s: %v", ending, err)
			}
			defer end(l)
			if err := l.Intent(t.Context(), &logfile.Record{Call: "a"}); err != nil {
				t.Errorf("after %s: %v", ending, err)
			}
			if err := l.Outcome(t.Context(), &logfile.Record{Call: "a", Outcome: logfile.Succeeded}); err != nil {
				t.Errorf("after %s: %v", ending, err)
			}
			contents(t, d)
		})
	}
}
