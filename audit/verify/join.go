package verify

import (
	"fmt"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
	"tollgate/internal/text"
)

// verifier joins the lines in order.
type verifier struct {
	options   Options
	report    Report
	witnesses *witnesses // nil if there are none
	signers   signers
	calls     calls
	state     state
	plans     plans

	tree   checkpoint.Tree // over what was read
	want   uint64          // seq of the next record
	commit uint64          // of the last record; 0 if it is not known
	fresh  bool            // the next record begins a commit: it is the first of its segment, or is behind a checkpoint
	resume bool            // it must be a checkpoint, from which the tree goes on
	since  place           // the last checkpoint, or where the log begins
	behind place           // the first line behind it; in no file if there is none
	tail   span            // times of the records behind it
	signed uint64          // seq of the last checkpoint; 0 before the first
	broken bool            // because of a fault behind the last checkpoint, the tree is unknown, or is not the signed one
	gap    *gap            // a break in the order behind the last checkpoint
	zeroed *zeroed         // zeros in a line behind the last checkpoint
	hidden bool            // records before were pruned: keys may have changed there
	stop   bool            // behind a stop record
	last   place           // the last record

	pruned   uint64 // the last record that a signed prune record names
	pruning  uint64 // the same of prune records behind the last checkpoint
	hashesAt place  // the last hashes without a segment
}

// gap is a break in the order.
type gap struct {
	want, got   uint64
	at          place
	lines       uint64 // since then
	top         uint64 // the highest seq among them
	behindZeros bool   // a line with zeros is in front of it
}

// zeroed is the first line with zeros in it. Where no checkpoint and no segment follows, a loss of power explains it, and a
// break in the order behind it; otherwise it was changed.
type zeroed struct {
	seq uint64
	at  place
	err error // why it is no record
}

func (v *verifier) take(it *item) error {
	at := place{it.file, it.chunk.Offset}
	switch {
	case it.err != nil:
		return it.err
	case it.begin:
		v.begin(it.file)
	case it.end != nil:
		v.end(place{it.file, it.end.Offset}, it.end)
	case it.chunk.Long != nil:
		v.bad(at, fmt.Errorf("it is longer than %d bytes", logfile.MaxLine), it.chunk.Long.Zeros)
	case it.file.Hashes:
		return v.hashes(it.chunk.Data)
	}
	for i := range it.lines {
		if err := v.line(it.file, &it.lines[i]); err != nil {
			return err
		}
	}
	return nil
}

// begin checks that a file follows the one before it.
func (v *verifier) begin(f *logFile) {
	at := place{f, 0}
	if v.want == 0 {
		v.first(f)
	}
	v.changed()
	v.follows(at)
	v.want, v.commit, v.fresh = f.First, 0, true
	if !f.Hashes {
		v.report.Segments++
		return
	}
	if v.resume {
		v.resume = false
		v.fault(FaultMissing, f.First, at, "a bundle begins with record 1 or with a checkpoint, and not with the hashes of later records")
		v.damage()
	}
	v.hashesAt = at
	v.calls.hide()
	v.state.hide()
	v.hidden, v.stop = true, false
}

// first begins with the first file.
func (v *verifier) first(f *logFile) {
	v.since, v.report.First, v.want = place{f, 0}, f.First, 1
	if v.options.Bundle && f.First > 1 {
		v.want, v.resume, v.hidden = f.First, true, true
		v.calls.hide()
		v.state.hide()
	}
}

// follows checks that the file begins where the one before it ended. If it does not because of a break in the order, that is the
// fault that is reported.
func (v *verifier) follows(at place) {
	first := at.file.First
	switch {
	case v.gap != nil:
		v.flush(first)
	case first > v.want:
		v.faultAmong(FaultMissing, v.want, first-1, at, "records %d to %d are missing: no file holds them", v.want, first-1)
	case first < v.want:
		v.fault(FaultMissing, first, at, "the file begins with record %d, but the one before it ends with record %d", first, v.want-1)
	}
	if first != v.want {
		v.damage()
		v.hidden = true
	}
}

// damage notes that a fault was reported: until the next checkpoint the tree is not the signed one, and calls may lack records.
func (v *verifier) damage() {
	v.broken, v.commit, v.stop, v.state.lost = true, 0, false, true
	v.calls.lose()
}

