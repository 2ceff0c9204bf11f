package evidence

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"time"

	"tollgate/audit/logfile"
	"tollgate/internal/pace"
)

// Segment is a file of a log: records, or the hashes that pruning left of them.
type Segment struct {
	Name        string
	First, Last uint64 // records; Last is below First if it has none
	Bytes       int64
	From, To    time.Time // of the first record and the last one; zero if it has none
	Pruned      bool      // only the hashes of its records are there
	Damaged     bool      // its first or last line is no record
	Missing     uint64    // records before it that are in no file

	end    int64 // of the last line
	closed bool  // another file follows, so it does not change any more
}

// Records returns how many records it has.
func (s *Segment) Records() uint64 { return s.Last + 1 - s.First }

// segmentCache has what was read of the segments of a log.
type segmentCache struct {
	mutex sync.Mutex
	known map[string]Segment
}

func (c *segmentCache) get(name string) (s Segment) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.known[name]
}

// put replaces all that is known.
func (c *segmentCache) put(segments []Segment) {
	known := make(map[string]Segment, len(segments))
	for _, s := range segments {
		known[s.Name] = s
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.known = known
}

// Segments returns the files of the log in order. It reads their first and last lines, of those that are closed once.
func (l *Log) Segments(ctx context.Context) ([]Segment, error) {
	files, err := logfile.List(l.FS)
	if err != nil {
		return nil, err
	}
	segments := make([]Segment, 0, len(files))
	for i, f := range files {
		s, err := l.segment(ctx, f, files[i+1:])
		if errors.Is(err, fs.ErrNotExist) { // pruned meanwhile
			continue
		}
		if err != nil {
			return segments, err
		}
		s.Missing = l.missing(segments, &s)
		segments = append(segments, s)
	}
	l.segments.put(segments)
	return segments, nil
}

// missing returns how many records are in no file between the files before and one. An archive may begin with any record.
func (l *Log) missing(before []Segment, s *Segment) uint64 {
	next := uint64(1)
	if n := len(before); n > 0 {
		next = before[n-1].Last + 1
	} else if l.Dir == "" {
		return 0
	}
	return max(s.First, next) - next
}

// segment returns a file, which others may follow.
func (l *Log) segment(ctx context.Context, f logfile.File, next []logfile.File) (Segment, error) {
	known := l.segments.get(f.Name)
	if known.closed {
		return known, nil
	}
	s, err := l.readSegment(ctx, f, &known)
	if s.closed = len(next) > 0; s.closed && s.Damaged { // what is between the two files, a verification finds
		s.Last = next[0].First - 1
	}
	return s, err
}

// readSegment reads what is not known of a file.
func (l *Log) readSegment(ctx context.Context, f logfile.File, known *Segment) (Segment, error) {
	s := Segment{Name: f.Name, First: f.First, Last: f.First - 1, Bytes: f.Size(), Pruned: f.Hashes}
	if f.Hashes {
		s.Last += uint64(s.Bytes) / logfile.HashLength
		return s, nil
	}
	r, err := logfile.Open(l.FS, f.Name)
	if err != nil {
		return s, err
	}
	defer r.Close() // opened for reading: nothing can be lost
	switch {
	case !seeks(l.FS, f.Name):
		return s, s.scan(ctx, r)
	case known.end > 0 && !known.Damaged:
		s.From, s.Last, s.To, s.end = known.From, known.Last, known.To, known.end
		return s, s.grow(ctx, r)
	}
	return s, s.ends(r)
}

// grow reads on behind the last line that is known.
func (s *Segment) grow(ctx context.Context, r *logfile.Reader) error {
	var last logfile.Position
	r.Seek(s.Last+1, s.end)
	for line, err := range r.Lines() {
		if s.fault(err) || ctx.Err() != nil {
			return errorUnless(s.Damaged, errorOr(err, ctx))
		}
		s.Last, s.end, last = line.Seq, line.End(), line.At
		pace.Step(ctx)
	}
	if last.Segment == 0 {
		return nil
	}
	text, err := r.Line(last.Offset)
	if err != nil {
		return err
	}
	head, err := logfile.ParseHead(s.Name, last.Offset, text)
	if !s.fault(err) {
		s.To = head.Time
	}
	return errorUnless(s.Damaged, err)
}

// seeks reports whether single lines of a file can be read, as those of an archive cannot.
func seeks(fsys fs.FS, name string) bool {
	f, err := fsys.Open(name)
	if err != nil {
		return false
	}
	defer f.Close() // opened for reading: nothing can be lost
	_, ok := f.(interface {
		ReadAt(p []byte, off int64) (n int, err error)
	})
	return ok
}

// ends reads the first line and the last one.
func (s *Segment) ends(r *logfile.Reader) error {
	last, head, err := r.LastLine()
	if s.fault(err) || last.Text == nil {
		return errorUnless(s.Damaged, err)
	}
	s.Last, s.To, s.end = head.Seq, head.Time, last.End()
	for first, err := range r.Lines() {
		if s.fault(err) {
			return errorUnless(s.Damaged, err)
		}
		return s.begin(first)
	}
	return nil
}

// begin takes the first line.
func (s *Segment) begin(first logfile.Line) error {
	head, err := first.Head()
	if !s.fault(err) {
		s.From = head.Time
	}
	return errorUnless(s.Damaged, err)
}

// fault reports whether there is an error, and notes one that is of the file's content.
func (s *Segment) fault(err error) bool {
	var fault *logfile.FaultError
	s.Damaged = s.Damaged || errors.As(err, &fault)
	return err != nil
}

func errorUnless(known bool, err error) error {
	if known {
		return nil
	}
	return err
}

// scan reads all lines.
func (s *Segment) scan(ctx context.Context, r *logfile.Reader) error {
	for line, err := range r.Lines() {
		var head logfile.Head
		if err == nil {
			head, err = line.Head()
		}
		if s.fault(err) {
			return errorUnless(s.Damaged, err)
		}
		if s.Last, s.To = head.Seq, head.Time; s.From.IsZero() {
			s.From = head.Time
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}
