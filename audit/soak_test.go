package audit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/internal/setting"
	"tollgate/internal/soaktest"
)

// TestSoak makes long random runs of a log: calls, pruning, day changes, clocks that are set, keys that change or are lost,
// full disks, operations that fail, kills, losses of power, and starts in a row, of which some fail. Each time the log is
// verified by package verify and by this package's own reader, and compared with what was acknowledged and published.
func TestSoak(t *testing.T) {
	t.Parallel()
	eachSeed(t, 2, soakOnce)
}

// eachSeed makes runs of a random test, the same ones each time, in bubbles of synctest. TOLLGATE_SEED begins with another run,
// TOLLGATE_SOAK makes a hundred times as many.
func eachSeed(t *testing.T, runs uint64, once func(t *testing.T, seed uint64)) {
	first := uint64(0)
	if soaktest.On() {
		runs, first = 100*runs, rand.Uint64()
	}
	if text := os.Getenv("TOLLGATE_SEED"); text != "" {
		var err error
		if first, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("TOLLGATE_SEED: %v", err)
		}
	}
	for i := range runs {
		synctest.Test(t, func(t *testing.T) { once(t, first+i) })
		if t.Failed() {
			t.Fatalf("TOLLGATE_SEED=%d", first+i)
		}
	}
}

func soakOnce(t *testing.T, seed uint64) {
	s := &soak{T: t, rng: rand.New(rand.NewPCG(seed, 99)), d: newMemDisk(), acked: map[uint64]string{}, notes: map[uint64]string{}}
	for round := range 12 {
		if s.round(round); t.Failed() {
			t.Logf("round %d", round)
			return
		}
	}
	s.reopen()
}

type soak struct {
	*testing.T
	d     *memDisk
	ahead atomic.Int64 // of the clock

	mu    sync.Mutex
	rng   *rand.Rand
	acked map[uint64]string // kind and call of records that were acknowledged, by seq
	notes map[uint64]string // published checkpoints, by size
	calls int
}

func (s *soak) chance(of int) bool { return s.intN(of) == 0 }

func (s *soak) intN(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.IntN(n)
}

func (s *soak) config() Options {
	return Options{
		Config: Config{
			SegmentSize: setting.Size(1+s.intN(8)) << 10, Reserve: 8 << 10, Keep: setting.Duration(1+s.intN(72)) * setting.Duration(time.Hour),
			Checkpoints: Checkpoints{Records: 1 + s.intN(12), Every: setting.Duration(1+s.intN(100)) * setting.Duration(100*time.Millisecond)},
		},
		Preallocate: int64(1+s.intN(3)) << 12, MaxPending: 128 << 10, Published: s.published, disk: s.d, keys: memKeys{s.d},
		Now: func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) },
	}
}

func (s *soak) published(note string) {
	c, err := checkpoint.Parse(note)
	s.mu.Lock()
	defer s.mu.Unlock()
	if before, ok := s.notes[c.Size]; ok && root(before) != c.Root || err != nil {
		s.Errorf("two checkpoints of %d records, %v:\n%s\n%s", c.Size, err, before, note)
	}
	s.notes[c.Size] = note
}

func root(note string) checkpoint.Hash {
	c, err := checkpoint.Parse(note)
	if err != nil {
		panic(err)
	}
	return c.Root
}

// faults lets operations fail by chance.
func (s *soak) faults() {
	of := 3 + s.intN(300)
	only := []string{"", "", "write", "sync", "rename", "truncate", "create", "remove", "dirsync"}[s.intN(9)]
	s.d.plan(func(op string, _ int) fault {
		if only != "" && op != only || !s.chance(of) {
			return fine
		}
		return fault(1 + s.intN(3))
	})
}

