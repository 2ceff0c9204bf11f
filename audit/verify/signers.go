package verify

import (
	"slices"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
)

// maxSigners bounds how many keys are followed.
const maxSigners = 1000

// signers follows the keys of the log.
type signers struct{ logfile.Keys }

// change adds a key record.
func (s *signers) change(v *verifier, at place, r *logfile.Record) {
	s.Hidden = v.hidden
	c, err := logfile.ParseKeyChange(r.Seq, r.Key, r.PreviousKey, r.KeyLost)
	if err == nil {
		err = s.Take(c)
	}
	if err != nil {
		v.fault(FaultKey, r.Seq, at, "the key record: %v", err)
	}
}

// accept reports whether a checkpoint is signed by a key that may sign it, and reports a fault otherwise. A checkpoint that it does not
// accept proves nothing.
func (s *signers) accept(v *verifier, at place, l *line) bool {
	c := l.stated
	if s.signedAsDue(v, c) {
		s.count(v, l, !s.Before.IsZero())
		return true
	}
	switch {
	case !c.alone:
		v.fault(FaultSignature, l.seq, at, "the checkpoint is not signed by the key %v: it was changed, or signed by another", s.Key)
		return false
	case c.Key == s.Key: // so another signature is missing
		v.fault(FaultKey, l.seq, at, "the key changed without the old one's signature: the first checkpoint behind record %d lacks that of %v",
			s.Change(), s.Before)
	case s.Key.IsZero():
		v.fault(FaultKey, l.seq, at, "the checkpoint's key %v was brought in by no key record", c.Key)
	default:
		v.fault(FaultKey, l.seq, at, "the checkpoint is signed by another key, %v, than the log's, %v: no valid key record brings it in", c.Key, s.Key)
	}
	s.Key = c.Key
	s.count(v, l, false)
	return true
}

// signedAsDue reports whether exactly those keys signed that had to.
func (s *signers) signedAsDue(v *verifier, c *stated) bool {
	switch due := s.Due(); {
	case len(due) == 0 && v.hidden: // only a key of the reviewer can prove that it is the right one
		if !c.alone && !s.signedByGiven(v, c) {
			return false
		}
		s.Key = c.Key
		return true
	case c.Key != s.Key:
		return false
	case len(due) == 1:
		return c.alone
	default:
		_, err := checkpoint.Open(c.Note, due...)
		return err == nil
	}
}

// signedByGiven looks for a second signature by a key of the reviewer: if a bundle begins with the first checkpoint of a new key,
// its files do not have the old one.
func (s *signers) signedByGiven(v *verifier, c *stated) bool {
	for _, key := range v.options.Keys {
		if _, err := checkpoint.Open(c.Note, key, c.Key); err == nil {
			s.Before = key
			return true
		}
	}
	return false
}

// count counts a checkpoint for the key that signed it.
func (s *signers) count(v *verifier, l *line, chained bool) {
	list := &v.report.Signers
	n := len(*list)
	if n == 0 && !s.Before.IsZero() { // the old key's own checkpoints were pruned
		*list = append(*list, Signer{Key: s.Before.String(), First: l.seq, Last: l.seq})
	}
	if n = len(*list); n == 0 || (*list)[n-1].Key != s.Key.String() {
		if n < maxSigners {
			*list = append(*list, Signer{Key: s.Key.String(), First: l.seq, Chained: chained && n > 0})
		} else {
			v.fault(FaultKey, l.seq, v.last, "more than %d keys signed: no gateway changes them so often", maxSigners)
		}
	}
	last := &(*list)[len(*list)-1]
	last.Last, last.Checkpoints = l.seq, last.Checkpoints+1
	s.Checkpoint(s.Key)
}

// given compares the reviewer's keys with those that signed. The signatures of a key prove all records before and, since it signs for
// its successor, those behind, up to where a key was lost.
func (s *signers) given(v *verifier) {
	signers := v.report.Signers
	spoken := len(v.options.Keys) == 0
	unknown := 0 // the first signer that no key of the reviewer leads to
	for i, signer := range signers {
		if i > 0 && !signer.Chained {
			if spoken {
				unknown = i
			}
			spoken = len(v.options.Keys) == 0
		}
		for _, key := range v.options.Keys {
			spoken = spoken || key.String() == signer.Key
		}
	}
	for _, key := range v.options.Keys {
		if !slices.ContainsFunc(signers, func(s Signer) bool { return s.Key == key.String() }) {
			v.fault(FaultKey, v.report.Last, v.last, "the given key %v has not signed this log", key)
		}
	}
	if !spoken && unknown > 0 {
		v.fault(FaultKey, signers[unknown].First, v.last, "from record %d on, no given key signs: the key before it was lost, and nothing leads to %s; "+
			"use that key as well if you know that it is the log's", signers[unknown].First, signers[unknown].Key)
	}
}
