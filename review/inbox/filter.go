package inbox

import (
	"strings"
	"time"

	"tollgate/audit/calls"
	"tollgate/audit/logfile"
	"tollgate/freeze"
)

// Filter returns which calls an exception concerns; nil if it concerns none.
func (e *Exception) Filter(s *Scope) *calls.Filter {
	switch e.Kind {
	case Paused:
		f := &calls.Filter{Credential: e.Name, Caller: e.Caller, Reason: "credential_paused", Since: e.Time}
		return e.untilOver(f)
	case Freeze:
		return e.untilOver(e.frozenCalls())
	case Stalled:
		f := &calls.Filter{Reason: "log_unavailable", Since: e.Time}
		if at := dataTime(e.Record, "at"); !at.IsZero() {
			f.Since = at
		}
		return e.untilOver(f)
	case Burst:
		return &calls.Filter{Decision: logfile.Refused, Reason: e.Reason, Caller: e.Caller, Since: e.Time, Until: e.Time.Add(time.Hour)}
	}
	return e.Subject.Filter(s)
}

func (e *Exception) untilOver(f *calls.Filter) *calls.Filter {
	if e.Over != nil {
		f.Until = e.Over.Time
	}
	return f
}

func (e *Exception) frozenCalls() *calls.Filter {
	f := &calls.Filter{Reason: "frozen", Since: e.Time}
	switch e.Frozen.Kind {
	case freeze.Caller:
		f.Caller = e.Frozen.Name
	case freeze.Credential:
		f.Credential = e.Frozen.Name
	case freeze.Customer:
		f.Customer = e.Frozen.Name
	}
	return f
}

// Filter returns which calls exceptions of a subject concern; nil if they concern none.
func (s *Subject) Filter(in *Scope) *calls.Filter {
	f := &calls.Filter{Caller: s.Caller, Operation: s.Operation}
	if strings.HasPrefix(s.Caller, "(") {
		f.Caller = "" // no proven one
	}
	if s.Kind == Unknown || s.Kind == Open {
		f.State = string(s.Kind)
		return f
	}
	f.Since, f.Until = in.Since, in.Until
	switch s.Kind {
	case Repeat:
		f.Reason = reasonHeld
	case CapFull:
		f.Reason = reasonFull
	case Burst:
		f.Decision, f.Reason = logfile.Refused, s.Reason
	case Deprecated:
		f.Deprecated = true
	default:
		return nil
	}
	return f
}
