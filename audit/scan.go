package audit

import (
	"fmt"
	"time"

	"tollgate/audit/logfile"
)

// scanned is what scanning a segment found, from its beginning on or from a checkpoint within it.
type scanned struct {
	begun  time.Time           // of the first record that was scanned; zero when there is none
	last   logfile.Head        // of the last record; in an empty segment only its Seq is set, to that of the record before
	end    int64               // where the complete lines end
	commit int64               // where the last record's commit begins
	stop   uint64              // the stop record that no start record follows yet; 0 when there is none
	base   logfile.SegmentLink // where the segment begins
	chain  logfile.Chain       // where the records end
	ledger *logfile.Ledger     // the same; nil when it is not asked for
	whole  error               // says what is wrong with what stands behind the records, as of a segment that others follow
}

// scan goes on behind what was scanned: it calls fn for each record of a segment and checks that they are numbered from there upwards, and
// what they say of tree and keys, if that is known of the segments before.
func (s *scanned) scan(in *logfile.Reader, fn func(h *logfile.Head, line []byte) error) error {
	in.Seek(s.last.Seq+1, s.end)
	for line, err := range in.Lines() {
		if err != nil {
			return err
		}
		h, err := line.Head()
		if err != nil {
			return err
		}
		if err := s.follow(&h, line.Text); err != nil {
			return line.At.Fault("%w", err)
		}
		s.last, s.end = h, line.End()
		if err := fn(&h, line.Text); err != nil {
			return err
		}
	}
	s.whole = in.CheckWhole()
	return nil
}

// follow judges a record by the one before it.
func (s *scanned) follow(h *logfile.Head, line []byte) error {
	if s.last.Kind == "" {
		s.begun = h.Time
		if err := s.chain.Begin(h); err != nil {
			return err
		}
		s.base = s.chain.Link()
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
	case logfile.KindStop:
		s.stop = h.Seq
	case logfile.KindStart:
		s.stop = 0
	}
	if err := s.chain.Add(h, line); err != nil || s.ledger == nil {
		return err
	}
	return s.ledger.AddHead(h, line)
}

// mayFollowStop reports whether a record may stand behind a stop record: its checkpoint, and what the next opening closes and begins with.
func mayFollowStop(h *logfile.Head, stop uint64) bool {
	switch h.Kind {
	case logfile.KindCheckpoint:
		return h.Seq == stop+1
	case logfile.KindOutcome, logfile.KindStart:
		return true
	}
	return false
}
