package store

import (
	"context"
	"errors"
	"fmt"
)

// Mark returns the last record that the index has, and the SHA-256 of its line; 0 when there is no index, or none that this version
// reads. It writes nothing.
func (x *Index) Mark(ctx context.Context) (seq uint64, line [32]byte, err error) {
	path, err := x.current(ctx)
	if path == "" || err != nil {
		return 0, line, err
	}
	d, err := connect(ctx, x.log, path, "ro", reading)
	if err != nil {
		return 0, line, unusable(x.file, err)
	}
	defer func() { err = errors.Join(err, d.close()) }()
	s, err := d.Standing(ctx)
	if err != nil || len(s.Marks) == 0 {
		return 0, line, unusable(x.file, err)
	}
	return s.Marks[0].Seq, s.Marks[0].Hash, nil
}

// StepBack removes what the index has of records that the log, which begins with record first, does not have. An index that has
// nothing in common with the log is replaced by an empty one. No process may follow the log meanwhile.
func (x *Index) StepBack(ctx context.Context, first uint64) error {
	path, err := target(x.file)
	if err != nil {
		return err
	}
	db, run, err := x.open(ctx, path, first, following, x.batch)
	if err == nil {
		return unusable(x.file, errors.Join(run.close(), db.close()))
	}
	if !errors.Is(err, errMisfit) {
		return unusable(x.file, err)
	}
	unlock, err := x.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if path, err = x.create(ctx, first); err != nil {
		return fmt.Errorf("%s: making an empty index: %w", x.file, err)
	}
	_, err = publish(path, x.file)
	return err
}
