package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/audit/blobs"
	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/internal/setting"
	"tollgate/internal/soaktest"
)

const testDay = 24 * time.Hour

// keeping is a configuration that keeps records for three days.
func keeping(d *memDisk) Options {
	cfg := small(d)
	cfg.Keep = setting.Duration(3 * testDay)
	return cfg
}

// days lets the log run for some days, with calls on each.
func days(t *testing.T, l *Log, n int) history {
	t.Helper()
	var h history
	for range n {
		for range 2 {
			call := fmt.Sprintf("call-%d", time.Now().UnixNano())
			err := errors.Join(
				l.Intent(t.Context(), &logfile.Record{Call: call, Effect: "spend", Path: strings.Repeat("p", 900)}),
				l.Outcome(t.Context(), &logfile.Record{Call: call, Outcome: logfile.Succeeded}))
			if err != nil {
				t.Fatal(err)
			}
			h.intents, h.outcomes = append(h.intents, call), append(h.outcomes, call)
			time.Sleep(testDay / 2)
		}
	}
	return h
}

func opened(t *testing.T, cfg Options) *Log {
	t.Helper()
	l, _, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func closed(t *testing.T, l *Log) {
	t.Helper()
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// oldLog is a log of five days on a disk, in two runs, and the hashes of its lines. It calls for a new bubble, whose clock is
// five days later then.
func oldLog(t *testing.T) (*memDisk, []checkpoint.Hash) {
	t.Helper()
	begin, d := time.Now(), newMemDisk()
	for _, n := range []int{2, 3} {
		l := opened(t, keeping(d))
		days(t, l, n)
		closed(t, l)
	}
	time.Sleep(5*testDay - time.Since(begin))
	return d, leaves(t, d)
}

// plan sets the fault for further operations, and returns how many there were.
func (d *memDisk) plan(f func(op string, n int) fault) (ops int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = f
	return d.ops
}

// leaves verifies a log of which segments were pruned, and returns the hashes of all its records.
func leaves(t *testing.T, d *memDisk) []checkpoint.Hash {
	t.Helper()
	all, _ := walk(t, d)
	return all
}

// walk reads a log part by part: that none is missing, that the tree is that of each checkpoint, and that what was removed
// stands in prune records. It returns the hashes of all records, and the records that are left.
func walk(t *testing.T, d *memDisk) (all []checkpoint.Hash, left []logfile.Record) {
	t.Helper()
	all, left = parts(t, d)
	checkAnnounced(t, left)
	return all, left
}

// parts is walk of a log that is so old that prune records were pruned themselves.
func parts(t *testing.T, d *memDisk) (all []checkpoint.Hash, left []logfile.Record) {
	t.Helper()
	names, _ := d.List()
	var v verifier
	pruned := uint64(0) // up to this record
	for next := uint64(1); ; next = uint64(len(all)) + 1 {
		if slices.Contains(names, logfile.SegmentName(next)) {
			b := d.bytes(logfile.SegmentName(next))
			for line := range bytes.Lines(bytes.TrimRight(b, "\x00")) {
				var r logfile.Record
				if err := json.Unmarshal(line, &r); err != nil || r.Seq != uint64(len(all)+1) {
					t.Fatalf("record %d: %s: %v", len(all)+1, line, err)
				}
				line = bytes.TrimSuffix(line, []byte("\n"))
				if v.key == "" && pruned > 0 && r.Kind == logfile.KindCheckpoint { // the record that brought it in was pruned
					v.key = r.Key
				}
				if err := v.add(&r, line, r.Seq == next); err != nil {
					t.Fatal(err)
				}
				all, left = append(all, checkpoint.LeafHash(line)), append(left, r)
			}
		} else if slices.Contains(names, logfile.HashesName(next)) {
			b := d.bytes(logfile.HashesName(next))
			for ; len(b) >= 32; b = b[32:] {
				hash := checkpoint.Hash(b[:32])
				v.tree.Add(hash)
				all = append(all, hash)
			}
			if len(b) > 0 {
				t.Fatalf("%s ends within a hash", logfile.HashesName(next))
			}
			pruned = uint64(len(all))
		}
		if uint64(len(all)) < next {
			break
		}
	}
	return all, left
}

// checkAnnounced demands that the prune records account for all records in front of the first that is left, without a gap.
func checkAnnounced(t *testing.T, left []logfile.Record) {
	t.Helper()
	covered := uint64(0)
	for _, r := range left {
		if r.Kind == logfile.KindPrune && r.First == covered+1 {
			covered = r.Last
		}
	}
	if len(left) == 0 || left[0].Seq > covered+1 {
		t.Fatalf("records were removed up to %d that no prune record accounts for: they go to %d", left[0].Seq-1, covered)
	}
}

func sameLeaves(t *testing.T, got, want []checkpoint.Hash) {
	t.Helper()
	if len(got) < len(want) {
		t.Fatalf("%d records, there were %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("record %d is not the one that was written", i+1)
		}
	}
}

func TestPrune(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, old := oldLog(t)
		l := opened(t, keeping(d))
		h := days(t, l, 4)
		if err := l.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		s := l.Status()
		all, left := walk(t, d)
		sameLeaves(t, all, old)
		h.check(t, left)
		if first := left[0]; s.PrunedRecords != first.Seq-1 || s.PruneErr != nil || first.Seq == 1 {
			t.Errorf("%d records were pruned, %v, and the first is %d", s.PrunedRecords, s.PruneErr, first.Seq)
		}
		// Of nine days, the newest trusted time is the last but one, and three days before that are kept.
		if age := time.Since(left[0].Time); age < 3*testDay || age > 6*testDay {
			t.Errorf("the first record is %v old", age)
		}
		ops := d.plan(nil)
		if err := l.Prune(t.Context()); err != nil || l.Status().PrunedRecords != s.PrunedRecords {
			t.Errorf("again: %v, %+v", err, l.Status())
		}
		if more := d.plan(nil) - ops; more > 20 {
			t.Errorf("%d operations to find nothing", more)
		}
		closed(t, l)
		if err := l.Prune(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("of a closed log: %v", err)
		}
		l = opened(t, keeping(d))
		defer end(l)
		if got := l.Status().PrunedRecords; got != s.PrunedRecords {
			t.Errorf("then %d are pruned, not %d", got, s.PrunedRecords)
		}
		sameLeaves(t, leaves(t, d), all)
	})
}

