package inbox

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/audit/store"
	"tollgate/freeze"
	"tollgate/internal/testlog"
	"tollgate/review/evidence"
)

// now is when the logs of tests are looked at: the last of their records are minutes old.
var now = testlog.Start.Add(2 * time.Hour)

func scopeOf(t *testing.T) *Scope {
	t.Helper()
	return &Scope{Since: testlog.Start.AddDate(0, 0, -1), Until: testlog.Start.AddDate(0, 0, 1), Zone: time.UTC, Now: now}
}

// writer writes a log for a test.
type writer struct {
	*testlog.Log
	dir string
	n   int
}

func newWriter(t *testing.T) *writer {
	dir := filepath.Join(t.TempDir(), "log")
	return &writer{Log: testlog.New(dir, nil), dir: dir}
}

// in is a time so many minutes behind the beginning of the log.
func in(minutes int) time.Time { return testlog.Start.Add(time.Duration(minutes) * time.Minute) }

func (w *writer) intent(effect string) *logfile.Record {
	w.n++
	r := &logfile.Record{
		Kind: logfile.KindIntent, Call: fmt.Sprintf("0199a3b2-7c00-7000-8f10-%012x", w.n), Caller: "shop", Site: "cn", Operation: "PayOrders", Effect: effect,
		Decision: logfile.Allowed, Spending: &logfile.Spending{Price: &logfile.Price{Amount: "12.50", Currency: "CNY", From: "order"}},
	}
	if effect == "read" {
		r.Spending, r.Operation = nil, "ListOrders"
	}
	w.Add(r)
	return r
}

func (w *writer) outcome(of *logfile.Record, outcome string) {
	w.Add(&logfile.Record{Kind: logfile.KindOutcome, Call: of.Call, Caller: of.Caller, Site: of.Site, Operation: of.Operation, Effect: of.Effect, Outcome: outcome})
}

func (w *writer) event(code logfile.EventCode, subject string, data ...string) {
	r := &logfile.Record{Kind: logfile.KindEvent, Event: code, Subject: subject, Data: map[string]string{}}
	for i := 0; i < len(data); i += 2 {
		r.Data[data[i]] = data[i+1]
	}
	w.Add(r)
}

func (w *writer) start() {
	w.Add(&logfile.Record{Kind: logfile.KindStart})
	w.Checkpoint()
}

// refuse writes refusals of a caller, or of a source if that has dots.
func (w *writer) refuse(n int, who, reason string, at time.Time) {
	for i := range n {
		w.n++
		r := &logfile.Record{
			Kind: logfile.KindRefusal, Time: at.Add(time.Duration(i) * time.Second), Call: fmt.Sprintf("0199a3b2-7c00-7000-8f11-%012x", w.n), Decision: logfile.Refused,
			Reason: reason, Caller: who, Operation: "PayOrders", Effect: "spend", Site: "cn",
		}
		if strings.Contains(who, ".") {
			r.Caller, r.Source, r.ClaimedCaller = "", who, "shop"
		}
		w.Add(r)
	}
}

// summary writes a summary of refusals that began at a time and was written a minute later.
func (w *writer) summary(at time.Time, counts ...logfile.Count) {
	w.Add(&logfile.Record{Kind: logfile.KindRefusals, Since: at, Time: at.Add(time.Minute), Counts: counts})
}

func (w *writer) frozen(code logfile.EventCode, id string, all ...freeze.Freeze) {
	w.Add(&logfile.Record{Kind: logfile.KindEvent, Event: code, Subject: "caller shop", Data: map[string]string{"freeze": id}, Freezes: all})
}

// summarized is a row in short.
func summarized(r *Row) string {
	parts := []string{string(r.Kind), r.Weight.String(), fmt.Sprint(r.Exceptions)}
	for _, text := range []string{r.Caller, r.Operation, r.Source, r.Reason, r.Of, r.Name} {
		if text != "" {
			parts = append(parts, text)
		}
	}
	if r.Count > 0 {
		parts = append(parts, fmt.Sprintf("x%d", r.Count))
	}
	for _, m := range r.Held {
		parts = append(parts, m.Value.String()+" "+m.Currency)
	}
	return strings.Join(parts, " ")
}

func rowsOf(f *Found) (rows []string) {
	for _, r := range f.Rows {
		rows = append(rows, summarized(r))
	}
	return rows
}

var shopFrozen = freeze.Freeze{ID: "f-1", Subject: freeze.Subject{Kind: freeze.Caller, Name: "shop"}, Reason: "twice", Since: in(1), By: "uid 0"}

