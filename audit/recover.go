package audit

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"
)

// ReplayWindow is how long an inbound signature's date can be valid: 15 minutes before and after the clock's time.
const ReplayWindow = 30 * time.Minute

// closedNote is the note of outcomes that recovery writes.
const closedNote = "closed at start: the gateway stopped before an outcome was recorded"

// Recovery is what Open found in the log.
type Recovery struct {
	// Closed are the ids of calls that had an intent and no outcome. They may have been sent, so Open gave each an outcome
	// Unknown.
	Closed []string
	// Signatures are those of intents to write or spend within ReplayWindow: they must not be taken a second time.
	Signatures []Signature
	// Cut is how many bytes of records that had never been acknowledged were cut off.
	Cut int64
	// LastSeq is the last record that was found, before the closing outcomes and the start record; 0 in a new log.
	LastSeq uint64
}

// Signature is an inbound signature that was accepted.
type Signature struct {
	Hash string    // as in Record.SignatureHash
	Date time.Time // as signed
	Time time.Time // when its intent was recorded
}

// recovery reads a log from its end.
type recovery struct {
	disk     disk
	cutoff   time.Time           // signatures since then are of interest
	answered map[string]struct{} // calls whose outcome was read, and whose intent is further up
	open     []head              // intents without outcome
	found    Recovery
}

// scan reads as far back as is needed and gives what the live segment, the last one, ends in.
func (r *recovery) scan(names []string) (live scanned, err error) {
	if len(names) == 0 {
		return live, nil
	}
	last := len(names) - 1
	oldest, err := r.oldest(names)
	if err != nil {
		return live, err
	}
	started := false
	for i := last; i >= 0 && (!started || i >= oldest); i-- {
		s, begun, err := r.segment(names[i], started)
		if err != nil {
			return live, err
		}
		if i == last {
			live = s
		} else if s.partial > 0 || s.zeros {
			return live, faultAt(names[i], s.end, "the segment is not whole, yet another follows")
		}
		started = started || begun
	}
	slices.SortFunc(r.found.Signatures, func(a, b Signature) int { return a.Time.Compare(b.Time) })
	slices.SortFunc(r.open, func(a, b head) int { return cmp.Compare(a.Seq, b.Seq) })
	r.found.LastSeq = live.last.Seq
	return live, nil
}

// oldest reads the last record of each closed segment, checks by it that no segment is missing, and gives the first
// segment that may hold signatures of interest. The first record counts as well: the clock may have been set back within
// the segment, to before the cutoff. (Only a clock that is set ahead and back within one closed segment goes unseen.)
func (r *recovery) oldest(names []string) (int, error) {
	last := len(names) - 1
	oldest, want := last, uint64(1)
	for i, name := range names {
		if first, _ := parseSegmentName(name); first != want {
			return 0, faultAt(name, 0, "the segment that begins with record %d is missing", want)
		}
		if i == last {
			break
		}
		begin, end, err := r.ends(name)
		if err != nil {
			return 0, err
		}
		if begin.Time.After(r.cutoff) || end.Time.After(r.cutoff) {
			oldest = min(oldest, i)
		}
		want = end.Seq + 1
	}
	return oldest, nil
}

// ends reads the first and the last record of a closed segment.
func (r *recovery) ends(name string) (begin, end head, err error) {
	f, err := r.disk.Open(name, 0)
	if err != nil {
		return begin, end, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	id, err := f.Stat()
	if err != nil {
		return begin, end, err
	}
	if end, err = lastRecord(name, f, id.size); err != nil {
		return begin, end, err
	}
	line, err := newLines(name, io.NewSectionReader(f, 0, id.size)).next()
	if err != nil {
		return begin, end, fmt.Errorf("reading audit segment %s: %w", name, err)
	}
	begin, err = parseHead(name, 0, line)
	return begin, end, err
}

// lastRecord reads the last line of a closed segment.
func lastRecord(name string, f io.ReaderAt, size int64) (head, error) {
	from := max(size-MaxLine, 0)
	tail := make([]byte, size-from)
	if _, err := f.ReadAt(tail, from); err != nil && err != io.EOF {
		return head{}, fmt.Errorf("reading audit segment %s: %w", name, err)
	}
	line, whole := bytes.CutSuffix(tail, []byte{'\n'})
	if !whole {
		return head{}, faultAt(name, size, "the segment does not end with a record, yet another follows")
	}
	start := bytes.LastIndexByte(line, '\n') + 1
	return parseHead(name, from+int64(start), line[start:])
}

// segment reads one segment whole. Calls before a start record were closed when it was written: with started, a start
// record was found further down, and only signatures are of interest.
func (r *recovery) segment(name string, started bool) (s scanned, begun bool, err error) {
	f, err := r.disk.Open(name, 0)
	if err != nil {
		return s, false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	calls := tally{open: map[string]head{}, answered: map[string]struct{}{}}
	s, err = scanSegment(name, io.NewSectionReader(f, 0, math.MaxInt64), func(h *head) {
		r.signature(h)
		if !started {
			calls.add(h)
		}
	})
	if err != nil {
		return s, false, err
	}
	r.merge(&calls)
	return s, calls.begun, nil
}

func (r *recovery) signature(h *head) {
	if h.Kind != KindIntent || h.SignatureHash == "" || h.Effect == "read" {
		return
	}
	// The date counts as well as the time of the record: the clock may have been set between them and now.
	if h.Time.After(r.cutoff) || h.SignatureDate.After(r.cutoff) {
		r.found.Signatures = append(r.found.Signatures, Signature{h.SignatureHash, h.SignatureDate, h.Time})
	}
}

// tally matches the intents and outcomes of one segment.
type tally struct {
	open     map[string]head
	answered map[string]struct{} // outcomes whose intent is in an earlier segment
	begun    bool                // a start record was read
}

func (t *tally) add(h *head) {
	switch h.Kind {
	case KindStart:
		clear(t.open)
		clear(t.answered)
		t.begun = true
	case KindIntent:
		t.open[h.Call] = *h
	case KindOutcome:
		if _, ok := t.open[h.Call]; ok {
			delete(t.open, h.Call)
		} else {
			t.answered[h.Call] = struct{}{}
		}
	}
}

// merge adds what one segment says to what later segments said.
func (r *recovery) merge(t *tally) {
	for call, h := range t.open {
		if _, ok := r.answered[call]; ok {
			delete(r.answered, call)
			continue
		}
		r.open = append(r.open, h)
	}
	for call := range t.answered {
		r.answered[call] = struct{}{}
	}
}

// closing gives the outcome that closes an open intent.
func closing(h *head) *Record {
	return &Record{
		Kind: KindOutcome, Call: h.Call, Caller: h.Caller,
		Upstream: h.Upstream, Site: h.Site, Operation: h.Operation, Effect: h.Effect,
		Credential: h.Credential, Class: h.Class,
		Outcome: Unknown, Note: closedNote,
	}
}

// removeNext removes the unfinished next segment that a crash left.
func removeNext(d disk) error {
	if err := d.Remove(nextName); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing an unfinished audit segment: %w", err)
	}
	return nil
}

// checkNames refuses names that look like segments and are none, such as copies made by hand: nobody should believe
// that they are part of the log.
func checkNames(names []string) error {
	for _, name := range names {
		if _, ok := parseSegmentName(name); !ok && strings.HasSuffix(name, segmentSuffix) {
			return fmt.Errorf("audit directory: %s is not the name of a segment; move it away", name)
		}
	}
	return nil
}