func (s *soak) round(n int) {
	s.keys(n)
	if s.chance(2) {
		s.faults()
	}
	if s.chance(4) {
		d := s.d
		s.full(d)
		time.AfterFunc(5*time.Minute, d.unbounded) // it would be tried each second
	}
	l, _, err := Open(s.config())
	if err != nil {
		if !isAny(err, errInjected, syscall.ENOSPC) {
			s.Errorf("open: %v", err)
		}
		synctest.Wait()
		s.crash()
		s.recovered(false)
		return
	}
	wait := s.run(l)
	closed := s.chance(3)
	if closed {
		ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
		closed = l.Close(ctx) == nil
		cancel()
	}
	synctest.Wait()
	s.crash()
	end(l)
	wait()
	s.recovered(closed)
}

// keys prepares another key, or loses the one there is.
func (s *soak) keys(n int) {
	key, err := (memKeys{s.d}).Load()
	if _, prepared := (memKeys{s.d}).LoadNew(); err != nil || prepared == nil || n == 0 || !s.chance(4) {
		return
	}
	s.reopen() // the last change has ended
	s.d.mu.Lock()
	s.d.newKey(keyName+newSuffix, key.Public().Name())
	s.d.mu.Unlock()
	if s.chance(4) {
		s.d.remove(keyName)
	}
}

// full leaves a disk a few bytes.
func (s *soak) full(d *memDisk) {
	left := int64(s.intN(40 << 10))
	d.mu.Lock()
	defer d.mu.Unlock()
	d.budget = left
	for _, node := range d.names {
		d.budget += int64(len(node.cache))
	}
}

func (d *memDisk) unbounded() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.budget = -1
}

// run returns a function that waits until the log is not used any more.
func (s *soak) run(l *Log) (wait func()) {
	var group sync.WaitGroup
	d := s.d
	for range 1 + s.intN(4) {
		group.Go(func() {
			for range s.intN(25) {
				s.call(l)
			}
		})
	}
	group.Go(func() {
		for range s.intN(6) {
			s.disturb(l, d)
		}
	})
	if s.chance(3) {
		time.Sleep(time.Duration(s.intN(int(time.Hour)))) // and then in the middle of it
		return group.Wait
	}
	group.Wait()
	return func() {}
}

func (s *soak) call(l *Log) {
	s.mu.Lock()
	s.calls++
	call := fmt.Sprint("call-", s.calls)
	s.mu.Unlock()
	time.Sleep([]time.Duration{0, 0, time.Millisecond, time.Second, time.Hour, 9 * time.Hour}[s.intN(6)])
	if s.chance(5) {
		_ = l.Queue(&logfile.Record{Kind: logfile.KindRefusal, Detail: call})
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(1+s.intN(40))*time.Second)
	defer cancel()
	r := logfile.Record{Call: call, Effect: "spend", Path: strings.Repeat("p", s.intN(1500))}
	if err := l.Intent(ctx, &r); err != nil {
		if r.Seq > 0 {
			_ = l.Queue(&logfile.Record{Kind: logfile.KindOutcome, Call: call, Outcome: logfile.NotSent})
		}
		return
	}
	s.ack(&r)
	if s.chance(6) {
		return
	}
	r = logfile.Record{Call: call, Outcome: logfile.Succeeded, Note: strings.Repeat("n", s.intN(500))}
	if l.Outcome(ctx, &r) == nil {
		s.ack(&r)
	}
}

func (s *soak) ack(r *logfile.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before, ok := s.acked[r.Seq]; ok {
		s.Errorf("record %d was acknowledged as %s, and now for %s", r.Seq, before, r.Call)
	}
	s.acked[r.Seq] = string(r.Kind) + r.Call
}

// disturb does something that is no call.
func (s *soak) disturb(l *Log, d *memDisk) {
	switch s.intN(6) {
	case 0, 1:
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(s.intN(60))*time.Second)
		defer cancel()
		if err := l.Prune(ctx); err != nil && ctx.Err() == nil && !isAny(err, ErrUnavailable, ErrClosed, errInjected, syscall.ENOSPC) {
			s.Errorf("prune: %v", err)
		}
	case 2:
		s.ahead.Add(int64(s.intN(60)-25) * int64(time.Hour))
	case 3:
		s.full(d)
		time.Sleep(time.Duration(s.intN(100)) * time.Second)
		d.unbounded()
	case 4:
		s.verify("while it runs", d, true, false)
	case 5:
		time.Sleep(time.Duration(s.intN(30)) * time.Hour)
	}
}

