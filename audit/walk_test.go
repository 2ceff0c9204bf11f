package audit

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/freeze"
	"tollgate/internal/setting"
	"tollgate/internal/testlog"
	"tollgate/replay"
)

// fullScan is what a start must find, by all records of a log and without any of the reading that is under test.
func fullScan(t *testing.T, d *memDisk, now time.Time) (closed []string, signatures map[string]time.Time, earliest time.Time) {
	t.Helper()
	var records []logfile.Record
	names, _ := d.List()
	for _, name := range logfile.SegmentNames(names) {
		text, _, _ := bytes.Cut(d.bytes(name), []byte{0})
		for line := range bytes.Lines(text) {
			var r logfile.Record
			if line[len(line)-1] == '\n' && logfile.ParseLine(line[:len(line)-1], &r) == nil {
				records = append(records, r)
			}
		}
	}
	earliest = now
	for i, checkpoints := len(records)-1, 0; i >= 0 && checkpoints < 2; i-- {
		if records[i].Time.Before(earliest) {
			earliest = records[i].Time
		}
		if records[i].Kind == logfile.KindCheckpoint {
			checkpoints++
		}
	}
	signatures = map[string]time.Time{}
	for _, r := range records {
		switch r.Kind {
		case logfile.KindStart:
			closed = nil
		case logfile.KindIntent:
			closed = append(closed, r.Call)
			if r.Effect != "read" && r.SignatureHash != "" && r.SignatureDate.After(earliest.Add(-30*time.Minute)) {
				signatures[r.SignatureHash] = r.SignatureDate
			}
		case logfile.KindOutcome:
			closed = slices.DeleteFunc(closed, func(call string) bool { return call == r.Call })
		}
	}
	return closed, signatures, earliest
}

// readEnd reads a log by its checkpoints, if that can be.
func readEnd(d *memDisk, now time.Time) (r recovery, ok bool, err error) {
	r = recovery{disk: d, now: now, answered: map[string]struct{}{}}
	segments, err := r.segments()
	if err != nil || len(segments) == 0 {
		return r, false, err
	}
	if segments, err = r.begun(segments); err != nil {
		return r, false, err
	}
	r.live = segments[len(segments)-1]
	_, ok, err = r.fromCheckpoints(segments)
	return r, ok, err
}

// TestStartsLikeAFullScan makes random histories with crashes, rotations, checkpoints, keys that change, pruning and clocks that
// are set, and compares what each start finds with all records there are.
func TestStartsLikeAFullScan(t *testing.T) {
	t.Parallel()
	quick, runs := 0, 0
	eachSeed(t, 2, func(t *testing.T, seed uint64) {
		h := &random{T: t, rng: rand.New(rand.NewPCG(seed, 12)), d: newMemDisk(), taken: map[string]taken{}}
		for range 12 {
			h.round()
		}
		quick += h.quick
		runs++
	})
	if quick < 5*runs {
		t.Errorf("only %d starts went by the checkpoints", quick)
	}
}

type random struct {
	*testing.T
	rng   *rand.Rand
	d     *memDisk
	ahead atomic.Int64 // of the clock
	taken map[string]taken
	froze []freeze.Freeze // by the last change that was acknowledged
	calls int
	quick int
}

type taken struct{ at, date time.Time }

func (h *random) now() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) }

func (h *random) round() {
	if h.rng.IntN(5) == 0 {
		h.ahead.Store(int64(h.rng.IntN(160)-80) * int64(time.Minute))
	}
	l := h.start()
	for range h.rng.IntN(30) {
		h.act(l)
	}
	switch h.rng.IntN(3) {
	case 0:
		if err := l.Close(h.Context()); err != nil {
			h.Error(err)
		}
		h.d = h.d.kill()
	case 1:
		synctest.Wait()
		h.d = h.d.kill()
	default:
		h.d = h.d.powerLoss(h.rng)
	}
	end(l)
	synctest.Wait()
}

