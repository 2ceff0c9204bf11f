package audit

import (
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"tollgate/audit/logfile"
)

const (
	// eventWindow is how long an event of the same code about the same subject is held after one that was written.
	eventWindow = time.Minute
	// maxSubjects bounds what events are about at a time. Beyond it they are about [logfile.Other].
	maxSubjects = 1000
)

// Entries of an event's data that [Events] sets, where the record is written later than the event happened.
const (
	dataAt    = "at"    // when it happened, the last time
	dataCount = "count" // how often it happened since the last record of the kind
	dataSince = "since" // when it happened the first of these times
)

// Events writes event records, at most one a minute of a code about a subject: what comes in between is counted. What the log
// does not take waits until it does, in the order in which it happened.
//
// Its methods may be called concurrently, and do not wait for the disk. It has no goroutine: the owner calls Flush now and then,
// and Close at the end.
type Events struct {
	log      Queuer
	mu       sync.Mutex
	subjects map[string]*eventSubject
}

// eventSubject is what is known of the events about one subject.
type eventSubject struct {
	written map[logfile.EventCode]time.Time // when the last record was, by code
	held    []heldEvent                     // to be written, in the order in which they happened; one of a code
}

type heldEvent struct {
	logfile.Record
	since, at time.Time
	count     int
}

// NewEvents returns an Events that writes to log.
func NewEvents(log Queuer) *Events { return &Events{log: log, subjects: map[string]*eventSubject{}} }

// Add takes what happened now: a record with the Event, and Identity, Subject, Detail and Data where there is one.
func (e *Events) Add(now time.Time, r logfile.Record) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, known := e.subjects[r.Subject]; !known && len(e.subjects) >= maxSubjects {
		r.Subject = logfile.Other
	}
	of := e.subjects[r.Subject]
	if of == nil {
		of = &eventSubject{written: map[logfile.EventCode]time.Time{}}
		e.subjects[r.Subject] = of
	}
	of.hold(heldEvent{r, now, now, 1})
	if of.due(now) {
		e.write(now, of)
	}
}

// Flush writes what is due, and has the subjects that are quiet dropped.
func (e *Events) Flush(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	maps.DeleteFunc(e.subjects, func(_ string, of *eventSubject) bool {
		if of.due(now) {
			e.write(now, of)
		}
		return len(of.held) == 0 && of.quiet(now)
	})
}

// Close writes what is held, due or not. The log is to be closed next.
func (e *Events) Close(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, of := range e.subjects {
		e.write(now, of)
	}
}

// hold puts an event behind all that happened before, with what is held of its code.
func (s *eventSubject) hold(next heldEvent) {
	if i := slices.IndexFunc(s.held, func(h heldEvent) bool { return h.Event == next.Event }); i >= 0 {
		next.since, next.count = s.held[i].since, s.held[i].count+1
		s.held = slices.Delete(s.held, i, i+1)
	}
	s.held = append(s.held, next)
}

// due reports whether what is held may be written: all or nothing, or the order would be another than that of what happened.
func (s *eventSubject) due(now time.Time) bool {
	return !slices.ContainsFunc(s.held, func(h heldEvent) bool { return within(s.written[h.Event], now) })
}

// quiet reports whether nothing was written of late.
func (s *eventSubject) quiet(now time.Time) bool {
	for _, at := range s.written {
		if within(at, now) {
			return false
		}
	}
	return true
}

// within reports whether the window that began at a time goes on. A clock that was set back ends it.
func within(begun, now time.Time) bool {
	return !begun.IsZero() && !now.Before(begun) && now.Sub(begun) < eventWindow
}

// write queues what is held of a subject, as far as the log takes it.
func (e *Events) write(now time.Time, of *eventSubject) {
	for len(of.held) > 0 {
		r := of.held[0].record(now)
		if e.log.Queue(&r) != nil {
			return
		}
		of.written[r.Event] = now
		of.held = slices.Delete(of.held, 0, 1)
	}
}

// record returns what is written of an event.
func (h *heldEvent) record(now time.Time) logfile.Record {
	r := h.Record
	r.Kind = logfile.KindEvent
	if h.at.Equal(now) && h.count == 1 {
		return r
	}
	r.Data = maps.Clone(r.Data)
	if r.Data == nil {
		r.Data = map[string]string{}
	}
	r.Data[dataAt] = eventTime(h.at)
	if h.count > 1 {
		r.Data[dataCount], r.Data[dataSince] = strconv.Itoa(h.count), eventTime(h.since)
	}
	return r
}

// eventTime spells a time as data has it.
func eventTime(at time.Time) string { return at.UTC().Format(time.RFC3339) }
