package verify

import (
	"fmt"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
)

// maxSigners bounds how many keys are followed.
const maxSigners = 1000

// signers follows the keys of the log.
type signers struct {
	key     checkpoint.PublicKey // that signs; zero when it is not known
	before  checkpoint.PublicKey // that signs the next checkpoint in front of key; zero when none has to
	brought uint64               // seq of the key record that no checkpoint followed yet; 0 when there is none
}

// bringIn takes a key record.
func (s *signers) bringIn(v *verifier, at place, r *logfile.Record) {
	key, err := checkpoint.ParsePublicKey(r.Key)
	if err == nil {
		err = s.allows(v, key, r)
	}
	if err != nil {
		v.fault(FaultKey, r.Seq, at, "the key record: %v", err)
		return
	}
	s.before = s.key
	if s.before.IsZero() && r.PreviousKey != "" {
		s.before, _ = checkpoint.ParsePublicKey(r.PreviousKey) // parsed by allows
	}
	if r.KeyLost {
		s.before = checkpoint.PublicKey{}
	}
	s.key, s.brought = key, r.Seq
}

// allows checks a key record against the keys before.
func (s *signers) allows(v *verifier, key checkpoint.PublicKey, r *logfile.Record) error {
	previous := s.key
	if previous.IsZero() && v.hidden && r.PreviousKey != "" {
		var err error
		if previous, err = checkpoint.ParsePublicKey(r.PreviousKey); err != nil {
			return err
		}
	}
	switch {
	case key.String() != r.Key:
		return fmt.Errorf("the key %q is not spelt as it should be", r.Key)
	case previous.String() != r.PreviousKey:
		return fmt.Errorf("it says that %q signed before; it was %q", r.PreviousKey, previous)
	case key == previous:
		return fmt.Errorf("it brings in the key that signs already")
	case previous.IsZero() && r.KeyLost:
		return fmt.Errorf("it says that a key was lost, and there was none")
	case !previous.IsZero() && key.Name() != previous.Name():
		return fmt.Errorf("it is of the log %q, and this one is %q", key.Name(), previous.Name())
	case s.brought != 0 && !s.before.IsZero() && !r.KeyLost:
		return fmt.Errorf("no checkpoint stands between it and the one before, record %d", s.brought)
	}
	return nil
}

// accept tells if a checkpoint is signed by a key, and says what is wrong with that key. A checkpoint that it does not
// accept proves nothing.
func (s *signers) accept(v *verifier, at place, l *line) bool {
	c := l.stated
	if s.signedAsDue(v, c) {
		s.count(v, l, !s.before.IsZero())
		return true
	}
	switch {
	case !c.alone:
		v.fault(FaultSignature, l.seq, at, "the checkpoint is not signed by the key %v: it was changed, or signed by another", s.key)
		return false
	case c.key == s.key: // so another one is missing
		v.fault(FaultKey, l.seq, at, "the key changed without the old one's signature: the first checkpoint behind record %d lacks that of %v",
			s.brought, s.before)
	case s.key.IsZero():
		v.fault(FaultKey, l.seq, at, "the checkpoint's key %v was brought in by no key record", c.key)
	default:
		v.fault(FaultKey, l.seq, at, "the checkpoint is signed by another key, %v, than the log's, %v: no valid key record brings it in", c.key, s.key)
	}
	s.key = c.key
	s.count(v, l, false)
	return true
}

// signedAsDue tells if exactly those keys signed that had to.
func (s *signers) signedAsDue(v *verifier, c *stated) bool {
	switch {
	case s.key.IsZero() && v.hidden: // that it is the right one is for a key of the reviewer to prove
		if !c.alone && !s.signedByGiven(v, c) {
			return false
		}
		s.key = c.key
		return true
	case c.key != s.key:
		return false
	case s.before.IsZero():
		return c.alone
	}
	_, err := checkpoint.Open(c.note, s.before, s.key)
	return err == nil
}

// signedByGiven looks for a second signature by a key that the reviewer has: where a bundle begins with the first
// checkpoint of a new key, the files do not tell the old one.
func (s *signers) signedByGiven(v *verifier, c *stated) bool {
	for _, key := range v.options.Keys {
		if _, err := checkpoint.Open(c.note, key, c.key); err == nil {
			s.before = key
			return true
		}
	}
	return false
}

// count notes who signed a checkpoint.
func (s *signers) count(v *verifier, l *line, chained bool) {
	list := &v.report.Signers
	n := len(*list)
	if n == 0 && !s.before.IsZero() { // the old key's own checkpoints were pruned
		*list = append(*list, Signer{Key: s.before.String(), First: l.seq, Last: l.seq})
	}
	if n = len(*list); n == 0 || (*list)[n-1].Key != s.key.String() {
		if n < maxSigners {
			*list = append(*list, Signer{Key: s.key.String(), First: l.seq, Chained: chained && n > 0})
		} else {
			v.fault(FaultKey, l.seq, v.last, "more than %d keys signed: no gateway changes them so often", maxSigners)
		}
	}
	last := &(*list)[len(*list)-1]
	last.Last, last.Checkpoints = l.seq, last.Checkpoints+1
	s.before, s.brought = checkpoint.PublicKey{}, 0
}

// given checks the reviewer's keys against those that signed. What a key signed speaks for all records before, and, by
// its signature for its successor, for those behind, up to where a key was lost.
func (s *signers) given(v *verifier) {
	signers := v.report.Signers
	spoken := len(v.options.Keys) == 0
	unknown := 0 // the first signer that no given key speaks for
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
		if !signedBy(signers, key) {
			v.fault(FaultKey, v.report.Last, v.last, "the given key %v has not signed this log", key)
		}
	}
	if !spoken && unknown > 0 {
		v.fault(FaultKey, signers[unknown].First, v.last, "from record %d on, no given key signs: the key before it was lost, and nothing leads to %s; "+
			"give that key as well if you know that it is the log's", signers[unknown].First, signers[unknown].Key)
	}
}

func signedBy(signers []Signer, key checkpoint.PublicKey) bool {
	for _, signer := range signers {
		if signer.Key == key.String() {
			return true
		}
	}
	return false
}
