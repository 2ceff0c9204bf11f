package logfile

import (
	"maps"
	"slices"
)

// EventCode is the kind of an event record.
type EventCode string

// The codes of events; docs/audit-format.md says what Subject and Data of each are. Readers pass on codes that they do not know.
const (
	EventCredentialPaused  EventCode = "credential_paused"  // the provider rejected a signature: nothing is signed, for all callers or one
	EventCredentialResumed EventCode = "credential_resumed" // a pause is over
	EventLogStalled        EventCode = "log_stalled"        // the log took no intents
	EventLogRecovered      EventCode = "log_recovered"      // it takes them again
	EventCopyFailing       EventCode = "copy_failing"       // checkpoints do not reach a place that keeps copies
	EventCopyRecovered     EventCode = "copy_recovered"     // the newest is there
	EventConfigLoaded      EventCode = "config_loaded"      // the gateway was started with a configuration
	EventConfigReloaded    EventCode = "config_reloaded"    // another one, or what it refers to, was put in force
	EventConfigRefused     EventCode = "config_refused"     // the configuration on disk was not put in force
	EventLossAccepted      EventCode = "loss_accepted"      // an operator accepted that the log has lost what a witness has
	EventFrozen            EventCode = "frozen"             // an operator stopped calls
	EventUnfrozen          EventCode = "unfrozen"           // an operator lets them go on, or the time of the freeze is over
	EventFreezes           EventCode = "freezes"            // the freezes in force, stated once more
	EventFleetLost         EventCode = "fleet_lost"         // limits, signatures or freezes are not shared with the other members
	EventFleetBack         EventCode = "fleet_back"         // they are again
	EventResolved          EventCode = "resolved"           // a call's outcome that was unknown is known
	EventUnresolved        EventCode = "unresolved"         // a call is unknown still: stated once more, with what it holds
	EventRepeated          EventCode = "repeated"           // a caller repeats a call on purpose
	EventRepeatAllowed     EventCode = "repeat_allowed"     // an operator lets a call be repeated once
	EventCapCounted        EventCode = "cap_counted"        // a cap is new: what calls on record take of it
	EventKeyLossAccepted   EventCode = "key_loss_accepted"  // an operator released the keys of acts that are hashed under another hash key
	EventViewed            EventCode = "viewed"             // a person looked at a page that shows records
)

// EventCodes lists every code.
func EventCodes() []EventCode {
	return []EventCode{
		EventCredentialPaused, EventCredentialResumed, EventLogStalled, EventLogRecovered, EventCopyFailing, EventCopyRecovered,
		EventConfigLoaded, EventConfigReloaded, EventConfigRefused, EventLossAccepted, EventFrozen, EventUnfrozen, EventFreezes,
		EventFleetLost, EventFleetBack, EventResolved, EventUnresolved, EventRepeated, EventRepeatAllowed, EventCapCounted, EventKeyLossAccepted,
		EventViewed,
	}
}

// StatesFreezes reports whether the freezes of a record are all that were in force behind it. Where it has none, nothing was frozen.
func (r *Record) StatesFreezes() bool { return statesFreezes(r.Kind, r.Event) }

// StatesFreezes reports the same of the record that h is of.
func (h *Head) StatesFreezes() bool { return statesFreezes(h.Kind, h.Event) }

func statesFreezes(kind Kind, event EventCode) bool {
	switch event {
	case EventFrozen, EventUnfrozen, EventFreezes:
		return kind == KindEvent
	}
	return kind == KindStart
}

const (
	maxDataName  = 64      // bytes
	maxDataValue = 1 << 10 // bytes of its encoded form
)

// data writes the entries of an object of texts, sorted by name, but those whose name is no [dataName]: two such names
// might be written alike.
func (e *encoder) data(data map[string]string) {
	if len(data) == 0 {
		return
	}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(data)), func(name string) bool { return !dataName(name) })
	e.cut = e.cut || len(names) < len(data)
	if names = names[:e.bound(len(names), e.entries)]; len(names) == 0 {
		return
	}
	e.b = append(e.b, `,"data":{`...)
	start, whole := len(e.b), e.limits.text
	e.limits.text = min(whole, maxDataValue)
	for _, name := range names {
		e.b = append(append(append(e.b, `,"`...), name...), `":`...)
		e.text(data[name])
	}
	e.limits.text = whole
	e.closeObject(start)
}

// dataName reports whether name is one to 64 lower-case letters, digits and underscores.
func dataName(name string) bool {
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return name != "" && len(name) <= maxDataName
}
