package calls

import (
	"slices"

	"tollgate/audit/logfile"
)

// SettledStates are the outcomes by which an unknown one may be settled.
var SettledStates = []string{logfile.Succeeded, logfile.Failed}

// Settles reports whether a record settles the outcome of the call that is its subject.
func Settles(r *logfile.Record) bool {
	return MaySettle(r) && slices.Contains(SettledStates, r.Data["outcome"])
}

// MaySettle reports whether a record may settle an outcome. It looks only at the members that brief records have.
func MaySettle(r *logfile.Record) bool {
	return r.Kind == logfile.KindEvent && r.Event == logfile.EventResolved && r.Subject != ""
}

// Settlements are the records that settle outcomes, by call.
type Settlements map[string]*logfile.Record

// Add adds the next record of a log, if it settles a call. The first one of a call counts.
func (s Settlements) Add(r *logfile.Record) {
	if Settles(r) && s[r.Subject] == nil {
		s[r.Subject] = r
	}
}

// Settle sets c.Settled if the outcome is unknown.
func (c *Call) Settle(s Settlements) {
	if c.Outcome != nil && c.Outcome.Outcome == logfile.Unknown {
		c.Settled = s[c.ID()]
	}
}

// AddFrom adds the settlements that a follower reads, up to the end of the log or a fault in it.
func (s Settlements) AddFrom(log *logfile.Follower) error {
	log.Brief = true
	return log.Read(func(r *logfile.Record, line []byte, _ logfile.Position) error { return s.addLine(r, line) })
}

func (s Settlements) addLine(brief *logfile.Record, line []byte) error {
	if !MaySettle(brief) {
		return nil
	}
	var r logfile.Record
	if err := logfile.ParseLine(line, &r); err != nil {
		return err
	}
	s.Add(&r)
	return nil
}

// SettlementsIn returns the settlements of the log in a directory. It ignores a fault in the log, which the reader of its calls reports.
func SettlementsIn(dir string) Settlements {
	settled, _ := Scan{dir}.settlements()
	return settled
}