// TestFind: what is an exception, and what is none, by the index and by the log itself.
func TestFind(t *testing.T) {
	paused := []string{"until", in(5).Format(time.RFC3339), "reason", "APIG.0301"}
	for name, c := range map[string]struct {
		write func(w *writer)
		want  []string
	}{
		"nothing": {func(w *writer) { w.outcome(w.intent("spend"), "succeeded") }, nil},
		"unknown": {func(w *writer) {
			w.outcome(w.intent("spend"), "unknown")
			w.outcome(w.intent("spend"), "unknown")
		}, []string{"unknown at_risk 2 shop PayOrders 25.00 CNY"}},
		"unknown read": {func(w *writer) { w.outcome(w.intent("read"), "unknown") }, []string{"unknown hygiene 1 shop ListOrders"}},
		"settled later": {func(w *writer) {
			call := w.intent("spend")
			w.outcome(call, "unknown")
			w.Calls(1)
			w.event(logfile.EventResolved, call.Call, "outcome", "failed")
		}, nil},
		"settled as unknown": {func(w *writer) {
			call := w.intent("spend")
			w.outcome(call, "unknown")
			w.event(logfile.EventResolved, call.Call, "outcome", "unknown")
		}, []string{"unknown at_risk 1 shop PayOrders 12.50 CNY"}},
		"stated once more": {func(w *writer) {
			call := w.intent("spend")
			w.outcome(call, "unknown")
			w.event(logfile.EventUnresolved, call.Call)
		}, []string{"unknown at_risk 1 shop PayOrders 12.50 CNY"}},
		"open for long": {func(w *writer) { w.intent("spend") }, []string{"open at_risk 1 shop PayOrders 12.50 CNY"}},
		"under way": {func(w *writer) {
			r := w.intent("spend")
			w.outcome(r, "succeeded")
			w.Add(&logfile.Record{Kind: logfile.KindIntent, Call: "c-now", Time: now.Add(-time.Minute), Effect: "spend", Operation: "PayOrders", Caller: "shop"})
		}, nil},
		"lost at a start": {func(w *writer) {
			w.Add(&logfile.Record{Kind: logfile.KindIntent, Call: "c-now", Time: now.Add(-time.Minute), Effect: "spend", Operation: "PayOrders", Caller: "shop"})
			w.start()
		}, []string{"open at_risk 1 shop PayOrders"}},
		"paused": {func(w *writer) { w.event(logfile.EventCredentialPaused, "acme", paused...) }, []string{"paused access 1 acme"}},
		"prolonged": {func(w *writer) {
			w.event(logfile.EventCredentialPaused, "acme", paused...)
			w.event(logfile.EventCredentialPaused, "acme", paused...)
		}, []string{"paused access 1 acme"}},
		"resumed": {func(w *writer) {
			w.event(logfile.EventCredentialPaused, "acme", paused...)
			w.event(logfile.EventCredentialResumed, "acme")
		}, nil},
		"resumed for another caller": {func(w *writer) {
			w.event(logfile.EventCredentialPaused, "acme", append(paused, "caller", "shop")...)
			w.event(logfile.EventCredentialResumed, "acme", "caller", "billing")
		}, []string{"paused access 1 shop acme"}},
		"paused again": {func(w *writer) {
			w.event(logfile.EventCredentialPaused, "acme", paused...)
			w.event(logfile.EventCredentialResumed, "acme")
			w.event(logfile.EventCredentialPaused, "acme", paused...)
		}, []string{"paused access 1 acme"}},
		"pause before a start": {func(w *writer) {
			w.event(logfile.EventCredentialPaused, "acme", paused...)
			w.start()
		}, nil},
		"frozen": {func(w *writer) { w.frozen(logfile.EventFrozen, "f-1", shopFrozen) }, []string{"freeze access 1 twice caller shop"}},
		"unfrozen": {func(w *writer) {
			w.frozen(logfile.EventFrozen, "f-1", shopFrozen)
			w.frozen(logfile.EventUnfrozen, "f-1")
		}, nil},
		"frozen over a start": {func(w *writer) {
			w.frozen(logfile.EventFrozen, "f-1", shopFrozen)
			w.Add(&logfile.Record{Kind: logfile.KindStart, Freezes: []freeze.Freeze{shopFrozen}})
		}, []string{"freeze access 1 twice caller shop"}},
		"ended by a start": {func(w *writer) {
			w.frozen(logfile.EventFrozen, "f-1", shopFrozen)
			w.start()
		}, nil},
		"stated once more, and ended by itself": {func(w *writer) {
			ended := shopFrozen
			ended.Until = now.Add(-time.Minute)
			w.frozen(logfile.EventFreezes, "", ended)
		}, nil},
		"stall that is over": {func(w *writer) {
			w.event(logfile.EventLogStalled, "")
			w.event(logfile.EventLogRecovered, "")
		}, []string{"stalled hygiene 1"}},
		"stall": {func(w *writer) {
			w.event(logfile.EventLogStalled, "")
			w.event(logfile.EventLogRecovered, "")
			w.event(logfile.EventLogStalled, "")
		}, []string{"stalled at_risk 1", "stalled hygiene 1"}},
		"copy": {func(w *writer) {
			w.event(logfile.EventCopyFailing, "/a")
			w.event(logfile.EventCopyFailing, "/b")
			w.event(logfile.EventCopyRecovered, "/b")
			w.event(logfile.EventCopyFailing, "/a")
		}, []string{"copy at_risk 1 /a"}},
		"copy before a start": {func(w *writer) {
			w.event(logfile.EventCopyFailing, "/a")
			w.start()
		}, nil},
		"loss":     {func(w *writer) { w.event(logfile.EventLossAccepted, "/copy", "lost", "record 9") }, []string{"loss at_risk 1 /copy"}},
		"lost key": {func(w *writer) { w.Rekey(newKey(), true) }, []string{"key_lost at_risk 1"}},
		"new key":  {func(w *writer) { w.Rekey(newKey(), false) }, nil},
		"crash":    {func(w *writer) { w.Add(&logfile.Record{Kind: logfile.KindStart, Unsigned: 3}) }, []string{"unsigned at_risk 1 x3"}},
		"19 refusals": {func(w *writer) {
			w.refuse(19, "shop", "no_grant", in(0))
			w.refuse(19, "shop", "over_limit", in(0))
			w.refuse(19, "billing", "no_grant", in(0))
		}, nil},
		"20 refusals":  {func(w *writer) { w.refuse(20, "shop", "no_grant", in(0)) }, []string{"burst access 1 shop no_grant x20"}},
		"over an hour": {func(w *writer) { w.refuse(20, "shop", "no_grant", time.Date(2026, 10, 3, 4, 59, 50, 0, time.UTC)) }, nil},
		"two hours": {func(w *writer) {
			w.refuse(25, "shop", "no_grant", in(0))
			w.refuse(20, "shop", "no_grant", in(60))
		}, []string{"burst access 2 shop no_grant x45"}},
		"of a source": {func(w *writer) { w.refuse(20, "192.0.2.7", "bad_signature", in(0)) }, []string{"burst access 1 192.0.2.7 bad_signature x20"}},
		"with a summary": {func(w *writer) {
			w.refuse(5, "192.0.2.7", "bad_signature", in(0))
			w.summary(time.Date(2026, 10, 3, 4, 59, 30, 0, time.UTC), logfile.Count{Reason: "bad_signature", Source: "192.0.2.7", Count: 14}, logfile.Count{Reason: "bad_signature", Caller: "shop", Source: "192.0.2.7", Count: 30})
			w.Add(&logfile.Record{Kind: logfile.KindRefusal, Source: "192.0.2.7", Reason: "bad_signature", Time: in(0)}) // of no call
		}, []string{"burst access 1 shop bad_signature x30", "burst access 1 192.0.2.7 bad_signature x20"}},
		"of many sources": {func(w *writer) {
			w.summary(in(0), logfile.Count{Reason: "timeout", Source: logfile.Other, Count: 1 << 63}, logfile.Count{Reason: "timeout", Source: logfile.Other, Count: 1 << 63})
		}, []string{"burst access 1 other timeout x18446744073709551615"}},
		"before the period": {func(w *writer) {
			w.refuse(20, "shop", "no_grant", in(-48*60))
			w.summary(in(-48*60), logfile.Count{Reason: "timeout", Source: logfile.Other, Count: 100})
		}, nil},
		"summaries at the ends of the period": {func(w *writer) {
			w.summary(testlog.Start.AddDate(0, 0, -1).Add(-30*time.Second), logfile.Count{Reason: "timeout", Source: logfile.Other, Count: 100})
			w.summary(testlog.Start.AddDate(0, 0, 1).Add(-30*time.Second), logfile.Count{Reason: "timeout", Source: logfile.Other, Count: 30})
		}, []string{"burst access 1 other timeout x30"}},
		"repeats and full caps": {func(w *writer) {
			w.refuse(2, "shop", "act_held", in(0))
			w.Add(&logfile.Record{Kind: logfile.KindRefusal, Call: "c-cap", Caller: "shop", Operation: "PayOrders", Effect: "spend", Reason: "cap_full", Decision: logfile.Refused, Spending: &logfile.Spending{CapsFull: []string{"day"}}})
		}, []string{"repeat access 2 shop PayOrders", "cap access 1 shop PayOrders day"}},
		"deprecated": {func(w *writer) {
			for range 3 {
				w.Add(&logfile.Record{Kind: logfile.KindIntent, Call: fmt.Sprint("c-", w.Seq), Caller: "shop", Operation: "orderPay", Effect: "read", Deprecated: true})
				w.Add(&logfile.Record{Kind: logfile.KindOutcome, Call: fmt.Sprint("c-", w.Seq-1), Caller: "shop", Operation: "orderPay", Effect: "read", Outcome: "succeeded"})
			}
		}, []string{"deprecated hygiene 1 shop orderPay x3"}},
		"certificates": {func(w *writer) {
			w.tls("shop", "cn=old", "aa", now.AddDate(0, 0, 5))
			w.tls("shop", "cn=old", "bb", now.AddDate(1, 0, 0)) // in its place
			w.tls("billing", "cn=b", "cc", now.AddDate(0, 0, 29))
			w.tls("report", "cn=r", "dd", now.AddDate(0, 0, 31))
		}, []string{"expiry hygiene 1 billing caller cn=b"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWriter(t)
			c.write(w)
			w.Close()
			for kind, log := range bothWays(t, w.dir) {
				found := Find(t.Context(), evidence.Logs{log}, scopeOf(t))
				if got := rowsOf(found); !slices.Equal(got, c.want) || len(found.Missed) > 0 {
					t.Errorf("%s:\n got %q\nwant %q, missed %v", kind, got, c.want, found.Missed)
				}
				if kind == "index" {
					eachIsFound(t, evidence.Logs{log}, scopeOf(t), found)
				}
			}
		})
	}
}

