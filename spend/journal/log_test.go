package journal

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/audit"
	"tollgate/audit/logfile"
	"tollgate/internal/setting"
	"tollgate/internal/testlog"
	"tollgate/spend"
)

// gatewayLog is an audit log with its journal, as a gateway has them.
type gatewayLog struct {
	*audit.Log
	*Journal
	ledger *spend.Memory
	dir    string
	clock  *atomic.Int64 // seconds since testlog.Start
}

func (g *gatewayLog) now() time.Time {
	return testlog.Start.Add(time.Duration(g.clock.Load()) * time.Second)
}

// start opens the log in dir, and has the ledger brought up to it.
func start(t testing.TB, dir string, clock *atomic.Int64) *gatewayLog {
	t.Helper()
	g := &gatewayLog{dir: dir, clock: clock, ledger: spend.NewMemory()}
	var err error
	if g.Log, _, err = audit.Open(audit.Options{
		Config:      audit.Config{Dir: dir, Keep: setting.Duration(time.Hour), KeepLess: true, SegmentSize: 64 * setting.KiB, Deadline: setting.Duration(10_000 * time.Hour)},
		Preallocate: 128 << 10,
		Now:         g.now,
		NeededFrom:  func() uint64 { return g.NeededFrom() },
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Log.Close(context.Background()) })
	g.Journal = New(Options{
		Dir: dir, Log: g.Log, MAC: hmac.New(sha256.New, []byte("the log's")), MACKey: macKey, Ledger: g.ledger, Longest: day, Now: g.now,
	})
	if err := g.Open(t.Context(), func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	return g
}

// call does as the gateway with a call that pays an order, up to the step that fails.
func (g *gatewayLog) call(t testing.TB, id, order, outcome string) error {
	c := claim(id, order)
	c.Charges, c.Keys[0].Window, c.At = nil, time.Hour, g.now()
	if _, err := g.ledger.Reserve(t.Context(), c); err != nil {
		return err
	}
	r := &logfile.Record{Call: id, Caller: c.Caller, Effect: "spend", MACKey: macKey, Spending: new(logfile.Spending), Note: strings.Repeat("x", 900)}
	Describe(r.Spending, c)
	if err := g.Intent(t.Context(), r); err != nil || outcome == "" {
		return err
	}
	o := &logfile.Record{Call: id, Effect: "spend", Outcome: outcome}
	err := g.Outcome(t.Context(), o)
	g.ledger.Settle(id, spend.Settlement{Outcome: outcome, At: o.Time})
	return err
}

// days lets the log run on for some days.
func (g *gatewayLog) days(t testing.TB, n int) {
	t.Helper()
	for range 2 * n {
		g.clock.Add(12 * 3600)
		id := fmt.Sprint("call-", g.clock.Load())
		if err := g.call(t, id, id, logfile.Succeeded); err != nil {
			t.Fatal(err)
		}
	}
}

func (g *gatewayLog) hasRecord(seq uint64) bool {
	first, err := logfile.First(g.dir)
	return err == nil && first <= seq
}

// TestPruningKeepsUnknownCalls: no segment goes that alone says what an unknown call holds, and when all have gone from before, it still holds. So
// does a call with an outcome of a later version.
func TestPruningKeepsUnknownCalls(t *testing.T) {
	for _, outcome := range []string{logfile.Unknown, "postponed"} {
		t.Run(outcome, func(t *testing.T) { pruningKeeps(t, outcome) })
	}
}

func pruningKeeps(t *testing.T, outcome string) {
	g := start(t, filepath.Join(t.TempDir(), "log"), new(atomic.Int64))
	if err := g.call(t, "u", "CS1", outcome); err != nil {
		t.Fatal(err)
	}
	intent := g.Status().LastSeq - 1
	g.days(t, 4)
	if err := g.Prune(t.Context()); err != nil || !g.hasRecord(intent) {
		t.Fatalf("the intent of an unknown call is gone: %v", err)
	}
	for range 2 {
		g.mustSave(t)
		g.days(t, 3) // so that a clock that was set ahead is none
	}
	g.mustSave(t)
	if err := g.Prune(t.Context()); err != nil || g.hasRecord(intent) {
		t.Fatalf("record %d is kept, from %d on they are needed: %v", intent, g.NeededFrom(), err)
	}
	if err := errors.Join(g.Journal.Close(t.Context()), g.Log.Close(t.Context()), removed(filepath.Join(g.dir, FileName))); err != nil {
		t.Fatal(err)
	}
	var heldBy *spend.HeldError
	next := start(t, g.dir, g.clock)
	if err := next.call(t, "again", "CS1", ""); !errors.As(err, &heldBy) || heldBy.Call != "u" || heldBy.Outcome != logfile.Unknown {
		t.Errorf("the order is paid once more: %v", err)
	}
	if s := next.State(); s.Total == 0 || s.Rebuilt == "" {
		t.Errorf("%+v", s)
	}
}

// copied returns a copy of a folder, as it is at this moment.
func copied(t testing.TB, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "log")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// TestCrash: at each point of a call a process may end, with and without the file, and with one from before the call. An order of which money
// may have moved is held then, and no other.
func TestCrash(t *testing.T) {
	g := start(t, filepath.Join(t.TempDir(), "log"), new(atomic.Int64))
	if err := g.call(t, "before", "CS0", logfile.Succeeded); err != nil {
		t.Fatal(err)
	}
	g.mustSave(t)
	c := claim("a", "CS1")
	c.Charges, c.At = nil, g.now()
	r := &logfile.Record{Call: "a", Caller: "shop", Effect: "spend", MACKey: macKey, Spending: new(logfile.Spending)}
	outcome := &logfile.Record{Call: "a", Effect: "spend", Outcome: logfile.Succeeded}
	var points []string
	look := func(name string, want ...string) { // each order, by which call and outcome
		t.Helper()
		points = append(points, name)
		for _, file := range []string{"as it is", "missing"} {
			dir := copied(t, g.dir)
			if file == "missing" {
				if err := removed(filepath.Join(dir, FileName)); err != nil {
					t.Fatal(err)
				}
			}
			clock := new(atomic.Int64)
			next := start(t, dir, clock)
			if s := next.State(); (s.Rebuilt == "") != (file == "as it is") {
				t.Errorf("%s, file %s: %+v", name, file, s)
			}
			var got []string
			for _, order := range []string{"CS0", "CS1"} {
				var h *spend.HeldError
				if err := next.call(t, "probe-"+order, order, logfile.NotSent); errors.As(err, &h) {
					got = append(got, order+" "+h.Call+" "+h.Outcome)
				} else if err != nil {
					t.Fatal(err)
				}
			}
			if strings.Join(got, ", ") != strings.Join(want, ", ") {
				t.Errorf("%s, file %s: held %q, want %q", name, file, got, want)
			}
			if err := errors.Join(next.Journal.Close(t.Context()), next.Log.Close(t.Context())); err != nil {
				t.Fatal(err)
			}
		}
	}
	const before = "CS0 before succeeded"
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := g.ledger.Reserve(t.Context(), c)
	must(err)
	look("reserved", before)
	g.mustSave(t)
	look("reserved, saved", before)
	Describe(r.Spending, c)
	must(g.Intent(t.Context(), r))
	look("intended, and perhaps sent", before, "CS1 a unknown")
	g.mustSave(t)
	look("intended, saved", before, "CS1 a unknown")
	must(g.Outcome(t.Context(), outcome))
	look("done", before, "CS1 a succeeded")
	g.mustSave(t)
	look("done, saved before it is settled", before, "CS1 a succeeded")
	g.ledger.Settle("a", spend.Settlement{Outcome: logfile.Succeeded, At: outcome.Time})
	look("settled", before, "CS1 a succeeded")
	must(errors.Join(g.Journal.Close(t.Context()), g.Log.Close(t.Context())))
	look("stopped", before, "CS1 a succeeded")
	if len(points) != 8 {
		t.Error(points)
	}
}

// TestRebuildGoesOn: a rebuild that is interrupted goes on from where it was, and reads no more than windows reach.
func TestRebuildGoesOn(t *testing.T) {
	l := newLog(t)
	l.Step = 20 * time.Millisecond
	all := calls(l)
	l.Calls(step) // two records each
	l.Flush()
	o := l.options()
	ctx, cancel := context.WithCancel(t.Context())
	at, looks := o.Now(), 0
	o.Now = func() time.Time {
		if looks++; looks == 4 {
			cancel()
		}
		at = at.Add(SaveEvery)
		return at
	}
	j := New(o)
	if err := j.Open(ctx, func() error { return nil }); !errors.Is(err, context.Canceled) || o.Ledger.Available() == nil {
		t.Fatal(err)
	}
	if s := j.State(); s.Ready || s.Read == 0 || s.Read >= s.Total {
		t.Errorf("%+v", s)
	}
	next := opened(t, l.options())
	if s := next.State(); s.Rebuilt != "" || s.Seq == 0 || s.Seq >= l.Seq {
		t.Errorf("%+v", s)
	}
	want(t, held(t, next, orders...), all...)
}

// TestRebuildReach: segments of before are not read.
func TestRebuildReach(t *testing.T) {
	l := newLog(t)
	l.Step = time.Hour
	for range 5 {
		l.Calls(36) // three days
		l.Rotate()
	}
	l.Flush()
	o := l.options()
	o.Longest = day
	j := opened(t, o)
	if got := j.State().Total; got >= 200<<10 || got == 0 {
		t.Errorf("%d bytes are read", got)
	}
	o = l.options()
	o.Longest = 100 * day
	if all := opened(t, o).State().Total; all <= j.State().Total {
		t.Errorf("%d bytes are read for all days", all)
	}
}

// TestRestatementsEnd: what is stated again and takes more room than a segment does not have itself stated again.
func TestRestatementsEnd(t *testing.T) {
	g := start(t, filepath.Join(t.TempDir(), "log"), new(atomic.Int64))
	const unknown = 300 // of about 400 bytes each: two segments
	for i := range unknown {
		if err := g.call(t, fmt.Sprint("u-", i), fmt.Sprint("CS", i), logfile.Unknown); err != nil {
			t.Fatal(err)
		}
	}
	saves := func(n int) (seq uint64) {
		for range n {
			g.mustSave(t)
			if err := g.Event(t.Context(), &logfile.Record{Event: logfile.EventLogStalled}); err != nil { // what was queued before is durable
				t.Fatal(err)
			}
		}
		return g.Status().LastSeq
	}
	before := saves(10)
	if after := saves(10); after-before >= unknown {
		t.Errorf("%d records, with nothing to state", after-before)
	}
	g.clock.Add(2 * 3600)
	if after := saves(2); after-before < unknown {
		t.Errorf("only %d records after a while", after-before)
	}
}
