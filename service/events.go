package service

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"tollgate/admin"
	"tollgate/audit"
	"tollgate/audit/logfile"
	"tollgate/audit/mirror"
	"tollgate/credential"
)

// watchEvery is how often the parts are asked how they stand. All that is watched lasts longer: a pause minutes, a copy that fails
// at least until it is tried again.
const watchEvery = 500 * time.Millisecond

// startEvents puts on record how credentials, the log and the places of its copies come to stand, until the service is closed.
// The parts know nothing of it: no call waits for such a record.
func (s *Service) startEvents() {
	w := newStateWatch(audit.NewEvents(s.log), s.signers, s.log.Status, s.copies.Status)
	if s.fleet != nil {
		w.fleet, w.logger = s.fleetState, s.logger
	}
	s.background(w.run)
}

// stateWatch compares how the parts stand with how they stood, and makes events of the differences.
type stateWatch struct {
	events      *audit.Events
	credentials func() []*credential.Credential
	log         func() audit.Status
	copies      func() []mirror.Status
	fleet       func() *admin.Fleet // nil: there is none
	logger      *zap.Logger         // of changes of the fleet

	paused  map[pausedFor]pausedKey
	stalled time.Time            // since when the log takes no intents; zero: it takes them
	failing map[string]time.Time // by place of copies
	closed  map[string]time.Time // by what is not shared
	closing map[string]bool      // what was not at the last look
	logged  map[string]time.Time // by event and what it is about: when the log of the process had it last
}

// pausedFor is one credential and one caller; without a caller it is for all.
type pausedFor struct{ credential, caller string }

type pausedKey struct {
	credential.Pause
	accessKey string
}

func newStateWatch(events *audit.Events, credentials func() []*credential.Credential, log func() audit.Status, copies func() []mirror.Status) *stateWatch {
	return &stateWatch{
		events: events, credentials: credentials, log: log, copies: copies,
		paused: map[pausedFor]pausedKey{}, failing: map[string]time.Time{}, closed: map[string]time.Time{},
		logger: zap.NewNop(), logged: map[string]time.Time{},
	}
}

// run watches until ctx ends; then it looks a last time.
func (w *stateWatch) run(ctx context.Context) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			w.look(now)
			w.events.Flush(now)
		case <-ctx.Done():
			now := time.Now()
			w.look(now)
			w.events.Close(now)
			return
		}
	}
}

func (w *stateWatch) look(now time.Time) {
	for _, c := range w.credentials() {
		w.lookAtCredential(now, c)
	}
	w.lookAtLog(now)
	for _, place := range w.copies() {
		w.lookAtCopy(now, place)
	}
	if w.fleet != nil {
		w.lookAtFleet(now, w.fleet())
	}
}

func (w *stateWatch) lookAtCredential(now time.Time, c *credential.Credential) {
	key, pauses := c.AccessKey(), map[pausedFor]pausedKey{}
	for _, p := range c.Pauses() {
		pauses[pausedFor{c.Name(), p.Caller}] = pausedKey{p, key}
	}
	if c.AccessKey() != key {
		return // other keys came just now: it is not known whose pauses these are
	}
	for of, was := range w.paused {
		if _, still := pauses[of]; of.credential == c.Name() && !still {
			delete(w.paused, of)
			w.events.Add(now, resumed(c, was, key))
		}
	}
	for _, of := range slices.SortedFunc(maps.Keys(pauses), func(a, b pausedFor) int { return pauses[a].Since.Compare(pauses[b].Since) }) {
		if w.paused[of] != pauses[of] {
			w.paused[of] = pauses[of]
			w.events.Add(now, paused(c, pauses[of]))
		}
	}
}

// paused is a pause that began or was prolonged. Its reason holds no secret: callers and metrics may know it.
func paused(c *credential.Credential, p pausedKey) logfile.Record {
	data := map[string]string{"access_key": p.accessKey, "reason": p.Reason, "paused_since": stamp(p.Since), "until": stamp(p.ProbeAt)}
	return ofCaller(p.Caller, logfile.Record{
		Event: logfile.EventCredentialPaused, Subject: c.Name(), Detail: fmt.Sprintf("credential %s %s", c.Name(), p), Data: data,
	})
}

