package export_test

import (
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"tollgate/audit"
	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/audit/store"
	"tollgate/audit/tlsreport"
	"tollgate/freeze"
	"tollgate/internal/setting"
	"tollgate/tlspolicy"
)

// TestEventsPass: with events of any code, known or not, a log can be started again, both verifiers find it whole, bundles have them, and
// the index and the reports of calls and connections are as without them.
func TestEventsPass(t *testing.T) {
	l := newLogs(t)
	codes := append(logfile.EventCodes(), "made_up", "of_a_later_version")
	with, without := l.crashed(codes), l.crashed(nil)
	check(t, []sample{{Name: "after a crash", Log: with, Allow: true}, {Name: "without events", Log: without, Allow: true}})

	e, err := exportPeriod(t, with, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	l.ok(err)
	e.check(t)
	if e.summary.Events != len(codes) || e.summary.Total() != int(e.summary.End-e.summary.Begin+1) {
		t.Errorf("the bundle counts %+v", e.summary.Counts)
	}
	samples := []sample{{Name: "folder", Log: with, Allow: true}, {Name: "bundle", Log: e.file}}
	check(t, samples)
	for _, s := range samples {
		if report, err := l.verify(s); err != nil || !report.Whole() {
			t.Errorf("%s: %+v, %v", s.Name, report, err)
		}
	}

	var read []logfile.EventCode
	l.ok(logfile.Read(with, func(r *logfile.Record, _ []byte) error {
		if r.Kind == logfile.KindEvent {
			read = append(read, r.Event)
			if r.Subject != "main" || r.Data["name"] != "a value" || r.Detail != "prose" || r.Identity != "who" {
				t.Errorf("read back: %+v", r)
			}
		}
		return nil
	}))
	if !slices.Equal(read, codes) {
		t.Errorf("read %q, want %q", read, codes)
	}
	if got, want := l.joined(with), l.joined(without); !slices.Equal(got, want) || len(want) != 3 {
		t.Errorf("calls %q, want %q", got, want)
	}
	if got, want := l.indexed(with), l.joined(without); !slices.Equal(got, want) {
		t.Errorf("calls in the index %q, want %q", got, want)
	}
	if got, want := l.connections(with), l.connections(without); !reflect.DeepEqual(got, want) {
		t.Errorf("TLS report %+v, want %+v", got, want)
	}
}

// crashed returns a log with calls, and an event of each code between them, that was started again after a crash.
func (l *logs) crashed(codes []logfile.EventCode) string {
	cfg := audit.Options{Config: audit.Config{Dir: l.dir(), Name: "tollgate/test"}, Version: "test", Preallocate: 128 << 10}
	cfg.Key.File, cfg.Checkpoints.Every = filepath.Join(l.t.TempDir(), "key"), setting.Duration(time.Hour)
	a, _, err := audit.Open(cfg)
	l.ok(err)
	in := &logfile.TLS{Version: "TLS 1.3", Suite: "TLS_AES_256_GCM_SHA384", Group: "X25519"}
	l.ok(a.Intent(l.t.Context(), &logfile.Record{Call: "ends", TLSIn: in}))
	l.ok(a.Intent(l.t.Context(), &logfile.Record{Call: "stays open", Effect: "read", TLSIn: in}))
	for _, code := range codes {
		r := &logfile.Record{
			Kind: logfile.KindEvent, Event: code, Identity: "who", Subject: "main", Detail: "prose", Data: map[string]string{"name": "a value"},
		}
		if r.StatesFreezes() && code != logfile.EventUnfrozen {
			r.Freezes = []freeze.Freeze{{ID: "f-00000001", Subject: freeze.Subject{Kind: freeze.Spend}, Reason: "why", Since: time.Now()}}
		}
		l.ok(a.Queue(r))
	}
	l.ok(a.Queue(&logfile.Record{Kind: logfile.KindRefusal, Call: "is refused", Caller: "app", TLSIn: in}))
	l.ok(a.Outcome(l.t.Context(), &logfile.Record{Call: "ends", Outcome: logfile.Succeeded, TLSOut: in}))
	crashed := l.copy(cfg.Dir, func(string) {})
	l.ok(a.Close(l.t.Context()))

	cfg.Dir = crashed
	a, found, err := audit.Open(cfg)
	l.ok(err)
	if len(found.Closed) != 1 || found.Closed[0].Call != "stays open" {
		l.t.Errorf("the start closed %v", found.Closed)
	}
	l.ok(a.Close(l.t.Context()))
	return cfg.Dir
}

func (l *logs) joined(dir string) (all []string) {
	joiner := calls.NewJoiner(nil, func(c *calls.Call) error { all = append(all, callID(c)); return nil })
	l.ok(logfile.Read(dir, func(r *logfile.Record, _ []byte) error { return joiner.Add(r) }))
	slices.Sort(all)
	return all
}

func (l *logs) indexed(dir string) (all []string) {
	x := store.New(dir, filepath.Join(l.t.TempDir(), "index.sqlite"))
	_, err := x.Rebuild(l.t.Context(), nil)
	l.ok(err)
	l.ok(x.Calls(l.t.Context(), &calls.Filter{}, func(c *calls.Call) error { all = append(all, callID(c)); return nil }))
	slices.Sort(all)
	return all
}

// callID returns a call's id and which records it has.
func callID(c *calls.Call) string {
	switch {
	case c.Refusal != nil:
		return c.Refusal.Call + ": refusal"
	case c.Intent != nil && c.Outcome != nil:
		return c.Outcome.Call + ": intent, outcome " + c.Outcome.Outcome
	}
	return "a part of a call"
}

func (l *logs) connections(dir string) []any {
	policy, err := tlspolicy.Named(tlspolicy.Default)
	l.ok(err)
	collector, err := tlsreport.New(tlsreport.Config{Policy: policy})
	l.ok(err)
	l.ok(logfile.Read(dir, func(r *logfile.Record, _ []byte) error { collector.Add(r); return nil }))
	report := collector.Report()
	return []any{report.In, report.Out, report.Refused, report.Upstream}
}
