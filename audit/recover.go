package audit

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/freeze"
)

// ReplayWindow is how long an inbound signature's date can be valid: 15 minutes before and after the clock's time.
const ReplayWindow = 30 * time.Minute

// closedNote is the note of outcomes that recovery writes.
const closedNote = "closed at start: the gateway stopped before an outcome was recorded"

// Recovery is what Open found in the log.
type Recovery struct {
	// Closed are the calls that had an intent and no outcome. They may have been sent, so Open wrote each the outcome Unknown.
	Closed []ClosedCall
	// Signatures are those of intents to write or spend whose date is not older than ReplayWindow at Earliest: they must not be
	// taken a second time. They come in no order.
	Signatures []Signature
	// Freezes are those in force.
	Freezes []freeze.Freeze
	// Earliest is the smallest time that the clock has shown of late, in the log and now. It may show that again.
	Earliest time.Time
	// Cut is how many bytes of records that had never been acknowledged were cut off.
	Cut int64
	// Unsigned is how many records stood behind the last checkpoint: none after a stop in good order.
	Unsigned uint64
	// Ahead says what followed the log further than it goes, as a crash may leave it.
	Ahead []string
	// Accepted are the losses that [Options.Accept] named and that are on record now.
	Accepted []Loss
	// LastSeq is the last record that was found, before the closing outcomes and the start record; 0 in a new log.
	LastSeq uint64
}

// ClosedCall is a call that Open closed, and its effect.
type ClosedCall struct{ Call, Effect string }

// Signature is an inbound signature that was accepted.
type Signature = logfile.Signature

// recovery reads a log from its end.
type recovery struct {
	disk     disk
	names    []string // of the directory's files
	now      time.Time
	lately   lately
	answered map[string]struct{} // calls whose outcome was read, and whose intent is further up
	open     []logfile.Head      // intents without outcome
	found    Recovery
	frozen   bool // found.Freezes are known

	pruned  []string      // hashes of the segments in front of the first one
	live    string        // the segment that is written on; empty in a new log
	unbegun string        // a segment behind it that has no record yet; empty when there is none
	stated  bool          // a closed segment begins with a checkpoint
	stating bool          // and one of these states what a start needs
	chain   logfile.Chain // at the end of the log
	ahead   []Witness     // that know more than the log
}

// lately follows the smallest time of the records since the last checkpoint but one.
type lately struct {
	last, butOne time.Time
	checkpoints  []time.Time
	end          time.Time // of the last record
}

func (l *lately) see(h *logfile.Head) {
	l.end = h.Time
	if h.Kind == logfile.KindCheckpoint {
		l.butOne, l.last = l.last, time.Time{}
		l.checkpoints = append(l.checkpoints, h.Time)
	}
	l.last, l.butOne = earlier(l.last, h.Time), earlier(l.butOne, h.Time)
}

// earlier returns the earlier of two times, of which the first may not be known yet.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// settle settles from when on signatures are of interest, once the end of the log was read. That is not by the present time
// alone: the clock may be wrong at a start, and right soon after.
func (r *recovery) settle() { r.found.Earliest = earlier(r.lately.butOne, r.now) }

func (r *recovery) cutoff() time.Time { return r.found.Earliest.Add(-ReplayWindow) }

// scan reads as far back as is needed and returns what the live segment ends in. A last segment that was named and has no
// record yet is not counted: it has to begin with a checkpoint, which cannot be written before what a start writes.
func (r *recovery) scan() (live scanned, err error) {
	segments, err := r.segments()
	if err != nil {
		return live, err
	}
	if len(segments) == 0 {
		r.chain.Tree, live.ledger = new(checkpoint.Tree), logfile.LedgerFrom(1, false)
		r.settle()
		return live, nil
	}
	ends, err := r.closed(segments)
	if err != nil {
		return live, err
	}
	if segments, err = r.begun(segments); err != nil {
		return live, err
	}
	r.live = segments[len(segments)-1]
	live, ok, err := r.fromCheckpoints(segments)
	if err == nil && !ok {
		live, err = r.fromRecords(segments, ends)
	}
	if err != nil {
		return live, err
	}
	cutoff := r.cutoff()
	r.found.Signatures = slices.DeleteFunc(r.found.Signatures, func(s Signature) bool { return !s.Date.After(cutoff) })
	slices.SortFunc(r.open, func(a, b logfile.Head) int { return cmp.Compare(a.Seq, b.Seq) })
	r.found.LastSeq = live.last.Seq
	r.found.Unsigned = live.last.Seq - r.chain.Signed
	return live, nil
}

// fromRecords reads logs, or those parts of them, whose checkpoints do not state what a start needs.
func (r *recovery) fromRecords(segments []string, ends []ends) (live scanned, err error) {
	r.expect(segments, 0)
	if live, err = r.back(segments, ends); err != nil {
		return live, err
	}
	if r.chain = live.chain; r.chain.Tree == nil {
		err = r.forward(segments)
	}
	return live, err
}

