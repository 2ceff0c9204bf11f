package evidence

import (
	"context"
	"time"

	"tollgate/audit/checkpoint"
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
	Uncovered   time.Time // of the first record behind; zero: there is none
	Missing     []Missing
}

// Missing are records that are neither there nor pruned.
type Missing struct {
	From, To      uint64
	After, Before time.Time // of the records on both sides
}

// Coverage returns what the log covers now. It reads few lines of each segment.
func (l *Log) Coverage(ctx context.Context) (c Coverage, err error) {
	files, err := logfile.List(l.FS)
	segments := logfile.Segments(files)
	if err != nil || len(segments) == 0 {
		return c, err
	}
	if last := len(segments) - 1; last > 0 && l.begun(segments[last]) {
		segments = segments[:last]
	}
	c.First, c.Pruned = segments[0].First, segments[0].First > 1
	for i := range segments {
		if err := ctx.Err(); err != nil {
			return c, err
		}
		if err := l.cover(&c, segments, i); err != nil {
			return c, err
		}
	}
	return c, nil
}

// begun reports whether a segment was made and has no record yet.
func (l *Log) begun(segment logfile.File) bool {
	r, err := logfile.Open(l.FS, segment.Name)
	if err != nil {
		return false
	}
	defer r.Close() // opened for reading: nothing can be lost
	for range r.Lines() {
		return false
	}
	return true
}

// cover adds what a segment has.
func (l *Log) cover(c *Coverage, segments []logfile.File, i int) error {
	r, err := logfile.Open(l.FS, segments[i].Name)
	if err != nil {
		return err
	}
	defer r.Close() // opened for reading: nothing can be lost
	begin, err := headAt(r, 0)
	if err != nil {
		return err
	}
	if c.Begin.IsZero() {
		c.Begin = begin.Time
	}
	if c.Last > 0 && begin.Seq > c.Last+1 {
		c.Missing = append(c.Missing, Missing{c.Last + 1, begin.Seq - 1, c.End, begin.Time})
	}
	if i < len(segments)-1 {
		last, err := r.Last()
		c.Last, c.End = last.Seq, last.Time
		return err
	}
	return c.end(r)
}

// headAt returns the head of the line at an offset of a segment.
func headAt(r *logfile.Reader, offset int64) (logfile.Head, error) {
	line, err := r.Line(offset)
	if err != nil {
		return logfile.Head{}, err
	}
	return logfile.ParseHead(r.Name, offset, line)
}

// end adds the last segment, from its last checkpoint on: a segment begins with one.
func (c *Coverage) end(r *logfile.Reader) error {
	at, head, err := r.LastCheckpoint()
	if err != nil {
		return err
	}
	if at.Text != nil {
		signed, err := checkpoint.Parse(head.Checkpoint)
		if err != nil {
			return err
		}
		c.Covered, c.CoveredAt = signed.Size, signed.Time
		r.Seek(head.Seq, at.At.Offset)
	}
	for line, err := range r.Lines() {
		if err != nil {
			return err
		}
		h, err := line.Head()
		if err != nil {
			return err
		}
		if c.Last, c.End = h.Seq, h.Time; c.Uncovered.IsZero() && h.Seq > c.Covered && h.Kind != logfile.KindCheckpoint {
			c.Uncovered = h.Time
		}
	}
	return nil
}