// TestPruneOfALongRun: what a process wrote is pruned while it runs, and the next one starts on what is left.
func TestPruneOfALongRun(t *testing.T) {
	for _, ending := range []string{"close", "kill", "power loss"} {
		synctest.Test(t, func(t *testing.T) {
			d := newMemDisk()
			l := opened(t, keeping(d))
			for range 20 {
				days(t, l, 1)
				if err := l.Prune(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			all, left := parts(t, d)
			if age := time.Since(left[0].Time); l.Status().PrunedRecords != left[0].Seq-1 || age < 3*testDay || age > 6*testDay {
				t.Errorf("%d records were pruned, and the first that is left is %d, %v old", l.Status().PrunedRecords, left[0].Seq, age)
			}
			d = endIn(t, l, d, ending, 1)
			l, found, err := Open(keeping(d))
			if err != nil || len(found.Closed) > 0 || found.LastSeq < uint64(len(all)) {
				t.Fatalf("%v, %+v", err, found)
			}
			defer end(l)
			again, _ := parts(t, d)
			sameLeaves(t, again, all)
		})
	}
}

// TestPruneSparesOpenIntents: a segment with an intent whose outcome is not there stays, with all behind it, until it comes; a start
// that comes first finds the intent and closes it.
func TestPruneSparesOpenIntents(t *testing.T) {
	for _, settled := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			d := newMemDisk()
			l := opened(t, keeping(d))
			days(t, l, 5)
			if err := l.Intent(t.Context(), &logfile.Record{Call: "open", Effect: "spend"}); err != nil {
				t.Fatal(err)
			}
			days(t, l, 15)
			if err := l.Prune(t.Context()); err != nil || l.Status().PrunedRecords == 0 {
				t.Fatalf("%v, %d records were pruned", err, l.Status().PrunedRecords)
			}
			spared := l.Status().PrunedRecords
			if records := left(t, d); !slices.ContainsFunc(records, func(r logfile.Record) bool { return r.Call == "open" }) {
				t.Fatal("the intent was pruned")
			}
			if settled {
				if err := l.Outcome(t.Context(), &logfile.Record{Call: "open", Outcome: logfile.Succeeded}); err != nil {
					t.Fatal(err)
				}
				if err := l.Prune(t.Context()); err != nil || l.Status().PrunedRecords > spared {
					t.Errorf("at once: %v, %d records were pruned, of which the next start needs some", err, l.Status().PrunedRecords)
				}
				days(t, l, 1) // until the last checkpoint but one knows
				if err := l.Prune(t.Context()); err != nil || l.Status().PrunedRecords <= spared {
					t.Errorf("then %v, %d records were pruned", err, l.Status().PrunedRecords)
				}
			}
			d = endIn(t, l, d, "kill", 1)
			l, found, err := Open(keeping(d))
			if err != nil {
				t.Fatal(err)
			}
			defer end(l)
			if closed := slices.Contains(ids(found.Closed), "open"); closed == settled {
				t.Errorf("settled %v: closed at the start are %v", settled, found.Closed)
			}
			days(t, l, 1)
			if err := l.Prune(t.Context()); err != nil || l.Status().PrunedRecords <= spared {
				t.Errorf("after the start: %v, %d records were pruned", err, l.Status().PrunedRecords)
			}
		})
	}
}