// expect says what is read next, for reports of progress.
func (r *recovery) expect(segments []string, offset int64) {
	if d, ok := r.disk.(*readingDisk); ok {
		d.expect(segments, offset)
	}
}

// back reads from the last segment back to the last start record, and to the oldest segment that may hold signatures of
// interest. It returns what it found in the last one.
func (r *recovery) back(segments []string, ends []ends) (live scanned, err error) {
	last := len(segments) - 1
	var later logfile.SegmentLink
	started, oldest := false, last
	for i := last; i >= 0 && (!started || i >= oldest); i-- {
		s, begun, err := r.segment(segments[i], started)
		if err != nil {
			return live, err
		}
		if i == last {
			live = s
			if i > 0 && len(r.lately.checkpoints) < 2 { // the last but one stands further up
				r.lately.butOne = earlier(r.lately.butOne, ends[i-1].last)
			}
			r.settle()
			oldest = r.oldest(ends[:last])
		}
		if i < last || r.unbegun != "" {
			if s.whole != nil {
				return live, s.whole
			}
		}
		if end := s.chain.Link(); i < last && end.Known && later.Known && end != later {
			return live, logfile.FaultAt(segments[i+1], 0, "the segment does not go on from the records before it")
		}
		later = s.base
		started = started || begun
	}
	return live, nil
}

// forward builds the tree from the first record on. Only the logs of versions before checkpoints need it, until they have a
// segment that begins with one.
func (r *recovery) forward(segments []string) (err error) {
	if r.stated {
		return logfile.FaultAt(r.live, 0, "the segment does not begin with a checkpoint, as those before it do")
	}
	if r.chain.Tree, err = r.prunedTree(); err != nil {
		return err
	}
	for i, name := range segments {
		s, err := r.read(name, r.chain, func(*logfile.Head, []byte) error { return nil })
		if err != nil {
			return err
		}
		if i < len(segments)-1 && s.whole != nil {
			return s.whole
		}
		r.chain = s.chain
	}
	return nil
}

// segments returns the segments of the log, and checks that the hashes of pruned records, if there are any, hold all records in
// front of the first one.
func (r *recovery) segments() ([]string, error) {
	files, err := logfile.List(diskFS{r.disk})
	if err != nil {
		return nil, err
	}
	want := uint64(1)
	for i, f := range files {
		switch size := f.Size(); {
		case !f.Hashes && f.First != want:
			return nil, logfile.FaultAt(f.Name, 0, "the segment that begins with record %d is missing", want)
		case !f.Hashes:
			var names []string
			for _, segment := range logfile.Segments(files[i:]) {
				names = append(names, segment.Name)
			}
			return names, nil
		case f.First != want:
			return nil, logfile.FaultAt(f.Name, 0, "the segment or the hashes that begin with record %d are missing", want)
		case size%logfile.HashLength != 0:
			return nil, logfile.FaultAt(f.Name, size, "the length of the file is not that of hashes of %d bytes", logfile.HashLength)
		default:
			r.pruned, want = append(r.pruned, f.Name), want+uint64(size/logfile.HashLength)
		}
	}
	if len(r.pruned) > 0 {
		return nil, logfile.FaultAt(logfile.SegmentName(want), 0, "the segment is missing: only hashes of records before it are here")
	}
	return nil, nil
}

