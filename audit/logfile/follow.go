package logfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Position is where the line of a record stands in a log. It holds as long as the segment is there: lines never move.
type Position struct {
	Segment uint64 // seq of the segment's first record, which names its file
	Offset  int64  // of the line's first byte
}

func (p Position) String() string {
	return fmt.Sprintf("%s, byte %d", SegmentName(p.Segment), p.Offset)
}

// Follower reads a log that may be written to meanwhile, from segment to segment; each Read goes on where the one before ended.
// It needs no lock and writes nothing, and is not for concurrent use.
//
// What it reads was written completely, but perhaps not synced yet: a crash of the machine, not of the process, can take the
// last records away again, and others then get their numbers. A program that stores what it derives from them has to look, on
// the next start, whether the last line is still the same.
type Follower struct {
	dir  string
	from uint64   // records before it are passed over
	last Position // of the record before it, if that is known
	s    segmentReader
	in   uint64 // first seq of the segment that is open
}

// NewFollower begins with record from. Nothing is opened yet.
func NewFollower(dir string, from uint64) *Follower { return &Follower{dir: dir, from: max(from, 1)} }

// NewFollowerBehind begins behind the record seq, whose line stands at a position. What is before that is not read.
func NewFollowerBehind(dir string, seq uint64, at Position) *Follower {
	return &Follower{dir: dir, from: seq + 1, last: at}
}

// Next is the seq of the record that comes next.
func (f *Follower) Next() uint64 { return max(f.s.want, f.from) }

// Close ends it. Read must not be called any more.
func (f *Follower) Close() error {
	if f.s.file == nil {
		return nil
	}
	return f.s.file.Close()
}

// Read calls fn, as Follow does, for each further record that is there and returns when there are no more. After an
// error of fn the same record comes next.
func (f *Follower) Read(fn func(r *Record, line []byte, at Position) error) error {
	f.s.fn = func(r *Record, line []byte) error { return fn(r, line, Position{f.in, f.s.offset}) }
	for {
		if err := f.stepBack(); err != nil {
			return err
		}
		later, err := f.later() // before reading: a segment with another behind it is complete
		if err != nil {
			return err
		}
		if f.s.file != nil {
			if err := f.lines(); err != nil || later == 0 {
				return err
			}
		}
		if err := f.turn(later); err != nil {
			return err
		}
	}
}

// stepBack leaves a segment that has gone before it had a record: the process died when it had named it, and the next
// start goes on in the one before.
func (f *Follower) stepBack() error {
	if f.s.file == nil || f.s.offset > 0 {
		return nil
	}
	if _, err := os.Lstat(filepath.Join(f.dir, f.s.name)); !errors.Is(err, fs.ErrNotExist) {
		return nil // what else is wrong shows when it is read
	}
	if end, err := prunedFrom(f.dir, f.in, f.in+1); err != nil || end > f.in {
		return err
	}
	f.from = f.Next()
	err := f.s.file.Close()
	f.s.file = nil
	return err
}

// later gives the segment behind the one that is open, or 0; when none is open, the one to begin with.
func (f *Follower) later() (uint64, error) {
	entries, err := list(f.dir)
	if err != nil {
		return 0, fmt.Errorf("reading the audit directory: %w", err)
	}
	var later uint64
	for _, name := range SegmentNames(entries) {
		first, _ := ParseSegmentName(name)
		if f.s.file != nil && first > f.in {
			return first, nil
		}
		if f.s.file == nil && (later == 0 || first <= f.from) {
			later = first
		}
	}
	if f.s.file != nil {
		return 0, f.check()
	}
	if later == 0 {
		return 0, noLog(f.dir)
	}
	return later, nil
}

// check looks whether the live segment, which nothing may replace or cut, is still the file that is open.
func (f *Follower) check() error {
	there, err := os.Stat(filepath.Join(f.dir, f.s.name))
	if err != nil {
		return fmt.Errorf("audit segment %s has gone: %w", f.s.name, err)
	}
	open, err := f.s.file.Stat()
	if err != nil {
		return err
	}
	if !os.SameFile(there, open) {
		return fmt.Errorf("audit segment %s: another file has taken its place", f.s.name)
	}
	if open.Size() < f.s.offset {
		return FaultAt(f.s.name, open.Size(), "the file was cut: it had %d bytes of records", f.s.offset)
	}
	return nil
}

