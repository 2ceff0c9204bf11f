package logfile

import (
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"time"
)

// Read calls fn for each record of the log in dir, in order, with the record's line without its line feed; line is valid
// until fn returns. The log may be open for writing: Read returns at the end of the live segment and ignores an incomplete
// last line. It reads the records that pruning left. It needs no lock and writes nothing.
// It returns an error of fn unchanged; errors of faults in the log name the file and the byte.
func Read(dir string, fn func(r *Record, line []byte) error) error {
	first, err := First(dir)
	if err != nil {
		return err
	}
	f := NewFollower(dir, first)
	f.strict = true
	defer f.Close() // opened for reading: nothing can be lost
	if err := f.Read(func(r *Record, line []byte, _ Position) error { return fn(r, line) }); err != nil {
		return err
	}
	return checkPruned(f.fsys, 1, first) // last, so that fn is called for all records
}

// First returns the number of the first record that the log in dir still has.
func First(dir string) (uint64, error) { return FirstIn(os.DirFS(dir)) }

// FirstIn returns the number of the first record that the log in fsys has.
func FirstIn(fsys fs.FS) (uint64, error) {
	segments, err := listSegments(fsys)
	if err != nil {
		return 0, err
	}
	if len(segments) == 0 {
		return 0, noLog(fsys)
	}
	return segments[0].First, nil
}

func listSegments(fsys fs.FS) ([]File, error) {
	files, err := List(fsys)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", nameOf(fsys), err)
	}
	return Segments(files), nil
}

func noLog(fsys fs.FS) error {
	return fmt.Errorf("%s holds no audit log: there is no file such as %s in it", nameOf(fsys), SegmentName(1))
}

// nameOf returns the directory of an [os.DirFS], and a word for other file systems.
func nameOf(fsys fs.FS) string {
	if dir := reflect.ValueOf(fsys); dir.Kind() == reflect.String {
		return dir.String()
	}
	return "the archive"
}

// Filter chooses records. Empty members choose all.
type Filter struct {
	Call, Caller, Operation, Credential, Account string

	Kind  Kind
	Event EventCode
	Since time.Time // records at this time or later
	Until time.Time // records before this time
}

// Match reports whether the filter chooses a record.
func (f *Filter) Match(r *Record) bool {
	for _, text := range [...]struct{ want, got string }{
		{f.Call, r.Call}, {f.Caller, r.Caller}, {f.Operation, r.Operation}, {f.Credential, r.Credential}, {f.Account, r.Account},
		{string(f.Kind), string(r.Kind)}, {string(f.Event), string(r.Event)},
	} {
		if text.want != "" && text.want != text.got {
			return false
		}
	}
	return (f.Since.IsZero() || !r.Time.Before(f.Since)) && (f.Until.IsZero() || r.Time.Before(f.Until))
}
