package evidence

import (
	"context"
	"time"

	"tollgate/audit/logfile"
)

// Coverage is from when to when a log has records, and which of them a checkpoint covers. It is what files and their first and last lines
// say: that the lines are whole only a verification shows.
type Coverage struct {
	First, Last uint64    // the records that are there; zero: none
	Begin, End  time.Time // of the first and the last
	Pruned      bool      // records before the first are pruned, or not in the archive
	Covered     uint64    // the newest checkpoint covers the records up to this one; zero: none does
	CoveredAt   time.Time // when it was signed
	Uncovered   time.Time // of the first record behind it; zero: there is none
	Missing     []Missing
}

// Missing are records that are neither there nor pruned.
type Missing struct {
	From, To      uint64
	After, Before time.Time // of the records on both sides; After is zero where it is the log's beginning
}

// Coverage returns what the log covers now. It reads few lines of each segment, of those that are closed once.
func (l *Log) Coverage(ctx context.Context) (c Coverage, err error) {
	segments, err := l.Segments(ctx)
	if err != nil || len(segments) == 0 {
		return c, err
	}
	signed, err := l.signed(ctx, segments)
	if err != nil {
		return c, err
	}
	c.Begin, c.End = firstOf(segments), lastBefore(segments)
	c.First, c.Last = firstThere(segments), segments[len(segments)-1].Last
	c.Pruned = c.First > 1 && (segments[0].Pruned || segments[0].Missing == 0)
	if signed.Seq > 0 {
		c.Covered, c.CoveredAt = signed.Stated.Size, signed.Stated.Time
	}
	c.Uncovered = signed.Since
	for i, s := range segments {
		if s.Missing > 0 {
			c.Missing = append(c.Missing, Missing{s.First - s.Missing, s.First - 1, lastBefore(segments[:i]), firstOf(segments[i:])})
		}
	}
	return c, nil
}

// firstThere returns the first record that is there.
func firstThere(segments []Segment) uint64 {
	for i := range segments {
		if !segments[i].Pruned && segments[i].Records() > 0 {
			return segments[i].First
		}
	}
	return 0
}

// State is how the records of a time are there.
type State string

// The states.
const (
	NoRecords State = "none"      // the log had not begun, or has ended
	Whole     State = "whole"     // all are there, and a checkpoint covers them
	Pruned    State = "pruned"    // some were removed, or are not in the archive; or that was so before the log's first record that is left
	Uncovered State = "uncovered" // some are covered by no checkpoint
	Gap       State = "gap"       // some are missing
)

// State returns the worst of what is said of the records from since on and before until. Records that wait for the next checkpoint of a
// running gateway count as covered.
func (c *Coverage) State(now, since, until time.Time) State {
	for _, m := range c.Missing {
		if m.After.Before(until) && !m.Before.Before(since) {
			return Gap
		}
	}
	switch {
	case c.Begin.IsZero() || since.After(c.End):
		return NoRecords
	case c.Stale(now) && until.After(c.Uncovered):
		return Uncovered
	case c.Pruned && !since.After(c.Begin):
		return Pruned
	case !until.After(c.Begin):
		return NoRecords
	}
	return Whole
}

// Stale reports whether records have waited for a checkpoint for longer than a running gateway lets them.
func (c *Coverage) Stale(now time.Time) bool {
	return !c.Uncovered.IsZero() && now.Sub(c.Uncovered) > mostUnsigned
}

// Signed is the newest checkpoint of a log, whose signatures were not verified.
type Signed struct {
	Seq      uint64 // of the record; 0: there is none
	Stated   *logfile.Stated
	Unsigned uint64    // records behind it
	Since    time.Time // of the first of them
	line     logfile.Line
}

// mostUnsigned is how long records may be without a checkpoint while a gateway runs: it writes one 10 seconds after a record.
const mostUnsigned = time.Minute

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
		if s, err = l.checkpointIn(ctx, &segments[at]); err != nil {
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
func (l *Log) checkpointIn(ctx context.Context, in *Segment) (s Signed, err error) {
	r, err := logfile.Open(l.FS, in.Name)
	if err != nil {
		return s, err
	}
	defer r.Close() // opened for reading: nothing can be lost
	var head logfile.Head
	switch {
	case in.end > 0:
		s.line, head, err = r.LastCheckpointBefore(in.end) // what is preallocated behind need not be read
	case r.Seeks():
		s.line, head, err = r.LastCheckpoint()
	default:
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