func left(t *testing.T, d *memDisk) []logfile.Record {
	t.Helper()
	_, records := parts(t, d)
	return records
}

// TestPruneFaultsOfALongRun lets each operation fail while a log is pruned whose segments this process wrote, and in which a call is
// open, and then ends. The next start finds all that was acknowledged and not pruned, and closes that call.
func TestPruneFaultsOfALongRun(t *testing.T) {
	ops := 0
	synctest.Test(t, func(t *testing.T) { ops = pruneLongRun(t, 0, fine, "kill") })
	if ops < 20 {
		t.Fatalf("%d operations", ops)
	}
	for _, mode := range []fault{notDone, doneAnyway} {
		for i := range soaktest.Some(2*ops, 4) {
			if ending := []string{"kill", "power loss"}[i%2]; !t.Failed() {
				synctest.Test(t, func(t *testing.T) { pruneLongRun(t, 1+i/2, mode, ending) })
			}
		}
	}
}

func pruneLongRun(t *testing.T, at int, mode fault, ending string) (ops int) {
	d := newMemDisk()
	l := opened(t, keeping(d))
	days(t, l, 2)
	if err := l.Intent(t.Context(), &logfile.Record{Call: "open", Effect: "spend"}); err != nil {
		t.Fatal(err)
	}
	days(t, l, 6)
	all, _ := parts(t, d)
	synctest.Wait()
	begin, failed := d.plan(nil), ""
	d.plan(func(op string, n int) fault {
		if n-begin != at {
			return fine
		}
		failed = op
		return mode
	})
	_ = l.Prune(t.Context())
	synctest.Wait()
	ops = d.plan(nil) - begin
	d = endIn(t, l, d, ending, uint64(at))
	l, found, err := Open(keeping(d))
	if err != nil {
		t.Fatalf("fault %d at operation %d (%s), then %s: %v", mode, at, failed, ending, err)
	}
	defer end(l)
	again, _ := parts(t, d)
	sameLeaves(t, again, all)
	if !slices.Equal(ids(found.Closed), []string{"open"}) {
		t.Errorf("fault %d at operation %d (%s), then %s: closed are %v", mode, at, failed, ending, found.Closed)
	}
	if err := l.Prune(t.Context()); err != nil || l.Status().PrunedRecords == 0 {
		t.Errorf("then %v, %d records were pruned", err, l.Status().PrunedRecords)
	}
	return ops
}

