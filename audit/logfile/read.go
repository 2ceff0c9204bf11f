package logfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"
)

// Read calls fn for each record of the log in dir, in order, with the record's line without its line feed; line is valid
// until fn returns. The log may be open for writing: Read gives what it finds of the live segment, and ignores an
// incomplete last line. Of a log that was pruned it gives the records that are left. It needs no lock and writes nothing.
// An error of fn ends it and is given back as it is; faults in the log name the file and the byte.
func Read(dir string, fn func(r *Record, line []byte) error) error {
	entries, err := list(dir)
	if err != nil {
		return fmt.Errorf("reading the audit directory: %w", err)
	}
	names := SegmentNames(entries)
	if len(names) == 0 {
		return noLog(dir)
	}
	begin, _ := ParseSegmentName(names[0])
	next := begin
	for i, name := range names {
		first, _ := ParseSegmentName(name)
		if first != next {
			return fmt.Errorf("audit segment %s follows record %d: records between them are missing", name, next-1)
		}
		if next, err = readSegment(dir, name, i == len(names)-1, fn); err != nil {
			return err
		}
	}
	return checkPruned(dir, 1, begin) // told last, so that what is there can be seen
}

// chunkSize is how much is read at once of what may be zeros, in bytes.
const chunkSize = 256 << 10

func noLog(dir string) error {
	return fmt.Errorf("%s holds no audit log: there is no file such as %s in it", dir, SegmentName(1))
}

// readSegment gives the seq behind the last that it read.
func readSegment(dir, name string, live bool, fn func(*Record, []byte) error) (uint64, error) {
	first, _ := ParseSegmentName(name)
	f, err := os.Open(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) { // it was there when the directory was listed
		if next, missing := prunedFrom(dir, first, first+1); next > first && missing == nil {
			return next, nil
		}
	}
	if err != nil {
		return 0, err
	}
	defer f.Close() // opened for reading: nothing can be lost
	s := segmentReader{file: f, name: name, want: first, fn: fn}
	for {
		before := s.offset
		in, err := s.readLines()
		if err != nil {
			return 0, err
		}
		if !live && (in.Partial > 0 || in.Zeros) {
			return 0, FaultAt(name, s.offset, "the segment is not whole, yet another follows")
		}
		if !in.Zeros || !s.goesOn() {
			return s.want, nil
		}
		// A record behind zeros: the writer wrote here while we read, or bytes of the log are gone.
		if s.offset == before {
			return 0, FaultAt(name, s.offset, "zeros stand within the records: damage, or what a crash tore and the next start cuts")
		}
	}
}

// segmentReader reads a segment that may be written to meanwhile.
type segmentReader struct {
	file   *os.File
	name   string
	offset int64  // of the next line
	want   uint64 // its seq
	fn     func(*Record, []byte) error
}

// readLines reads all complete lines from the offset on, and says what stands behind them.
func (s *segmentReader) readLines() (*lines, error) {
	in := s.rest()
	for {
		line, err := in.Next()
		if err == io.EOF {
			return in, nil
		}
		if err != nil {
			return nil, err
		}
		var r Record
		if err := decode(line, &r); err != nil {
			return nil, FaultAt(s.name, s.offset, "the line is no record: %w", err)
		}
		if r.Seq != s.want {
			return nil, FaultAt(s.name, s.offset, "record %d is expected here, not record %d", s.want, r.Seq)
		}
		if err := s.fn(&r, line); err != nil {
			return nil, err
		}
		s.want++
		s.offset = in.Offset
	}
}

// rest reads from the offset on.
func (s *segmentReader) rest() *lines {
	in := NewLines(s.name, io.NewSectionReader(s.file, s.offset, math.MaxInt64-s.offset))
	in.Offset = s.offset
	return in
}

// goesOn tells whether anything but zeros stands behind the first zero byte.
func (s *segmentReader) goesOn() bool {
	rest := io.NewSectionReader(s.file, s.offset, math.MaxInt64-s.offset)
	chunk := make([]byte, chunkSize) // in large steps: a live segment ends in megabytes of zeros
	zero := false
	for {
		n, err := rest.Read(chunk)
		read := chunk[:n]
		if first := bytes.IndexByte(read, 0); !zero && first >= 0 {
			zero, read = true, read[first:]
		}
		if zero && bytes.Count(read, []byte{0}) != len(read) {
			return true
		}
		if err != nil {
			return false
		}
	}
}

// Filter chooses records. Empty members choose all.
type Filter struct {
	Call, Caller, Site, Operation, Effect, Credential, Class, Account, Decision, Outcome string

	Kind  Kind
	Event EventCode
	Since time.Time // records at this time or later
	Until time.Time // records before this time
}

// Match says whether the filter chooses a record.
func (f *Filter) Match(r *Record) bool {
	for _, text := range [...]struct{ want, got string }{
		{f.Call, r.Call}, {f.Caller, r.Caller}, {f.Site, r.Site}, {f.Operation, r.Operation}, {f.Effect, r.Effect},
		{f.Credential, r.Credential}, {f.Class, r.Class}, {f.Account, r.Account}, {f.Decision, r.Decision}, {f.Outcome, r.Outcome},
		{string(f.Kind), string(r.Kind)}, {string(f.Event), string(r.Event)},
	} {
		if text.want != "" && text.want != text.got {
			return false
		}
	}
	return (f.Since.IsZero() || !r.Time.Before(f.Since)) && (f.Until.IsZero() || r.Time.Before(f.Until))
}