// start opens the log and compares.
func (h *random) start() *Log {
	if key, err := (memKeys{h.d}).Load(); err == nil && h.rng.IntN(4) == 0 {
		h.d.newKey(keyName+newSuffix, key.Public().Name())
	}
	cfg := Options{
		Config: Config{
			SegmentSize: setting.Size(2+h.rng.IntN(60)) << 10, Reserve: 8 << 10, Keep: setting.Duration(time.Hour),
			Checkpoints: Checkpoints{Records: 1 + h.rng.IntN(200)},
		},
		Preallocate: 8 << 10, MaxPending: 4 << 20, disk: h.d, keys: memKeys{h.d}, Now: h.now,
	}
	closed, want, earliest := fullScan(h.T, h.d, h.now())
	if _, ok, _ := readEnd(h.d.clone(), h.now()); ok {
		h.quick++
	}
	l, found, err := Open(cfg)
	if err != nil {
		h.Fatal(err)
	}
	if !slices.Equal(ids(found.Closed), closed) {
		h.Errorf("closed %v, want %v", found.Closed, closed)
	}
	if found.Earliest.After(earliest) {
		h.Errorf("earliest %v, want %v", found.Earliest, earliest)
	}
	got := map[string]time.Time{}
	for _, s := range found.Signatures {
		got[s.Hash] = s.Date
	}
	for hash, date := range want {
		// What was taken longer ago cannot be valid, even if the clock has shown such times again.
		if ago := time.Since(h.taken[hash].at); !got[hash].Equal(date) && ago < ReplayWindow {
			h.Errorf("the signature %s of %v is not remembered, and was taken %v ago", hash, date, ago)
		}
	}
	for hash, date := range got { // a segment may be pruned while the checkpoint that follows it is there
		if !h.taken[hash].date.Equal(date) {
			h.Errorf("the signature %s of %v was never taken", hash, date)
		}
	}
	if !sameFreezes(found.Freezes, h.froze) {
		h.Errorf("the freezes in force are %v, want %v", found.Freezes, h.froze)
	}
	h.verify()
	return l
}

func (h *random) verify() {
	files := fstest.MapFS{}
	for name, node := range h.d.clone().names {
		files[name] = &fstest.MapFile{Data: node.cache}
	}
	if faults, err := VerifyFiles(files, nil, true, false); err != nil || len(faults) > 0 {
		h.Errorf("after a start: %v, %v", faults, err)
	}
}

func (h *random) act(l *Log) {
	switch h.rng.IntN(13) {
	case 12:
		h.freeze(l)
	case 0:
		time.Sleep([]time.Duration{time.Second, time.Minute, 20 * time.Minute, 30 * time.Hour}[h.rng.IntN(4)])
	case 1:
		if err := l.Prune(h.Context()); err != nil {
			h.Errorf("prune: %v", err)
		}
	case 2:
		h.ahead.Add(int64(h.rng.IntN(20)-10) * int64(time.Minute))
	case 3: // more at once than one checkpoint can state
		var all sync.WaitGroup
		for range h.rng.IntN(1500) {
			r := h.intent()
			all.Go(func() { _ = l.Intent(h.Context(), r) })
		}
		all.Wait()
	default:
		h.call(l)
	}
}

// freeze begins a freeze, or ends all.
func (h *random) freeze(l *Log) {
	next, event := append(slices.Clip(h.froze), freezeOf(len(h.froze))), logfile.EventFrozen
	if h.rng.IntN(3) == 0 {
		next, event = nil, logfile.EventUnfrozen
	}
	if err := l.Freezes(h.Context(), &logfile.Record{Event: event, Freezes: next}); err != nil {
		h.Errorf("freezes: %v", err)
	}
	h.froze = next
}

func (h *random) intent() *logfile.Record {
	h.calls++
	r := &logfile.Record{
		Call: fmt.Sprint("call-", h.calls), Effect: []string{"spend", "write", "read", ""}[h.rng.IntN(4)], Path: strings.Repeat("p", h.rng.IntN(500)),
	}
	if h.rng.IntN(8) > 0 {
		r.SignatureHash = fmt.Sprintf("%064x", h.calls)
		r.SignatureDate = h.now().Add(time.Duration(h.rng.IntN(1800)-900) * time.Second)
		h.taken[r.SignatureHash] = taken{time.Now(), r.SignatureDate}
	}
	return r
}

func (h *random) call(l *Log) {
	r := h.intent()
	if err := l.Intent(h.Context(), r); err != nil {
		return // there may be too little space for a moment
	}
	switch o := (&logfile.Record{Kind: logfile.KindOutcome, Call: r.Call, Outcome: logfile.Succeeded}); h.rng.IntN(6) {
	case 0: // none
	case 1:
		_ = l.Queue(o)
	default:
		if err := l.Outcome(h.Context(), o); err != nil {
			h.Errorf("outcome: %v", err)
		}
	}
}

