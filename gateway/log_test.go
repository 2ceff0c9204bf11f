package gateway_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/audit"
	"tollgate/audit/logfile"
)

// patience is how long a test waits for what must happen. It never decides whether a test passes.
const patience = 20 * time.Second

// history is what happened, in order, as seen by the log and by the upstream.
type history struct {
	mutex   sync.Mutex
	events  []string
	changed chan struct{} // closed at each change
}

func newHistory() *history { return &history{changed: make(chan struct{})} }

func (h *history) add(event string) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.events = append(h.events, event)
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *history) all() []string {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return slices.Clone(h.events)
}

func (h *history) has(event string) bool { return slices.Contains(h.all(), event) }

func (h *history) count(event string) (n int) {
	for _, e := range h.all() {
		if e == event {
			n++
		}
	}
	return n
}

// wait returns once the event has happened.
func (h *history) wait(t testing.TB, event string) {
	t.Helper()
	h.waitFor(t, event, 1)
}

// waitFor returns once the event has happened so many times.
func (h *history) waitFor(t testing.TB, event string, times int) {
	t.Helper()
	deadline := time.After(patience)
	for {
		h.mutex.Lock()
		changed := h.changed
		h.mutex.Unlock()
		if h.count(event) >= times {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%q did not happen; only: %s", event, strings.Join(h.all(), ", "))
		}
	}
}

// fakeLog is a gateway.Log that keeps records, can fail and can hang. It is durable as soon as it returns.
type fakeLog struct {
	history *history

	mutex   sync.Mutex
	records []logfile.Record
	seq     uint64
	// differing are lines that are others than those of their members alone: see [checkStages].
	differing []string

	intent  func(ctx context.Context, r *logfile.Record) error // nil: works
	outcome func(ctx context.Context, r *logfile.Record) error // nil: works
	queued  func(r *logfile.Record)                            // is called before a record is kept
	ended   func(func(error))                                  // is to call what waits for a queued outcome; nil: that is durable at once
}

func (l *fakeLog) Intent(ctx context.Context, r *logfile.Record) error {
	l.history.add("intent begun")
	if l.intent != nil {
		if err := l.intent(ctx, r); err != nil {
			return err
		}
	}
	l.keep(logfile.KindIntent, r)
	l.history.add("intent durable")
	return nil
}

func (l *fakeLog) Outcome(ctx context.Context, r *logfile.Record) error {
	l.history.add("outcome begun")
	if l.outcome != nil {
		if err := l.outcome(ctx, r); err != nil {
			l.keep(logfile.KindOutcome, r) // taken, though not durable
			return err
		}
	}
	l.keep(logfile.KindOutcome, r)
	l.history.add("outcome durable")
	return nil
}

func (l *fakeLog) QueueLast(r *logfile.Record) error { return l.Queue(r) }

func (l *fakeLog) Queue(r *logfile.Record) error {
	if l.queued != nil {
		l.queued(r)
	}
	l.keep(r.Kind, r)
	l.history.add(string(r.Kind) + " queued")
	return nil
}

func (l *fakeLog) QueueOutcome(r *logfile.Record, ended func(error)) error {
	err := l.Queue(r)
	if l.ended != nil {
		l.ended(ended)
	} else {
		ended(nil)
	}
	return err
}

func (l *fakeLog) keep(kind logfile.Kind, r *logfile.Record) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.seq++
	r.Kind, r.Seq, r.Time = kind, l.seq, time.Now()
	if want := string(withoutParts(r).Append(nil)); string(r.Append(nil)) != want {
		l.differing = append(l.differing, want)
	}
	kept := *r
	if r.Steps != nil { // which lie in the call
		steps := *r.Steps
		kept.Steps = &steps
	}
	l.records = append(l.records, kept)
}

// withoutParts returns a record of which nothing is encoded yet.
func withoutParts(r *logfile.Record) *logfile.Record {
	plain := *r
	plain.Share(nil)
	for _, evidence := range []**logfile.TLS{&plain.TLSIn, &plain.TLSOut} {
		if t := *evidence; t != nil {
			*evidence = &logfile.TLS{
				Version: t.Version, Suite: t.Suite, Group: t.Group, ALPN: t.ALPN, Resumed: t.Resumed, ServerName: t.ServerName,
				Peer: t.Peer, PeerFingerprint: t.PeerFingerprint, PeerNotAfter: t.PeerNotAfter, Offer: t.Offer,
			}
		}
	}
	return &plain
}

// of returns the records of a kind, in order.
func (l *fakeLog) of(kind logfile.Kind) []logfile.Record {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	var found []logfile.Record
	for _, r := range l.records {
		if r.Kind == kind {
			found = append(found, r)
		}
	}
	return found
}

// take returns the records of a kind, and has none of any kind afterwards.
func (l *fakeLog) take(kind logfile.Kind) []logfile.Record {
	found := l.of(kind)
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.records = nil
	return found
}

// text is everything that was recorded, as it would be written.
func (l *fakeLog) text() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	var all []byte
	for _, r := range l.records {
		all = append(r.Append(all), '\n')
	}
	return string(all)
}

// only returns the one record of a kind.
func (l *fakeLog) only(t testing.TB, kind logfile.Kind) logfile.Record {
	t.Helper()
	records := l.of(kind)
	if len(records) != 1 {
		t.Fatalf("%d records of kind %s, want 1; log:\n%s", len(records), kind, l.text())
	}
	return records[0]
}

// hang waits until the log's deadline has passed, like a disk that does not answer.
func hang(ctx context.Context, _ *logfile.Record) error {
	<-ctx.Done()
	return audit.ErrUnavailable
}

// fail is a log that is closed for intents.
func fail(context.Context, *logfile.Record) error { return audit.ErrUnavailable }
