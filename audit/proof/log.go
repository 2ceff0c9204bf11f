package proof

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
	"strconv"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
)

// Log reads the files of a log without parsing more of them than a proof needs. It trusts nothing that it finds: what is
// made from it is checked against the signed checkpoint before it is handed out. The log may be open for writing; a Log
// sees the files that were there when it was opened.
type Log struct {
	files fs.FS
	parts []part
}

// part is a segment, or what pruning left of one.
type part struct {
	name   string
	first  uint64 // record
	hashes bool
}

// OpenLog lists the files of a log. Names that are not of a log are ignored.
func OpenLog(files fs.FS) (*Log, error) {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	l := &Log{files: files}
	for _, e := range entries { // sorted by name: hashes come before the segment of the same number
		first, hashes, ok := logfile.ParseFileName(e.Name())
		if !ok {
			continue
		}
		p := part{e.Name(), first, hashes}
		if n := len(l.parts); n > 0 && l.parts[n-1].first == p.first {
			l.parts = l.parts[:n-1] // where both are there the segment counts
		}
		l.parts = append(l.parts, p)
	}
	if len(l.parts) == 0 {
		return nil, fmt.Errorf("there is no audit log here: no file such as %s", logfile.SegmentName(1))
	}
	return l, nil
}

// First is the first record whose line is there; the ones before it are pruned. It is 0 when no line is there.
func (l *Log) First() uint64 {
	for _, p := range l.parts {
		if !p.hashes {
			return p.first
		}
	}
	return 0
}

// Segments gives the first record of each segment, in order.
func (l *Log) Segments() []uint64 {
	var firsts []uint64
	for _, p := range l.parts {
		if !p.hashes {
			firsts = append(firsts, p.first)
		}
	}
	return firsts
}

// Line is a record as it stands in the log.
type Line struct {
	Seq  uint64
	Time string // RFC 3339 in UTC with nine digits of a second: later times are greater texts
	Kind logfile.Kind
	Text []byte // without its line feed, valid until the next line is asked for
}

// TimeFormat is how records spell their times.
const TimeFormat = "2006-01-02T15:04:05.000000000Z"

// parseLine reads the four members that begin every line, by their places.
func parseLine(text []byte) (Line, bool) {
	rest, ok := bytes.CutPrefix(text, []byte(`{"seq":`))
	seq, rest, comma := bytes.Cut(rest, []byte(`,"commit":`))
	_, rest, more := bytes.Cut(rest, []byte(`,"time":"`))
	if !ok || !comma || !more || len(rest) < len(TimeFormat) {
		return Line{}, false
	}
	at := rest[:len(TimeFormat)]
	rest, ok = bytes.CutPrefix(rest[len(TimeFormat):], []byte(`","kind":"`))
	kind, _, end := bytes.Cut(rest, []byte(`"`))
	n, err := strconv.ParseUint(string(seq), 10, 63)
	return Line{Seq: n, Time: string(at), Kind: logfile.Kind(kind), Text: text}, ok && end && err == nil
}

// Lines gives the records from seq on, as far as their lines are there, up to the end of the log or the end of the last
// complete line. An error is the last thing that it gives.
func (l *Log) Lines(from uint64) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		for i := l.partOf(from); i < len(l.parts); i++ {
			if l.parts[i].hashes {
				continue
			}
			if goOn, err := l.segment(i, from, yield); err != nil || !goOn {
				if err != nil {
					yield(Line{}, err)
				}
				return
			}
		}
	}
}

// partOf is the index of the last part that begins at or before the record.
func (l *Log) partOf(seq uint64) int {
	i, exact := slices.BinarySearchFunc(l.parts, seq, func(p part, seq uint64) int {
		switch {
		case p.first < seq:
			return -1
		case p.first > seq:
			return 1
		}
		return 0
	})
	if exact {
		return i
	}
	return max(i-1, 0)
}

