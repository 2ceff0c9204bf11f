package journal

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"tollgate/audit/logfile"
	"tollgate/ratelimit"
	"tollgate/spend"
)

// fold is what the records say up to some number.
type fold struct {
	ledger *spend.Memory
	macKey string                // the id of the hash key
	recall func(*logfile.Record) // counts the call of an intent by day and month; nil: none is counted so
	// resolved is a ledger that resolutions settle as well; nil: there is none.
	resolved *spend.Memory

	seq  uint64           // of the last record; 0 before the first
	at   logfile.Position // of its line
	from uint64           // calls that are unknown and were last stated before this record are to be stated again
	// written is how many bytes of lines stand behind the record at which that was decided, again those of calls that are stated again.
	written, again int
	open           map[string]*statement
	// foreign are the acts of calls whose keys are hashed under another hash key, by call: what they hold cannot be compared.
	foreign map[string]string
	// partial is what caps have counted of which not all is read, by name and definition.
	partial map[string][]logfile.CapCharge
}

// statement is the last record of what a call holds that is under way or unknown.
type statement struct {
	Seq     uint64         `json:"seq"`
	Unknown bool           `json:"unknown,omitempty"`
	Record  logfile.Record `json:"record"` // of its intent, as far as it is stated again
}

func newFold(macKey string) *fold {
	return &fold{ledger: spend.NewMemory(), macKey: macKey, open: map[string]*statement{}, foreign: map[string]string{}, partial: map[string][]logfile.CapCharge{}}
}

// line takes the next line of the log. Most lines are of calls that hold nothing, and are not read: they begin as [logfile.Record.Append]
// spells them.
func (f *fold) line(l *logfile.Line) error {
	f.written += len(l.Text)
	if f.wants(l.Text) {
		r, err := l.Record()
		if err == nil {
			err = f.record(r)
		}
		if err == nil && r.Event == logfile.EventUnresolved {
			f.again += len(l.Text)
		}
		if err != nil {
			return fmt.Errorf("record %d (%v): %w", l.Seq, l.At, err)
		}
	}
	f.seq, f.at = l.Seq, l.At
	return nil
}

// begin is more than what stands in a line up to the end of a call's id.
const begin = logfile.MaxHead + 128

// wants reports whether a record has to be read.
func (f *fold) wants(line []byte) bool {
	_, rest, _ := bytes.Cut(line[:min(len(line), begin)], []byte(`,"kind":"`))
	kind, rest, _ := bytes.Cut(rest, []byte{'"'})
	switch string(kind) {
	case string(logfile.KindStart), string(logfile.KindEvent):
		return true
	case string(logfile.KindIntent):
		return f.recall != nil || bytes.Contains(line, []byte(`,"act":"`)) || bytes.Contains(line, []byte(`,"caps":[`))
	case string(logfile.KindOutcome):
		rest, _ = bytes.CutPrefix(rest, []byte(`,"call":"`))
		call, _, _ := bytes.Cut(rest, []byte{'"'})
		return f.open[string(call)] != nil
	}
	return false
}

func (f *fold) record(r *logfile.Record) error {
	switch r.Kind {
	case logfile.KindStart:
		f.nextRound(r.Seq)
		clear(f.partial) // the process that wrote it has ended before it was whole
	case logfile.KindIntent:
		if f.recall != nil {
			f.recall(r)
		}
		if r.Spending != nil && (len(r.Spending.Keys) > 0 || len(r.Caps) > 0) {
			return f.hold(r, r.Call, r.Time)
		}
	case logfile.KindOutcome:
		f.settle(r.Call, r.Outcome, r)
	case logfile.KindEvent:
		return f.event(r)
	}
	return nil
}

// hold takes what a record states that a call holds.
func (f *fold) hold(r *logfile.Record, call string, at time.Time) error {
	c, err := claimOf(r, call, at)
	if err != nil {
		return err
	}
	f.ledger.Record(c)
	f.open[call] = &statement{Seq: r.Seq, Record: logfile.Record{
		Time: at, Call: call, Caller: r.Caller, Upstream: r.Upstream, Site: r.Site, Currency: r.Currency, Operation: r.Operation, Effect: r.Effect,
		Credential: r.Credential, Class: r.Class, Account: r.Account, MACKey: r.MACKey, Spending: r.Spending, Fields: ordersOf(r),
	}}
	if len(c.Keys) > 0 && r.MACKey != f.macKey {
		f.foreign[call] = c.Act
	}
	return nil
}

// settle takes the outcome of a call from a record.
func (f *fold) settle(call, outcome string, r *logfile.Record) {
	s := f.open[call]
	if s == nil {
		return
	}
	settlement := spend.Settlement{Outcome: outcome, At: r.Time}
	if r.Spending != nil {
		settlement.Released = r.Released
	}
	f.ledger.Settle(call, settlement)
	if s.Unknown && f.resolved != nil {
		f.resolved.Settle(call, settlement)
	}
	if s.Unknown = !final(outcome); !s.Unknown {
		delete(f.open, call)
	}
}

