package proof

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"tollgate/audit/checkpoint"
)

// Consistency proves that a log whose state was Old has only grown until New: no record of Old was changed, removed, added
// or moved.
type Consistency struct {
	Type string            `json:"type"`
	Old  Signed            `json:"old"`
	New  Signed            `json:"new"`
	Path []checkpoint.Hash `json:"path"` // RFC 6962 section 2.1.2
}

// Encode returns the proof as a file.
func (p *Consistency) Encode() ([]byte, error) { return encode(p) }

func (p *Consistency) check() error {
	old, _, err := p.Old.Open()
	if err != nil {
		return fmt.Errorf("the old checkpoint: %w", err)
	}
	grown, _, err := p.New.Open()
	if err != nil {
		return fmt.Errorf("the new checkpoint: %w", err)
	}
	if p.Type != typeConsistency || old.Origin != grown.Origin {
		return fmt.Errorf("the checkpoints are of two logs, %q and %q", old.Origin, grown.Origin)
	}
	if old.Size == 0 || old.Size > grown.Size {
		return fmt.Errorf("the old checkpoint is of %d records, the new one of %d", old.Size, grown.Size)
	}
	if err := tlog.CheckTree(p.Path, int64(grown.Size), grown.Root, int64(old.Size), old.Root); err != nil {
		return fmt.Errorf("the log of the new checkpoint did not grow from that of the old one, or the path is wrong: %w", err)
	}
	return nil
}

// ProveGrowth returns the proof from one checkpoint of the log to a later one. It reads only the records behind the old one.
func (l *Log) ProveGrowth(old, grown *Statement) (*Consistency, error) {
	return l.consistency(old.signed(), old.Size, grown, func(prove func(tlog.HashReader) error) error {
		return l.grow(old.Size, old.Peaks, grown.Size, prove, nil)
	})
}

func (l *Log) consistency(old Signed, size uint64, grown *Statement, grow func(func(tlog.HashReader) error) error) (*Consistency, error) {
	p := &Consistency{Type: typeConsistency, Old: old, New: grown.signed()}
	err := grow(func(r tlog.HashReader) (err error) {
		p.Path, err = tlog.ProveTree(int64(grown.Size), int64(size), r)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, damaged("%w", err)
	}
	return p, nil
}
