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
	previous   logfile.Place       // that checkpoint, seen from end 0; its Seq is 0 before the first
	stating    bool                // one has stated something: from then on each must
	unread     bool                // records before the first one are not there
	lost       bool                // records since the last checkpoint are damaged
}

// hide says that the records before cannot be read: what is stated of them can only be possible.
func (s *state) hide() { *s = state{stating: s.stating, unread: true} }

// add takes a line when all else has judged it.
func (s *state) add(l *line) {
	if s.first == 0 {
		s.first = l.seq
	}
	if l.signature.Hash != "" {
		s.signatures = append(s.signatures, l.signature)
	}
	s.end += l.size
}

// states compares what an accepted checkpoint states, once the root has shown that the records before it are those that were
// signed. Of records that are not there it takes what is possible.
func (v *verifier) states(at place, l *line, same bool) {
	s, got := &v.state, l.stated.State
	if same && l.stated.Exact && !s.lost && (s.stating || !got.Empty()) {
		if text := v.misstated(l, got); text != "" {
			v.fault(FaultState, l.seq, at, "the checkpoint states %s", text)
			v.broken = true // its line is another than the next root covers, or was written so
		}
	}
	s.stating = s.stating || !got.Empty()
	s.previous = logfile.Place{Seq: l.seq, Back: -s.end, Hash: l.leaf.String()}
	s.signatures, s.lost = s.signatures[:0], false
}

// misstated says what of a checkpoint's statements is not so.
func (v *verifier) misstated(l *line, got logfile.State) string {
	s := &v.state
	unseen := s.previous.Seq == 0 && s.unread
	switch {
	case unseen && got.Previous != nil && !s.possible(l, got.Previous), !unseen && !s.isPrevious(got.Previous):
		return "another checkpoint before it than there is"
	case !unseen && !slices.EqualFunc(got.Signatures, s.signatures, logfile.Signature.Equal):
		return "other signatures since the checkpoint before it than the intents there have"
	case !v.calls.lossy && !v.isOldest(l, got.Open):
		return "another oldest call without outcome than there is"
	}
	return ""
}

// possible reports whether a place is of a record that is not there.
func (s *state) possible(l *line, p *logfile.Place) bool {
	first := s.first
	if first == 0 {
		first = l.seq
	}
	return p.Seq > 0 && p.Seq < first && p.Back > s.end
}

func (s *state) isPrevious(p *logfile.Place) bool {
	if p == nil || s.previous.Seq == 0 {
		return p == nil && s.previous.Seq == 0
	}
	return *p == logfile.Place{Seq: s.previous.Seq, Back: s.end + s.previous.Back, Hash: s.previous.Hash}
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