// lines gives what is there of the open segment.
func (f *Follower) lines() error {
	if err := f.skip(); err != nil || f.s.want < f.from {
		return err
	}
	var first [1]byte // seldom is there anything new: a byte tells it
	if n, err := f.s.file.ReadAt(first[:], f.s.offset); n == 0 || first[0] == 0 {
		if err == io.EOF {
			err = nil
		}
		return err
	}
	_, err := f.s.readLines()
	return err
}

// skip passes over the records before from. They are counted only: the first one that is read tells if that is right.
func (f *Follower) skip() error {
	if f.s.want >= f.from {
		return nil
	}
	in := f.s.rest()
	for f.s.want < f.from {
		if _, err := in.Next(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		f.s.want++
		f.s.offset = in.Offset
	}
	return nil
}

// turn leaves the open segment, which is closed for good, and opens the one that begins with record first.
func (f *Follower) turn(first uint64) error {
	if err := f.leave(first); err != nil {
		return err
	}
	name := SegmentName(first)
	file, err := os.Open(filepath.Join(f.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return f.pruned(first, err)
	}
	if err != nil {
		return err
	}
	f.s.file, f.s.name, f.s.offset, f.s.want, f.in = file, name, 0, first, first
	if first == f.last.Segment {
		f.s.offset, f.s.want = f.last.Offset, f.from-1
	}
	f.last = Position{}
	return nil
}

func (f *Follower) leave(first uint64) error {
	if f.s.file == nil {
		if first <= f.from {
			return nil
		}
		return checkPruned(f.dir, 1, first)
	}
	info, err := f.s.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() != f.s.offset {
		return FaultAt(f.s.name, f.s.offset, "the segment is not whole, yet another follows")
	}
	if first < f.s.want {
		return fmt.Errorf("audit segment %s follows record %d, which it must not hold again", SegmentName(first), f.s.want-1)
	}
	if err := checkPruned(f.dir, f.s.want, first); err != nil {
		return err
	}
	f.from = f.Next()
	err = f.s.file.Close()
	f.s.file = nil
	return err
}

// pruned looks whether a segment that was listed has been pruned since; the next look finds the one behind it.
func (f *Follower) pruned(first uint64, gone error) error {
	next, err := prunedFrom(f.dir, first, first+1)
	if err == nil && next == first {
		err = gone
	}
	f.from = max(f.from, next)
	return err
}

// LineReader reads single lines of a log back. It keeps the segment open that it read last, and is not for concurrent
// use.
type LineReader struct {
	Dir string

	file    *os.File
	segment uint64
	buf     []byte
}

// usualLine is how much is read of a line at first.
const usualLine = 4 << 10

// Line gives the line that begins at a position, without its line feed, valid until the next call. The error wraps
// [fs.ErrNotExist] when the segment is not there, as after pruning.
func (l *LineReader) Line(at Position) ([]byte, error) {
	if err := l.open(at.Segment); err != nil {
		return nil, err
	}
	for _, size := range [...]int{usualLine, MaxLine} {
		if len(l.buf) < size {
			l.buf = make([]byte, size)
		}
		n, err := l.file.ReadAt(l.buf[:size], at.Offset)
		if i := bytes.IndexByte(l.buf[:n], '\n'); i >= 0 {
			return l.buf[:i], nil
		}
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("reading audit segment %s at byte %d: %w", SegmentName(at.Segment), at.Offset, err)
		}
	}
	return nil, FaultAt(SegmentName(at.Segment), at.Offset, "there is no complete line")
}

func (l *LineReader) open(segment uint64) error {
	if l.file != nil && l.segment == segment {
		return nil
	}
	if err := l.Close(); err != nil {
		return err
	}
	file, err := os.Open(filepath.Join(l.Dir, SegmentName(segment)))
	if err != nil {
		return err
	}
	l.file, l.segment = file, segment
	return nil
}

// Close closes what is open.
func (l *LineReader) Close() error {
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}

// First gives the number of the first record that the log in dir still has.
func First(dir string) (uint64, error) {
	entries, err := list(dir)
	if err != nil {
		return 0, fmt.Errorf("reading the audit directory: %w", err)
	}
	names := SegmentNames(entries)
	if len(names) == 0 {
		return 0, noLog(dir)
	}
	first, _ := ParseSegmentName(names[0])
	return first, nil
}
