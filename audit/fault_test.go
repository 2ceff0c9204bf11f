package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/internal/soaktest"
)

// small is a configuration in which a few records fill a segment.
func small(d *memDisk) Options {
	return Options{Config: Config{SegmentSize: 4 << 10, Reserve: 8 << 10}, Preallocate: 8 << 10, MaxPending: 128 << 10, disk: d, keys: memKeys{d}}
}

// history is what a workload has learnt about its records.
type history struct {
	intents, outcomes []string // calls whose record was acknowledged as durable
	published         []string // checkpoints that left the process
}

// work makes calls one after the other, with records large enough to fill several segments. Every third call gets no
// outcome. An intent that is refused is tried once more after a while, by the bubble's clock; then it stops.
func work(l *Log, calls int) history {
	var h history
	found := l.Status().LastSeq // in the names of calls, which no earlier workload has then
	for i := range calls {
		call := fmt.Sprintf("call-%d-%d", found, i)
		if !intend(l, call) {
			time.Sleep(2 * maxBackoff)
			if !intend(l, call) {
				break
			}
		}
		h.intents = append(h.intents, call)
		if i%3 == 0 {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		if l.Outcome(ctx, &logfile.Record{Call: call, Outcome: logfile.Succeeded, Note: strings.Repeat("n", 200)}) == nil {
			h.outcomes = append(h.outcomes, call)
		}
		cancel()
	}
	return h
}

func intend(l *Log, call string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return l.Intent(ctx, &logfile.Record{Call: call, Effect: "spend", Path: strings.Repeat("p", 700)}) == nil
}

// contents reads a log in memory and checks that it is whole: the tree, recomputed from the first record, is the one of
// every checkpoint.
func contents(t *testing.T, d *memDisk) []logfile.Record {
	t.Helper()
	names, _ := d.List()
	var records []logfile.Record
	var v verifier
	segments := logfile.SegmentNames(names)
	if first, _ := logfile.ParseSegmentName(segments[0]); first > 1 {
		records = v.pruned(d.bytes(logfile.HashesName(1)))
	}
	for i, name := range segments {
		b := d.bytes(name)
		if first, _ := logfile.ParseSegmentName(name); first != uint64(len(records)+1) {
			t.Fatalf("segment %s begins after record %d", name, len(records))
		}
		text, zeros := bytes.TrimRight(b, "\x00"), len(bytes.TrimRight(b, "\x00")) < len(b)
		if zeros && i < len(segments)-1 {
			t.Fatalf("closed segment %s ends in zeros", name)
		}
		for line := range bytes.Lines(text) {
			var r logfile.Record
			if err := json.Unmarshal(line, &r); err != nil || line[len(line)-1] != '\n' {
				t.Fatalf("segment %s: line %q: %v", name, line, err)
			}
			if r.Seq != uint64(len(records)+1) {
				t.Fatalf("segment %s: record %d where %d is expected", name, r.Seq, len(records)+1)
			}
			if err := v.add(&r, bytes.TrimSuffix(line, []byte("\n")), len(line) > 0 && &line[0] == &b[0]); err != nil {
				t.Fatalf("segment %s: %v", name, err)
			}
			records = append(records, r)
		}
	}
	return records
}

// check says what must hold of a log after a recovery: what was acknowledged is there, and every intent has an outcome.
func (h *history) check(t *testing.T, records []logfile.Record) {
	t.Helper()
	intents, outcomes, checkpoints := map[string]bool{}, map[string]string{}, map[string]bool{}
	for _, r := range records {
		switch r.Kind {
		case logfile.KindCheckpoint:
			checkpoints[r.Checkpoint] = true
		case logfile.KindIntent:
			intents[r.Call] = true
		case logfile.KindOutcome:
			if outcomes[r.Call] != "" {
				t.Errorf("call %s has two outcomes", r.Call)
			}
			outcomes[r.Call] = r.Outcome
		}
	}
	for _, call := range h.intents {
		if !intents[call] {
			t.Errorf("the acknowledged intent of %s is missing", call)
		}
	}
	for _, note := range h.published {
		if !checkpoints[note] {
			t.Errorf("a checkpoint was published and is not in the log: %s", note)
		}
	}
	for _, call := range h.outcomes {
		if outcomes[call] != logfile.Succeeded {
			t.Errorf("the acknowledged outcome of %s is %q", call, outcomes[call])
		}
	}
	for call := range intents {
		if outcomes[call] == "" {
			t.Errorf("the intent of %s has no outcome", call)
		}
	}
}

// growing is a configuration in which the live segment grows instead of being followed by another.
func growing(d *memDisk) Options {
	return Options{Config: Config{SegmentSize: 1 << 20, Reserve: 8 << 10}, Preallocate: 4 << 10, MaxPending: 128 << 10, disk: d, keys: memKeys{d}}
}

// stating is a configuration in which a checkpoint follows each second record.
func stating(d *memDisk) Options {
	cfg := growing(d)
	cfg.Checkpoints.Records = 2
	return cfg
}

// TestFaults lets each operation on the disk fail in two ways, ends the log in three ways, opens it again and checks
// it: what was acknowledged is there, and the whole log verifies.
func TestFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config func(*memDisk) Options
		before func(*testing.T) *memDisk // what the log is opened on; nil is an empty disk
	}{
		"rotating":     {small, nil},
		"growing":      {growing, nil},
		"stating":      {stating, nil},
		"crashed":      {small, crashed},
		"unbegun":      {small, unbegun},
		"rekeying":     {small, rekeying},
		"replacing":    {small, replacing},
		"older":        {small, older},
		"older, full":  {small, olderFull},
		"other day":    {small, otherDay},
		"pruned older": {small, prunedOlder},
	} {
		t.Run(name, func(t *testing.T) {
			before := newMemDisk()
			if c.before != nil {
				synctest.Test(t, func(t *testing.T) { before = c.before(t) })
			}
			opening, ops := countOperations(t, before.clone(), c.config)
			if c.before != nil {
				ops = opening // the rest is as on an empty disk
			}
			for _, mode := range []fault{notDone, doneAnyway} {
				for at := 1; at <= ops && !t.Failed(); at++ {
					for i, ending := range []string{"close", "kill", "power loss"} {
						if raceEnabled && (at+i)%17 != 0 { // the plain run makes all of them
							continue
						}
						synctest.Test(t, func(t *testing.T) { faultOnce(t, before.clone(), c.config, at, mode, ending) })
					}
				}
			}
		})
	}
}