func newKey() *checkpoint.Key {
	key, err := checkpoint.NewKey("tollgate/test")
	if err != nil {
		panic(err)
	}
	return key
}

func (w *writer) tls(caller, peer, fingerprint string, notAfter time.Time) {
	id := fmt.Sprint("c-", w.Seq)
	leg := &logfile.TLS{Version: "TLS 1.3", Peer: peer, PeerFingerprint: fingerprint, PeerNotAfter: notAfter}
	w.Add(&logfile.Record{Kind: logfile.KindIntent, Call: id, Caller: caller, Operation: "ListOrders", Effect: "read", TLSIn: leg})
	w.Add(&logfile.Record{Kind: logfile.KindOutcome, Call: id, Caller: caller, Operation: "ListOrders", Effect: "read", Outcome: "succeeded"})
}

// bothWays returns the log in a directory with an index and without.
func bothWays(t *testing.T, dir string) map[string]*evidence.Log {
	t.Helper()
	x := store.New(dir, filepath.Join(t.TempDir(), "index"))
	if _, err := x.Rebuild(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return map[string]*evidence.Log{
		"index": {Name: "log", FS: os.DirFS(dir), Dir: dir, Index: x},
		"lines": {Name: "log", FS: os.DirFS(dir), Dir: dir},
	}
}

// eachIsFound holds that each exception of a row is found by its id, with the same values, and that its id survives an address.
func eachIsFound(t *testing.T, logs evidence.Logs, s *Scope, found *Found) {
	t.Helper()
	for _, row := range found.Rows {
		for _, e := range row.Newest[:1] {
			id, err := ParseID(e.ID.String())
			if err != nil || id != e.ID {
				t.Errorf("the id %v becomes %v, %v", e.ID, id, err)
			}
			d, err := One(context.Background(), logs, s, e.ID)
			if err != nil {
				t.Errorf("%s: %v", e.ID, err)
				continue
			}
			if d.Count != e.Count && e.Kind != Deprecated || d.Subject != e.Subject || !d.Time.Equal(e.Time) || len(d.Missed) > 0 {
				t.Errorf("%s: found %+v, want %+v, missed %v", e.ID, d.Exception, e, d.Missed)
			}
		}
	}
}
