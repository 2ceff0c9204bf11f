package evidence

import (
	"context"
	"time"

	"tollgate/audit/logfile"
)

// DayState is how the records of a day are there, as far as the files show without reading every line. What was changed in them a
// verification finds.
type DayState string

// The states, each of which hides those before it.
const (
	NoRecords DayState = "none"      // the log had not begun, or has ended
	Whole     DayState = "whole"     // all are there, and a checkpoint covers them
	Pruned    DayState = "pruned"    // some were removed, or are not in the bundle; or that was so before the log's first record that is left
	Uncovered DayState = "uncovered" // some are covered by no checkpoint
	Gap       DayState = "gap"       // some are missing
)

var dayOrder = map[DayState]int{NoRecords: 0, Whole: 1, Pruned: 2, Uncovered: 3, Gap: 4}

// Day is a day of a zone.
type Day struct {
	Date  time.Time // when it begins
	State DayState
}

// Signed is the newest checkpoint of a log, whose signatures were not verified.
type Signed struct {
	Seq      uint64 // of the record; 0: there is none
	Stated   *logfile.Stated
	Unsigned uint64    // records behind it
	Since    time.Time // of the first of them
	line     logfile.Line
}

// Stale reports whether records have waited for a checkpoint for longer than a gateway with the usual settings lets them.
func (s *Signed) Stale(now time.Time) bool { return s.Unsigned > 0 && now.Sub(s.Since) > mostUnsigned }

// mostUnsigned is how long records may be without a checkpoint while a gateway runs: it writes one 10 seconds after a record.
const mostUnsigned = time.Minute

// Coverage returns how the records of each day from since on and before until are there, in the zone of since. Records that wait for
// the next checkpoint of a running gateway count as covered.
func (l *Log) Coverage(ctx context.Context, now, since, until time.Time) ([]Day, error) {
	days := daysOf(since, until)
	segments, err := l.Segments(ctx)
	if err != nil || len(segments) == 0 {
		return days, err
	}
	signed, err := l.signed(ctx, segments)
	if err != nil {
		return days, err
	}
	from, to := span(segments)
	mark(days, from, to, Whole)
	if segments[0].Pruned || segments[0].First > 1 && segments[0].Missing == 0 {
		mark(days, time.Time{}, from, Pruned)
	}
	for i := range segments {
		if segments[i].Missing > 0 {
			mark(days, lastBefore(segments[:i]), firstOf(segments[i:]), Gap)
		}
	}
	if signed.Stale(now) {
		mark(days, signed.Since, to, Uncovered)
	}
	return days, nil
}

func daysOf(since, until time.Time) (days []Day) {
	for at := since; at.Before(until); at = time.Date(at.Year(), at.Month(), at.Day()+1, 0, 0, 0, 0, at.Location()) {
		days = append(days, Day{at, NoRecords})
	}
	return days
}

// mark sets the state of the days that have a part of a time between two.
func mark(days []Day, from, to time.Time, state DayState) {
	for i := range days {
		end := days[i].Date.AddDate(0, 0, 1)
		if end.After(from) && !days[i].Date.After(to) && dayOrder[state] > dayOrder[days[i].State] {
			days[i].State = state
		}
	}
}

// span returns the times of the first record and the last one.
func span(segments []Segment) (from, to time.Time) { return firstOf(segments), lastBefore(segments) }

// firstOf returns the time of the first record in some segments.
func firstOf(segments []Segment) time.Time {
	for i := range segments {
		if !segments[i].From.IsZero() {
			return segments[i].From
		}
	}
	return time.Time{}
}

// lastBefore returns the time of the last record in some segments.
func lastBefore(segments []Segment) time.Time {
	for i := len(segments) - 1; i >= 0; i-- {
		if !segments[i].To.IsZero() {
			return segments[i].To
		}
	}
	return time.Time{}
}

// Signed returns the newest checkpoint.
func (l *Log) Signed(ctx context.Context) (Signed, error) {
	segments, err := l.Segments(ctx)
	if err != nil {
		return Signed{}, err
	}
	return l.signed(ctx, segments)
}

func (l *Log) signed(ctx context.Context, segments []Segment) (s Signed, err error) {
	at := len(segments) - 1
	for ; at >= 0 && s.Seq == 0 && !segments[at].Pruned; at-- {
		if s, err = l.checkpointIn(ctx, segments[at].Name); err != nil {
			return s, err
		}
	}
	last := segments[len(segments)-1].Last
	if s.Unsigned = last - min(s.Seq, last); s.Unsigned > 0 {
		s.Since, err = l.timeBehind(&s, segments[at+1:])
	}
	return s, err
}

// checkpointIn returns the last checkpoint of a file; one without number if it has none.
func (l *Log) checkpointIn(ctx context.Context, name string) (s Signed, err error) {
	r, err := logfile.Open(l.FS, name)
	if err != nil {
		return s, err
	}
	defer r.Close() // opened for reading: nothing can be lost
	var head logfile.Head
	if seeks(l.FS, name) {
		s.line, head, err = r.LastCheckpoint()
	} else {
		s.line, head, err = scanCheckpoint(ctx, r)
	}
	if err != nil || s.line.Text == nil {
		return s, err
	}
	s.Seq = head.Seq
	s.Stated, err = head.Stated(s.line.Text)
	return s, err
}

// scanCheckpoint is [logfile.Reader.LastCheckpoint] for a file of an archive.
func scanCheckpoint(ctx context.Context, r *logfile.Reader) (last logfile.Line, head logfile.Head, err error) {
	for line, err := range r.Lines() {
		if err != nil || ctx.Err() != nil {
			return last, head, errorOr(err, ctx)
		}
		if h, err := line.Head(); err == nil && h.Kind == logfile.KindCheckpoint {
			last, head = line, h
			last.Text = append([]byte(nil), line.Text...)
		}
	}
	return last, head, nil
}

// timeBehind returns the time of the first record behind a checkpoint.
func (l *Log) timeBehind(s *Signed, segments []Segment) (time.Time, error) {
	at := logfile.Position{Segment: segments[0].First}
	if s.Seq > 0 {
		at = logfile.Position{Segment: s.line.At.Segment, Offset: s.line.End()}
	}
	files, err := logfile.List(l.FS)
	if err != nil {
		return time.Time{}, err
	}
	for line, err := range logfile.Lines(l.FS, logfile.Segments(files), s.Seq+1, at) {
		if err != nil {
			return time.Time{}, err
		}
		h, err := line.Head()
		return h.Time, err
	}
	return time.Time{}, nil
}
