package logfile

import (
	"errors"
	"fmt"

	"tollgate/audit/checkpoint"
)

// Chain follows the tree and the keys from line to line, and returns an error for the first line that contradicts them.
type Chain struct {
	Tree *checkpoint.Tree // over all records so far; nil when it is not known
	Keys
	Signed uint64 // seq of the last checkpoint record; 0 before the first
}

// ChainAt returns the chain in front of a segment of which only the first seq is known. Unless it is the log's first, a
// checkpoint at its beginning makes the tree known.
func ChainAt(first uint64) Chain {
	if first == 1 {
		return Chain{Tree: new(checkpoint.Tree)}
	}
	return Chain{}
}

// SegmentLink has to be the same at the end of a segment and at the beginning of the next one.
type SegmentLink struct {
	Known       bool
	root        checkpoint.Hash
	key, before checkpoint.PublicKey
}

// Link returns the link to the next segment.
func (c *Chain) Link() SegmentLink {
	if c.Tree == nil {
		return SegmentLink{}
	}
	return SegmentLink{true, c.Tree.Root(), c.Key, c.Before}
}

// Begin is called with the first record of a segment before that is added: a checkpoint makes the tree known again. Segments of
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

// resume sets the tree from a checkpoint, which is checked when the line is added.
func (c *Chain) resume(h *Head) error {
	s, err := h.Stated(nil)
	if err != nil {
		return err
	}
	if s.Tree == nil {
		return errors.New("the checkpoint was signed for other records than its peaks stand for")
	}
	c.Tree, c.Key = s.Tree, s.Key
	return nil
}

// Add adds the next record, with its line without the line feed. Without a tree, it checks nothing.
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
	s, err := h.Stated(line)
	if err != nil {
		return err
	}
	if _, err := checkpoint.Open(s.Note, c.Due()...); err != nil {
		return err
	}
	if s.Size != c.Tree.Size() || s.Root != c.Tree.Root() {
		return fmt.Errorf("the checkpoint was signed for other records than those before it: "+
			"it states %d with the root %v, there are %d with the root %v", s.Size, s.Root, c.Tree.Size(), c.Tree.Root())
	}
	if s.Key != c.Key || s.Tree == nil || !s.Exact {
		return errors.New("the checkpoint's record is not written as its note, key and tree demand")
	}
	c.Checkpoint(c.Key)
	c.Signed = h.Seq
	return nil
}

func (c *Chain) rekey(h *Head) error {
	change, err := ParseKeyChange(h.Seq, h.Key, h.PreviousKey, h.KeyLost)
	if err == nil {
		err = c.Take(change)
	}
	if err != nil {
		return fmt.Errorf("the key record: %w", err)
	}
	return nil
}

// Stated returns what a checkpoint record states. line is that of the record.
func (h *Head) Stated(line []byte) (*Stated, error) {
	return ParseStated(h.Checkpoint, h.Key, h.Peaks, h.State(), line)
}