// crashed is a log of several segments that was not closed.
func crashed(t *testing.T) *memDisk { return crashedAt(t, time.Now) }

func crashedAt(t *testing.T, now func() time.Time) *memDisk {
	d := newMemDisk()
	cfg := small(d)
	cfg.Now = now
	l, _, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	work(l, calls)
	synctest.Wait()
	after := d.kill()
	end(l)
	return after
}

// unbegun is a log that crashed when it had named its next segment.
func unbegun(t *testing.T) *memDisk {
	d := crashed(t)
	records := contents(t, d)
	names, _ := d.List()
	live := slices.Max(logfile.SegmentNames(names))
	d.put(live, bytes.TrimRight(d.bytes(live), "\x00"))
	d.put(logfile.SegmentName(uint64(len(records)+1)), make([]byte, 24<<10))
	return d
}

// rekeying is a log whose key has a successor that is not in the log yet.
func rekeying(t *testing.T) *memDisk {
	d := crashed(t)
	d.newKey(keyName+newSuffix, logName(&contents(t, d)[1]))
	return d
}

// replacing is a log whose key is lost, and has a successor.
func replacing(t *testing.T) *memDisk {
	d := rekeying(t)
	d.remove(keyName)
	return d
}

// older is a log from before checkpoints.
func older(*testing.T) *memDisk {
	return diskWith(map[uint64]string{1: line(1, 1, logfile.KindStart, "") + line(2, 2, logfile.KindIntent, "a"), 3: line(3, 3, logfile.KindIntent, "b")})
}

// olderFull is one whose live segment is followed by another at once.
func olderFull(*testing.T) *memDisk {
	var b strings.Builder
	b.WriteString(line(1, 1, logfile.KindStart, ""))
	for seq := uint64(2); b.Len() < 8<<10; seq++ {
		b.WriteString(line(seq, seq, logfile.KindRefusal, ""))
	}
	return diskWith(map[uint64]string{1: b.String()})
}

// prunedOlder is an older log that is pruned: of its first records only the hashes are left.
func prunedOlder(t *testing.T) *memDisk {
	d := older(t)
	leaveHashes(d, 1)
	return d
}

// otherDay is a log that was written on another day.
func otherDay(t *testing.T) *memDisk {
	return crashedAt(t, func() time.Time { return time.Now().Add(-24 * time.Hour) })
}

// leaveHashes leaves of a segment what pruning does.
func leaveHashes(d *memDisk, first uint64) {
	var hashes []byte
	for line := range bytes.Lines(d.bytes(logfile.SegmentName(first))) {
		leaf := checkpoint.LeafHash(line[:len(line)-1])
		hashes = append(hashes, leaf[:]...)
	}
	d.put(logfile.HashesName(first), hashes)
	d.remove(logfile.SegmentName(first))
}