// TestPruneForEver: without Keep, nothing is removed.
func TestPruneForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := oldLog(t)
		l := opened(t, small(d))
		defer end(l)
		days(t, l, 10)
		ops := d.plan(nil)
		if err := l.Prune(t.Context()); err != nil || l.Status().PrunedRecords != 0 || d.plan(nil) != ops {
			t.Errorf("%v, %d records were pruned", err, l.Status().PrunedRecords)
		}
	})
}

// TestPruneDisbelief: by a clock that was set ahead, nothing is removed for a day, and nothing if it is set back by then.
func TestPruneDisbelief(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := oldLog(t)
		var ahead atomic.Int64
		cfg := keeping(d)
		cfg.Keep = setting.Duration(30 * testDay)
		cfg.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		l := opened(t, cfg)
		look := func(what string, want bool) {
			t.Helper()
			if err := l.Prune(t.Context()); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			if got := l.Status().PrunedRecords > 0; got != want {
				t.Errorf("%s: pruned %v, want %v", what, got, want)
			}
		}
		half := func() {
			t.Helper()
			if err := l.Intent(t.Context(), &logfile.Record{Call: fmt.Sprint("c", time.Now().UnixNano())}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(testDay / 2)
		}
		half()
		look("five days", false)
		ahead.Store(int64(200 * testDay))
		look("at once", false)
		half()
		look("after half a day", false)
		closed(t, l)
		l = opened(t, cfg)
		look("after a restart", false)
		ahead.Store(int64(0))
		half()
		half()
		half()
		look("when it was set back", false)
		ahead.Store(int64(201 * testDay))
		half()
		look("when it was set ahead again", false)
		closed(t, l)
		l = opened(t, cfg)
		defer end(l)
		half()
		half()
		look("when it has run for a day", true)
	})
}

// TestPruneTampered: what does not verify is evidence, and stays.
func TestPruneTampered(t *testing.T) {
	for what, change := range map[string]func(b []byte) []byte{
		"a byte":         func(b []byte) []byte { return bytes.Replace(b, []byte("ppp"), []byte("pqp"), 1) },
		"the first line": func(b []byte) []byte { return b[bytes.IndexByte(b, '\n')+1:] },
		"the last line":  func(b []byte) []byte { return b[:bytes.LastIndexByte(b[:len(b)-1], '\n')+1] },
		"the line feed":  func(b []byte) []byte { return b[:len(b)-1] },
		"its last record": func(b []byte) []byte {
			at := bytes.LastIndex(b, []byte(`Z","kind":`))
			b[at-1] = '1'
			return b
		},
		"zeros behind it": func(b []byte) []byte { return append(b, 0) },
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, _ := oldLog(t)
				l := opened(t, keeping(d))
				defer end(l)
				days(t, l, 4)
				segment := endsUnsigned(t, d)
				changed := change(d.bytes(segment))
				d.put(segment, changed)
				err := l.Prune(t.Context())
				if err == nil || !strings.Contains(err.Error(), segment) || !errors.Is(l.Status().PruneErr, err) {
					t.Errorf("got %v, and %v in Status", err, l.Status().PruneErr)
				}
				if !bytes.Equal(d.bytes(segment), changed) {
					t.Error("the segment is not what it was")
				}
				if err := l.Intent(t.Context(), &logfile.Record{Call: "a"}); err != nil {
					t.Errorf("the log suffers from it: %v", err)
				}
			})
		})
	}
}

