package logfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Position is the place of a record's line in a log. It is valid as long as the segment is there: lines never move.
type Position struct {
	Segment uint64 // seq of the segment's first record, which names its file
	Offset  int64  // of the line's first byte
}

func (p Position) String() string {
	return fmt.Sprintf("%s, byte %d", SegmentName(p.Segment), p.Offset)
}

// Follower reads a log, which may be written to meanwhile, from segment to segment; each Read goes on where the one before ended.
// It needs no lock and writes nothing, and is not safe for concurrent use.
//
// What it reads was written completely, but perhaps not synced yet: a crash of the machine, not of the process, can lose the
// last records, and others then have their numbers. A program that stores what it derives from them has to check, at
// its next start, that the last line is still the same.
type Follower struct {
	Brief bool // Read reads records by [Line.Brief]

	fsys fs.FS
	from uint64   // records before it are skipped
	last Position // of the record before it, if that is known
	r    *Reader  // of the open segment, or nil

	strict bool // data behind zeros are an error
}

// NewFollower returns a Follower that begins with record from. It opens nothing yet.
func NewFollower(dir string, from uint64) *Follower { return follow(os.DirFS(dir), from) }

func follow(fsys fs.FS, from uint64) *Follower {
	return &Follower{fsys: fsys, from: max(from, 1)}
}

// NewFollowerBehind returns a Follower that begins behind the record seq, whose line stands at a position. It does not read what
// is before that.
func NewFollowerBehind(dir string, seq uint64, at Position) *Follower {
	return FollowBehind(os.DirFS(dir), seq, at)
}

// FollowBehind returns a Follower as [NewFollowerBehind] does, of the log in fsys, which may be an archive and begin with any record.
func FollowBehind(fsys fs.FS, seq uint64, at Position) *Follower {
	f := follow(fsys, seq+1)
	f.last = at
	return f
}

// Next returns the seq of the next record.
func (f *Follower) Next() uint64 {
	if f.r == nil {
		return f.from
	}
	seq, _ := f.r.End()
	return max(seq, f.from)
}

// Close closes the open segment. Read must not be called after it.
func (f *Follower) Close() error {
	if f.r == nil {
		return nil
	}
	return f.r.Close()
}

// leave closes the open segment. The next record comes from another one.
func (f *Follower) leave() error {
	f.from = f.Next()
	err := f.Close()
	f.r = nil
	return err
}

// Read calls fn for each further record, with its line, and returns at the end of the log. After an error of fn the next Read begins with
// the same record.
func (f *Follower) Read(fn func(r *Record, line []byte, at Position) error) error {
	return f.Lines(func(l *Line) error {
		read := l.Record
		if f.Brief {
			read = l.Brief
		}
		r, err := read()
		if err != nil {
			return err
		}
		return fn(r, l.Text, l.At)
	})
}

// Lines is Read without parsing the lines, for callers that need few of the records.
func (f *Follower) Lines(fn func(l *Line) error) error {
	for {
		if err := f.stepBack(); err != nil {
			return err
		}
		later, err := f.later() // before reading: a segment with another behind it is complete
		if err != nil {
			return err
		}
		if f.r != nil {
			if err := f.records(fn); err != nil || later == 0 {
				return err
			}
		}
		if err := f.turn(later); err != nil {
			return err
		}
	}
}

// stepBack leaves a segment that was removed before it had a record: the process died when it had named it, and the next
// start went on in the one before.
func (f *Follower) stepBack() error {
	if f.r == nil || f.r.end > 0 {
		return nil
	}
	if _, err := fs.Stat(f.fsys, f.r.Name); !errors.Is(err, fs.ErrNotExist) {
		return nil // reading it returns any other error
	}
	if end, err := prunedFrom(f.fsys, f.r.First, f.r.First+1); err != nil || end > f.r.First {
		return err
	}
	return f.leave()
}

