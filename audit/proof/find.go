package proof

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
)

// ErrNotCovered is wrapped by errors of a record that is behind the last checkpoint.
var ErrNotCovered = errors.New("no checkpoint covers it yet: the gateway signs one within 10 seconds of a record, unless configured " +
	"otherwise, or at its next start; try again then")

// callRecords has the places of the records of a call.
type callRecords struct {
	id      string
	needle  []byte
	records []Record
	seqs    []uint64
	ended   bool             // no further record of the call can follow
	intent  bool             // the call's first record is among them
	base    *checkpoint.Tree // of the last checkpoint before the first record, whose signatures are not verified; empty if there is none
	cover   *Statement       // first checkpoint behind the last one
}

// find searches the segments from one on, and, if the call did not begin there, all.
func (l *Log) find(id string, begin uint64) (*callRecords, error) {
	f, err := l.findFrom(begin, id)
	if err == nil && !f.intent && begin > l.First() {
		f, err = l.findFrom(l.First(), id)
	}
	switch {
	case err != nil:
		return nil, err
	case len(f.records) == 0 && l.First() > 1:
		return nil, fmt.Errorf("no record has the call id %q; the records before %d are pruned", id, l.First())
	case len(f.records) == 0:
		return nil, fmt.Errorf("no record has the call id %q; audit list shows the ids", id)
	case f.cover == nil:
		return nil, fmt.Errorf("record %d of the call %s: %w", f.seqs[len(f.seqs)-1], id, ErrNotCovered)
	}
	return f, nil
}

// clockMargin is by how much the clock may be set between segments so that the first search still finds a call.
const clockMargin = time.Hour

// segmentBefore returns the first record of the segment where the records of a call may begin, by the time in its id.
func (l *Log) segmentBefore(id string) uint64 {
	before := l.First()
	u, err := uuid.Parse(id)
	if err != nil || u.Version() != 7 {
		return before
	}
	at := time.Unix(u.Time().UnixTime()).Add(-clockMargin).UTC().Format(checkpoint.TimeFormat)
	for _, first := range l.Segments() {
		for line, err := range l.Lines(first) {
			if err != nil || line.Time > at {
				return before
			}
			break
		}
		before = first
	}
	return before
}

func (l *Log) findFrom(begin uint64, id string) (*callRecords, error) {
	f := &callRecords{id: id, needle: []byte(id), base: new(checkpoint.Tree)}
	var t tracker
	for line, err := range l.Lines(begin) {
		if err == nil {
			err = errors.Join(t.see(line), f.see(line, &t))
		}
		if err != nil {
			return nil, err
		}
		if f.ended && f.cover != nil {
			break
		}
	}
	return f, nil
}

func (f *callRecords) see(line Line, t *tracker) error {
	switch line.Kind {
	case logfile.KindCheckpoint:
		return f.covered(t)
	case logfile.KindStart: // all calls before it have an outcome
		f.ended = f.ended || f.intent
	default:
		if bytes.Contains(line.Text, f.needle) {
			return f.add(line, t)
		}
	}
	return nil
}

func (f *callRecords) covered(t *tracker) (err error) {
	if len(f.records) > 0 && f.cover == nil {
		f.cover, err = t.statement()
	}
	return err
}

func (f *callRecords) add(line Line, t *tracker) error {
	r, err := decode(line.Text)
	if err != nil {
		return damaged("record %d: %w", line.Seq, err)
	}
	if r.Call != f.id {
		return nil
	}
	if len(f.records) == maxRecords {
		return damaged("more than %d records have the call id %s", maxRecords, f.id)
	}
	if len(f.records) == 0 && t.seq > 0 {
		base, err := t.stated()
		if err != nil {
			return damaged("the checkpoint in record %d: %w", t.seq, err)
		}
		f.base = base.Tree
	}
	f.records = append(f.records, Record{Line: string(line.Text)})
	f.seqs = append(f.seqs, line.Seq)
	f.cover = nil
	f.intent = f.intent || r.Kind == logfile.KindIntent || r.Kind == logfile.KindRefusal
	f.ended = f.ended || r.Kind == logfile.KindOutcome || r.Kind == logfile.KindRefusal
	return nil
}