func isAny(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}

// crash ends the process, or the machine.
func (s *soak) crash() {
	if s.chance(2) {
		s.d = s.d.kill()
	} else {
		s.mu.Lock()
		s.d = s.d.powerLoss(s.rng)
		s.mu.Unlock()
	}
	s.d.budget = -1
}

// recovered looks at what a crash left.
func (s *soak) recovered(closed bool) {
	synctest.Wait() // nothing is published any more
	s.verify("after a crash", s.d, false, !closed)
	if s.chance(2) {
		s.reopen()
	}
}

// reopen opens the log without faults, and looks at all of it.
func (s *soak) reopen() {
	cfg := s.config()
	l, _, err := Open(cfg)
	if err != nil {
		s.Fatalf("open without faults: %v", err)
	}
	if s.chance(2) {
		if err := l.Prune(s.Context()); err != nil {
			s.Errorf("prune: %v", err)
		}
	}
	s.verify("open", s.d, true, false)
	s.check()
	if s.chance(2) {
		if err := l.Close(s.Context()); err != nil {
			s.Errorf("close: %v", err)
		}
		s.verify("closed", s.d, false, false)
	}
	before := s.d
	s.d = before.kill()
	end(l)
}

func (s *soak) verify(when string, d *memDisk, inUse, allow bool) {
	d.mu.Lock()
	files := fstest.MapFS{}
	for name, node := range d.names {
		files[name] = &fstest.MapFile{Data: slices.Clone(node.cache)}
	}
	d.mu.Unlock()
	faults, err := VerifyFiles(files, nil, inUse, allow)
	if err != nil && len(files) > 2 {
		s.Errorf("%s: %v", when, err)
	}
	for _, fault := range faults {
		begun := strings.HasPrefix(fault, "cut: the log holds no record")
		partial := allow && (strings.HasPrefix(fault, "cut: zeros stand") || strings.HasPrefix(fault, "unsigned: there is no valid"))
		if !begun && !partial {
			s.Errorf("%s: %s", when, fault)
		}
	}
}

// check compares the log with what was acknowledged and published.
func (s *soak) check() {
	all, left := parts(s.T, s.d)
	open, outcomes := map[string]bool{}, map[string]bool{}
	for _, r := range left {
		if want, ok := s.acked[r.Seq]; ok && want != string(r.Kind)+r.Call {
			s.Errorf("record %d was acknowledged as %s, and is %s of %s", r.Seq, want, r.Kind, r.Call)
		}
		switch r.Kind {
		case logfile.KindIntent:
			open[r.Call] = true
		case logfile.KindOutcome:
			delete(open, r.Call)
			if outcomes[r.Call] {
				s.Errorf("two outcomes of %s", r.Call)
			}
			outcomes[r.Call] = true
		}
	}
	if len(open) > 0 {
		s.Errorf("calls without outcome: %v", open)
	}
	for seq, what := range s.acked {
		if seq > uint64(len(all)) {
			s.Errorf("the acknowledged record %d, %s, is missing: there are %d", seq, what, len(all))
		}
	}
	s.compare(all)
}

// compare looks for published checkpoints that are not of this history.
func (s *soak) compare(all []checkpoint.Hash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var tree checkpoint.Tree
	for _, leaf := range all {
		tree.Add(leaf)
		if note, ok := s.notes[tree.Size()]; ok && root(note) != tree.Root() {
			s.Errorf("a checkpoint of %d records was published that is not of this log", tree.Size())
		}
	}
	for size := range s.notes {
		if size > tree.Size() {
			s.Errorf("a checkpoint of %d records was published, and there are %d", size, tree.Size())
		}
	}
}