// endsUnsigned returns the first segment behind whose last checkpoint there are records.
func endsUnsigned(t *testing.T, d *memDisk) string {
	t.Helper()
	names, _ := d.List()
	for _, name := range logfile.SegmentNames(names) {
		b := d.bytes(name)
		if last := b[bytes.LastIndexByte(b[:len(b)-1], '\n')+1:]; !bytes.Contains(last, []byte(`"kind":"checkpoint"`)) {
			return name
		}
	}
	t.Fatal("there is no such segment")
	return ""
}

// TestPruneCanceled: what has not begun is left for the next time.
func TestPruneCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, old := oldLog(t)
		l := opened(t, keeping(d))
		defer end(l)
		days(t, l, 4)
		d.put(pruningName, make([]byte, 100<<10)) // what an attempt that failed may leave
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := l.Prune(ctx); !errors.Is(err, context.Canceled) || l.Status().PrunedRecords != 0 {
			t.Errorf("got %v, %d records were pruned", err, l.Status().PrunedRecords)
		}
		if err := l.Prune(t.Context()); err != nil || l.Status().PrunedRecords == 0 || l.Status().PruneErr != nil {
			t.Errorf("got %v, %+v", err, l.Status())
		}
		sameLeaves(t, leaves(t, d), old)
	})
}

// TestPruneFaults lets each operation fail in two ways while the log is pruned and written, ends it in three ways, opens it
// again, prunes it again and verifies it: a quarter of all ways, and all in a soak.
func TestPruneFaults(t *testing.T) {
	t.Parallel()
	var d *memDisk
	ops, pruned := 0, uint64(0)
	synctest.Test(t, func(t *testing.T) { d, _ = oldLog(t) })
	synctest.Test(t, func(t *testing.T) { ops, pruned = pruneOnce(t, d.clone(), 0, fine, "close", 0) })
	if ops < 20 || pruned == 0 {
		t.Fatalf("%d operations prune %d records", ops, pruned)
	}
	for mode, endings := range map[fault][]string{
		notDone: {"close", "kill", "power loss"}, doneAnyway: {"close", "kill", "power loss"}, noSpace: {"kill"},
	} {
		for i := range soaktest.Some(ops*len(endings), 11) {
			if at, ending := 1+i/len(endings), endings[i%len(endings)]; !t.Failed() {
				synctest.Test(t, func(t *testing.T) { pruneOnce(t, d.clone(), at, mode, ending, pruned) })
			}
		}
	}
}

