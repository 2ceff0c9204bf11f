package journal

import (
	"context"
	"errors"
	"fmt"

	"tollgate/audit/logfile"
	"tollgate/spend"
)

// Decision is what a person, or the gateway, states of a call or an act, and why.
type Decision struct {
	Reason string
	By     string // such as "uid 0", or "gateway"
	From   string // the gateway's own call that shows it; empty: none does
}

func (d *Decision) data() map[string]string {
	data := map[string]string{dataReason: d.Reason, dataBy: d.By}
	if d.From != "" {
		data[dataFrom] = d.From
	}
	return data
}

// Resolve puts on record the outcome of an unknown call, and settles it: it succeeded or failed. Whether a call that holds nothing is unknown
// is decided by the log.
func (j *Journal) Resolve(ctx context.Context, call, outcome string, d Decision) error {
	if !settles(outcome) {
		return fmt.Errorf("a call is resolved as %s or %s, not as %q", logfile.Succeeded, logfile.Failed, outcome)
	}
	if !j.mark(call) {
		return fmt.Errorf("call %s was resolved a moment ago, or is being resolved: look again in a few seconds", call)
	}
	r := &logfile.Record{Event: logfile.EventResolved, Subject: call, Detail: "the call " + outcome, Data: d.data()}
	r.Data[dataOutcome] = outcome
	err := j.mayResolve(call)
	if err == nil {
		err = j.o.Log.Event(ctx, r)
	}
	if err != nil {
		if r.Seq == 0 {
			j.unmark(call)
		}
		return err
	}
	j.o.Ledger.Settle(call, spend.Settlement{Outcome: outcome, At: r.Time})
	return nil
}

func (j *Journal) mayResolve(call string) error {
	if held, ok := j.o.Ledger.Call(call); ok && held.Outcome != logfile.Unknown {
		return fmt.Errorf("call %s is not unknown: %s", call, textOf(held.Outcome))
	}
	return nil
}

// mark notes that a resolution of a call may be on record from now on, and reports whether none may be so far. No restatement must follow it, and
// no other resolution: the one that comes first on record counts, whichever is durable when its caller looks.
func (j *Journal) mark(call string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	before := j.settled[call]
	j.settled[call] = true
	return !before
}

// unmark notes that the resolution is not on record.
func (j *Journal) unmark(call string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.settled, call)
}

func textOf(outcome string) string {
	if outcome == "" {
		return "it is under way"
	}
	return "its outcome is " + outcome
}

// AllowRepeat puts on record that a call may be repeated once, and lets the next equal call pass.
func (j *Journal) AllowRepeat(ctx context.Context, call string, d Decision) error {
	if held, ok := j.o.Ledger.Call(call); ok && (held.Outcome == "" || held.Outcome == logfile.Unknown) {
		return fmt.Errorf("call %s cannot be repeated: %s", call, textOf(held.Outcome))
	} else if !ok {
		return fmt.Errorf("call %s holds nothing: the same can be called again as it is", call)
	}
	r := &logfile.Record{Event: logfile.EventRepeatAllowed, Subject: call, Detail: "an operator lets the call be repeated once", Data: d.data()}
	if err := j.o.Log.Event(ctx, r); err != nil {
		return err
	}
	return j.o.Ledger.AllowRepeat(call)
}

// errNotHeld says that an act is not held as a whole.
var errNotHeld = errors.New("no call holds keys of this act by a lost hash key")

// AcceptKeyLoss puts on record that what calls hold of an act by keys of another hash key is released, and does so.
func (j *Journal) AcceptKeyLoss(ctx context.Context, act string, d Decision) error {
	if _, held := j.o.Ledger.Snapshot().Acts[act]; !held {
		return fmt.Errorf("act %q: %w", act, errNotHeld)
	}
	r := &logfile.Record{
		Event: logfile.EventKeyLossAccepted, Subject: act, Detail: "what calls hold by a lost hash key is given up; they may be repeated unnoticed", Data: d.data(),
	}
	if err := j.o.Log.Event(ctx, r); err != nil {
		return err
	}
	j.o.Ledger.AcceptAct(act)
	return nil
}