// later returns the segment behind the open one, or 0; if none is open, the one to begin with.
func (f *Follower) later() (uint64, error) {
	segments, err := listSegments(f.fsys)
	if err != nil {
		return 0, err
	}
	if f.r == nil {
		if len(segments) == 0 {
			return 0, noLog(f.fsys)
		}
		begin := segments[0].First
		for _, s := range segments {
			if s.First <= f.from {
				begin = s.First
			}
		}
		return begin, nil
	}
	for _, s := range segments {
		if s.First > f.r.First {
			return s.First, nil
		}
	}
	return 0, f.check()
}

// check returns an error unless the live segment, which must not be replaced or cut, is still the open file.
func (f *Follower) check() error {
	there, err := fs.Stat(f.fsys, f.r.Name)
	if err != nil {
		return fmt.Errorf("audit segment %s has gone: %w", f.r.Name, err)
	}
	open, err := f.r.file.Stat()
	if err != nil {
		return err
	}
	if os.SameFile(there, there) && !os.SameFile(there, open) { // files of archives are never the same, and never replaced
		return fmt.Errorf("audit segment %s: another file has taken its place", f.r.Name)
	}
	if open.Size() < f.r.end {
		return FaultAt(f.r.Name, open.Size(), "the file was cut: it had %d bytes of records", f.r.end)
	}
	return nil
}

// records reads the open segment to its end. Records before from are only counted, which the first one that is parsed
// verifies.
func (f *Follower) records(fn func(*Line) error) error {
	var first [1]byte // usually there is nothing new, which one byte shows
	if n, err := f.r.readAt(first[:], f.r.end); n == 0 || first[0] == 0 && !f.strict {
		if err == io.EOF {
			err = nil
		}
		return err
	}
	var l Line // one for all: most are not retained
	for line, err := range f.r.Lines() {
		if err != nil {
			return err
		}
		if line.Seq < f.from {
			continue
		}
		l = line
		if err := fn(&l); err != nil {
			return err
		}
	}
	return nil
}

// turn leaves the open segment, which is closed for good, and opens the one that begins with record first.
func (f *Follower) turn(first uint64) error {
	if err := f.end(first); err != nil {
		return err
	}
	r, err := Open(f.fsys, SegmentName(first))
	if errors.Is(err, fs.ErrNotExist) {
		return f.pruned(first, err)
	}
	if err != nil {
		return err
	}
	r.strict = f.strict
	if first == f.last.Segment {
		r.Seek(f.from-1, f.last.Offset)
	}
	f.r = r
	f.last = Position{}
	return nil
}

// end checks that the segment that begins with record first follows what was read, and leaves the open one.
func (f *Follower) end(first uint64) error {
	if f.r == nil {
		if first <= f.from {
			return nil
		}
		return checkPruned(f.fsys, 1, first)
	}
	if err := f.r.CheckWhole(); err != nil {
		return err
	}
	if first < f.r.seq {
		return fmt.Errorf("audit segment %s follows record %d, which it must not hold again", SegmentName(first), f.r.seq-1)
	}
	if err := checkPruned(f.fsys, f.r.seq, first); err != nil {
		return err
	}
	return f.leave()
}

// pruned returns err unless the segment was pruned since it was listed. The next listing has the one behind it.
func (f *Follower) pruned(first uint64, gone error) error {
	next, err := prunedFrom(f.fsys, first, first+1)
	if err == nil && next == first {
		err = gone
	}
	f.from = max(f.from, next)
	return err
}

// LineReader reads single lines of a log. It leaves the segment open that it read last, and is not safe for concurrent
// use.
type LineReader struct {
	Files fs.FS // the log's directory

	r *Reader
}

// Line returns the line that begins at a position, without its line feed, valid until the next call. The error wraps
// [fs.ErrNotExist] if the segment is not there, as after pruning.
func (l *LineReader) Line(at Position) ([]byte, error) {
	if l.r == nil || l.r.First != at.Segment {
		if err := l.Close(); err != nil {
			return nil, err
		}
		r, err := Open(l.Files, SegmentName(at.Segment))
		if err != nil {
			return nil, err
		}
		l.r = r
	}
	return l.r.Line(at.Offset)
}

// Close closes the open segment.
func (l *LineReader) Close() error {
	if l.r == nil {
		return nil
	}
	err := l.r.Close()
	l.r = nil
	return err
}
