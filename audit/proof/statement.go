package proof

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"

	"tollgate/audit/checkpoint"
	"tollgate/audit/logfile"
)

// Statement is a checkpoint record of a log that is signed by the log's keys.
type Statement struct {
	checkpoint.Checkpoint

	Seq   uint64 // of the record
	Note  string
	Keys  []checkpoint.PublicKey // that signed, in the order of the signatures
	Peaks []checkpoint.Hash      // of the tree of Size leaves
}

func decode(line []byte) (*logfile.Record, error) {
	r := new(logfile.Record)
	return r, logfile.ParseLine(line, r)
}

// OpenNote reads a checkpoint that is signed by some of the keys, and by no other, and returns those in the order of their
// signatures.
func OpenNote(signed string, known ...checkpoint.PublicKey) (checkpoint.Checkpoint, []checkpoint.PublicKey, error) {
	c, err := checkpoint.Parse(signed)
	if err != nil {
		return c, nil, err
	}
	var keys []checkpoint.PublicKey
	_, signatures, _ := strings.Cut(signed, "\n\n")
	for line := range strings.Lines(signatures) {
		id, err := signer(line)
		if err != nil {
			return c, nil, err
		}
		i := slices.IndexFunc(known, func(k checkpoint.PublicKey) bool { return strings.HasPrefix(k.String(), id) })
		if i < 0 {
			return c, nil, fmt.Errorf("the checkpoint is signed by the key %s…, which is none of those known here", id)
		}
		keys = append(keys, known[i])
	}
	c, err = checkpoint.Open(signed, keys...)
	return c, keys, err
}

// signer returns the beginning of the text of the public key that a signature line names: NAME+HASH+.
func signer(line string) (string, error) {
	text, dash := strings.CutPrefix(line, "— ")
	name, sig, blank := strings.Cut(text, " ")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(sig, "\n"))
	if !dash || !blank || err != nil || len(raw) < 4 {
		return "", fmt.Errorf("%q is no signature line", line)
	}
	return name + "+" + hex.EncodeToString(raw[:4]) + "+", nil
}

// tracker reads the lines of a log and retains the last checkpoint, unopened, since opening each costs more than reading.
type tracker struct {
	seq  uint64
	text []byte
	due  []checkpoint.PublicKey // keys that had to sign it; none if no line has named them
	keys logfile.Keys
}

func (t *tracker) see(l Line) error {
	switch l.Kind {
	case logfile.KindKey:
		change, err := keyChange(l)
		if err == nil {
			t.keys.Hidden = true // a log is read from any segment on
			err = t.keys.Take(change)
		}
		if err != nil {
			return damaged("record %d: %w", l.Seq, err)
		}
	case logfile.KindCheckpoint:
		t.seq, t.text, t.due = l.Seq, append(t.text[:0], l.Text...), t.keys.Due()
		t.keys.Checkpoint(t.keys.Key)
	}
	return nil
}

func keyChange(l Line) (logfile.KeyChange, error) {
	r, err := decode(l.Text)
	if err != nil {
		return logfile.KeyChange{}, err
	}
	return logfile.ParseKeyChange(l.Seq, r.Key, r.PreviousKey, r.KeyLost)
}

// statement opens the last checkpoint; it returns nil if there is none.
func (t *tracker) statement() (*Statement, error) {
	if t.seq == 0 {
		return nil, nil
	}
	s, err := t.open()
	if err != nil {
		return nil, damaged("the checkpoint in record %d: %w", t.seq, err)
	}
	return s, nil
}

func (t *tracker) open() (*Statement, error) {
	s, err := t.stated()
	if err != nil {
		return nil, err
	}
	keys := t.due
	if len(keys) == 0 {
		keys = []checkpoint.PublicKey{s.Key}
	}
	if _, err := checkpoint.Open(s.Note, keys...); err != nil {
		return nil, err
	}
	return &Statement{Checkpoint: s.Checkpoint, Seq: t.seq, Note: s.Note, Keys: keys, Peaks: s.Tree.Peaks()}, nil
}

// stated returns what the last checkpoint states, without verifying its signatures.
func (t *tracker) stated() (*logfile.Stated, error) {
	r, err := decode(t.text)
	if err != nil {
		return nil, err
	}
	s, err := logfile.ParseStated(r.Checkpoint, r.Key, r.Peaks, r.State(), t.text)
	switch {
	case err != nil:
	case s.Size != t.seq-1:
		err = fmt.Errorf("it is of %d records", s.Size)
	case s.Tree == nil:
		err = errors.New("its peaks are not those of its root")
	}
	return s, err
}