// TestClockAheadAtARestart: the clock is 40 minutes ahead when the gateway starts, and right soon after. What was taken before must
// be remembered by each start.
func TestClockAheadAtARestart(t *testing.T) {
	hash := strings.Repeat("ab", 32)
	for name, restarts := range map[string]int{"after a stop": 1, "again and again": 9} {
		synctest.Test(t, func(t *testing.T) {
			d, ahead := newMemDisk(), new(atomic.Int64)
			cfg := small(d)
			cfg.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
			l, _, err := Open(cfg)
			if err != nil {
				t.Fatal(err)
			}
			signed := time.Now()
			r := &logfile.Record{Call: "a", Effect: "spend", SignatureHash: hash, SignatureDate: signed}
			if err := l.Intent(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if err := l.Outcome(t.Context(), &logfile.Record{Call: "a", Outcome: logfile.Succeeded}); err != nil {
				t.Fatal(err)
			}
			ahead.Store(int64(40 * time.Minute))
			for range restarts {
				if err := l.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				var found Recovery
				if l, found, err = Open(cfg); err != nil {
					t.Fatal(err)
				}
				if len(found.Signatures) != 1 || found.Signatures[0].Hash != hash || found.Earliest.After(signed.Add(time.Minute)) {
					t.Errorf("%s: signatures %v, earliest %v", name, found.Signatures, found.Earliest)
				}
			}
			end(l)
		})
	}
}

// TestClockBehindForAWhile: a clock that was an hour behind for a few minutes does not end the walk back.
func TestClockBehindForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, ahead := newMemDisk(), new(atomic.Int64)
		cfg := small(d)
		cfg.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		l, _, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		pay := func(n int) {
			r := &logfile.Record{Call: fmt.Sprint(n), Effect: "spend", SignatureHash: fmt.Sprintf("%064x", n), SignatureDate: cfg.Now()}
			if err := l.Intent(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		for n := range 10 {
			pay(n)
		}
		ahead.Store(int64(-time.Hour))
		for n := range 5 {
			pay(10 + n)
		}
		ahead.Store(0)
		pay(15)
		pay(16)
		end(l)
		d = d.kill()
		cfg.disk, cfg.keys = d, memKeys{d}
		l, found, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		end(l)
		if len(found.Signatures) != 17 {
			t.Errorf("%d signatures, want 17: %v", len(found.Signatures), found.Signatures)
		}
	})
}

