package evidence

import (
	"context"
	"encoding/json"
	"io/fs"
	"time"

	"tollgate/audit/blobs"
	"tollgate/audit/logfile"
	"tollgate/audit/store"
)

// PlanUse is a time at which a plan was put in force.
type PlanUse struct {
	Log    *Log
	ID     string // of the plan, as records have it
	Before string // the plan before it in the same process; empty: the gateway was started with it
	Seq    uint64
	Time   time.Time
	By     string // who caused it, or what
}

// planEvents are the events by which plans come in force.
var planEvents = []logfile.EventCode{logfile.EventConfigLoaded, logfile.EventConfigReloaded}

// Members of the data of such events.
const (
	planMember    = "plan"
	beforeMember  = "plan_before"
	triggerMember = "trigger"
)

// PlanUses returns when plans of the log were put in force, in order.
func (l *Log) PlanUses(ctx context.Context) ([]PlanUse, error) {
	lists := make([][]PlanUse, len(planEvents))
	for i, event := range planEvents {
		err := l.events(ctx, &store.EventFilter{Event: event}, func(r *logfile.Record) error {
			if id := r.Data[planMember]; logfile.IsPlan(id) {
				lists[i] = append(lists[i], PlanUse{l, id, r.Data[beforeMember], r.Seq, r.Time, by(r)})
			}
			return ctx.Err()
		})
		if err != nil {
			return nil, err
		}
	}
	return merged(lists[0], lists[1]), nil
}

// by returns who caused an event, or what.
func by(r *logfile.Record) string {
	if r.Identity != "" {
		return r.Identity
	}
	return r.Data[triggerMember]
}

// merged returns two lists in the order of the log as one.
func merged(a, b []PlanUse) []PlanUse {
	all := make([]PlanUse, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		first := &a
		if b[0].Seq < a[0].Seq {
			first = &b
		}
		all, *first = append(all, (*first)[0]), (*first)[1:]
	}
	return append(append(all, a...), b...)
}

// Plan returns the text of a plan, whose name begins with the digits that records have of it, and the whole name. The error wraps
// [fs.ErrNotExist] if the log does not have it.
func (l *Log) Plan(id string) (text []byte, name string, err error) {
	return blobs.Read(l.blobs(), id)
}

// blobs returns the file system with the folder of texts.
func (l *Log) blobs() fs.FS {
	if l.Blobs != nil {
		return l.Blobs
	}
	return l.FS
}

// Copies returns the places besides the log in which its checkpoints are kept, by its newest plan that is there; false if there is none.
func (l *Log) Copies(ctx context.Context) (places []string, known bool, err error) {
	uses, err := l.PlanUses(ctx)
	if err != nil {
		return nil, false, err
	}
	for i := len(uses) - 1; i >= 0 && !known; i-- {
		text, _, err := l.Plan(uses[i].ID)
		if err != nil {
			continue // an earlier one says it too
		}
		places, known = copiesOf(text)
	}
	return places, known, nil
}

// copiesOf returns the places that a plan names.
func copiesOf(text []byte) (places []string, ok bool) {
	var plan struct {
		Audit struct {
			Checkpoints struct {
				Copies []struct {
					File   string `json:"file"`
					Stdout bool   `json:"stdout"`
				} `json:"copies"`
			} `json:"checkpoints"`
		} `json:"audit"`
	}
	if json.Unmarshal(text, &plan) != nil {
		return nil, false
	}
	for _, c := range plan.Audit.Checkpoints.Copies {
		if c.Stdout {
			c.File = "stdout"
		}
		places = append(places, c.File)
	}
	return places, true
}
