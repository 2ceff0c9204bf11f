package logfile

import (
	"bytes"
	"errors"
	"fmt"

	"tollgate/audit/checkpoint"
)

// chain follows the tree and the keys from line to line, and checks what the log says of both.
type Chain struct {
	Tree   *checkpoint.Tree     // over all records so far; nil when it is not known
	Key    checkpoint.PublicKey // that signs; zero before the first key record
	Before checkpoint.PublicKey // that signs the next checkpoint in front of key; zero when none has to
	Signed uint64               // seq of the last checkpoint record; 0 before the first
}

// ChainAt returns the chain in front of a segment of which only the first seq is known: nothing is known of what stands before
// it, but of the first one.
func ChainAt(first uint64) Chain {
	if first == 1 {
		return Chain{Tree: new(checkpoint.Tree)}
	}
	return Chain{}
}

// SegmentLink is what has to be the same at the end of a segment and at the beginning of the next one.
type SegmentLink struct {
	Known       bool
	root        checkpoint.Hash
	key, before checkpoint.PublicKey
}

func (c *Chain) Link() SegmentLink {
	if c.Tree == nil {
		return SegmentLink{}
	}
	return SegmentLink{true, c.Tree.Root(), c.Key, c.Before}
}

// begin takes the first record of a segment, before it is added: by a checkpoint, the tree can be known again. Segments of
// versions before checkpoints begin with any record.
func (c *Chain) Begin(h *Head) error {
	switch {
	case c.Tree == nil && h.Kind == KindCheckpoint:
		return c.resume(h)
	case !c.Key.IsZero() && h.Kind != KindCheckpoint:
		return errors.New("the segment does not begin with a checkpoint")
	}
	return nil
}

// resume takes the tree from a checkpoint. That it is as stated is checked when the line is added.
func (c *Chain) resume(h *Head) error {
	peaks, err := checkpoint.ParseHashes(h.Peaks)
	if err != nil {
		return err
	}
	stated, err := checkpoint.Parse(h.Checkpoint)
	if err != nil {
		return err
	}
	if c.Tree, err = checkpoint.Resume(stated.Size, peaks); err != nil {
		return err
	}
	c.Key, err = checkpoint.ParsePublicKey(h.Key)
	return err
}

// add takes the next record, given with its line without the line feed. Without a tree, nothing is checked.
func (c *Chain) Add(h *Head, line []byte) error {
	if c.Tree == nil {
		return nil
	}
	var err error
	switch h.Kind {
	case KindCheckpoint:
		err = c.checkpoint(h, line)
	case KindKey:
		err = c.rekey(h)
	}
	if err != nil {
		return err
	}
	c.Tree.AddLine(line)
	return nil
}

func (c *Chain) checkpoint(h *Head, line []byte) error {
	if c.Key.IsZero() {
		return errors.New("a checkpoint stands before the first key")
	}
	keys := []checkpoint.PublicKey{c.Before, c.Key}
	if c.Before.IsZero() {
		keys = keys[1:]
	}
	stated, err := checkpoint.Open(h.Checkpoint, keys...)
	if err != nil {
		return err
	}
	if stated.Size != c.Tree.Size() || stated.Root != c.Tree.Root() {
		return fmt.Errorf("the checkpoint was signed for other records than those before it: "+
			"it states %d with the root %v, there are %d with the root %v", stated.Size, stated.Root, c.Tree.Size(), c.Tree.Root())
	}
	if want := CheckpointRecord(h.Checkpoint, stated, c.Key, c.Tree.Peaks()).Append(nil); !bytes.Equal(line, want) {
		return errors.New("the checkpoint's record is not written as its note, key and tree demand")
	}
	c.Before, c.Signed = checkpoint.PublicKey{}, h.Seq
	return nil
}

func (c *Chain) rekey(h *Head) error {
	key, err := checkpoint.ParsePublicKey(h.Key)
	switch {
	case err != nil:
		return err
	case key.String() != h.Key:
		return fmt.Errorf("the key %q is not spelt as it should be", h.Key)
	case h.PreviousKey != c.Key.String():
		return fmt.Errorf("the key record says that %q signed before; it was %q", h.PreviousKey, c.Key)
	case key == c.Key:
		return errors.New("the key record brings in the key that signs already")
	case c.Key.IsZero() && h.KeyLost:
		return errors.New("a log's first key record cannot say that a key was lost")
	case !c.Key.IsZero() && key.Name() != c.Key.Name():
		return fmt.Errorf("the key is of the log %q, and this log is %q", key.Name(), c.Key.Name())
	case !c.Before.IsZero() && !h.KeyLost: // else a key could come in that none before it has signed for
		return errors.New("no checkpoint stands between two key records")
	}
	c.Before = c.Key
	if h.KeyLost {
		c.Before = checkpoint.PublicKey{}
	}
	c.Key = key
	return nil
}

// CheckpointRecord gives the record that states a checkpoint in the log: note is c signed, key the one that signs, peaks
// those of the tree of c.Size leaves. Its line, as [Record.Append] writes it, follows from them byte by byte, so whoever
// verifies a log compares the whole line.
func CheckpointRecord(note string, c checkpoint.Checkpoint, key checkpoint.PublicKey, peaks []checkpoint.Hash) *Record {
	return &Record{
		Seq: c.Size + 1, Commit: c.Size + 1, Time: c.Time, Kind: KindCheckpoint,
		Key: key.String(), Checkpoint: note, Peaks: checkpoint.FormatHashes(peaks),
	}
}
