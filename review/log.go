package review

import (
	"context"
	"errors"
	"slices"
	"time"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/audit/proof"
	"tollgate/audit/store"
	"tollgate/internal/words"
	"tollgate/review/evidence"
)

// listedSegments is how many segments the page lists: the newest.
const listedSegments = 50

// logPage is what the template is executed with.
type logPage struct {
	Logs    []logView
	Several bool
	Lead    []words.Part
	GoOn    string // the address that goes on where time was up
	refresh bool   // a job runs
}

// logView is the state of one log.
type logView struct {
	Name, Kind string
	Where      string // its directory
	Fault      string // why it could not be read
	Cut        bool   // not all was looked at: what is not there says nothing
	Begin, End time.Time
	evidence.Coverage
	Verification verification

	Signed   *signedView // nil: there is no checkpoint
	Keys     []keyView
	Copies   []string // places besides the log, as the newest plan has them
	Planned  bool     // there is a plan that says so
	Pruned   []prunedView
	Gaps     []gapView
	Segments []evidence.Segment
	Rest     segmentSum // those that are not listed
	All      segmentSum
}

// signedView is the newest checkpoint.
type signedView struct {
	evidence.Signed
	Time  time.Time
	Key   string
	By    []string // keys whose signatures were verified
	Fault string   // why they are not valid
	Stale bool
}

// keyView is a key that signs from a record on.
type keyView struct {
	Key  string
	Seq  uint64 // 0: it is the first, and its record is pruned
	Time time.Time
	How  string // id of the message that says who vouches for it
	Bad  bool
	key  checkpoint.PublicKey
}

// prunedView is a range of records that was removed.
type prunedView struct {
	First, Last, Seq uint64
	Time             time.Time
}

// gapView is a range of records that are missing.
type gapView struct {
	evidence.Missing
	Records uint64
}

// segmentSum is what several segments have together.
type segmentSum struct {
	Segments int
	Records  uint64
	Bytes    int64
}

func (s *segmentSum) add(one *evidence.Segment) {
	s.Segments++
	s.Records += one.Records()
	s.Bytes += one.Bytes
}

// log shows the files of the logs, their checkpoints and keys, and verifications.
func (s *Server) log(r *request) (*page, error) {
	ctx, cancel := r.limited()
	defer cancel()
	v := &logPage{Several: len(s.config.Logs) > 1}
	for _, l := range s.config.Logs {
		one, err := s.logView(ctx, r, l)
		one.Cut = err != nil
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			v.GoOn = r.URL.RequestURI()
		case err != nil:
			one.Fault = err.Error()
		}
		v.refresh = v.refresh || one.Verification.Runs()
		v.Logs = append(v.Logs, *one)
	}
	p := &page{name: "log", title: r.words.Text("log.title"), data: v}
	if v.refresh {
		p.refresh = refreshSeconds
	}
	return p, nil
}

// logView looks at a log. It returns what it found also with an error.
func (s *Server) logView(ctx context.Context, r *request, l *evidence.Log) (*logView, error) {
	v := &logView{Name: l.Name, Kind: l.Kind(), Where: l.Dir, Verification: s.verification(r, l)}
	segments, err := l.Segments(ctx)
	v.list(segments, r.zone)
	if err == nil {
		v.Coverage, err = l.Coverage(ctx)
	}
	if err != nil {
		return v, err
	}
	v.Begin, v.End = v.Coverage.Begin.In(r.zone), v.Coverage.End.In(r.zone)
	for _, m := range v.Missing {
		m.After, m.Before = inZone(m.After, r.zone), inZone(m.Before, r.zone)
		v.Gaps = append(v.Gaps, gapView{m, m.To - m.From + 1})
	}
	if err := v.ofLog(ctx, r, l); err != nil {
		return v, err
	}
	if v.Signed, err = v.signed(ctx, r, l); err != nil {
		return v, err
	}
	v.Copies, v.Planned, err = l.Copies(ctx)
	return v, err
}