// logName is the name of the log whose key record r is.
func logName(r *logfile.Record) string {
	name, _, _ := strings.Cut(r.Key, "+")
	return name
}

const calls = 9 // of the workload in TestFaults

// countOperations runs the workload without faults, and says how many operations opening took, and all together.
func countOperations(t *testing.T, d *memDisk, config func(*memDisk) Options) (opening, all int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l, _, err := Open(config(d))
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		d.mu.Lock()
		opening = d.ops
		d.mu.Unlock()
		h := work(l, calls)
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(h.intents) != calls {
			t.Fatalf("%d intents of %d", len(h.intents), calls)
		}
	})
	contents(t, d)
	names, _ := d.List()
	if n, growing := len(logfile.SegmentNames(names)), config(d).SegmentSize > 1<<16; growing != (n == 1) {
		t.Fatalf("the workload fills %d segments", n)
	}
	return opening, d.ops
}

func faultOnce(t *testing.T, d *memDisk, config func(*memDisk) Options, at int, mode fault, ending string) {
	failed := ""
	d.fault = func(op string, n int) fault {
		if n != at {
			return fine
		}
		failed = op
		return mode
	}
	var h history
	var published []string // by one goroutine of the log
	cfg := config(d)
	cfg.Published = func(note string) { published = append(published, note) }
	l, _, err := Open(cfg)
	if err != nil && failed == "" {
		t.Fatalf("open: %v", err)
	}
	if err == nil {
		h = work(l, calls)
		// Only what leaves the durable state unknown may end the admission for good.
		if final := failed == "sync" || failed == "dirsync" || failed == "rename"; !final && len(h.intents) != calls {
			t.Errorf("a %s that failed once ended the log after %d calls", failed, len(h.intents))
		}
		defer end(l)
	}
	synctest.Wait()
	after := d
	switch ending {
	case "close":
		if l != nil {
			err := l.Close(t.Context())
			if err != nil && failed == "" {
				t.Errorf("close: %v", err)
			}
		}
		after = d.kill()
	case "kill":
		after = d.kill()
	case "power loss":
		after = d.powerLoss(rand.New(rand.NewPCG(uint64(at), uint64(mode))))
	}
	synctest.Wait() // nothing is published any more
	h.published = published
	reopen(t, after, &h, failed)
	if t.Failed() {
		t.Logf("fault %d at operation %d (%s), then %s", mode, at, failed, ending)
	}
}

// reopen opens a log twice: the second time on what a loss of power would leave, which shows what was really durable.
func reopen(t *testing.T, d *memDisk, h *history, failed string) {
	t.Helper()
	for round := range 2 {
		l, found, err := Open(witnessed(small(d), h.published...))
		if err != nil {
			t.Errorf("open after a fault in %s: %v", failed, err)
			return
		}
		records := contents(t, d)
		if last := records[len(records)-1]; last.Kind != logfile.KindCheckpoint {
			t.Errorf("the last record is %s", last.Kind)
		}
		if key, err := (memKeys{d}).Load(); err != nil || key.Public() != l.Key() {
			t.Errorf("the key file holds %v, %v, and the log is signed by %v", key, err, l.Key())
		}
		if _, err := (memKeys{d}).LoadNew(); err == nil {
			t.Error("the successor is in use and has its old file still")
		}
		if round == 1 && len(found.Closed) > 0 {
			t.Errorf("calls were closed twice: %v", found.Closed)
		}
		h.check(t, records)
		if err := l.Intent(t.Context(), &logfile.Record{Call: fmt.Sprint("again-", round)}); err != nil {
			t.Errorf("intent after recovery: %v", err)
		}
		if err := l.Outcome(t.Context(), &logfile.Record{Call: fmt.Sprint("again-", round), Outcome: logfile.Failed}); err != nil {
			t.Errorf("outcome after recovery: %v", err)
		}
		d = d.powerLoss(rand.New(rand.NewPCG(1, uint64(round))))
		end(l)
	}
}

// end stops the committer of a log whose disk is gone.
func end(l *Log) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = l.Close(ctx)
	<-l.done
}