// longLog is a log with many segments, of which no call is open at the end but those in open; the calls before it took a day.
func longLog(t *testing.T, calls int, open int, stop bool) *memDisk {
	d := newMemDisk()
	synctest.Test(t, func(t *testing.T) {
		cfg := small(d)
		cfg.SegmentSize, cfg.Checkpoints.Records = 64<<10, 50
		l, _, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		for i := range calls {
			time.Sleep(5 * time.Minute)
			r := &logfile.Record{
				Call: fmt.Sprint("c", i), Effect: "spend", Path: strings.Repeat("p", 700),
				SignatureHash: fmt.Sprintf("%064x", i), SignatureDate: time.Now(),
			}
			if err := l.Intent(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if i != open {
				if err := l.Outcome(t.Context(), &logfile.Record{Call: r.Call, Outcome: logfile.Succeeded}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if stop {
			if err := l.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		after := d.kill()
		end(l)
		d = after
	})
	return d
}

// TestStartReadsTheEnd: how much a start reads does not depend on how long the log is, but on how long a call has been open.
func TestStartReadsTheEnd(t *testing.T) {
	read := func(d *memDisk) (int64, recovery) {
		before := d.read
		r, ok, err := readEnd(d, time.Now())
		if err != nil || !ok {
			t.Fatalf("not by the checkpoints: %v", err)
		}
		return d.read - before, r
	}
	short, _ := read(longLog(t, 200, -1, true))
	long, _ := read(longLog(t, 1000, -1, true))
	if diff := long - short; diff > 200<<10 || long > 700<<10 {
		t.Errorf("a start reads %d bytes of 200 calls, and %d of 1000", short, long)
	}
	n, r := read(longLog(t, 1000, 700, false))
	if len(r.open) != 1 || r.open[0].Call != "c700" || n < 200<<10 {
		t.Errorf("open calls %v, after %d bytes", r.open, n)
	}
}

// TestWalkedCheckpointsAreChecked changes what a start reads of old checkpoints.
func TestWalkedCheckpointsAreChecked(t *testing.T) {
	d := longLog(t, 200, -1, false)
	records := contents(t, d)
	var walked []uint64
	for i, r := range records {
		if r.Kind == logfile.KindCheckpoint && i > 100 {
			walked = append(walked, r.Seq)
		}
	}
	names, _ := d.List()
	segments := logfile.SegmentNames(names)
	last := walked[len(walked)-1]
	for _, seq := range walked[len(walked)-8:] {
		for what, change := range map[string]func(line string) string{
			"signature removed":    func(s string) string { return cutMember(s, `"signatures":`, "]") },
			"open call removed":    func(s string) string { return cutMember(s, `"open":`, "}") },
			"open call moved":      func(s string) string { return strings.Replace(s, `"open":{"seq":`, `"open":{"seq":1`, 1) },
			"no checkpoint before": func(s string) string { return cutMember(s, `"previous":`, "}") },
			"another place":        func(s string) string { return replaceLast(s, `"back":`, `"back":1`) },
			"a nearer place":       func(s string) string { return replaceLast(s, `"back":`, `"back":-`) },
			"another hash":         func(s string) string { return replaceLast(s, `"hash":"`, `"hash":"A`) },
			"time":                 func(s string) string { return strings.Replace(s, `"time":"2`, `"time":"3`, 1) },
			"no checkpoint":        func(s string) string { return strings.Replace(s, `"kind":"checkpoint"`, `"kind":"refusal"`, 1) },
			"garbage":              func(s string) string { return strings.Repeat("x", len(s)) },
		} {
			if what == "no checkpoint" && seq == last {
				continue // it is signed by nothing but itself, and then a record like others behind the last checkpoint
			}
			c := d.clone()
			changeLine(c, segments, seq, func(s string) string {
				if changed := change(s); changed != s {
					return changed
				}
				return s + "x"
			})
			l, _, err := Open(small(c))
			if err == nil {
				end(l)
				t.Errorf("%s in record %d of %d was not found", what, seq, last)
			} else if !strings.Contains(err.Error(), "byte ") || !strings.Contains(err.Error(), ".jsonl") {
				t.Errorf("%s: the error names no place: %v", what, err)
			}
		}
	}
}

func cutMember(s, from, to string) string {
	i := strings.Index(s, ","+from)
	if i < 0 {
		return s + "x" // damage it otherwise
	}
	end := i + strings.Index(s[i:], to) + 1
	return s[:i] + s[end:]
}

func replaceLast(s, old, with string) string {
	if i := strings.LastIndex(s, old); i >= 0 {
		return s[:i] + with + s[i+len(old):]
	}
	return s + "x"
}

// changeLine changes the line of a record.
func changeLine(d *memDisk, segments []string, seq uint64, change func(string) string) {
	i, found := slices.BinarySearch(segments, logfile.SegmentName(seq))
	if !found {
		i--
	}
	first, _ := logfile.ParseSegmentName(segments[i])
	lines := strings.SplitAfter(string(d.bytes(segments[i])), "\n")
	line := lines[seq-first]
	lines[seq-first] = change(strings.TrimSuffix(line, "\n")) + "\n"
	d.put(segments[i], []byte(strings.Join(lines, "")))
}

// TestForgedStatements: who has the key cannot have a start pass over calls and signatures: what the last checkpoints state is
// compared with the records.
func TestForgedStatements(t *testing.T) {
	key := newKey(t, "tollgate/test")
	build := func(forge func(*logfile.State)) *memDisk {
		w := &writer{d: newMemDisk(), ledger: logfile.LedgerFrom(1, false)}
		w.key(key, nil, false)
		w.state()
		w.add(&logfile.Record{Kind: logfile.KindIntent, Call: "a", Effect: "spend", SignatureHash: "h1", SignatureDate: noon})
		w.state()
		w.add(&logfile.Record{Kind: logfile.KindIntent, Call: "b", Effect: "spend", SignatureHash: "h2", SignatureDate: noon})
		w.forge = forge
		w.state()
		w.add(&logfile.Record{Kind: logfile.KindRefusal})
		w.rotate()
		w.d.remove(logfile.SegmentName(w.seq + 1))
		w.d.private[key.Public().String()] = key
		w.d.put(keyName, []byte(key.Public().String()))
		return w.d
	}
	found, _ := mustOpen(t, build(func(*logfile.State) {}))
	if len(found.Closed) != 2 || len(found.Signatures) != 2 {
		t.Errorf("unforged: %+v", found)
	}
	for want, forge := range map[string]func(*logfile.State){
		"another oldest call": func(s *logfile.State) { s.Open = nil },
		"oldest call":         func(s *logfile.State) { s.Open = &logfile.Place{Seq: 5, Back: s.Open.Back} },
		"0 signatures":        func(s *logfile.State) { s.Signatures = nil },
		"2 signatures":        func(s *logfile.State) { s.Signatures = append(s.Signatures[:1:1], s.Signatures[0]) },
		"which cannot be":     func(s *logfile.State) { s.Previous = &logfile.Place{Seq: 9, Back: 1} },
		"not in its segment":  func(s *logfile.State) { s.Previous.Back *= 9 },
		"not that of record":  func(s *logfile.State) { s.Previous.Hash = "x" },
	} {
		mustRefuse(t, build(forge), want)
	}
}

// TestOlderCheckpoints: logs whose checkpoints state nothing open as before, and their signatures are remembered until they have
// run out.
func TestOlderCheckpoints(t *testing.T) {
	key := newKey(t, "tollgate/test")
	w := &writer{d: newMemDisk()}
	w.key(key, nil, false)
	w.state()
	w.add(&logfile.Record{Kind: logfile.KindIntent, Call: "a", Effect: "spend", SignatureHash: "h1", SignatureDate: noon})
	w.rotate()
	w.state()
	for i := range 600 { // more than a checkpoint can state
		w.add(&logfile.Record{Kind: logfile.KindIntent, Call: fmt.Sprint(i), Effect: "spend", SignatureHash: fmt.Sprintf("%064x", i), SignatureDate: noon})
	}
	w.rotate()
	w.d.remove(logfile.SegmentName(w.seq + 1))
	w.d.private[key.Public().String()] = key
	w.d.put(keyName, []byte(key.Public().String()))
	for n, closed := range []int{601, 0, 0} {
		cfg := small(w.d)
		cfg.Now = func() time.Time { return noon.Add(time.Duration(n) * time.Minute) }
		l, found, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(found.Closed) != closed || len(found.Signatures) != 601 {
			t.Errorf("start %d: %d calls closed, %d signatures", n, len(found.Closed), len(found.Signatures))
		}
	}
	files := fstest.MapFS{}
	for name, node := range w.d.names {
		files[name] = &fstest.MapFile{Data: node.cache}
	}
	if faults, err := VerifyFiles(files, nil, false, false); err != nil || len(faults) > 0 {
		t.Errorf("verified: %v, %v", faults, err)
	}
}

// TestClockAheadInAnOldLog: the last segment of a log whose checkpoints state nothing was begun by a wrong clock.
func TestClockAheadInAnOldLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	key, err := checkpoint.CreateKey(filepath.Join(dir, keyName), "tollgate/test")
	if err != nil {
		t.Fatal(err)
	}
	w := testlog.New(dir, key)
	w.Old = true
	w.Add(&logfile.Record{Kind: logfile.KindIntent, Call: "a", Effect: "spend", SignatureHash: "h", SignatureDate: testlog.Start})
	w.Add(&logfile.Record{Kind: logfile.KindOutcome, Call: "a", Outcome: logfile.Succeeded})
	w.Step = 10 * time.Minute
	w.Rotate()
	w.Flush()
	now := testlog.Start.Add(time.Hour)
	l, found, err := Open(Options{Config: Config{Dir: dir}, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	end(l)
	if len(found.Signatures) != 1 || found.Earliest.Sub(testlog.Start) > time.Minute {
		t.Errorf("signatures %v, earliest %v", found.Signatures, found.Earliest)
	}
}

// TestManySignaturesAtOnce: intents whose signatures fill a checkpoint's line come into one batch; a checkpoint stands between them
// all the same, and states all of them.
func TestManySignaturesAtOnce(t *testing.T) {
	d := newMemDisk()
	synctest.Test(t, func(t *testing.T) {
		cfg := growing(d)
		cfg.MaxPending, cfg.Preallocate = 8<<20, 4<<20
		l, _, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		release := make(chan struct{})
		d.fault = func(op string, _ int) fault {
			if op == "sync" {
				<-release
			}
			return fine
		}
		var all sync.WaitGroup
		for i := range 2000 {
			all.Go(func() {
				r := &logfile.Record{Call: fmt.Sprint(i), Effect: "spend", SignatureHash: fmt.Sprintf("%064x", i), SignatureDate: time.Now()}
				if err := l.Intent(context.Background(), r); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		close(release)
		all.Wait()
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	n, longest := 0, 0
	for _, r := range contents(t, d) {
		n += len(r.State().Signatures)
		longest = max(longest, len(r.Append(nil)))
		if r.Kind == logfile.KindCheckpoint && r.Cut {
			t.Error("a checkpoint is cut")
		}
	}
	if n != 2000 || longest < 40<<10 {
		t.Errorf("checkpoints state %d signatures of 2000, in up to %d bytes", n, longest)
	}
}

// TestWalkOutlivesADate: a date may lie 15 minutes ahead, so its signature is good for half an hour. A start remembers it until then,
// by whatever clock.
func TestWalkOutlivesADate(t *testing.T) {
	for _, ahead := range []time.Duration{0, 40 * time.Minute, -40 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			d, offset := newMemDisk(), new(atomic.Int64)
			cfg := small(d)
			cfg.Now = func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
			l, _, err := Open(cfg)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Second)
			date := time.Now().Add(15 * time.Minute)
			paid := &logfile.Record{Call: "a", Effect: "spend", SignatureHash: strings.Repeat("ab", 32), SignatureDate: date}
			if err := l.Intent(t.Context(), paid); err != nil {
				t.Fatal(err)
			}
			if err := l.Outcome(t.Context(), &logfile.Record{Call: "a", Outcome: logfile.Succeeded}); err != nil {
				t.Fatal(err)
			}
			for time.Until(date) > -15*time.Minute+10*time.Second { // as long as it is valid
				time.Sleep(10 * time.Second)
				if err := l.Queue(&logfile.Record{Kind: logfile.KindRefusal}); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			offset.Store(int64(ahead))
			l, found, err := Open(cfg)
			if err != nil {
				t.Fatal(err)
			}
			end(l)
			if len(found.Signatures) != 1 || found.Earliest.After(date.Add(15*time.Minute+replay.ClockSlack)) {
				t.Errorf("clock %v ahead: signatures %v, earliest %v behind the date", ahead, found.Signatures, found.Earliest.Sub(date))
			}
		})
	}
}

// TestProgressIsOfWhatIsRead: how far a start is, is said of what it reads, and not of the log's size.
func TestProgressIsOfWhatIsRead(t *testing.T) {
	for _, open := range []int{-1, 700} {
		d := longLog(t, 1000, open, open < 0)
		names, _ := d.List()
		var size, total, halves int64
		for _, name := range logfile.SegmentNames(names) {
			size += int64(len(d.bytes(name)))
		}
		cfg, last := small(d), int64(-1)
		cfg.Progress = func(read, of int64) {
			if total = of; last >= 0 && read < last {
				t.Errorf("%d bytes were read, after %d", read, last)
			}
			if last = read; read > of/4 && read < of*3/4 {
				halves++
			}
		}
		l, _, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		end(l)
		if last != total || open < 0 && total > size*3/4 || open >= 0 && halves == 0 {
			t.Errorf("open call %d: %d bytes of %d, in a log of %d; %d reports from the middle", open, last, total, size, halves)
		}
	}
}

// TestFindPlaces: a place is in the segment that its record is in, or in front of all that are there.
func TestFindPlaces(t *testing.T) {
	d := newMemDisk()
	w := &backward{disk: d, segments: []string{logfile.SegmentName(5), logfile.SegmentName(9)}}
	for _, name := range w.segments {
		d.put(name, make([]byte, 1000))
	}
	later := stop{segment: 1, offset: 300}
	for _, c := range []struct {
		seq     uint64
		back    int64
		segment int
		offset  int64
		fails   bool
	}{
		{seq: 9, back: 300, segment: 1, offset: 0}, {seq: 9, back: 301, fails: true},
		{seq: 5, back: 1300, segment: 0, offset: 0}, {seq: 8, back: 301, segment: 0, offset: 999}, {seq: 5, back: 1301, fails: true},
		{seq: 4, back: 1301, segment: -1, offset: -1}, {seq: 4, back: 1300, fails: true}, {seq: 1, back: 200, fails: true},
		{seq: 5, back: math.MaxInt64, fails: true},
	} {
		segment, offset, err := w.find(later, &logfile.Place{Seq: c.seq, Back: c.back})
		if (err != nil) != c.fails || err == nil && (segment != c.segment || offset != c.offset) {
			t.Errorf("record %d, %d bytes back: segment %d, offset %d, %v", c.seq, c.back, segment, offset, err)
		}
	}
}
