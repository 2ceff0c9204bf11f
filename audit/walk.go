package audit

import (
	"errors"
	"slices"
	"time"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
)

// longestGap is how much of the time between two checkpoints counts as time that the gateway ran. The rest it was stopped or
// idle, or the clock was set ahead: records do not show which.
const longestGap = time.Minute

// walkedTime is how much of that time a start walks back over: a signature is good for ReplayWindow at most, and each time that the
// clock was set ahead meanwhile counts as a gap, in which no time may have passed.
const walkedTime = ReplayWindow + 5*longestGap

// running counts, from record to record back, for how long the gateway has run since. That is the least time that has passed, so
// earliest is what the right time may be at the least, if the clock was right at any of these records.
type running struct {
	later    time.Time
	time     time.Duration
	earliest time.Time
}

func (r *running) back(at time.Time) {
	r.time += min(max(r.later.Sub(at), 0), longestGap)
	r.later = at
	r.earliest = earlier(r.earliest, at.Add(r.time))
}

// backward goes from checkpoint to checkpoint, back from the last one. What each states is proven by the one behind it, which
// holds its hash, and of the last but one by the root that the last one signs.
type backward struct {
	disk     disk
	segments []string
	lines    logfile.LineReader
}

// stop is a checkpoint on the walk.
type stop struct {
	logfile.Head
	segment int   // of backward.segments
	offset  int64 // of its line
}

// fromCheckpoints reads the end of the log: from the last checkpoint but one on, or from the one in front of the intent that had
// been open longest there, and from there back the checkpoints alone. It reports false when they do not state what it needs.
func (r *recovery) fromCheckpoints(segments []string) (live scanned, ok bool, err error) {
	w := &backward{r.disk, segments, logfile.LineReader{Files: diskFS{r.disk}}}
	defer func() { err = errors.Join(err, w.lines.Close()) }()
	from, ok, err := w.base()
	if err != nil || !ok {
		return live, false, err
	}
	r.expect(segments[from.segment:], from.offset)
	end := *r
	if live, err = end.forwardFrom(from, segments); err != nil {
		return live, false, err
	}
	if err := end.freezesBefore(w, from); err != nil {
		return live, false, err
	}
	if ok, err = end.collect(w, from); err == nil && ok {
		*r = end
	}
	return live, ok, err
}

// freezesBefore reads the freezes in force, if no record from the checkpoint on states them. That they are not known is an error: what is
// frozen must not begin to go out.
func (r *recovery) freezesBefore(w *backward, from stop) error {
	if r.frozen || from.Frozen == nil {
		return nil
	}
	at, ok, err := w.record(from, from.Frozen)
	if err != nil {
		return err
	}
	if !ok || !at.StatesFreezes() {
		return logfile.FaultAt(w.segments[from.segment], from.offset,
			"record %d, which by this checkpoint has the freezes in force, is not there or states none", from.Frozen.Seq)
	}
	r.freezes(&at.Head)
	return nil
}

// base finds the record to read from: a checkpoint that one key signed, or the log's first record.
func (w *backward) base() (at stop, ok bool, err error) {
	at, ok, err = w.last()
	if err != nil || !ok {
		return at, false, err
	}
	var open *logfile.Place // at the last checkpoint but one
	for n := 1; ; n++ {
		if at.Previous == nil {
			return stop{}, n > 1 && w.whole(), nil
		}
		if at, ok, err = w.before(at); err != nil || !ok {
			return at, false, err
		}
		if n == 1 {
			open = at.Open
		}
		if (open == nil || at.Seq <= open.Seq) && at.signedAlone() {
			return at, true, nil
		}
	}
}

// whole reports whether the first segment is that of the log.
func (w *backward) whole() bool { return w.segments[0] == logfile.SegmentName(1) }

// signedAlone reports whether one key signed: what follows can then be judged without the records before.
func (s *stop) signedAlone() bool {
	key, err := checkpoint.ParsePublicKey(s.Key)
	if err == nil {
		_, err = checkpoint.Open(s.Checkpoint, key)
	}
	return err == nil
}

// forwardFrom reads all records from a checkpoint on, or from the log's first one.
func (r *recovery) forwardFrom(from stop, segments []string) (s scanned, err error) {
	s = scanned{end: from.offset, last: logfile.Head{Seq: max(from.Seq, 1) - 1}, ledger: logfile.LedgerFrom(max(from.Seq, 1), false)}
	if from.Seq == 0 {
		s.chain = logfile.ChainAt(1)
	}
	calls := tally{open: map[string]logfile.Head{}, answered: map[string]struct{}{}}
	for i, name := range segments[from.segment:] {
		if i > 0 {
			s = scanned{chain: s.chain, ledger: s.ledger, last: logfile.Head{Seq: s.last.Seq}}
		}
		err := r.readOn(name, &s, func(h *logfile.Head, _ []byte) error {
			r.signature(h)
			r.freezes(h)
			r.lately.see(h)
			calls.add(h)
			return nil
		})
		if err == nil && (name != r.live || r.unbegun != "") {
			err = s.whole
		}
		if err != nil {
			return s, err
		}
	}
	r.merge(&calls)
	r.chain = s.chain
	if from.offset > 0 && segments[from.segment] == r.live {
		begin, err := firstRecord(r.disk, r.live)
		s.begun = begin.Time
		return s, err
	}
	return s, nil
}

