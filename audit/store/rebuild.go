package store

import (
	"cmp"
	"context"
	"errors"

	"tollgate/audit/logfile"
)

// buildRecords is how many records a transaction of a build takes up: what is sorted together is written faster, and three batches are in
// memory.
const buildRecords = 4 << spanShift

const progressRecords = 1000

// Rebuild makes a new index from the log and puts it in the place of the present one, which may be broken; Run, also of another process,
// notices. Now and then it calls progress, which may be nil, with how many bytes of the log were read, and of how many. It returns the number
// of the last record.
func (x *Index) Rebuild(ctx context.Context, progress func(done, total int64)) (uint64, error) {
	first, err := logfile.FirstIn(x.log)
	if err != nil {
		return 0, err
	}
	unlock, err := x.lock()
	if err != nil {
		return 0, err
	}
	defer unlock()
	if err := x.removeLeftovers(); err != nil {
		return 0, err
	}
	path, err := x.create(ctx, first)
	if err != nil {
		return 0, err
	}
	seq, err := x.build(ctx, path, first, progress)
	if err == nil {
		_, err = publish(path, x.file)
	}
	if err != nil {
		return 0, errors.Join(err, discard(path))
	}
	return seq, nil
}

func (x *Index) build(ctx context.Context, path string, first uint64, progress func(done, total int64)) (seq uint64, err error) {
	db, run, err := x.open(ctx, path, first, building, buildRecords)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, run.close(), db.close()) }()
	if progress != nil {
		sizes, err := x.sizes()
		if err != nil {
			return 0, err
		}
		run.progress = func(r *logfile.Record, at logfile.Position) {
			if r.Seq%progressRecords == 0 {
				progress(sizes.before[at.Segment]+at.Offset, sizes.total)
			}
		}
	}
	if err := concurrently(ctx, run); err != nil {
		return 0, err
	}
	return run.next.After, db.settle(ctx)
}

// concurrently takes up a whole log: a batch is saved while the next one is made.
func concurrently(ctx context.Context, run *runner) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	batches, saved, save := make(chan *Batch), make(chan struct{}), run.apply
	go func() {
		defer close(saved)
		for b := range batches {
			if err := save(ctx, b); err != nil {
				stop(err)
				return
			}
		}
	}()
	run.apply = func(_ context.Context, b *Batch) error {
		select {
		case batches <- b:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	err := run.step(ctx)
	close(batches)
	<-saved
	return cmp.Or(context.Cause(ctx), err)
}

// sizes are the lengths of a log's segments when a build begins.
type sizes struct {
	before map[uint64]int64 // bytes before each segment
	total  int64
}

func (x *Index) sizes() (sizes, error) {
	s := sizes{before: map[uint64]int64{}}
	files, err := logfile.List(x.log)
	for _, f := range logfile.Segments(files) {
		s.before[f.First] = s.total
		s.total += f.Size()
	}
	return s, err
}
