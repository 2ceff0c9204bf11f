package audit

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"
)

// Read calls fn for each record of the log in dir, in order, with the record's line without its line feed; line is valid
// until fn returns. The log may be open for writing: Read gives what it finds of the live segment, and ignores an
// incomplete last line. It needs no lock and writes nothing. An error of fn ends it and is given back as it is; faults
// in the log name the file and the byte.
func Read(dir string, fn func(r *Record, line []byte) error) error {
	entries, err := osDisk{dir}.List()
	if err != nil {
		return fmt.Errorf("reading the audit directory: %w", err)
	}
	names := segmentNames(entries)
	var last uint64
	for i, name := range names {
		first, _ := parseSegmentName(name)
		if i > 0 && first != last+1 {
			return fmt.Errorf("audit segment %s follows record %d: records between them are missing", name, last)
		}
		if last, err = readSegment(dir, name, i == len(names)-1, fn); err != nil {
			return err
		}
	}
	return nil
}

// readSegment gives the last seq that it read.
func readSegment(dir, name string, live bool, fn func(*Record, []byte) error) (uint64, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return 0, err
	}
	defer f.Close() // opened for reading: nothing can be lost
	in := newLines(name, io.NewSectionReader(f, 0, math.MaxInt64))
	first, _ := parseSegmentName(name)
	for want := first; ; want++ {
		offset := in.offset
		line, err := in.next()
		if err == io.EOF {
			if !live && (in.partial > 0 || in.zeros) {
				return 0, faultAt(name, offset, "the segment is not whole, yet another follows")
			}
			return want - 1, nil
		}
		if err != nil {
			return 0, err
		}
		var r Record
		if err := json.Unmarshal(line, &r); err != nil {
			return 0, faultAt(name, offset, "the line is no record: %w", err)
		}
		if r.Seq != want {
			return 0, faultAt(name, offset, "record %d is expected here, not record %d", want, r.Seq)
		}
		if err := fn(&r, line); err != nil {
			return 0, err
		}
	}
}

// Filter chooses records. Empty members choose all.
type Filter struct {
	Call, Caller, Site, Operation, Effect, Credential, Class, Decision, Outcome string

	Kind  Kind
	Since time.Time // records at this time or later
	Until time.Time // records before this time
}

// Match says whether the filter chooses a record.
func (f *Filter) Match(r *Record) bool {
	for _, text := range [...]struct{ want, got string }{
		{f.Call, r.Call}, {f.Caller, r.Caller}, {f.Site, r.Site}, {f.Operation, r.Operation}, {f.Effect, r.Effect},
		{f.Credential, r.Credential}, {f.Class, r.Class}, {f.Decision, r.Decision}, {f.Outcome, r.Outcome},
		{string(f.Kind), string(r.Kind)},
	} {
		if text.want != "" && text.want != text.got {
			return false
		}
	}
	return (f.Since.IsZero() || !r.Time.Before(f.Since)) && (f.Until.IsZero() || r.Time.Before(f.Until))
}