// readOn reads a segment from where s ends.
func (r *recovery) readOn(name string, s *scanned, fn func(*logfile.Head, []byte) error) error {
	return withReader(r.disk, name, func(in *logfile.Reader) error { return s.scan(in, fn) })
}

// collect walks back over the checkpoints of the last walkedTime that the gateway ran. It reports false when one does not state
// what came before it.
func (r *recovery) collect(w *backward, at stop) (ok bool, err error) {
	r.settle()
	ran := running{later: r.now, earliest: r.found.Earliest}
	ran.back(r.lately.end)
	for _, at := range slices.Backward(r.lately.checkpoints) {
		ran.back(at)
	}
	for at.Seq > 0 && ran.time < walkedTime {
		r.found.Signatures = append(r.found.Signatures, at.Signatures...)
		if at.Previous == nil {
			if !w.whole() || at.segment > 0 {
				return false, nil
			}
			if err := r.upTo(w, at); err != nil {
				return false, err
			}
			break
		}
		if at, ok, err = w.before(at); err != nil {
			return false, err
		}
		if !ok { // what was pruned is older than that
			break
		}
		ran.back(at.Time)
	}
	r.found.Earliest = ran.earliest
	return true, nil
}

// upTo reads the records in front of a log's first checkpoint.
func (r *recovery) upTo(w *backward, first stop) error {
	errThere := errors.New("there")
	s := scanned{chain: logfile.ChainAt(1), ledger: logfile.LedgerFrom(1, false)}
	err := r.readOn(w.segments[0], &s, func(h *logfile.Head, line []byte) error {
		if r.signature(h); h.Seq == first.Seq && s.end == first.offset+int64(len(line))+1 {
			return errThere
		}
		return nil
	})
	if err == errThere {
		return nil
	}
	return errors.Join(err, logfile.FaultAt(w.segments[0], s.end, "the segment ends in front of record %d", first.Seq))
}

// last finds the last checkpoint, in the last segment. It only says where to begin: all lines behind the one before are read
// and judged.
func (w *backward) last() (at stop, ok bool, err error) {
	at.segment = len(w.segments) - 1
	err = withReader(w.disk, w.segments[at.segment], func(in *logfile.Reader) error {
		line, h, err := in.LastCheckpoint()
		at.Head, at.offset, ok = h, line.At.Offset, line.Text != nil
		return err
	})
	return at, ok, err
}

// before reads the checkpoint in front of another. It reports false when its segment was pruned.
func (w *backward) before(later stop) (at stop, ok bool, err error) {
	if at, ok, err = w.record(later, later.Previous); err != nil || !ok {
		return at, ok, err
	}
	if at.Kind != logfile.KindCheckpoint {
		return at, false, logfile.FaultAt(w.segments[at.segment], at.offset,
			"the checkpoint in record %d names this record as the one before it, and it is none", later.Seq)
	}
	return at, true, nil
}

// record reads a record that a checkpoint names with its hash. It reports false when its segment was pruned.
func (w *backward) record(later stop, p *logfile.Place) (at stop, ok bool, err error) {
	name := w.segments[later.segment]
	if p.Seq >= later.Seq || p.Back <= 0 {
		return at, false, logfile.FaultAt(name, later.offset, "the checkpoint names record %d before it, which cannot be", p.Seq)
	}
	if at.segment, at.offset, err = w.find(later, p); err != nil || at.segment < 0 {
		return at, false, err
	}
	name = w.segments[at.segment]
	first, _ := logfile.ParseSegmentName(name)
	line, err := w.lines.Line(logfile.Position{Segment: first, Offset: at.offset})
	if err != nil {
		return at, false, err
	}
	if checkpoint.LeafHash(line).String() != p.Hash {
		return at, false, logfile.FaultAt(name, at.offset,
			"the line is not that of record %d, as the checkpoint in record %d has it", p.Seq, later.Seq)
	}
	if at.Head, err = logfile.ParseHead(name, at.offset, line); err != nil {
		return at, false, err
	}
	if at.Seq != p.Seq {
		return at, false, logfile.FaultAt(name, at.offset, "the checkpoint in record %d names this record %d, and it is another", later.Seq, p.Seq)
	}
	return at, true, nil
}

// segmentOf returns which of some segments has a record; -1 when it stands before them.
func segmentOf(segments []string, seq uint64) int {
	i, found := slices.BinarySearch(segments, logfile.SegmentName(seq))
	if !found {
		i--
	}
	return i
}

// find returns where a place is: -1 when its segment was pruned.
func (w *backward) find(later stop, p *logfile.Place) (segment int, offset int64, err error) {
	segment = segmentOf(w.segments, p.Seq)
	offset = later.offset - p.Back
	for i := later.segment; i > max(segment, 0); i-- {
		id, err := w.disk.Stat(w.segments[i-1])
		if err != nil {
			return 0, 0, err
		}
		offset += id.size
	}
	if (segment < 0) != (offset < 0) {
		err = logfile.FaultAt(w.segments[later.segment], later.offset,
			"the checkpoint says that record %d stands %d bytes before it, which is not in its segment", p.Seq, p.Back)
	}
	return segment, offset, err
}