// pruneOnce returns how many operations pruning took, and how many records were pruned.
func pruneOnce(t *testing.T, d *memDisk, at int, mode fault, ending string, want uint64) (ops int, pruned uint64) {
	time.Sleep(5 * testDay)
	l := opened(t, keeping(d))
	h := days(t, l, 4)
	old := leaves(t, d)
	synctest.Wait()
	begin, failed := d.plan(nil), ""
	d.plan(func(op string, n int) fault {
		if n-begin != at {
			return fine
		}
		failed = op
		return mode
	})
	err := l.Prune(t.Context())
	synctest.Wait()
	ops = d.plan(nil) - begin
	if got := l.Status().PrunedRecords; err == nil && want > 0 && got != want {
		t.Errorf("%d records are pruned, want %d, and there was no error", got, want)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if l.Intent(ctx, &logfile.Record{Call: "during"}) == nil {
		h.intents = append(h.intents, "during")
	}
	after := endIn(t, l, d, ending, uint64(at))
	for round := range 2 {
		l, _, err := Open(keeping(after))
		if err != nil {
			t.Fatalf("open: %v", err)
		}
		if names, _ := after.List(); slices.Contains(names, pruningName) {
			t.Errorf("%s was left behind", pruningName)
		}
		if err := l.Prune(t.Context()); err != nil {
			t.Errorf("prune: %v", err)
		}
		all, left := walk(t, after)
		sameLeaves(t, all, old)
		h.check(t, left)
		pruned = l.Status().PrunedRecords
		if want > 0 && pruned != want {
			t.Errorf("%d records are pruned in the end, want %d", pruned, want)
		}
		after = after.powerLoss(rand.New(rand.NewPCG(uint64(at), uint64(round))))
		end(l)
	}
	if t.Failed() {
		t.Logf("fault %d at operation %d (%s), then %s", mode, at, failed, ending)
	}
	return ops, pruned
}

// endIn ends a log in one of three ways and returns the disk as the next process finds it.
func endIn(t *testing.T, l *Log, d *memDisk, ending string, seed uint64) *memDisk {
	defer end(l)
	switch ending {
	case "close":
		_ = l.Close(t.Context())
	case "power loss":
		return d.powerLoss(rand.New(rand.NewPCG(seed, 3)))
	}
	return d.kill()
}

// TestPruneOrder: when a segment is removed its hashes and the prune record are durable; in the end its removal is.
func TestPruneOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := oldLog(t)
		l := opened(t, keeping(d))
		defer end(l)
		days(t, l, 4)
		removed := 0
		d.plan(func(op string, _ int) fault {
			if op != "remove" {
				return fine
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			first := l.Status().PrunedRecords + 1
			hashes := d.durable[logfile.HashesName(first)]
			if hashes == nil {
				t.Errorf("the name of the hashes from record %d on is not durable", first)
				return fine
			}
			if len(hashes.dirty) > 0 || hashes.size < logfile.HashLength || hashes.size != int64(len(hashes.cache)) {
				t.Errorf("the hashes from record %d on are not durable", first)
			}
			record := fmt.Appendf(nil, `"kind":"prune","first":%d,"last":%d}`, first, first-1+uint64(hashes.size)/logfile.HashLength)
			seq := uint64(0)
			for name, node := range d.durable {
				for line := range bytes.Lines(node.disk) {
					if bytes.Contains(line, record) {
						seq = must(logfile.ParseHead(name, 0, bytes.TrimSuffix(line, []byte{'\n'}))).Seq
					}
				}
			}
			if signed := l.Status().Signed; seq == 0 || signed < seq {
				t.Errorf("%s is record %d on the disk, and %d records are signed", record, seq, signed)
			}
			removed++
			return fine
		})
		if err := l.Prune(t.Context()); err != nil || removed < 3 {
			t.Errorf("%v, %d segments were removed", err, removed)
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		for name := range d.durable {
			if _, there := d.names[name]; !there {
				t.Errorf("after a loss of power %s would be there again", name)
			}
		}
	})
}

// TestPruneMakesRoom: a full disk, whose last space is kept for outcomes, can be pruned.
func TestPruneMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, old := oldLog(t)
		l := opened(t, keeping(d))
		defer end(l)
		days(t, l, 4)
		d.mu.Lock()
		d.budget = 0
		d.mu.Unlock()
		for i := range 100 {
			if err := l.Intent(t.Context(), &logfile.Record{Call: fmt.Sprint("fill", i), Path: strings.Repeat("p", 900)}); err != nil {
				break
			}
		}
		if l.Status().Err == nil {
			t.Fatal("the disk is not full")
		}
		d.mu.Lock()
		for _, node := range d.names {
			d.budget += int64(len(node.cache))
		}
		d.budget += 16 << 10 // for the hashes, and less than a segment takes
		d.mu.Unlock()
		if err := l.Prune(t.Context()); err != nil || l.Status().PrunedRecords == 0 {
			t.Fatalf("%v, %d records were pruned", err, l.Status().PrunedRecords)
		}
		time.Sleep(2 * maxBackoff)
		if err := l.Intent(t.Context(), &logfile.Record{Call: "then"}); err != nil {
			t.Errorf("then %v", err)
		}
		sameLeaves(t, leaves(t, d), old)
	})
}

