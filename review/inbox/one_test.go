package inbox

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/internal/testlog"
	"tollgate/review/evidence"
)

// TestOver: an exception that is over is found by its id, with the record that ended it.
func TestOver(t *testing.T) {
	w := newWriter(t)
	var ids []ID
	begin := func(kind Kind) { ids = append(ids, ID{Kind: kind, Log: "log", Seq: w.Seq}) }
	var ends []uint64
	end := func() { ends = append(ends, w.Seq) }

	call := w.intent("spend")
	w.outcome(call, "unknown")
	begin(Unknown)
	w.event(logfile.EventResolved, call.Call, "outcome", "succeeded")
	end()
	w.event(logfile.EventCredentialPaused, "acme")
	begin(Paused)
	w.event(logfile.EventCredentialResumed, "other")
	w.event(logfile.EventCredentialResumed, "acme")
	end()
	w.event(logfile.EventCopyFailing, "/a")
	begin(CopyFails)
	w.event(logfile.EventCopyRecovered, "/b")
	w.start()
	ends = append(ends, w.Seq-1)
	w.event(logfile.EventLogStalled, "")
	begin(Stalled)
	w.event(logfile.EventLogRecovered, "")
	end()
	w.frozen(logfile.EventFrozen, "f-1", shopFrozen)
	ids = append(ids, ID{Kind: Freeze, Log: "log", Name: "f-1"})
	w.frozen(logfile.EventUnfrozen, "f-1")
	end()
	w.Close()
	for kind, log := range bothWays(t, w.dir) {
		for i, id := range ids {
			d, err := One(t.Context(), evidence.Logs{log}, scopeOf(t), id)
			if err != nil || d.Over == nil || d.Over.Seq != ends[i] || d.Held != nil {
				t.Errorf("%s: %s: %+v, %v, want it ended by record %d", kind, id, d, err, ends[i])
			}
		}
	}
}

// TestNone: an id of a record that shows something else finds nothing.
func TestNone(t *testing.T) {
	w := newWriter(t)
	call := w.intent("spend")
	w.outcome(call, "succeeded")
	w.refuse(19, "shop", "no_grant", in(0))
	w.Close()
	log := bothWays(t, w.dir)["index"]
	for _, kind := range Kinds() {
		for seq := range uint64(8) {
			id := ID{Kind: kind, Log: "log", Seq: seq, Hour: "2026-10-03T04:00Z", Reason: "no_grant", Who: "caller=shop", Name: "orderPay", Caller: "shop", Month: "2026-10"}
			if d, err := One(t.Context(), evidence.Logs{log}, scopeOf(t), id); err != ErrNone {
				t.Fatalf("%s: %+v, %v", id, d, err)
			}
		}
	}
	if _, err := One(t.Context(), evidence.Logs{log}, scopeOf(t), ID{Kind: Unknown, Log: "other", Seq: 5}); err != ErrNone {
		t.Errorf("a log that there is not: %v", err)
	}
}

// TestConcerned: the calls and events of an exception.
func TestConcerned(t *testing.T) {
	w := newWriter(t)
	holder := w.intent("spend")
	w.outcome(holder, "succeeded")
	w.Add(&logfile.Record{Kind: logfile.KindRefusal, Call: "c-again", Caller: "shop", Operation: "PayOrders", Effect: "spend", Reason: "act_held", Decision: logfile.Refused, Spending: &logfile.Spending{HeldBy: holder.Call}})
	repeat := ID{Kind: Repeat, Log: "log", Seq: w.Seq}
	w.refuse(30, "192.0.2.7", "bad_signature", in(0))
	w.refuse(3, "192.0.2.8", "bad_signature", in(0))
	w.Close()
	log := bothWays(t, w.dir)["index"]
	d, err := One(t.Context(), evidence.Logs{log}, scopeOf(t), repeat)
	if err != nil || len(d.Calls) != 2 || d.Calls[0].ID() != "c-again" || d.Calls[1].ID() != holder.Call {
		t.Errorf("%+v, %v: want the repeat and the call that holds the act", d, err)
	}
	burst := ID{Kind: Burst, Log: "log", Hour: "2026-10-03T04:00Z", Reason: "bad_signature", Who: "source=192.0.2.7"}
	d, err = One(t.Context(), evidence.Logs{log}, scopeOf(t), burst)
	if err != nil || d.Count != 30 || d.Recorded != 30 || !d.More || slices.ContainsFunc(d.Calls, func(c calls.Placed) bool { return c.Refusal.Source != "192.0.2.7" }) {
		t.Errorf("%+v, %v: want 30 refusals of one source", d, err)
	}
}