// final reports whether a call holds nothing more than its outcome says. One that this version does not know, of a later version, is as good
// as none.
func final(outcome string) bool {
	return slices.Contains([]string{logfile.Succeeded, logfile.Partial, logfile.Failed, logfile.NotSent}, outcome)
}

func (f *fold) event(r *logfile.Record) error {
	switch r.Event {
	case logfile.EventResolved:
		if settles(r.Data[dataOutcome]) { // also where the log did not take an outcome, so that a start finds the call unknown
			f.settle(r.Subject, r.Data[dataOutcome], r)
		}
	case logfile.EventUnresolved:
		return f.restated(r)
	case logfile.EventCapCounted:
		return f.introduced(r)
	case logfile.EventRepeatAllowed:
		_ = f.ledger.AllowRepeat(r.Subject) // of a call that holds nothing any more it means nothing
	case logfile.EventKeyLossAccepted:
		f.giveUp(r.Subject)
	}
	return nil
}

// giveUp releases the keys of an act that cannot be compared: they do not stand in what is stated again.
func (f *fold) giveUp(act string) {
	maps.DeleteFunc(f.foreign, func(call, of string) bool {
		if s := f.open[call]; s != nil && of == act {
			kept := *s.Record.Spending
			kept.Keys, s.Record.Spending = nil, &kept
		}
		return of == act
	})
}

// settles reports whether an unknown call can be found to have had an outcome.
func settles(outcome string) bool { return outcome == logfile.Succeeded || outcome == logfile.Failed }

// restated takes an unknown call that is stated again: one whose intent stands before what was read, or one that is known.
func (f *fold) restated(r *logfile.Record) error {
	if s := f.open[r.Subject]; s != nil {
		s.Seq = r.Seq
		return nil
	}
	at, err := time.Parse(time.RFC3339, r.Data[dataIntended])
	if err != nil || r.Spending == nil {
		return fmt.Errorf("it does not say what the unknown call %.40q holds, or since when", r.Subject)
	}
	if err := f.hold(r, r.Subject, at); err != nil {
		return err
	}
	f.settle(r.Subject, logfile.Unknown, r)
	return nil
}

// Entries of the data of events.
const (
	dataOutcome    = "outcome"
	dataIntended   = "intended"
	dataReason     = "reason"
	dataBy         = "by"
	dataFrom       = "from"
	dataDefinition = "definition"
	dataMode       = "mode"
	dataSince      = "since"
	dataMore       = "more"
)

// nextRound makes all unknown calls be stated again.
func (f *fold) nextRound(from uint64) { f.from, f.written, f.again = from, 0, 0 }

// due are the calls to be stated again.
func (f *fold) due() []*statement {
	return f.statements(func(s *statement) bool { return s.Unknown && s.Seq < f.from })
}

// statements returns some of those of open calls, the oldest first.
func (f *fold) statements(of func(*statement) bool) (all []*statement) {
	for _, s := range f.open {
		if of(s) {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *statement) int { return cmp.Compare(a.Seq, b.Seq) })
	return all
}

// needed is the first record that is needed still: the oldest statement of a call that may be or become unknown, or the next record.
func (f *fold) needed() uint64 {
	first := f.seq + 1
	for _, s := range f.open {
		first = min(first, s.Seq)
	}
	return first
}

// restatement returns the record that says once more what an unknown call holds.
func (s *statement) restatement() *logfile.Record {
	r := s.Record
	r.Kind, r.Event, r.Subject, r.Call = logfile.KindEvent, logfile.EventUnresolved, r.Call, ""
	r.Detail = "it is unknown still whether this call was done; stated once more"
	r.Data = map[string]string{dataIntended: s.Record.Time.UTC().Format(time.RFC3339)}
	return &r
}

// subject is the call of an intent, as limits by day or month count it.
func subject(r *logfile.Record) ratelimit.Subject {
	return ratelimit.Subject{
		Caller: r.Caller, Operation: r.Operation, Credential: r.Credential, Upstream: r.Upstream, Own: r.Spending != nil && r.For != "",
	}
}

// acts returns the acts that are held as a whole, each by the call that stands for it: calls hold keys of them that cannot be compared.
// Calls that hold nothing any more are dropped.
func (f *fold) acts(held *spend.State, now time.Time) map[string]string {
	acts, holding := map[string]string{}, map[string]bool{}
	for i := range held.Calls {
		c := &held.Calls[i]
		if act, ok := f.foreign[c.Call]; ok && holds(c, now) {
			acts[act], holding[c.Call] = c.Call, true
		}
	}
	maps.DeleteFunc(f.foreign, func(call, _ string) bool { return !holding[call] })
	return acts
}

// holds reports whether a call holds a key.
func holds(c *spend.CallState, now time.Time) bool {
	return slices.ContainsFunc(c.Keys, func(k spend.KeyState) bool {
		return c.Outcome == "" || c.Outcome == logfile.Unknown || k.Until.After(now)
	})
}