// segment gives the lines of one segment, and tells whether to go on behind it.
func (l *Log) segment(i int, from uint64, yield func(Line, error) bool) (bool, error) {
	p := l.parts[i]
	f, err := l.files.Open(p.name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("audit segment %s was removed meanwhile, as pruning does: try again", p.name)
	}
	if err != nil {
		return false, fmt.Errorf("reading the audit log: %w", err)
	}
	defer f.Close() // opened for reading: nothing can be lost
	in := bufio.NewReaderSize(f, logfile.MaxLine)
	for seq := p.first; ; seq++ {
		text, err := in.ReadSlice('\n')
		if err == nil && bytes.IndexByte(text, 0) < 0 {
			line, ok := parseLine(text[:len(text)-1])
			if !ok || line.Seq != seq {
				return false, damaged("%s: record %d is expected, and something else stands there", p.name, seq)
			}
			if seq >= from && !yield(line, nil) {
				return false, nil
			}
			continue
		}
		return true, l.segmentEnd(i, seq, text, err)
	}
}

// segmentEnd says whether a segment may end as it does: the live one anyhow, the others behind a line that the next file
// goes on from.
func (l *Log) segmentEnd(i int, seq uint64, rest []byte, err error) error {
	name := l.parts[i].name
	switch {
	case err == bufio.ErrBufferFull && bytes.IndexByte(rest, 0) < 0:
		return damaged("%s: record %d is longer than %d bytes", name, seq, logfile.MaxLine)
	case err != nil && err != io.EOF && err != bufio.ErrBufferFull:
		return fmt.Errorf("reading audit segment %s: %w", name, err)
	case i == len(l.parts)-1:
		return nil
	case len(rest) > 0:
		return damaged("%s is not whole, yet another segment follows", name)
	}
	return l.follows(i, seq)
}

// follows says whether the next file begins with record seq.
func (l *Log) follows(i int, seq uint64) error {
	if i+1 < len(l.parts) && l.parts[i+1].first != seq {
		return damaged("%s ends before record %d, and %s follows", l.parts[i].name, seq, l.parts[i+1].name)
	}
	return nil
}

// damaged is an error in the files of the log.
func damaged(format string, args ...any) error {
	return fmt.Errorf("the log is damaged: %w; tollgate audit verify shows more", fmt.Errorf(format, args...))
}

// leaves gives the leaf hashes of the records behind the first n, from lines and from what pruning left.
func (l *Log) leaves(n uint64) iter.Seq2[checkpoint.Hash, error] {
	return func(yield func(checkpoint.Hash, error) bool) {
		i := l.partOf(n + 1)
		if l.parts[i].first > n+1 {
			yield(checkpoint.Hash{}, damaged("the records before %s are missing", l.parts[i].name))
			return
		}
		each := func(line Line, _ error) bool { return yield(checkpoint.LeafHash(line.Text), nil) }
		for ; i < len(l.parts); i++ {
			read := l.segment
			if l.parts[i].hashes {
				read = func(i int, from uint64, _ func(Line, error) bool) (bool, error) { return l.hashes(i, from, yield) }
			}
			if goOn, err := read(i, n+1, each); err != nil || !goOn {
				if err != nil {
					yield(checkpoint.Hash{}, err)
				}
				return
			}
		}
	}
}

func (l *Log) hashes(i int, from uint64, yield func(checkpoint.Hash, error) bool) (bool, error) {
	p := l.parts[i]
	f, err := l.files.Open(p.name)
	if err != nil {
		return false, fmt.Errorf("reading the audit log: %w", err)
	}
	defer f.Close() // opened for reading: nothing can be lost
	in := bufio.NewReaderSize(f, logfile.MaxLine)
	for seq := p.first; ; seq++ {
		var h checkpoint.Hash
		switch _, err := io.ReadFull(in, h[:]); {
		case err == io.EOF:
			return true, l.follows(i, seq)
		case err == io.ErrUnexpectedEOF:
			return false, damaged("%s ends within a hash", p.name)
		case err != nil:
			return false, fmt.Errorf("reading audit hashes %s: %w", p.name, err)
		}
		if seq >= from && !yield(h, nil) {
			return false, nil
		}
	}
}
