package verify

import (
	"slices"

	"tollgate/audit/logfile"
)

// state recomputes what checkpoints state of the records before them.
type state struct {
	end        int64               // bytes of the lines so far
	first      uint64              // the first record that was read
	signatures []logfile.Signature // since the last checkpoint
	previous   logfile.Place       // that checkpoint, relative to end 0; its Seq is 0 before the first
	frozen     logfile.Place       // the last record that states freezes in force, relative to end 0; its Seq is 0 if none is in force
	unfrozen   bool                // that record may be one that is not there
	stating    bool                // a checkpoint has stated something: from then on each must
	unread     bool                // records before the first one are not there
	lost       bool                // records since the last checkpoint are damaged
}

// hide notes that records before were not read: what is stated of them can only be checked to be possible.
func (s *state) hide() { *s = state{stating: s.stating, unread: true, unfrozen: true} }

// add adds a line after all other checks.
func (s *state) add(l *line) {
	if s.first == 0 {
		s.first = l.seq
	}
	if l.signature.Hash != "" {
		s.signatures = append(s.signatures, l.signature)
	}
	if l.states {
		s.frozen, s.unfrozen = logfile.Place{}, false
		if l.freezes > 0 {
			s.frozen = logfile.Place{Seq: l.seq, Back: -s.end, Hash: l.leaf.String()}
		}
	}
	s.end += l.size
}

// states checks what an accepted checkpoint states, once the root has shown that the records before it are the signed ones. It accepts
// what is possible of records that are not there.
func (v *verifier) states(at place, l *line, same bool) {
	s, got := &v.state, l.stated.State
	if same && l.stated.Exact && !s.lost && (s.stating || !got.Empty()) {
		if text := v.misstated(l, got); text != "" {
			v.fault(FaultState, l.seq, at, "the checkpoint states %s", text)
			v.broken = true // its line is not the leaf of the next root, or was written so
		}
	}
	if (s.lost || s.unfrozen) && !got.Empty() {
		s.adopt(got.Frozen)
	}
	s.stating = s.stating || !got.Empty()
	s.previous = logfile.Place{Seq: l.seq, Back: -s.end, Hash: l.leaf.String()}
	s.signatures, s.lost = s.signatures[:0], false
}

// misstated returns what is wrong in a checkpoint's state, as a text.
func (v *verifier) misstated(l *line, got logfile.State) string {
	s := &v.state
	unseen := s.previous.Seq == 0 && s.unread
	switch {
	case unseen && got.Previous != nil && !s.possible(l, got.Previous), !unseen && !s.isAt(got.Previous, s.previous):
		return "another checkpoint before it than there is"
	case !unseen && !slices.EqualFunc(got.Signatures, s.signatures, logfile.Signature.Equal):
		return "other signatures since the checkpoint before it than the intents there have"
	case !v.calls.lossy && !v.isOldest(l, got.Open):
		return "another oldest call without outcome than there is"
	case !s.isFrozen(l, got.Frozen):
		return "another record of the freezes in force than there is"
	}
	return ""
}

// adopt sets, from a checkpoint, which record states the freezes in force.
func (s *state) adopt(p *logfile.Place) {
	s.frozen, s.unfrozen = logfile.Place{}, false
	if p != nil {
		s.frozen = logfile.Place{Seq: p.Seq, Back: p.Back - s.end, Hash: p.Hash}
	}
}

func (s *state) isFrozen(l *line, p *logfile.Place) bool {
	if s.unfrozen {
		return p == nil || s.possible(l, p)
	}
	return s.isAt(p, s.frozen)
}

// possible reports whether a place is of a record that is not there.
func (s *state) possible(l *line, p *logfile.Place) bool {
	first := s.first
	if first == 0 {
		first = l.seq
	}
	return p.Seq > 0 && p.Seq < first && p.Back > s.end
}

// isAt reports whether a place is one that is relative to end 0, whose Seq is 0 for none.
func (s *state) isAt(p *logfile.Place, want logfile.Place) bool {
	if p == nil || want.Seq == 0 {
		return p == nil && want.Seq == 0
	}
	return *p == logfile.Place{Seq: want.Seq, Back: s.end + want.Back, Hash: want.Hash}
}

func (v *verifier) isOldest(l *line, p *logfile.Place) bool {
	if v.calls.hidden && p != nil && v.state.possible(l, p) {
		return true
	}
	o, ok := v.calls.first()
	if p == nil || !ok {
		return p == nil && !ok
	}
	return *p == logfile.Place{Seq: o.seq, Back: v.state.end - o.byte}
}