// TestFiles: what files show.
func TestFiles(t *testing.T) {
	for name, c := range map[string]struct {
		write func(w *writer)
		want  []string
		days  int
	}{
		"no checkpoint": {func(w *writer) {
			w.Calls(2)
			w.Flush()
		}, []string{"uncovered at_risk 1 x4"}, 1},
		"no checkpoint for days": {func(w *writer) {
			w.Add(&logfile.Record{Kind: logfile.KindEvent, Time: testlog.Start.AddDate(0, 0, -2)})
			w.Add(&logfile.Record{Kind: logfile.KindEvent, Time: testlog.Start})
			w.Flush()
		}, []string{"uncovered at_risk 1 x2"}, 3},
		"waiting for one": {func(w *writer) {
			w.Add(&logfile.Record{Kind: logfile.KindEvent, Time: now.Add(-5 * time.Second)})
			w.Flush()
		}, nil, 0},
		"pruned": {func(w *writer) {
			w.Rotate()
			w.Calls(1)
			w.Rotate()
			w.Prune(1)
			w.Close()
		}, nil, 0},
		"segment removed": {func(w *writer) {
			w.Rotate()
			w.Calls(1)
			w.Rotate()
			w.Close()
			if err := os.Remove(filepath.Join(w.dir, logfile.SegmentName(4))); err != nil {
				panic(err)
			}
		}, []string{"gap at_risk 1 x3"}, 0},
		"hashes that no record says pruning left": {func(w *writer) {
			w.Rotate()
			w.Close()
			if err := os.Rename(filepath.Join(w.dir, logfile.SegmentName(1)), filepath.Join(w.dir, "away")); err != nil {
				panic(err)
			}
			if err := os.WriteFile(filepath.Join(w.dir, logfile.HashesName(1)), make([]byte, 3*logfile.HashLength), 0o600); err != nil {
				panic(err)
			}
		}, []string{"gap at_risk 1 x3"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWriter(t)
			c.write(w)
			log := &evidence.Log{Name: "log", FS: os.DirFS(w.dir), Dir: w.dir}
			found := &Found{}
			var rows []string
			f := finder{scope: scopeOf(t), missed: &found.Missed}
			fold := newFold()
			f.yield = fold.add
			one := f.of(log)
			one.files(t.Context())
			for _, r := range fold.result().Rows {
				rows = append(rows, summarized(r))
			}
			if !slices.Equal(rows, c.want) || len(one.uncovered) != c.days || len(found.Missed) > 0 {
				t.Errorf("got %q, %d days, missed %v; want %q, %d days", rows, len(one.uncovered), found.Missed, c.want, c.days)
			}
		})
	}
}

// TestVerified: faults that a verification found are exceptions.
func TestVerified(t *testing.T) {
	w := newWriter(t)
	w.Close()
	s := scopeOf(t)
	s.Verified = func(string) (Verified, bool) {
		return Verified{At: now, Faults: []LogFault{{2, "the line is no record"}, {0, "a key"}}}, true
	}
	found := Find(t.Context(), evidence.Logs{bothWays(t, w.dir)["index"]}, s)
	if got := rowsOf(found); !slices.Equal(got, []string{"fault at_risk 1 a key", "fault at_risk 1 the line is no record"}) && !slices.Equal(got, []string{"fault at_risk 1 the line is no record", "fault at_risk 1 a key"}) {
		t.Errorf("%q", got)
	}
	eachIsFound(t, evidence.Logs{bothWays(t, w.dir)["index"]}, s, found)
}

// TestSeveralLogs: rows of several logs, and what they have in common.
func TestSeveralLogs(t *testing.T) {
	var logs evidence.Logs
	for _, name := range []string{"a", "b"} {
		w := newWriter(t)
		w.outcome(w.intent("spend"), "unknown")
		w.tls("shop", "cn=shop", "aa", now.AddDate(0, 0, 5))
		w.Add(&logfile.Record{Kind: logfile.KindRefusal, Call: "c-dep", Caller: "shop", Operation: "orderPay", Deprecated: true, Reason: "deprecated_forbidden", Decision: logfile.Refused})
		w.refuse(12, "shop", "no_grant", in(0))
		w.Close()
		log := bothWays(t, w.dir)["index"]
		log.Name = name
		logs = append(logs, log)
	}
	found := Find(t.Context(), logs, scopeOf(t))
	want := []string{
		"unknown at_risk 1 shop PayOrders 12.50 CNY", "unknown at_risk 1 shop PayOrders 12.50 CNY",
		"expiry hygiene 1 shop caller cn=shop", "deprecated hygiene 1 shop orderPay x2",
	}
	if got := rowsOf(found); !slices.Equal(got, want) || found.Open != 4 || found.Held[0].Value.String() != "25.00" {
		t.Errorf("%d open, %v held: %q\nwant %q", found.Open, found.Held, got, want)
	}
	eachIsFound(t, logs, scopeOf(t), found)
}
