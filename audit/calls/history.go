package calls

import (
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/words"
)

// History is a call with all that the log has about it.
type History struct {
	id      string
	records []*logfile.Record // of the call
	made    []*logfile.Record // of the calls that the gateway made for it
	events  []*logfile.Record // about the call
}

// NewHistory returns the history, empty so far, of the call that has an id.
func NewHistory(id string) *History { return &History{id: id} }

// Add takes a record of the log, in their order, and reports whether it is about the call: one of its own, one of a call that the gateway
// made for it, or an event about it.
func (h *History) Add(r *logfile.Record) bool {
	switch {
	case r.Call == h.id:
		h.records = append(h.records, r)
	case r.Kind == logfile.KindEvent && r.Subject == h.id:
		h.events = append(h.events, r)
	case r.Call != "" && spendingOf(r).For == h.id:
		h.made = append(h.made, r)
	default:
		return false
	}
	return true
}

// Empty reports whether the log has nothing about the call.
func (h *History) Empty() bool { return len(h.records)+len(h.made)+len(h.events) == 0 }

// join returns the calls of records. What settles the call is among its events.
func (h *History) join(records []*logfile.Record) (list []*Call) {
	settled := Settlements{}
	for _, r := range h.events {
		settled.Add(r)
	}
	j := NewJoiner(settled, func(c *Call) error {
		list = append(list, c)
		return nil
	})
	for _, r := range records {
		_ = j.Add(r) // neither it nor End has an error but that of many open calls, of which these are few
	}
	_ = j.End()
	return list
}

// Sentences returns the history in words, by paragraph: the call, then the calls that the gateway made for it, events, and where its records
// stand. Times are in a zone.
func (h *History) Sentences(words *words.Words, zone *time.Location) [][]Sentence {
	w := writer{words: words, zone: zone}
	for _, c := range h.join(h.records) {
		w.call(c)
	}
	for _, c := range h.join(h.made) {
		w.made(c)
	}
	w.end()
	for _, r := range h.events {
		w.event(r)
	}
	w.end()
	w.places(h.records)
	w.end()
	return w.paragraphs
}

// Summary returns who called what, and how it ended.
func (h *History) Summary(words *words.Words, zone *time.Location) (summary []Sentence) {
	w := writer{words: words, zone: zone}
	for _, c := range h.join(h.records) {
		w.summary(c)
	}
	return w.open
}

// Events returns what the events about the call say, in their order.
func (h *History) Events(words *words.Words, zone *time.Location) []Sentence {
	w := writer{words: words, zone: zone}
	for _, r := range h.events {
		if Settles(r) {
			w.settlement(r)
		} else {
			w.event(r)
		}
	}
	return w.open
}