// resumed is a pause that is over: a call that probed it was accepted, or other keys are in use.
func resumed(c *credential.Credential, was pausedKey, key string) logfile.Record {
	data := map[string]string{"access_key": key, "paused_since": stamp(was.Since)}
	if was.accessKey != key {
		data["paused_access_key"] = was.accessKey
	}
	return ofCaller(was.Caller, logfile.Record{
		Event: logfile.EventCredentialResumed, Subject: c.Name(), Detail: fmt.Sprintf("credential %s signs again", c.Name()), Data: data,
	})
}

// ofCaller adds the only caller that a pause concerns, if it does not concern all.
func ofCaller(caller string, r logfile.Record) logfile.Record {
	if caller != "" {
		r.Data["caller"] = caller
	}
	return r
}

// lookAtLog makes an event that the log itself can take only when it is well again.
func (w *stateWatch) lookAtLog(now time.Time) {
	switch err := w.log().Err; {
	case err != nil && w.stalled.IsZero():
		w.stalled = now
		w.events.Add(now, logfile.Record{Event: logfile.EventLogStalled, Detail: err.Error()})
	case err == nil && !w.stalled.IsZero():
		data := map[string]string{"stalled_since": stamp(w.stalled)}
		w.stalled = time.Time{}
		w.events.Add(now, logfile.Record{Event: logfile.EventLogRecovered, Detail: "the audit log takes intents again", Data: data})
	}
}

func (w *stateWatch) lookAtCopy(now time.Time, place mirror.Status) {
	since, failing := w.failing[place.Place]
	switch {
	case place.Err != nil && !failing:
		w.failing[place.Place] = now
		w.events.Add(now, logfile.Record{Event: logfile.EventCopyFailing, Subject: place.Place, Detail: place.Err.Error()})
	case place.Err == nil && failing:
		delete(w.failing, place.Place)
		w.events.Add(now, logfile.Record{
			Event: logfile.EventCopyRecovered, Subject: place.Place, Detail: "the newest checkpoint is there",
			Data: map[string]string{"failing_since": stamp(since)},
		})
	}
}

// lookAtFleet makes an event of each part that is no longer shared, as two looks found it, or is again. One slow answer is no event.
func (w *stateWatch) lookAtFleet(now time.Time, f *admin.Fleet) {
	before := w.closing
	w.closing = map[string]bool{}
	for _, c := range f.Closed {
		w.closing[c.What] = true
		if _, known := w.closed[c.What]; !known && before[c.What] {
			w.closed[c.What] = now
			data := map[string]string{"member": f.Member}
			w.addFleet(now, logfile.Record{Event: logfile.EventFleetLost, Subject: c.What, Detail: c.Means + ": " + c.Why, Data: data})
		}
	}
	for _, what := range slices.Sorted(maps.Keys(w.closed)) {
		if !w.closing[what] {
			data := map[string]string{"member": f.Member, "lost_since": stamp(w.closed[what])}
			detail := what + " are shared with the other members again"
			delete(w.closed, what)
			w.addFleet(now, logfile.Record{Event: logfile.EventFleetBack, Subject: what, Detail: detail, Data: data})
		}
	}
}

// logAgain is how long the log of the process goes without the next line of one kind: a Redis that comes and goes would fill it. Records have
// such a window of their own.
const logAgain = time.Minute

// addFleet adds an event of the fleet, and a line to the log of the process.
func (w *stateWatch) addFleet(now time.Time, r logfile.Record) {
	w.events.Add(now, r)
	kind := string(r.Event) + " " + r.Subject
	if last, known := w.logged[kind]; known && now.Sub(last) < logAgain {
		return
	}
	w.logged[kind] = now
	w.logger.Warn("what this member shares with the fleet has changed", zap.String("event", kind), zap.String("detail", r.Detail))
}