func (v *verifier) hashes(data []byte) error {
	from := v.want
	for b := data; len(b) > 0; b = b[hashSize:] {
		if err := v.compare(); err != nil {
			return err
		}
		v.tree.Add(checkpoint.Hash(b[:hashSize]))
		v.want++
	}
	pruned := v.report.Pruned
	if n := len(pruned); n > 0 && pruned[n-1].Last+1 == from {
		pruned[n-1].Last = v.want - 1
	} else if v.want > from {
		v.report.Pruned = append(pruned, Range{from, v.want - 1})
	}
	return nil
}

// end checks what is behind the last line of a file.
func (v *verifier) end(at place, t *logfile.Tail) {
	switch {
	case at.file.Hashes && t.Size > 0:
		v.fault(FaultPruned, v.want, at, "the file's size is not a multiple of %d bytes, the length of a hash", hashSize)
		v.damage()
	case at.file.Hashes && at.file.last:
		v.fault(FaultMissing, v.want, at, "the log ends with hashes: the segment behind record %d is missing", v.want-1)
	case at.file.Hashes:
	case t.After:
		if v.zeroed == nil {
			v.cutByZeros(v.want, at)
		}
		v.damage()
	case !at.file.last && t.Size > 0:
		v.fault(FaultCut, v.want, at, "the segment was cut or added to: it does not end with a line feed, yet another follows")
		v.damage()
	default:
		v.report.Partial = t.Partial
	}
}

// bad adds a line that is no record, perhaps because of zeros in it.
func (v *verifier) bad(at place, err error, zeros bool) {
	if t := (&zeroed{v.want, at, err}); !zeros {
		v.change(t)
	} else if v.zeroed == nil {
		v.zeroed = t
	}
	v.next(at, nil)
	v.damage()
}

func (v *verifier) change(t *zeroed) {
	v.fault(FaultLine, t.seq, t.at, "the line was changed or added, it is no record: %v", t.err)
}

// changed reports the line with zeros, if there is one, as changed: what follows it was written later.
func (v *verifier) changed() {
	if v.zeroed != nil {
		v.change(v.zeroed)
		v.zeroed = nil
	}
}

func (v *verifier) cutByZeros(seq uint64, at place) {
	v.fault(FaultCut, seq, at, "zeros stand within the records: damage, or what a loss of power left and the next start cuts")
}

// next counts a line that was read; l is nil if it is no record.
func (v *verifier) next(at place, l *line) {
	v.report.Records++
	v.follow(at, l)
	v.last, v.fresh = at, false
	v.want++
	if v.gap != nil {
		v.gap.lines++
	}
	if l == nil {
		return
	}
	if v.report.From.IsZero() {
		v.report.From = l.time
	}
	v.report.To = l.time
}

// follow sets where the lines behind the last checkpoint begin, and their times.
func (v *verifier) follow(at place, l *line) {
	if at == v.since && v.signed > 0 {
		v.behind, v.tail = place{}, span{}
		return
	}
	if v.behind.file == nil {
		v.behind = at
	}
	if l != nil {
		v.tail.add(l.time)
	}
}

func (v *verifier) line(f *logFile, l *line) error {
	at := place{f, l.offset}
	if l.err != nil {
		v.bad(at, l.err, l.zeros)
		return nil
	}
	v.order(at, l)
	v.commits(at, l)
	v.calls.add(v, at, l)
	v.plans.add(at, l)
	v.ofItself(at, l)
	if err := v.compare(); err != nil { // once a checkpoint has set the tree
		return err
	}
	v.tree.Add(l.leaf)
	v.state.add(l)
	v.next(at, l)
	v.fresh = l.kind == logfile.KindCheckpoint
	return nil
}

// order checks the seq. Behind a break it follows the lines as they are.
func (v *verifier) order(at place, l *line) {
	if l.seq != v.want && v.gap == nil {
		v.gap = &gap{want: v.want, got: l.seq, at: at, behindZeros: v.zeroed != nil}
	}
	if l.seq != v.want {
		v.damage()
		v.want = l.seq
	}
	if v.gap != nil {
		v.gap.top = max(v.gap.top, l.seq)
	}
}