// errNoCheckpoint is the error of a log of a version before checkpoints.
var errNoCheckpoint = errors.New("the log has no checkpoint yet: the gateway signs one when it starts, and 10 seconds after a record")

// Newest returns the last checkpoint of the log.
func (l *Log) Newest() (*Statement, error) { return l.Checkpoint(math.MaxInt64) }

// Checkpoint returns the last checkpoint that is record seq or before it.
func (l *Log) Checkpoint(seq uint64) (s *Statement, err error) {
	// Each segment but the first begins with a checkpoint, unless it is empty, and that one's key record may be in the segment before.
	for back := 1; back <= 3; back++ {
		if s, err = l.checkpointFrom(l.segmentsBack(seq, back), seq); err == nil {
			break
		}
	}
	return s, err
}

// segmentsBack returns the first record of the nth last segment that begins at or before record seq.
func (l *Log) segmentsBack(seq uint64, n int) uint64 {
	segments := l.Segments()
	for len(segments) > 1 && segments[len(segments)-1] > seq {
		segments = segments[:len(segments)-1]
	}
	if len(segments) == 0 {
		return 1
	}
	return segments[max(len(segments)-n, 0)]
}

func (l *Log) checkpointFrom(from, seq uint64) (*Statement, error) {
	var t tracker
	for line, err := range l.Lines(from) {
		if line.Seq > seq {
			break
		}
		if err == nil {
			err = t.see(line)
		}
		if err != nil {
			return nil, err
		}
	}
	s, err := t.statement()
	if err == nil && s == nil {
		err = errNoCheckpoint
	}
	return s, err
}

// Checkpoints returns an iterator over all checkpoints of the log whose records are there, in order. It stops after an error.
func (l *Log) Checkpoints() iter.Seq2[*Statement, error] {
	return func(yield func(*Statement, error) bool) {
		var t tracker
		for line, err := range l.Lines(1) {
			if err == nil {
				err = t.see(line)
			}
			var s *Statement
			if err == nil && line.Kind == logfile.KindCheckpoint {
				s, err = t.statement()
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if s != nil && !yield(s, nil) {
				return
			}
		}
	}
}

// Keyring collects the keys of a log. The record of the first one is 0 if it is pruned.
type Keyring []logfile.KeyChange

// See adds the next line.
func (k *Keyring) See(l Line) (err error) {
	var change logfile.KeyChange
	switch {
	case l.Kind == logfile.KindKey:
		change, err = keyChange(l)
	case l.Kind == logfile.KindCheckpoint && len(*k) == 0:
		var s *logfile.Stated
		if s, err = (&tracker{seq: l.Seq, text: l.Text}).stated(); err == nil {
			change.Key = s.Key
		}
	default:
		return nil
	}
	if err != nil {
		return damaged("record %d: %w", l.Seq, err)
	}
	*k = append(*k, change)
	return nil
}

// all returns every key that the log names.
func (k Keyring) all() []checkpoint.PublicKey {
	var keys []checkpoint.PublicKey
	for _, use := range k {
		for _, key := range []checkpoint.PublicKey{use.Previous, use.Key} {
			if !key.IsZero() && !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// Keys returns the keys of the log, in the order of their use. It reads the whole log.
func (l *Log) Keys() (Keyring, error) {
	var ring Keyring
	for line, err := range l.Lines(1) {
		if err == nil {
			err = ring.See(line)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(ring) == 0 {
		return nil, errNoCheckpoint
	}
	return ring, nil
}

// String returns the keys, one in a line, each with a comment line before it that begins with #.
func (k Keyring) String() string {
	var b strings.Builder
	for _, use := range k {
		fmt.Fprintf(&b, "# %s\n%v\n", remark(use), use.Key)
	}
	return b.String()
}

// ParseKeys reads public keys as [Keyring.String] writes them: one in a line. It skips empty lines and those that begin with #. A text
// without any key is an error.
func ParseKeys(text string) ([]checkpoint.PublicKey, error) {
	var keys []checkpoint.PublicKey
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		key, err := checkpoint.ParsePublicKey(line)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no public key in it")
	}
	return keys, nil
}

func remark(u logfile.KeyChange) string {
	switch {
	case u.Seq == 0:
		return "signs in the oldest part of the log that is left"
	case u.Lost:
		return fmt.Sprintf("signs from record %d on; the key before was lost and has not signed for it", u.Seq)
	case !u.Previous.IsZero():
		return fmt.Sprintf("signs from record %d on; the key before has signed for it, as audit verify checks", u.Seq)
	}
	return fmt.Sprintf("signs from record %d on", u.Seq)
}