// TestPruneOlderVersions: segments of versions before checkpoints are pruned as well, as long as none is cut.
func TestPruneOlderVersions(t *testing.T) {
	for _, cut := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			d := newMemDisk()
			seq := uint64(0)
			for range 3 {
				name, text := logfile.SegmentName(seq+1), ""
				for _, kind := range []logfile.Kind{logfile.KindStart, logfile.KindRefusal, logfile.KindStop} {
					seq++
					text += string(append((&logfile.Record{Seq: seq, Commit: seq, Kind: kind, Time: time.Now()}).Append(nil), '\n'))
				}
				d.put(name, []byte(text))
				time.Sleep(testDay)
			}
			l := opened(t, keeping(d))
			defer end(l)
			days(t, l, 6)
			old := leaves(t, d)
			if first := d.bytes(logfile.SegmentName(1)); cut {
				d.put(logfile.SegmentName(1), first[:bytes.LastIndexByte(first[:len(first)-1], '\n')+1])
			}
			if err := l.Prune(t.Context()); (err != nil) != cut {
				t.Errorf("cut %v: %v", cut, err)
			}
			if got := l.Status().PrunedRecords; cut && got != 0 || !cut && got < 6 {
				t.Errorf("cut %v: %d records were pruned", cut, got)
			}
			if !cut {
				sameLeaves(t, leaves(t, d), old)
			}
		})
	}
}

// TestPruneKeepsOut: no pruning starts after the directory was released, and Close waits for one that runs.
func TestPruneKeepsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := oldLog(t)
		l := opened(t, keeping(d))
		days(t, l, 4)
		entered, release := make(chan struct{}), make(chan struct{})
		d.plan(func(op string, _ int) fault {
			if op == "remove" {
				close(entered)
				<-release
			}
			return fine
		})
		pruned := make(chan error)
		go func() { pruned <- l.Prune(t.Context()) }()
		<-entered
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("close: %v", err)
		}
		if _, err := d.Lock(); !errors.Is(err, ErrLocked) {
			t.Errorf("the directory was released while a segment was removed: %v", err)
		}
		d.plan(nil)
		close(release)
		if err := <-pruned; !errors.Is(err, ErrClosed) {
			t.Errorf("prune went on: %v", err)
		}
		<-l.done
	})
}

// TestPruneWhileASegmentBegins: in the moment in which the newest segment has its name and no record, pruning goes on.
func TestPruneWhileASegmentBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := oldLog(t)
		l := opened(t, keeping(d))
		days(t, l, 4)
		named, held, release := false, false, make(chan struct{})
		d.plan(func(op string, _ int) fault {
			if named = named || op == "rename"; named && !held && op == "write" {
				held = true
				<-release
			}
			return fine
		})
		for i := range 10 {
			go l.Intent(t.Context(), &logfile.Record{Call: fmt.Sprint("big-", i), Path: strings.Repeat("p", 3000)})
			synctest.Wait()
		}
		names, _ := d.List()
		if newest := logfile.SegmentNames(names); !named || newest[len(newest)-1] == l.Status().Segment {
			t.Fatal("no segment is being begun")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Prune(ctx); !errors.Is(err, context.DeadlineExceeded) { // its prune record waits for the disk
			t.Errorf("prune: %v", err)
		}
		d.plan(nil)
		close(release)
		synctest.Wait()
		if err := l.Prune(t.Context()); err != nil || l.Status().PrunedRecords == 0 {
			t.Errorf("then %d records were pruned, %v", l.Status().PrunedRecords, err)
		}
		closed(t, l)
		leaves(t, d)
	})
}

func TestKeepIsChecked(t *testing.T) {
	for _, keep := range []setting.Duration{-1, 1, setting.Duration(time.Hour) - 1} {
		cfg := small(newMemDisk())
		cfg.Keep = keep
		if _, _, err := Open(cfg); err == nil || !strings.Contains(err.Error(), "kept") {
			t.Errorf("%v: %v", keep, err)
		}
	}
}

