package proof

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strconv"

	"tollgate/audit/blobs"
	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
)

// Log reads the files of a log without parsing more of them than a proof needs. Their content is not trusted: a proof is checked against
// the signed checkpoint before it is returned. The log may be open for writing; a Log reads the files that were there when it was opened.
type Log struct {
	fsys  fs.FS
	files []logfile.File
	until context.Context // nil: no end
}

// OpenLog lists the files of a log. Names that are not of a log are ignored.
func OpenLog(fsys fs.FS) (*Log, error) {
	files, err := logfile.List(fsys)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("there is no audit log here: no file such as %s", logfile.SegmentName(1))
	}
	return &Log{fsys: fsys, files: files}, nil
}

// Until returns the same log, of which no more is read once ctx is done: what reads it returns the error of ctx then.
func (l *Log) Until(ctx context.Context) *Log { return &Log{l.fsys, l.files, ctx} }

// Plans returns the texts of a plan that records of the log name, as [blobs.Find] does: more than one where their names begin alike.
func (l *Log) Plans(id string) ([]blobs.Text, error) { return blobs.Find(l.fsys, id) }

// First returns the first record whose line is there; the ones before it are pruned. It is 0 if no line is there.
func (l *Log) First() uint64 {
	if segments := l.Segments(); len(segments) > 0 {
		return segments[0]
	}
	return 0
}

// Segments returns the first record of each segment, in order.
func (l *Log) Segments() []uint64 {
	var firsts []uint64
	for _, f := range logfile.Segments(l.files) {
		firsts = append(firsts, f.First)
	}
	return firsts
}

// Line is a record as it is in the log.
type Line struct {
	Seq  uint64
	Time string // RFC 3339 in UTC with nine digits of a second: later times are greater texts
	Kind logfile.Kind
	Text []byte // without its line feed, valid until the next line is read
}

// parseLine reads the four members that begin every line.
func parseLine(text []byte) (Line, bool) {
	rest, ok := bytes.CutPrefix(text, []byte(`{"seq":`))
	seq, rest, comma := bytes.Cut(rest, []byte(`,"commit":`))
	_, rest, more := bytes.Cut(rest, []byte(`,"time":"`))
	if !ok || !comma || !more || len(rest) < len(checkpoint.TimeFormat) {
		return Line{}, false
	}
	at := rest[:len(checkpoint.TimeFormat)]
	rest, ok = bytes.CutPrefix(rest[len(checkpoint.TimeFormat):], []byte(`","kind":"`))
	kind, _, end := bytes.Cut(rest, []byte(`"`))
	n, err := strconv.ParseUint(string(seq), 10, 63)
	return Line{Seq: n, Time: string(at), Kind: logfile.Kind(kind), Text: text}, ok && end && err == nil
}

// Lines returns an iterator over the records from seq on, as far as their lines are there, up to the end of the log or the end
// of the last complete line. It stops after an error.
func (l *Log) Lines(from uint64) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		segments := logfile.Segments(l.filesFrom(from))
		if len(segments) == 0 {
			return
		}
		first := segments[0].First
		for text, err := range logfile.Lines(l.fsys, segments, first, logfile.Position{Segment: first}) {
			line, ok := parseLine(text.Text)
			if err != nil {
				err = explain(err)
			} else if l.until != nil && l.until.Err() != nil {
				err = l.until.Err()
			} else if !ok || line.Seq != text.Seq {
				err = damaged("%v: record %d is expected, and something else stands there", text.At, text.Seq)
			}
			if err != nil {
				yield(Line{}, err)
				return
			}
			if line.Seq >= from && !yield(line, nil) {
				return
			}
		}
	}
}

// filesFrom returns the files from the one with a record on.
func (l *Log) filesFrom(seq uint64) []logfile.File {
	i, exact := slices.BinarySearchFunc(l.files, seq, func(f logfile.File, seq uint64) int { return cmp.Compare(f.First, seq) })
	if !exact {
		i = max(i-1, 0)
	}
	return l.files[i:]
}

// damaged returns an error of the log's files.
func damaged(format string, args ...any) error {
	return fmt.Errorf("the log is damaged: %w; tollgate audit verify shows more", fmt.Errorf(format, args...))
}

// explain returns an error of reading with its meaning.
func explain(err error) error {
	if fault := (*logfile.FaultError)(nil); errors.As(err, &fault) {
		return damaged("%w", err)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("a file of the audit log was removed meanwhile, as pruning does: try again (%w)", err)
	}
	return fmt.Errorf("reading the audit log: %w", err)
}

// leaves returns an iterator over the leaf hashes of the records behind the first n, from the hashes that pruning left and from lines.
func (l *Log) leaves(n uint64) iter.Seq2[checkpoint.Hash, error] {
	return func(yield func(checkpoint.Hash, error) bool) {
		files := l.filesFrom(n + 1)
		if files[0].First > n+1 {
			yield(checkpoint.Hash{}, damaged("the records before %s are missing", files[0].Name))
			return
		}
		for ; len(files) > 0 && files[0].Hashes; files = files[1:] {
			if goOn, err := l.hashes(files, n+1, yield); err != nil || !goOn {
				if err != nil {
					yield(checkpoint.Hash{}, explain(err))
				}
				return
			}
		}
		if len(files) == 0 {
			return
		}
		for line, err := range l.Lines(max(n+1, files[0].First)) {
			if !yield(checkpoint.LeafHash(line.Text), err) {
				return
			}
		}
	}
}

// hashes yields the hashes of the first of some files, from record from on, and reports whether to go on behind it.
func (l *Log) hashes(files []logfile.File, from uint64, yield func(checkpoint.Hash, error) bool) (goOn bool, err error) {
	r, err := logfile.Open(l.fsys, files[0].Name)
	if err != nil {
		return false, err
	}
	defer r.Close() // opened for reading: nothing can be lost
	seq := r.First
	for hash, err := range r.Hashes() {
		if err != nil {
			return false, err
		}
		if seq >= from && !yield(hash, nil) {
			return false, nil
		}
		seq++
	}
	if len(files) == 1 {
		return true, nil
	}
	return true, r.FollowedBy(files[1])
}
