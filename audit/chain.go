package audit

import (
	"bytes"
	"errors"
	"fmt"

	"tollgate/audit/checkpoint"
)

// chain follows the tree and the keys from line to line, and checks what the log says of both.
type chain struct {
	tree   *checkpoint.Tree     // over all records so far; nil when it is not known
	key    checkpoint.PublicKey // that signs; zero before the first key record
	before checkpoint.PublicKey // that signs the next checkpoint in front of key; zero when none has to
	signed uint64               // seq of the last checkpoint record; 0 before the first
}

// segmentLink is what has to be the same at the end of a segment and at the beginning of the next one.
type segmentLink struct {
	known       bool
	root        checkpoint.Hash
	key, before checkpoint.PublicKey
}

func (c *chain) link() segmentLink {
	if c.tree == nil {
		return segmentLink{}
	}
	return segmentLink{true, c.tree.Root(), c.key, c.before}
}

// begin takes the first record of a segment, before it is added: by a checkpoint, the tree can be known again. Segments of
// versions before checkpoints begin with any record.
func (c *chain) begin(h *head) error {
	switch {
	case c.tree == nil && h.Kind == KindCheckpoint:
		return c.resume(h)
	case !c.key.IsZero() && h.Kind != KindCheckpoint:
		return errors.New("the segment does not begin with a checkpoint")
	}
	return nil
}

// resume takes the tree from a checkpoint. That it is as stated is checked when the line is added.
func (c *chain) resume(h *head) error {
	peaks, err := checkpoint.ParseHashes(h.Peaks)
	if err != nil {
		return err
	}
	stated, err := checkpoint.Parse(h.Checkpoint)
	if err != nil {
		return err
	}
	if c.tree, err = checkpoint.Resume(stated.Size, peaks); err != nil {
		return err
	}
	c.key, err = checkpoint.ParsePublicKey(h.Key)
	return err
}

// add takes the next record, given with its line without the line feed. Without a tree, nothing is checked.
func (c *chain) add(h *head, line []byte) error {
	if c.tree == nil {
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
	c.tree.AddLine(line)
	return nil
}

func (c *chain) checkpoint(h *head, line []byte) error {
	if c.key.IsZero() {
		return errors.New("a checkpoint stands before the first key")
	}
	keys := []checkpoint.PublicKey{c.before, c.key}
	if c.before.IsZero() {
		keys = keys[1:]
	}
	stated, err := checkpoint.Open(h.Checkpoint, keys...)
	if err != nil {
		return err
	}
	if stated.Size != c.tree.Size() || stated.Root != c.tree.Root() {
		return fmt.Errorf("the checkpoint was signed for other records than those before it: "+
			"it states %d with the root %v, there are %d with the root %v", stated.Size, stated.Root, c.tree.Size(), c.tree.Root())
	}
	if want := CheckpointRecord(h.Checkpoint, stated, c.key, c.tree.Peaks()).Append(nil); !bytes.Equal(line, want) {
		return errors.New("the checkpoint's record is not written as its note, key and tree demand")
	}
	c.before, c.signed = checkpoint.PublicKey{}, h.Seq
	return nil
}

func (c *chain) rekey(h *head) error {
	key, err := checkpoint.ParsePublicKey(h.Key)
	switch {
	case err != nil:
		return err
	case key.String() != h.Key:
		return fmt.Errorf("the key %q is not spelt as it should be", h.Key)
	case h.PreviousKey != c.key.String():
		return fmt.Errorf("the key record says that %q signed before; it was %q", h.PreviousKey, c.key)
	case key == c.key:
		return errors.New("the key record brings in the key that signs already")
	case c.key.IsZero() && h.KeyLost:
		return errors.New("a log's first key record cannot say that a key was lost")
	case !c.key.IsZero() && key.Name() != c.key.Name():
		return fmt.Errorf("the key is of the log %q, and this log is %q", key.Name(), c.key.Name())
	case !c.before.IsZero() && !h.KeyLost: // else a key could come in that none before it has signed for
		return errors.New("no checkpoint stands between two key records")
	}
	c.before = c.key
	if h.KeyLost {
		c.before = checkpoint.PublicKey{}
	}
	c.key = key
	return nil
}