// TestReadPruned: the log on a real disk can be read and opened after it was pruned.
func TestReadPruned(t *testing.T) {
	cfg := onDisk(t)
	cfg.Keep = setting.Duration(3 * testDay)
	cfg.Deadline = setting.Duration(testDay * 100) // the clock of this test runs fast
	var now atomic.Int64
	cfg.Now = func() time.Time { return time.Unix(now.Load(), 0) }
	for range 2 {
		l := opened(t, cfg)
		for i := range 5 {
			call := fmt.Sprint("c", now.Load(), i)
			if err := errors.Join(l.Intent(t.Context(), &logfile.Record{Call: call}), l.Outcome(t.Context(), &logfile.Record{Call: call})); err != nil {
				t.Fatal(err)
			}
			now.Add(int64(testDay / time.Second))
		}
		if err := l.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		closed(t, l)
	}
	l := opened(t, cfg)
	pruned := l.Status().PrunedRecords
	closed(t, l)
	seqs := []uint64{}
	if err := logfile.Read(cfg.Dir, func(r *logfile.Record, _ []byte) error { seqs = append(seqs, r.Seq); return nil }); err != nil {
		t.Fatal(err)
	}
	if pruned == 0 || seqs[0] != pruned+1 {
		t.Errorf("%d records were pruned, and the first is %d", pruned, seqs[0])
	}
	info, err := os.Stat(cfg.Dir + "/" + logfile.HashesName(1))
	if err != nil || info.Mode().Perm() != fileMode {
		t.Errorf("hashes: %v, %v", info, err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestPlansGo: the text of a plan is removed with the last segment whose records name it, also those of an event's data.
func TestPlansGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, d := t.TempDir(), newMemDisk()
		store := blobs.New(dir)
		cfg := keeping(d)
		cfg.Blobs = store
		text := func(day int) string { return fmt.Sprint("plan of day ", day) }
		l := opened(t, cfg)
		for day := range 8 {
			name, err := store.Put([]byte(text(day)))
			if err != nil {
				t.Fatal(err)
			}
			store.InForce(name, time.Now())
			err = l.Queue(&logfile.Record{Kind: logfile.KindEvent, Event: "config_loaded", Data: map[string]string{"plan": name[:logfile.PlanDigits]}})
			call := fmt.Sprint("call-", day)
			if day%2 == 0 { // of the other days the event alone names it
				err = errors.Join(err, l.Intent(t.Context(), &logfile.Record{Call: call, Plan: name[:logfile.PlanDigits]}), l.Outcome(t.Context(), &logfile.Record{Call: call}))
			}
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(testDay)
		}
		known := map[string][]string{} // of other segments of these names, of a log that was put back: they named nothing
		for _, name := range logfile.SegmentNames(must(d.List())) {
			known[name], known[name+" 1"] = nil, nil
		}
		if err := os.WriteFile(filepath.Join(dir, blobs.Folder, "segments"), must(json.Marshal(known)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := l.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		closed(t, l)
		_, left := walk(t, d)
		named := map[string]bool{blobs.NameOf([]byte(text(7)))[:logfile.PlanDigits]: true}
		for _, r := range left {
			named[r.Plan], named[r.Data["plan"]] = true, true
		}
		gone := 0
		for day := range 8 {
			name := blobs.NameOf([]byte(text(day)))
			_, _, err := blobs.Read(os.DirFS(dir), name)
			if there := err == nil; there != named[name[:logfile.PlanDigits]] {
				t.Errorf("the plan of day %d is there: %v", day, there)
			}
			if err != nil {
				gone++
			}
		}
		if gone == 0 || gone == 8 {
			t.Errorf("%d plans are gone", gone)
		}
	})
}
