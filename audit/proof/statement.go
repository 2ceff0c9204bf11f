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

// Statement is a checkpoint record of a log whose signatures are those that the log's keys make.
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

// OpenNote reads a checkpoint that is signed by some of the keys, and by no other, and gives those in the order of their
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

// signer gives the beginning of the text of the public key that a signature line names: NAME+HASH+.
func signer(line string) (string, error) {
	text, dash := strings.CutPrefix(line, "— ")
	name, sig, blank := strings.Cut(text, " ")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(sig, "\n"))
	if !dash || !blank || err != nil || len(raw) < 4 {
		return "", fmt.Errorf("%q is no signature line", line)
	}
	return name + "+" + hex.EncodeToString(raw[:4]) + "+", nil
}

// tracker is shown the lines of a log and keeps the last checkpoint, unopened, since opening each costs more than reading.
type tracker struct {
	seq      uint64
	text     []byte
	previous string // key that signs the checkpoint besides its own
	pending  string // key that the next checkpoint is to be signed by besides its own
}

func (t *tracker) see(l Line) error {
	switch l.Kind {
	case logfile.KindKey:
		r, err := decode(l.Text)
		if err != nil {
			return damaged("record %d: %w", l.Seq, err)
		}
		if t.pending = r.PreviousKey; r.KeyLost {
			t.pending = ""
		}
	case logfile.KindCheckpoint:
		t.seq, t.text = l.Seq, append(t.text[:0], l.Text...)
		t.previous, t.pending = t.pending, ""
	}
	return nil
}

// statement opens the last checkpoint; it gives nil when there was none.
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
	r, err := decode(t.text)
	if err != nil {
		return nil, err
	}
	texts := []string{r.Key}
	if t.previous != "" {
		texts = []string{t.previous, r.Key}
	}
	keys, err := parseKeys(texts)
	if err != nil {
		return nil, err
	}
	s := &Statement{Seq: t.seq, Note: r.Checkpoint, Keys: keys}
	if s.Checkpoint, err = checkpoint.Open(s.Note, keys...); err != nil {
		return nil, err
	}
	if s.Size != t.seq-1 {
		return nil, fmt.Errorf("it is of %d records", s.Size)
	}
	s.Peaks, err = checkpoint.ParseHashes(r.Peaks)
	return s, err
}

func parseKeys(texts []string) ([]checkpoint.PublicKey, error) {
	keys := make([]checkpoint.PublicKey, len(texts))
	for i, text := range texts {
		k, err := checkpoint.ParsePublicKey(text)
		if err != nil {
			return nil, err
		}
		if k.String() != text {
			return nil, fmt.Errorf("the public key %q has blanks around it", text)
		}
		keys[i] = k
	}
	return keys, nil
}

// errNoCheckpoint tells of a log of a version before checkpoints.
var errNoCheckpoint = errors.New("the log has no checkpoint yet: the gateway signs one when it starts, and 10 seconds after a record")

// Newest gives the last checkpoint of the log.
func (l *Log) Newest() (*Statement, error) { return l.Checkpoint(math.MaxInt64) }

// Checkpoint gives the last checkpoint that stands in record seq or before it.
func (l *Log) Checkpoint(seq uint64) (s *Statement, err error) {
	// Each segment but the first begins with a checkpoint, if it begins, and the key record that concerns that one may stand
	// in the segment before.
	for back := 1; back <= 3; back++ {
		if s, err = l.checkpointFrom(l.segmentsBack(seq, back), seq); err == nil {
			break
		}
	}
	return s, err
}

// segmentsBack gives the first record of the nth last segment that begins at or before record seq.
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

// Checkpoints gives all checkpoints of the log whose records are there, in order. An error is the last thing that it gives.
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

// KeyUse is a key of a log.
type KeyUse struct {
	Key  checkpoint.PublicKey
	From uint64 // record that brings it in; 0 when that record is pruned
	// Previous is the key until then; it is zero in the log's first. Unless it was lost, it has signed for its successor.
	Previous checkpoint.PublicKey
	Lost     bool
}

// Keyring is shown the lines of a log and collects its keys.
type Keyring []KeyUse

// See takes the next line.
func (k *Keyring) See(l Line) error {
	if l.Kind != logfile.KindKey && (l.Kind != logfile.KindCheckpoint || len(*k) > 0) {
		return nil
	}
	r, err := decode(l.Text)
	if err != nil {
		return damaged("record %d: %w", l.Seq, err)
	}
	use := KeyUse{From: l.Seq, Lost: r.KeyLost}
	use.Key, err = checkpoint.ParsePublicKey(r.Key)
	if err == nil && r.PreviousKey != "" {
		use.Previous, err = checkpoint.ParsePublicKey(r.PreviousKey)
	}
	if err != nil {
		return damaged("record %d: %w", l.Seq, err)
	}
	if l.Kind == logfile.KindCheckpoint {
		use.From = 0
	}
	*k = append(*k, use)
	return nil
}

// all gives every key that the log names.
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

// Keys gives the keys of the log, in the order of their use. It reads all of the log.
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

// String gives the keys as a text of a line each, with a remark before it that begins with #.
func (k Keyring) String() string {
	var b strings.Builder
	for _, use := range k {
		fmt.Fprintf(&b, "# %s\n%v\n", use.remark(), use.Key)
	}
	return b.String()
}

// ParseKeys reads public keys as [Keyring.String] writes them: one in a line; empty lines and those that begin with # are
// passed over. A text without any is an error.
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

func (u KeyUse) remark() string {
	switch {
	case u.From == 0:
		return "signs in the oldest part of the log that is left"
	case u.Lost:
		return fmt.Sprintf("signs from record %d on; the key before was lost and has not signed for it", u.From)
	case !u.Previous.IsZero():
		return fmt.Sprintf("signs from record %d on; the key before has signed for it, as audit verify checks", u.From)
	}
	return fmt.Sprintf("signs from record %d on", u.From)
}
