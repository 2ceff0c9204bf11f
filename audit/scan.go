package audit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

const (
	segmentSuffix = ".jsonl"
	segmentDigits = 20 // of the largest uint64
)

func segmentName(first uint64) string {
	return fmt.Sprintf("%0*d%s", segmentDigits, first, segmentSuffix)
}

// parseSegmentName gives the first seq of a segment, or false for a name that is not a segment's.
func parseSegmentName(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(digits) != segmentDigits {
		return 0, false
	}
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, err == nil && first > 0 && segmentName(first) == name
}

// segmentNames gives the segments among the names of a directory, in order.
func segmentNames(names []string) []string {
	var segments []string
	for _, name := range names {
		if _, ok := parseSegmentName(name); ok {
			segments = append(segments, name)
		}
	}
	slices.Sort(segments)
	return segments
}

// faultError says that a file of the log is not as this package wrote it.
type faultError struct {
	segment string
	offset  int64
	err     error
}

func (e *faultError) Error() string {
	return fmt.Sprintf("audit segment %s, byte %d: %v", e.segment, e.offset, e.err)
}

func (e *faultError) Unwrap() error { return e.err }

func faultAt(name string, offset int64, format string, args ...any) error {
	return &faultError{name, offset, fmt.Errorf(format, args...)}
}

// lines reads the complete lines of a segment: up to the first zero byte, or the end of the file.
type lines struct {
	name   string
	r      *bufio.Reader
	offset int64 // of the next line
	// What stands behind the last complete line, once next has given io.EOF.
	partial int64 // bytes of an incomplete line
	zeros   bool  // a zero byte follows, not the end of the file
}

func newLines(name string, r io.Reader) *lines {
	return &lines{name: name, r: bufio.NewReaderSize(r, MaxLine)}
}

// next gives the next line without its line feed, valid until the call after. It gives io.EOF behind the last one.
func (l *lines) next() ([]byte, error) {
	line, err := l.r.ReadSlice('\n')
	if i := bytes.IndexByte(line, 0); i >= 0 {
		l.partial, l.zeros = int64(i), true
		return nil, io.EOF
	}
	switch err {
	case nil:
		l.offset += int64(len(line))
		return line[:len(line)-1], nil
	case io.EOF:
		l.partial = int64(len(line))
		return nil, io.EOF
	case bufio.ErrBufferFull:
		return nil, faultAt(l.name, l.offset, "a line is longer than %d bytes", MaxLine)
	}
	return nil, fmt.Errorf("reading audit segment %s at byte %d: %w", l.name, l.offset, err)
}

// prunedNames gives the segments in front of the one that begins with record first of which only the hashes are left, by
// the number of their first record, in order.
func prunedNames(names []string, first uint64) []uint64 {
	var pruned []uint64
	for _, name := range names {
		base, ok := strings.CutSuffix(name, hashesSuffix)
		if n, isSegment := parseSegmentName(base + segmentSuffix); ok && isSegment && n < first {
			pruned = append(pruned, n)
		}
	}
	slices.Sort(pruned)
	return pruned
}

// head is what recovery needs of a record.
type head struct {
	Seq           uint64    `json:"seq"`
	Commit        uint64    `json:"commit"`
	Time          time.Time `json:"time"`
	Kind          Kind      `json:"kind"`
	Call          string    `json:"call"`
	Caller        string    `json:"caller"`
	Upstream      string    `json:"upstream"`
	Site          string    `json:"site"`
	Operation     string    `json:"operation"`
	Effect        string    `json:"effect"`
	Deprecated    bool      `json:"deprecated"`
	Credential    string    `json:"credential"`
	Class         string    `json:"class"`
	Account       string    `json:"account"`
	SignatureHash string    `json:"signature_hash"`
	SignatureDate time.Time `json:"signature_date"`
	Key           string    `json:"key"`
	PreviousKey   string    `json:"previous_key"`
	KeyLost       bool      `json:"key_lost"`
	Checkpoint    string    `json:"checkpoint"`
	Peaks         []string  `json:"peaks"`
}