// TestPowerLossInCommit loses power at each write and sync of concurrent commits, with many patterns of lost sectors.
func TestPowerLossInCommit(t *testing.T) {
	for i := range soaktest.Some(300, 4) {
		seed := uint64(i)
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 7))
			d := newMemDisk()
			l, _, err := Open(small(d))
			if err != nil {
				t.Fatal(err)
			}
			// The sync never comes: what a batch of intents wrote is in the page cache only.
			release := make(chan struct{})
			d.fault = func(op string, _ int) fault {
				if op == "sync" {
					<-release
					return notDone
				}
				return fine
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			for i := range 1 + rng.IntN(20) {
				go l.Intent(ctx, &logfile.Record{Call: fmt.Sprint("c", i), Path: strings.Repeat("p", rng.IntN(3000))})
			}
			synctest.Wait()
			after := d.powerLoss(rng)
			close(release)
			end(l)
			reopen(t, after, &history{}, "sync")
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// TestHangingDisk: who waits for a disk that hangs is released by the end of its context, and the next are refused at
// once. So no caller may ask the disk by itself, be it alone: a system call that hangs cannot be left.
func TestHangingDisk(t *testing.T) {
	for _, op := range []string{"write", "sync"} {
		t.Run(op, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testHanging(t, op) })
		})
	}
}

func testHanging(t *testing.T, hangs string) {
	d := newMemDisk()
	l, _, err := Open(small(d))
	if err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	d.fault = func(op string, _ int) fault {
		if op == hangs {
			<-release
		}
		return fine
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	start := time.Now()
	err = l.Intent(ctx, &logfile.Record{Call: "a"})
	if !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("intent on a hanging disk: %v", err)
	}
	if took := time.Since(start); took != 2*time.Second {
		t.Errorf("the deadline took %v", took)
	}
	if err := l.Queue(&logfile.Record{Kind: logfile.KindOutcome, Call: "a", Outcome: logfile.NotSent}); err != nil {
		t.Errorf("queueing on a hanging disk: %v", err)
	}
	time.Sleep(4 * time.Second) // the bubble's clock: the commit now takes longer than the deadline
	if err := l.Status().Err; err == nil {
		t.Error("a stalled log reports no error")
	}
	start = time.Now()
	if err := l.Intent(t.Context(), &logfile.Record{Call: "b"}); !errors.Is(err, ErrUnavailable) || time.Since(start) != 0 {
		t.Errorf("intent on a stalled log: %v after %v", err, time.Since(start))
	}
	ctx, cancel = context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := l.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("closing a hanging log: %v", err)
	}
	close(release)
	<-l.done // nothing is left running
	after := d.kill()
	(&history{intents: []string{"a"}}).check(t, contents(t, after))
}

// TestHangingThread: on one core, where Go has one processor, it is not lost to the thread that hangs in a sync: the deadline holds.
func TestHangingThread(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	d := newMemDisk()
	l, _, err := Open(small(d))
	if err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	d.fault = func(op string, _ int) fault {
		if op == "sync" {
			_, _ = persist(func() (int, error) { return unix.Read(pipe[0], make([]byte, 1)) })
		}
		return fine
	}
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := l.Intent(ctx, &logfile.Record{Call: "a"}); !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("intent on a hanging disk: %v", err)
	}
	if err := unix.Close(pipe[1]); err != nil { // all reads return
		t.Fatal(err)
	}
	closed(t, l)
	if err := unix.Close(pipe[0]); err != nil {
		t.Fatal(err)
	}
}

// TestSyncErrorIsFinal: after a failed fsync nothing is acknowledged, and fsync is not tried again.
func TestSyncErrorIsFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		l, _, err := Open(small(d))
		if err != nil {
			t.Fatal(err)
		}
		once := true
		d.fault = func(op string, _ int) fault {
			if op == "sync" && once {
				once = false
				return notDone
			}
			return fine
		}
		if err := l.Intent(t.Context(), &logfile.Record{Call: "a"}); !errors.Is(err, ErrUnavailable) || !errors.Is(err, errInjected) {
			t.Errorf("intent whose sync failed: %v", err)
		}
		syncs := d.syncs
		for _, err := range []error{
			l.Intent(t.Context(), &logfile.Record{Call: "b"}),
			l.Outcome(t.Context(), &logfile.Record{Call: "b"}),
			l.Queue(&logfile.Record{Kind: logfile.KindRefusal}),
			l.Status().Err,
		} {
			if !errors.Is(err, ErrUnavailable) || !errors.Is(err, errInjected) {
				t.Errorf("record after a failed sync: %v", err)
			}
		}
		if err := l.Close(t.Context()); !errors.Is(err, errInjected) {
			t.Errorf("close after a failed sync: %v", err)
		}
		if d.syncs != syncs {
			t.Errorf("sync was called %d times after it had failed", d.syncs-syncs)
		}
		if got := l.Status(); got.LostOutcomes != 1 || got.Dropped != 1 {
			t.Errorf("lost outcomes %d, dropped %d; want 1 and 1", got.LostOutcomes, got.Dropped)
		}
	})
}