// flush reports a break in the order, once the record with which the log goes on is known.
func (v *verifier) flush(goesOn uint64) {
	g := v.gap
	if g == nil {
		return
	}
	v.gap = nil
	what := "reordered or replaced"
	if goesOn > g.want+g.lines {
		what = fmt.Sprintf("removed: %s missing up to record %d", text.Are(goesOn-g.want-g.lines, "record"), goesOn)
	} else if goesOn < g.want+g.lines {
		what = fmt.Sprintf("added: %s too many up to record %d", text.Are(g.want+g.lines-goesOn, "record"), goesOn)
	}
	v.fault(FaultOrder, min(g.want, g.got), g.at, "record %d stands where record %d belongs: records were %s", g.got, g.want, what)
}

// commits checks that a record was written with the one before, or begins a commit.
func (v *verifier) commits(at place, l *line) {
	known := v.commit != 0 || v.fresh
	if l.commit != l.seq && known && (v.fresh || l.commit != v.commit) {
		v.fault(FaultCommit, l.seq, at, "it names commit %d, which is neither its own number nor the commit of the record before", l.commit)
	}
	v.commit = l.commit
}

// ofItself checks the records that are of the log itself.
func (v *verifier) ofItself(at place, l *line) {
	if v.resume && l.stated == nil {
		v.fault(FaultMissing, l.seq, at, "a bundle begins with record 1 or with a checkpoint, not with a record of kind %s", l.kind)
		v.resume = false
		v.damage()
	}
	switch {
	case l.kind == logfile.KindStop:
		v.stop = true
	case l.kind == logfile.KindStart:
		v.stop = false
	case v.stop && l.kind != logfile.KindOutcome && l.kind != logfile.KindCheckpoint:
		v.stop = false
		v.fault(FaultStop, l.seq, at, "a record of kind %s stands behind a stop; without a start only outcomes and checkpoints may", l.kind)
	}
	switch l.kind {
	case logfile.KindStart:
		v.start(l.record)
	case logfile.KindKey:
		v.signers.change(v, at, l.record)
	case logfile.KindPrune:
		v.prune(at, l.record)
	case logfile.KindCheckpoint:
		v.checkpoint(at, l)
	}
}

func (v *verifier) start(r *logfile.Record) {
	v.report.Starts++
	if r.Unsigned > 0 {
		v.report.Crashes++
		v.report.LateSigned += r.Unsigned
	}
}

func (v *verifier) prune(at place, r *logfile.Record) {
	if r.First == 0 || r.Last < r.First || r.Last >= r.Seq {
		v.fault(FaultPruned, r.Seq, at, "a prune record names records %d to %d, which cannot be", r.First, r.Last)
		return
	}
	v.pruning = max(v.pruning, r.Last)
}

// checkpoint compares a checkpoint with the records before it.
func (v *verifier) checkpoint(at place, l *line) {
	s := l.stated
	if s.Size != l.seq-1 {
		v.fault(FaultSignature, l.seq, at, "the checkpoint states %d records, but %d stand before it", s.Size, l.seq-1)
		v.damage()
		return
	}
	if !v.signers.accept(v, at, l) {
		v.damage()
		return
	}
	v.changed()
	v.flush(l.seq)
	if s.Tree == nil {
		v.fault(FaultPeaks, l.seq, at, "the checkpoint's peaks were changed: they are not those of the signed root")
	} else if !s.Exact {
		v.fault(FaultLine, l.seq, at, "the checkpoint's line was changed: it is not what follows from its note, key and peaks")
	}
	v.states(at, l, v.root(l))
	v.since, v.signed, v.pruned = at, l.seq, v.pruning
	v.report.Checkpoints++
	v.report.Log, v.report.LastCheckpoint, v.report.LastSigned = s.Origin, s.Note, s.Time
}

// root reports whether the signed root is the tree's, as far as the records before are there, and sets the tree to the signed one.
func (v *verifier) root(l *line) bool {
	s, resumed := l.stated, v.resume
	same := v.tree.Size() == s.Size && v.tree.Root() == s.Root
	if !same && !v.broken && !v.resume {
		from, at := min(max(v.signed+1, v.report.First), s.Size), v.behind
		if at.file == nil {
			at = v.since
		}
		v.faultAmong(FaultRoot, from, s.Size, at, "records %d to %d, between two checkpoints, are not those that were signed: something was changed, "+
			"removed, added or reordered there. The signed root of %d records is %v, theirs is %v", from, s.Size, s.Size, s.Root, v.tree.Root())
		v.calls.lose()
	}
	v.resume, v.broken = false, !s.Exact || s.Tree == nil // then the line is not the leaf of the next root
	if !same && s.Tree != nil {
		v.tree = *s.Tree
	}
	return same || resumed
}