// decode reads a line strictly: names by exact case and once each, valid UTF-8, nothing around the object. What a person,
// jq and this program read in a line is then the same.
func decode(line []byte, into any) error {
	if len(line) < 2 || line[0] != '{' || line[len(line)-1] != '}' {
		return errors.New("a record is one JSON object without anything around it")
	}
	return json.Unmarshal(line, into)
}

// parseHead reads a line that begins at offset.
func parseHead(name string, offset int64, line []byte) (head, error) {
	var h head
	if err := decode(line, &h); err != nil {
		return h, faultAt(name, offset, "the line is no record: %w", err)
	}
	if h.Seq == 0 || h.Commit == 0 || h.Commit > h.Seq || !h.Kind.known() {
		return h, faultAt(name, offset, "the line is no record: seq, commit or kind is missing or wrong")
	}
	return h, nil
}

// scanned is what scanning a segment found.
type scanned struct {
	begun   time.Time // of the first record; zero in an empty segment
	last    head      // of the last record; in an empty segment only its Seq is set, to that of the record before
	end     int64     // where the complete lines end
	commit  int64     // where the last record's commit begins
	stop    uint64    // the stop record that no start record follows yet; 0 when there is none
	partial int64
	zeros   bool
	base    segmentLink // where the segment begins
	chain   chain       // where the records end
}

// checkWhole demands that nothing stands behind the records, as of all segments but the live one.
func (s *scanned) checkWhole(name string) error {
	if s.partial > 0 || s.zeros {
		return faultAt(name, s.end, "the segment is not whole, yet another follows")
	}
	return nil
}

// scanSegment calls fn for each record of a segment and checks that they are numbered from the segment's name upwards, and
// what they say of tree and keys. c is what the segments before say of these, if that is known.
func scanSegment(name string, r io.Reader, c chain, fn func(h *head, line []byte)) (scanned, error) {
	s := scanned{chain: c}
	want, _ := parseSegmentName(name)
	s.last.Seq = want - 1
	in := newLines(name, r)
	for ; ; want++ {
		line, err := in.next()
		if err == io.EOF {
			s.partial, s.zeros = in.partial, in.zeros
			return s, nil
		}
		if err != nil {
			return s, err
		}
		h, err := parseHead(name, s.end, line)
		if err != nil {
			return s, err
		}
		if h.Seq != want {
			return s, faultAt(name, s.end, "record %d is expected here, not record %d", want, h.Seq)
		}
		if err := s.follow(&h, line); err != nil {
			return s, faultAt(name, s.end, "%w", err)
		}
		s.last, s.end = h, in.offset
		fn(&h, line)
	}
}

// follow judges a record by the one before it.
func (s *scanned) follow(h *head, line []byte) error {
	if s.end == 0 {
		s.begun = h.Time
		if err := s.chain.begin(h); err != nil {
			return err
		}
		s.base = s.chain.link()
	}
	if h.Commit != s.last.Commit {
		s.commit = s.end
		if h.Commit != h.Seq {
			return fmt.Errorf("record %d belongs to a commit that does not begin with record %d", h.Seq, h.Commit)
		}
	}
	if s.stop > 0 && !mayFollowStop(h, s.stop) {
		return fmt.Errorf("record %d, of kind %q, stands behind the log's end in record %d", h.Seq, h.Kind, s.stop)
	}
	switch h.Kind {
	case KindStop:
		s.stop = h.Seq
	case KindStart:
		s.stop = 0
	}
	return s.chain.add(h, line)
}

// mayFollowStop knows what stands behind a stop record: its checkpoint, and what the next opening closes and begins with.
func mayFollowStop(h *head, stop uint64) bool {
	switch h.Kind {
	case KindCheckpoint:
		return h.Seq == stop+1
	case KindOutcome, KindStart:
		return true
	}
	return false
}
