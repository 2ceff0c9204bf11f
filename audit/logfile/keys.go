package logfile

import (
	"bytes"
	"errors"
	"fmt"

	"tollgate/audit/checkpoint"
)

// Keys follows which key signs a log's checkpoints, and which one has to sign besides it. The zero value is for the beginning of a log.
type Keys struct {
	Key    checkpoint.PublicKey // that signs; zero when none is known
	Before checkpoint.PublicKey // that has to sign the next checkpoint in front of Key; zero when none has to
	// Hidden reports whether there are records before that were not read: an unknown key may have signed them.
	Hidden bool
	change uint64 // seq of the key record that no checkpoint followed yet; 0 when there is none
}

// Due returns the keys that have to sign the next checkpoint, in the order of their signatures; none if no key is known.
func (k *Keys) Due() []checkpoint.PublicKey {
	switch {
	case k.Key.IsZero():
		return nil
	case k.Before.IsZero():
		return []checkpoint.PublicKey{k.Key}
	}
	return []checkpoint.PublicKey{k.Before, k.Key}
}

// Checkpoint adds a checkpoint that key signed, alone or, where that was due, behind the key before it.
func (k *Keys) Checkpoint(key checkpoint.PublicKey) {
	k.Key, k.Before, k.change = key, checkpoint.PublicKey{}, 0
}

// Change returns the key record that no checkpoint has followed yet, or 0.
func (k *Keys) Change() uint64 { return k.change }

// KeyChange is what a key record states.
type KeyChange struct {
	Seq      uint64               // of the record
	Key      checkpoint.PublicKey // that signs from there on
	Previous checkpoint.PublicKey // that did until then; zero in the log's first
	Lost     bool                 // the previous key is lost, so it does not sign for its successor
}

// ParseKeyChange reads the members of a key record.
func ParseKeyChange(seq uint64, key, previous string, lost bool) (c KeyChange, err error) {
	c = KeyChange{Seq: seq, Lost: lost}
	if c.Key, err = ParseKey(key); err == nil && previous != "" {
		c.Previous, err = ParseKey(previous)
	}
	return c, err
}

// ParseKey reads a public key, which must be spelt exactly as [checkpoint.PublicKey.String] does.
func ParseKey(text string) (checkpoint.PublicKey, error) {
	key, err := checkpoint.ParsePublicKey(text)
	if err == nil && key.String() != text {
		err = fmt.Errorf("the key %q is not spelt as it should be", text)
	}
	return key, err
}

// Take adds a key record. If it is not allowed here, Take returns an error and changes nothing.
func (k *Keys) Take(c KeyChange) error {
	previous := k.Key
	if previous.IsZero() && k.Hidden {
		previous = c.Previous
	}
	switch {
	case c.Previous != previous:
		return fmt.Errorf("it says that %q signed before; it was %q", c.Previous, previous)
	case c.Key == previous:
		return errors.New("it brings in the key that signs already")
	case previous.IsZero() && c.Lost:
		return errors.New("a log's first key record cannot say that a key was lost")
	case !previous.IsZero() && c.Key.Name() != previous.Name():
		return fmt.Errorf("the key is of the log %q, and this one is %q", c.Key.Name(), previous.Name())
	case !k.Before.IsZero() && !c.Lost: // else a key could sign that none before it has signed for
		return fmt.Errorf("no checkpoint stands between two key records, this one and record %d", k.change)
	}
	k.Key, k.Before, k.change = c.Key, previous, c.Seq
	if c.Lost {
		k.Before = checkpoint.PublicKey{}
	}
	return nil
}

// Stated is what a checkpoint record states, before it is known which keys must have signed it.
type Stated struct {
	checkpoint.Checkpoint
	Note  string
	Key   checkpoint.PublicKey // that the record names
	Tree  *checkpoint.Tree     // from the peaks; nil when they are not those of the root
	State State
	Exact bool // the line is the one that note, key, peaks and state have, byte for byte
}

// ParseStated reads the members of a checkpoint record, which stands in a line.
func ParseStated(note, key string, peaks []string, state State, line []byte) (*Stated, error) {
	c, err := checkpoint.Parse(note)
	if err != nil {
		return nil, err
	}
	s := &Stated{Checkpoint: c, Note: note, State: state}
	if s.Key, err = checkpoint.ParsePublicKey(key); err != nil {
		return nil, err
	}
	hashes, err := checkpoint.ParseHashes(peaks)
	if err != nil {
		return nil, err
	}
	if tree, err := checkpoint.Resume(c.Size, hashes); err == nil && tree.Root() == c.Root {
		s.Tree = tree
	}
	s.Exact = bytes.Equal(CheckpointRecord(note, c, s.Key, hashes, state).Append(nil), line)
	return s, nil
}

// CheckpointRecord returns the record of a checkpoint: note is c signed, key the one that signs, peaks those of the tree of c.Size
// leaves, state that of the records before. They determine every byte of its line as [Record.Append] writes it, so that a verifier of a
// log compares the whole line.
func CheckpointRecord(note string, c checkpoint.Checkpoint, key checkpoint.PublicKey, peaks []checkpoint.Hash, state State) *Record {
	return &Record{
		Seq: c.Size + 1, Commit: c.Size + 1, Time: c.Time, Kind: KindCheckpoint,
		Key: key.String(), Checkpoint: note, Peaks: checkpoint.FormatHashes(peaks), OfBefore: (*OfBefore)(&state),
	}
}