// prunedTree is the tree over the records of which only the hashes are left.
func (r *recovery) prunedTree() (*checkpoint.Tree, error) {
	tree := new(checkpoint.Tree)
	for _, name := range r.pruned {
		err := withReader(r.disk, name, func(in *logfile.Reader) error {
			for leaf, err := range in.Hashes() {
				if err != nil {
					return err
				}
				tree.Add(leaf)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return tree, nil
}

// begun leaves out a last segment that has no record yet, once what stands in it is known to be nothing that was
// acknowledged.
func (r *recovery) begun(segments []string) (_ []string, err error) {
	last := len(segments) - 1
	if last == 0 {
		return segments, nil
	}
	name := segments[last]
	if _, err := firstRecord(r.disk, name); err != io.EOF {
		return segments, err
	}
	f, err := r.disk.Open(name, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	first, _ := logfile.ParseSegmentName(name)
	if r.found.Cut, err = readPartialTail(name, logfile.Head{Seq: first - 1}, 0, io.NewSectionReader(f, 0, math.MaxInt64)); err != nil {
		return nil, err
	}
	r.unbegun = name
	return segments[:last], nil
}

// ends are the times of the first and the last record of a closed segment.
type ends struct{ first, last time.Time }

// closed reads the first and the last record of each closed segment, and checks by them that no segment is missing.
func (r *recovery) closed(names []string) (all []ends, err error) {
	last := len(names) - 1
	want, _ := logfile.ParseSegmentName(names[0]) // what stands before it was looked at
	for i, name := range names {
		if first, _ := logfile.ParseSegmentName(name); first != want {
			return nil, logfile.FaultAt(name, 0, "the segment that begins with record %d is missing", want)
		}
		if i == last {
			break
		}
		begin, end, err := r.ends(name)
		if err != nil {
			return nil, err
		}
		all = append(all, ends{begin.Time, end.Time})
		r.stated, r.stating = r.stated || begin.Kind == logfile.KindCheckpoint, r.stating || begin.Previous != nil
		want = end.Seq + 1
	}
	return all, nil
}

// oldest returns the first segment that may hold signatures of interest. The first record counts as well: the clock may have
// been set back within the segment, to before the cutoff. (Only a clock that is set ahead and back within one closed segment
// goes unseen.)
func (r *recovery) oldest(closed []ends) int {
	cutoff := r.cutoff()
	i := slices.IndexFunc(closed, func(e ends) bool { return e.first.After(cutoff) || e.last.After(cutoff) })
	if i < 0 {
		return len(closed)
	}
	return i
}

// ends reads the first and the last record of a closed segment.
func (r *recovery) ends(name string) (begin, end logfile.Head, err error) {
	err = withReader(r.disk, name, func(in *logfile.Reader) (err error) {
		end, err = in.Last()
		return err
	})
	if err == nil {
		begin, err = firstRecord(r.disk, name)
	}
	return begin, end, err
}

// segment reads one segment whole. Calls before a start record were closed when it was written: with started, a start
// record was found further down, and only signatures are of interest.
func (r *recovery) segment(name string, started bool) (s scanned, begun bool, err error) {
	calls := tally{open: map[string]logfile.Head{}, answered: map[string]struct{}{}}
	first, _ := logfile.ParseSegmentName(name)
	later := r.frozen
	s, err = r.read(name, logfile.ChainAt(first), func(h *logfile.Head, _ []byte) error {
		r.signature(h)
		if !later {
			r.freezes(h)
		}
		if name == r.live {
			r.lately.see(h)
		}
		if !started {
			calls.add(h)
		}
		return nil
	})
	if err != nil {
		return s, false, err
	}
	r.merge(&calls)
	return s, calls.begun, nil
}

// read reads a segment from its beginning.
func (r *recovery) read(name string, c logfile.Chain, fn func(*logfile.Head, []byte) error) (s scanned, err error) {
	first, _ := logfile.ParseSegmentName(name)
	s = scanned{chain: c, ledger: logfile.LedgerFrom(first, r.stating && name == r.live), last: logfile.Head{Seq: first - 1}}
	err = withReader(r.disk, name, func(in *logfile.Reader) error { return s.scan(in, fn) })
	return s, err
}

func (r *recovery) signature(h *logfile.Head) {
	if s, ok := h.Signature(); ok {
		r.found.Signatures = append(r.found.Signatures, s)
	}
}

// freezes takes the freezes in force from a record that states them.
func (r *recovery) freezes(h *logfile.Head) {
	if h.StatesFreezes() {
		r.found.Freezes, r.frozen = h.Freezes, true
	}
}

// tally matches the intents and outcomes of one segment.
type tally struct {
	open     map[string]logfile.Head
	answered map[string]struct{} // outcomes whose intent is in an earlier segment
	begun    bool                // a start record was read
}

func (t *tally) add(h *logfile.Head) {
	switch h.Kind {
	case logfile.KindStart:
		clear(t.open)
		clear(t.answered)
		t.begun = true
	case logfile.KindIntent:
		t.open[h.Call] = *h
	case logfile.KindOutcome:
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

// closing returns the outcome that closes an open intent.
func closing(h *logfile.Head) *logfile.Record {
	return &logfile.Record{
		Kind: logfile.KindOutcome, Call: h.Call, Caller: h.Caller,
		Upstream: h.Upstream, Site: h.Site, Operation: h.Operation, Effect: h.Effect, Deprecated: h.Deprecated,
		Credential: h.Credential, Class: h.Class, Account: h.Account, Plan: h.Plan,
		Outcome: logfile.Unknown, Note: closedNote,
	}
}

// removeUnfinished removes files without a record that a crash left.
func removeUnfinished(d disk, names ...string) error {
	for _, name := range names {
		if name == "" {
			continue
		}
		if err := d.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("removing an unfinished audit segment: %w", err)
		}
	}
	return nil
}

// checkNames refuses names that look like segments and are none, such as copies made by hand: no one should take them for
// part of the log.
func checkNames(names []string) error {
	for _, name := range names {
		if _, ok := logfile.ParseSegmentName(name); !ok && strings.HasSuffix(name, logfile.SegmentSuffix) {
			return fmt.Errorf("audit directory: %s is not the name of a segment; move it away", name)
		}
	}
	return nil
}