// inZone returns a time in a zone; the zero time stays as it is.
func inZone(t time.Time, zone *time.Location) time.Time {
	if t.IsZero() {
		return t
	}
	return t.In(zone)
}

// list takes the newest segments, and sums up the others.
func (v *logView) list(segments []evidence.Segment, zone *time.Location) {
	for i := range slices.Backward(segments) {
		one := segments[i]
		one.From, one.To = inZone(one.From, zone), inZone(one.To, zone)
		v.All.add(&one)
		if len(v.Segments) == listedSegments {
			v.Rest.add(&one)
			continue
		}
		v.Segments = append(v.Segments, one)
	}
}

// ofLog takes the records of the log itself: keys, and what was removed.
func (v *logView) ofLog(ctx context.Context, r *request, l *evidence.Log) error {
	one := evidence.Logs{l}
	err := one.Events(ctx, &store.EventFilter{Kind: logfile.KindKey}, func(_ *evidence.Log, record *logfile.Record) error {
		return v.addKey(record, r.zone)
	})
	if err != nil {
		return err
	}
	return one.Events(ctx, &store.EventFilter{Kind: logfile.KindPrune}, func(_ *evidence.Log, record *logfile.Record) error {
		v.addPruned(prunedView{record.First, record.Last, record.Seq, record.Time.In(r.zone)})
		return nil
	})
}

// addPruned adds a range that was removed; of what was removed at once, one range.
func (v *logView) addPruned(p prunedView) {
	if n := len(v.Pruned); n > 0 && v.Pruned[n-1].Last+1 == p.First && p.Time.Sub(v.Pruned[n-1].Time) < time.Minute {
		p.First = v.Pruned[n-1].First
		v.Pruned = v.Pruned[:n-1]
	}
	v.Pruned = append(v.Pruned, p)
}

// addKey adds the key that a record brings in.
func (v *logView) addKey(record *logfile.Record, zone *time.Location) error {
	change, err := logfile.ParseKeyChange(record.Seq, record.Key, record.PreviousKey, record.KeyLost)
	if err != nil {
		return err
	}
	if len(v.Keys) == 0 && !change.Previous.IsZero() {
		v.Keys = append(v.Keys, keyView{Key: change.Previous.String(), How: "log.key_oldest", key: change.Previous})
	}
	k := keyView{Key: change.Key.String(), Seq: record.Seq, Time: record.Time.In(zone), How: "log.key_first", key: change.Key}
	switch {
	case change.Lost:
		k.How, k.Bad = "log.key_lost", true
	case !change.Previous.IsZero():
		k.How = "log.key_chained"
	}
	v.Keys = append(v.Keys, k)
	return nil
}

// signed returns the newest checkpoint with its signatures verified; nil if there is none.
func (v *logView) signed(ctx context.Context, r *request, l *evidence.Log) (*signedView, error) {
	signed, err := l.Signed(ctx)
	if err != nil || signed.Seq == 0 {
		return nil, err
	}
	if len(v.Keys) == 0 { // the record of the only key is pruned, or not in the archive
		v.Keys = append(v.Keys, keyView{Key: signed.Stated.Key.String(), How: "log.key_oldest", key: signed.Stated.Key})
	}
	signed.Since = inZone(signed.Since, r.zone)
	view := &signedView{Signed: signed, Time: signed.Stated.Time.In(r.zone), Key: signed.Stated.Key.String(), Stale: v.Stale(r.now)}
	var known []checkpoint.PublicKey
	for _, k := range v.Keys {
		known = append(known, k.key)
	}
	_, by, err := proof.OpenNote(signed.Stated.Note, known...)
	if err != nil {
		view.Fault = err.Error()
		return view, nil
	}
	for _, key := range by {
		view.By = append(view.By, key.String())
	}
	return view, nil
}
